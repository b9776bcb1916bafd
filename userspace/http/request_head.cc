#include "http/request_head.h"

#include "base/result.h"
#include "http/head_meaning.h"

namespace enforcer::http {
HeadOutcome RequestHeadReader::read(Bytes buffered) {
  switch (scanner_.scan(buffered)) {
    case HeadScanner::State::kMore:
      return HeadIncomplete{};
    case HeadScanner::State::kTooLarge:
      return HeadTooLarge{};
    case HeadScanner::State::kMalformed:
      return HeadMalformed{HeadFault::kSyntax, scanner_.fault()};
    case HeadScanner::State::kComplete:
      break;
  }
  return understand_head(buffered.first(scanner_.size()));
}

std::string serialise(const RequestHead& head) {
  const bool websocket = head.tunnel == RequestHead::Tunnel::kWebSocket;
  ENFORCER_CHECK(websocket || head.tunnel == RequestHead::Tunnel::kNone);
  const std::string_view question = head.path.query ? "?" : "";
  const std::string_view query = head.path.query ? std::string_view(*head.path.query) : std::string_view();
  std::size_t size = kUsualSize + head.path.path.size() + query.size();
  for (const HeaderField& field : head.fields) size += field.name.size() + field.value.size() + 4;
  std::string out;
  out.reserve(size);  // no growing, or a piece of a secret would stay behind
  append_line(out, head.method, " ", head.path.path, question, query, " ", label(head.version));
  append_line(out, "Host: ", head.authority.to_string());
  for (const HeaderField& field : head.fields) append_line(out, field.name, ": ", field.value);
  if (head.body.kind == BodyFraming::Kind::kLength)
    append_line(out, "Content-Length: ", std::to_string(head.body.length));
  if (head.body.kind == BodyFraming::Kind::kChunked) append_line(out, "Transfer-Encoding: chunked");
  if (head.expects_continue) append_line(out, "Expect: 100-continue");
  if (websocket) {
    append_line(out, "Connection: Upgrade");
    append_line(out, "Upgrade: websocket");
  } else if (head.connection == Connection::kClose) {
    append_line(out, "Connection: close");
  }
  out += "\r\n";
  return out;
}

}  // namespace enforcer::http
