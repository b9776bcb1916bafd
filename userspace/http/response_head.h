// ResponseHead: one HTTP/1 response up to its empty line, read once and serialised again from what was understood.
//
// An origin is as hostile as a guest: what it sends is parsed as strictly, so that a guest never sees a response that
// two parsers would cut in different places (attack: response splitting, desynchronised answers). What an origin sends
// in error is never repaired; the exchange ends with `upstream_proto`.
//
// Dropped from what is forwarded: hop-by-hop fields and what Connection names, and Alt-Svc, which would lead the client
// to another port, protocol or host than the one decided on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "http/body_framing.h"
#include "http/head_scanner.h"
#include "http/message.h"

namespace enforcer::http {

struct ResponseHead {
  unsigned status = 0;  ///< 100-599
  std::string phrase;   ///< printable ASCII, may be empty
  Version version = Version::kHttp11;
  std::vector<HeaderField> fields;  ///< end-to-end fields in order, framing not among them
  BodyFraming body;
  std::optional<std::uint64_t>
      announced;  ///< Content-Length of a response without a body (HEAD, 304): information only
  Connection connection = Connection::kKeepAlive;
  bool websocket = false;  ///< 101, and what follows is to be WebSocket

  [[nodiscard]] bool interim() const { return status < 200; }
};

/// RFC 9110 6.4.1: other responses never have a body, whatever their fields say.
[[nodiscard]] constexpr bool may_have_body(unsigned status) {
  return status >= 200 && status != 204 && status != 304;
}

/// The phrase that is registered for a status (RFC 9110 15), for where none came: HTTP/2 has none, HTTP/1 need not, and
/// some readers of HTTP/1 miss it. Empty: not registered.
[[nodiscard]] std::string phrase_of(unsigned status);

struct ResponseIncomplete {};
/// Too large, malformed, or of ambiguous length; `what` is a constant of the parser, never the origin's text.
struct ResponseMalformed {
  std::string_view what;
};
using ResponseOutcome = std::variant<ResponseIncomplete, ResponseHead, ResponseMalformed>;

class ResponseHeadReader {
 public:
  /// `method` is that of the request answered: a response to HEAD has no body.
  explicit ResponseHeadReader(std::string_view method) : to_head_(method == "HEAD") {}

  /// `buffered` as for HeadScanner::scan().
  ResponseOutcome read(Bytes buffered);

  /// After ResponseHead: how many bytes the head took; the body begins there.
  [[nodiscard]] std::size_t head_size() const { return scanner_.size(); }

 private:
  const bool to_head_;
  HeadScanner scanner_;
};

/// The head as it is sent to a guest that speaks `version`. A body that ends with the connection is announced as
/// chunked to HTTP/1.1, which then sees whether it is whole; `connection` is what becomes of the guest's connection.
[[nodiscard]] std::string serialise(const ResponseHead& head, Version version, Connection connection);

/// How the body is framed towards a guest that speaks `version`.
[[nodiscard]] BodyFraming framing_towards(const ResponseHead& head, Version version);

}  // namespace enforcer::http
