#include "http/request_head.h"

#include <fmt/format.h>

#include <iterator>

#include "base/result.h"
#include "http/head_meaning.h"

namespace enforcer::http {
namespace {

bool is_forbidden(std::uint8_t octet) {
  return (octet < 0x20 && octet != '\t' && octet != '\r' && octet != '\n') || octet == 0x7f;
}

std::string_view version_text(RequestHead::Version version) {
  return version == RequestHead::Version::kHttp10 ? "HTTP/1.0" : "HTTP/1.1";
}

}  // namespace

/// Finds the empty line, and refuses on the way whatever parsers take for a line end or not: bare CR, bare LF, NUL and
/// other controls, folded lines. A client that ends lines with LF alone is answered at once instead of at its deadline.
HeadOutcome RequestHeadReader::read(Bytes buffered) {
  for (; scanned_ < buffered.size(); ++scanned_) {
    if (scanned_ == kMaxHead) return HeadTooLarge{};
    const std::uint8_t octet = buffered[scanned_];
    const bool after_cr = scanned_ > 0 && buffered[scanned_ - 1] == '\r';
    if (is_forbidden(octet)) return HeadMalformed{HeadFault::kSyntax, "control character"};
    if (after_cr != (octet == '\n')) return HeadMalformed{HeadFault::kSyntax, after_cr ? "bare CR" : "bare LF"};
    if (scanned_ == line_start_ && (octet == ' ' || octet == '\t')) {
      return HeadMalformed{HeadFault::kSyntax, lines_ > 0 ? "folded line" : "blank before the request line"};
    }
    if (octet != '\n') continue;
    const bool empty_line = scanned_ == line_start_ + 1;
    line_start_ = scanned_ + 1;
    if (empty_line) {
      if (lines_ == 0) return HeadMalformed{HeadFault::kSyntax, "empty line before the request line"};
      ++scanned_;
      return understand_head(buffered.first(scanned_));
    }
    if (++lines_ > kMaxFields + 1) return HeadTooLarge{};
  }
  return HeadIncomplete{};
}

std::string serialise(const RequestHead& head) {
  ENFORCER_CHECK(head.tunnel == RequestHead::Tunnel::kNone);
  std::string out;
  const auto line = [&out]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    out += "\r\n";
  };
  line("{} {} {}", head.method, head.path.target(), version_text(head.version));
  line("Host: {}", head.authority.to_string());
  for (const HeaderField& field : head.fields) line("{}: {}", field.name, field.value);
  if (head.body.kind == BodyFraming::Kind::kLength) line("Content-Length: {}", head.body.length);
  if (head.body.kind == BodyFraming::Kind::kChunked) line("Transfer-Encoding: chunked");
  if (head.expects_continue) line("Expect: 100-continue");
  if (head.connection == RequestHead::Connection::kClose) line("Connection: close");
  out += "\r\n";
  return out;
}

}  // namespace enforcer::http
