#include "http/response_head.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <utility>

#include "http/field_rules.h"
#include "http/head_grammar.h"

namespace enforcer::http {
namespace {

namespace beast = boost::beast;

std::optional<ResponseMalformed> wrong(std::string_view what) {
  return ResponseMalformed{what};
}

std::optional<ResponseMalformed> read_line_and_fields(std::string_view text, ResponseHead& head) {
  auto raw = read_raw_response(text);
  if (!raw) return wrong("not an HTTP/1 response head");
  if (raw->version != 10 && raw->version != 11) return wrong("version is not HTTP/1.0 or HTTP/1.1");
  head.version = raw->version == 10 ? Version::kHttp10 : Version::kHttp11;
  head.status = raw->status;
  if (head.status < 100 || head.status > 599) return wrong("status out of range");
  head.phrase = raw->phrase.empty() ? phrase_of(head.status) : std::move(raw->phrase);
  head.fields = std::move(raw->fields);
  return std::nullopt;
}

/// RFC 9112 6.3, without any of the repairs a recipient MAY make.
std::optional<ResponseMalformed> read_framing(ResponseHead& head, bool to_head) {
  const auto lengths = values_of(head.fields, "content-length");
  const auto codings = values_of(head.fields, "transfer-encoding");
  if (!codings.empty() && !lengths.empty()) return wrong("both Content-Length and Transfer-Encoding");
  if (lengths.size() > 1) return wrong("more than one Content-Length");
  const bool bodiless = to_head || !may_have_body(head.status);
  if (!codings.empty()) {
    if (head.version == Version::kHttp10) return wrong("Transfer-Encoding in HTTP/1.0");
    if (codings.size() > 1 || !beast::iequals(codings[0], "chunked"))
      return wrong("Transfer-Encoding is not one chunked");
    if (!bodiless) head.body.kind = BodyFraming::Kind::kChunked;
    return std::nullopt;
  }
  if (lengths.empty()) {
    if (!bodiless) head.body.kind = BodyFraming::Kind::kUntilClose;
    return std::nullopt;
  }
  const auto length = parse_content_length(lengths[0]);
  if (!length) return wrong("Content-Length is not a number");
  if (bodiless) {
    head.announced = head.status == 304 || to_head ? length : std::nullopt;
    return std::nullopt;
  }
  head.body = {BodyFraming::Kind::kLength, *length};
  return std::nullopt;
}

std::optional<ResponseMalformed> read_connection(ResponseHead& head, NameSet& nominated) {
  for (const std::string_view value : values_of(head.fields, "connection")) {
    if (!add_token_list(value, nominated)) return wrong("Connection malformed");
  }
  const bool ends = nominated.contains("close") || head.version == Version::kHttp10 ||
                    head.body.kind == BodyFraming::Kind::kUntilClose;
  const auto upgrades = values_of(head.fields, "upgrade");
  head.websocket = head.status == 101 && head.version == Version::kHttp11 && upgrades.size() == 1 &&
                   beast::iequals(upgrades[0], "websocket") && nominated.contains("upgrade");
  head.connection = ends ? Connection::kClose : Connection::kKeepAlive;
  return std::nullopt;
}

}  // namespace

std::string phrase_of(unsigned status) {
  const auto known = beast::http::int_to_status(status);
  return known == beast::http::status::unknown ? std::string() : std::string(beast::http::obsolete_reason(known));
}

ResponseOutcome ResponseHeadReader::read(Bytes buffered) {
  switch (scanner_.scan(buffered)) {
    case HeadScanner::State::kMore:
      return ResponseIncomplete{};
    case HeadScanner::State::kTooLarge:
      return ResponseMalformed{"head too large"};
    case HeadScanner::State::kMalformed:
      return ResponseMalformed{scanner_.fault()};
    case HeadScanner::State::kComplete:
      break;
  }
  ResponseHead head;
  NameSet nominated;
  auto fault = read_line_and_fields(as_text(buffered.first(scanner_.size())), head);
  if (!fault) fault = read_framing(head, to_head_);
  if (!fault) fault = read_connection(head, nominated);
  if (fault) return *fault;
  std::erase_if(head.fields, [&](const HeaderField& field) { return !answers_end_to_end(field.name, nominated); });
  return head;
}

BodyFraming framing_towards(const ResponseHead& head, Version version) {
  const bool chunkable = version != Version::kHttp10;
  switch (head.body.kind) {
    case BodyFraming::Kind::kChunked:
    case BodyFraming::Kind::kUntilClose:
      return {chunkable ? BodyFraming::Kind::kChunked : BodyFraming::Kind::kUntilClose};
    case BodyFraming::Kind::kNone:
    case BodyFraming::Kind::kLength:
      break;
  }
  return head.body;
}

std::string serialise(const ResponseHead& head, Version version, Connection connection) {
  std::string out;
  out.reserve(kUsualSize);
  append_line(out, label(version), " ", std::to_string(head.status), " ", head.phrase);
  for (const HeaderField& field : head.fields) append_line(out, field.name, ": ", field.value);
  const BodyFraming body = framing_towards(head, version);
  if (body.kind == BodyFraming::Kind::kLength) append_line(out, "Content-Length: ", std::to_string(body.length));
  if (head.announced) append_line(out, "Content-Length: ", std::to_string(*head.announced));
  if (body.kind == BodyFraming::Kind::kChunked) append_line(out, "Transfer-Encoding: chunked");
  if (head.websocket) {
    append_line(out, "Connection: Upgrade");
    append_line(out, "Upgrade: websocket");
  }
  if (connection == Connection::kClose && !head.interim()) append_line(out, "Connection: close");
  out += "\r\n";
  return out;
}

}  // namespace enforcer::http
