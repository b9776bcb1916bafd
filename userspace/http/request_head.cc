#include "http/request_head.h"

#include <fmt/format.h>

#include <iterator>

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
  std::string out;
  const auto line = [&out]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    out += "\r\n";
  };
  line("{} {} {}", head.method, head.path.target(), label(head.version));
  line("Host: {}", head.authority.to_string());
  for (const HeaderField& field : head.fields) line("{}: {}", field.name, field.value);
  if (head.body.kind == BodyFraming::Kind::kLength) line("Content-Length: {}", head.body.length);
  if (head.body.kind == BodyFraming::Kind::kChunked) line("Transfer-Encoding: chunked");
  if (head.expects_continue) line("Expect: 100-continue");
  if (websocket) {
    line("Connection: Upgrade");
    line("Upgrade: websocket");
  } else if (head.connection == Connection::kClose) {
    line("Connection: close");
  }
  out += "\r\n";
  return out;
}

}  // namespace enforcer::http
