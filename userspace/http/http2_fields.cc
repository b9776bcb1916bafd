#include "http/http2_fields.h"

#include <charconv>

#include "base/ascii.h"
#include "http/field_rules.h"
#include "http/head_meaning.h"

namespace enforcer::http {
namespace {

HeadMalformed bad(HeadFault fault, std::string_view what) {
  return {fault, what};
}

bool is_pseudo(const HeaderField& field) {
  return field.name.starts_with(':');
}

std::string_view pseudo(const Http2Fields& block, std::string_view name) {
  for (const HeaderField& field : block.fields) {
    if (field.name == name) return field.value;
  }
  return {};
}

std::string lower_case(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = ascii::lower(c);
  return out;
}

/// RFC 9113 8.3.1: `:authority` and Host mean the same; two answers are one too many.
std::optional<HeadMalformed> read_authority(const Http2Fields& block, std::optional<Authority>& authority) {
  const auto hosts = values_of(block.fields, "host");
  const std::string_view asked = pseudo(block, ":authority");
  if (hosts.size() > 1) return bad(HeadFault::kHost, "more than one Host");
  if (asked.empty() && hosts.empty()) return bad(HeadFault::kHost, "no authority");
  auto parsed = parse_authority(asked.empty() ? hosts[0] : asked);
  if (!parsed) return bad(HeadFault::kHost, "authority is not a host name or address");
  if (!asked.empty() && !hosts.empty()) {
    const auto host = parse_authority(hosts[0]);
    const Port implied = pseudo(block, ":scheme") == "http" ? kHttpPort : kHttpsPort;
    const bool same =
        host && host->host == parsed->host && host->port.value_or(implied) == parsed->port.value_or(implied);
    if (!same) return bad(HeadFault::kHost, "authority and Host disagree");
  }
  authority = *std::move(parsed);
  return std::nullopt;
}

std::optional<HeadMalformed> read_http2_target(const Http2Fields& block, RequestHead& head) {
  if (head.method == "CONNECT") {
    head.tunnel = RequestHead::Tunnel::kConnect;
    return std::nullopt;
  }
  const std::string_view scheme = pseudo(block, ":scheme");
  if (scheme != "https" && scheme != "http") return bad(HeadFault::kSyntax, "another scheme");
  head.scheme = scheme == "https" ? RequestHead::Scheme::kHttps : RequestHead::Scheme::kHttp;
  auto canonical = canonical_path(pseudo(block, ":path"));
  if (!canonical) return bad(HeadFault::kPath, "path ambiguous or malformed");
  head.path = *std::move(canonical);
  return std::nullopt;
}

std::optional<HeadMalformed> read_http2_framing(const Http2Fields& block, Http2End end, BodyFraming& body) {
  const auto lengths = values_of(block.fields, "content-length");
  if (lengths.size() > 1) return bad(HeadFault::kFraming, "more than one content-length");
  const auto length = lengths.empty() ? std::nullopt : parse_content_length(lengths[0]);
  if (!lengths.empty() && !length) return bad(HeadFault::kFraming, "content-length is not a number");
  if (end == Http2End::kEndsHere) {
    if (length.value_or(0) > 0) return bad(HeadFault::kFraming, "content-length of a body that does not come");
    return std::nullopt;
  }
  // "None" that is not over yet may turn out to be a lie: it must not be a whole request to an origin before.
  body = length.value_or(0) > 0 ? BodyFraming{BodyFraming::Kind::kLength, *length}
                                : BodyFraming{BodyFraming::Kind::kChunked};
  return std::nullopt;
}

std::optional<HeadMalformed> read_http2_expect(const Http2Fields& block, RequestHead& head) {
  const auto expectations = values_of(block.fields, "expect");
  if (expectations.empty()) return std::nullopt;
  if (expectations.size() > 1 || lower_case(expectations[0]) != "100-continue") {
    return bad(HeadFault::kSyntax, "expect is not 100-continue");
  }
  head.expects_continue = head.body.kind == BodyFraming::Kind::kChunked || head.body.length > 0;
  return std::nullopt;
}

/// RFC 9113 8.2.3: a cookie may come in pieces, and leaves as one.
void take_fields(Http2Fields& block, RequestHead& head) {
  head.fields.reserve(block.fields.size() + 1);  // and a credential
  std::size_t cookie = 0;
  for (HeaderField& field : block.fields) {
    if (is_pseudo(field) || !is_end_to_end(field.name, {})) continue;
    if (field.name == "cookie" && cookie > 0) {
      std::string& whole = head.fields[cookie - 1].value;
      if (!whole.empty() && !field.value.empty()) whole += "; ";
      whole += field.value;
      continue;
    }
    const bool is_cookie = field.name == "cookie";
    head.fields.push_back(std::move(field));
    if (is_cookie) cookie = head.fields.size();
  }
}

void append_fields(const std::vector<HeaderField>& fields, std::vector<HeaderField>& out) {
  for (const HeaderField& field : fields) out.push_back({lower_case(field.name), field.value, field.secret});
}

}  // namespace

HeadOutcome understand_http2_request(Http2Fields block, Http2End end) {
  if (block.too_large) return HeadTooLarge{};
  std::optional<Authority> authority;
  if (const auto fault = read_authority(block, authority)) return *fault;
  RequestHead head{.method = std::string(pseudo(block, ":method")),
                   .authority = *std::move(authority),
                   .path = {},
                   .version = Version::kHttp2,
                   .fields = {},
                   .body = {}};
  if (const auto fault = method_fault(head.method)) return bad(HeadFault::kSyntax, *fault);
  if (!pseudo(block, ":protocol").empty()) return bad(HeadFault::kSyntax, "extended CONNECT is not offered");
  if (const auto fault = read_http2_target(block, head)) return *fault;
  if (const auto fault = read_http2_framing(block, end, head.body)) return *fault;
  if (const auto fault = read_http2_expect(block, head)) return *fault;
  head.accepts_trailers = !values_of(block.fields, "te").empty();  // nghttp2 lets only "trailers" pass
  take_fields(block, head);
  return head;
}

std::vector<HeaderField> http2_fields(const RequestHead& head) {
  ENFORCER_CHECK(head.tunnel == RequestHead::Tunnel::kNone);
  std::vector<HeaderField> out;
  out.reserve(head.fields.size() + 6);  // four pseudo fields, content-length, te
  out.push_back({":method", head.method});
  out.push_back({":scheme", head.scheme == RequestHead::Scheme::kHttp ? "http" : "https"});
  out.push_back({":authority", head.authority.to_string()});
  out.push_back({":path", head.path.target(), head.secret_target});
  append_fields(head.fields, out);
  if (head.body.kind == BodyFraming::Kind::kLength) out.push_back({"content-length", std::to_string(head.body.length)});
  if (head.accepts_trailers) out.push_back({"te", "trailers"});
  return out;
}

ResponseOutcome understand_http2_response(Http2Fields block, Http2End end, std::string_view method) {
  if (block.too_large) return ResponseMalformed{"head too large"};
  ResponseHead head{.phrase = {}, .fields = {}, .body = {}};
  const std::string_view status = pseudo(block, ":status");
  const auto [stopped, error] = std::from_chars(status.data(), status.data() + status.size(), head.status);
  if (error != std::errc{} || stopped != status.data() + status.size() || head.status < 100 || head.status > 599) {
    return ResponseMalformed{"status out of range"};
  }
  head.phrase = phrase_of(head.status);
  const auto lengths = values_of(block.fields, "content-length");
  if (lengths.size() > 1) return ResponseMalformed{"more than one content-length"};
  const auto length = lengths.empty() ? std::nullopt : parse_content_length(lengths[0]);
  if (!lengths.empty() && !length) return ResponseMalformed{"content-length is not a number"};
  const bool bodiless = method == "HEAD" || !may_have_body(head.status);
  if (bodiless) {
    if (head.status == 304 || method == "HEAD") head.announced = length;
  } else if (length) {
    head.body = {BodyFraming::Kind::kLength, *length};
  } else if (end == Http2End::kMoreFollows) {
    head.body.kind = BodyFraming::Kind::kChunked;
  } else {
    head.body = {BodyFraming::Kind::kLength, 0};
  }
  head.fields.reserve(block.fields.size());
  for (HeaderField& field : block.fields) {
    if (!is_pseudo(field) && answers_end_to_end(field.name, {})) head.fields.push_back(std::move(field));
  }
  return head;
}

std::vector<HeaderField> http2_fields(const ResponseHead& head) {
  std::vector<HeaderField> out;
  out.reserve(head.fields.size() + 3);  // the status, content-length twice
  out.push_back({":status", std::to_string(head.status)});
  append_fields(head.fields, out);
  if (head.body.kind == BodyFraming::Kind::kLength) out.push_back({"content-length", std::to_string(head.body.length)});
  if (head.announced) out.push_back({"content-length", std::to_string(*head.announced)});
  return out;
}

std::vector<HeaderField> http2_trailers(const Http2Fields& block) {
  std::vector<HeaderField> out;
  if (block.too_large) return out;
  for (const HeaderField& field : block.fields) {
    if (!is_pseudo(field) && answers_end_to_end(field.name, {})) out.push_back(field);
  }
  return out;
}

}  // namespace enforcer::http
