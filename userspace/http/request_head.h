// RequestHead: one HTTP/1 request up to its empty line, read once and serialised again from what was understood.
//
// Boost.Beast's parser knows the grammar. It also accepts two Host headers, folded lines, unknown or repeated transfer
// codings and an absolute URI that names another host than Host does; those, bare CR or LF, and every disagreement
// about where the body ends are refused here, before or after Beast (attacks: smuggling, host confusion). What is sent
// to an origin is serialise(head): nothing the guest wrote reaches it in another form than the one that was decided on
// (invariant 7).
//
// Dropped from what is forwarded: hop-by-hop fields (Connection and what it names, Keep-Alive, Proxy-*, TE, Trailer),
// fields that route or change the method behind our back (X-Forwarded-Host, X-Original-URL, X-HTTP-Method-Override,
// ...), and every spelling of those with '_' for '-', which CGI-like origins read as the same name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "http/authority.h"
#include "http/body_framing.h"
#include "http/head_scanner.h"
#include "http/message.h"
#include "http/path.h"

namespace enforcer::http {

struct RequestHead {
  enum class Tunnel : std::uint8_t {
    kNone,
    kConnect,
    kUpgrade,    ///< to something else than the next
    kWebSocket,  ///< a well-formed opening handshake (RFC 6455 4.1)
  };
  enum class Scheme : std::uint8_t { kUnsaid, kHttp, kHttps };

  std::string method;  ///< upper-case letters and '-'
  Authority authority;
  RequestPath path;                 ///< "/" for CONNECT
  Scheme scheme = Scheme::kUnsaid;  ///< of an absolute target ("https://host/path"): must be the connection's
  Version version = Version::kHttp11;
  std::vector<HeaderField>
      fields;  ///< end-to-end fields in order; Host, framing, Expect and Connection are not among them
  BodyFraming body;
  Tunnel tunnel = Tunnel::kNone;  ///< kConnect, kUpgrade: the session denies `upgrade`
  Connection connection = Connection::kKeepAlive;
  bool accepts_trailers = false;  ///< "TE: trailers" came by HTTP/2 (gRPC servers insist on it)
  bool secret_target = false;     ///< the query holds a secret of ours (HeaderField::secret)
  bool expects_continue = false;  ///< there is a body and the client waits for "100 Continue"
};

enum class HeadFault : std::uint8_t {
  kSyntax,     ///< deny `h1_malformed`, 400
  kPath,       ///< the path is ambiguous; deny `h1_malformed`, 400
  kHost,       ///< no, several or malformed Host; deny `host_invalid`, 400
  kAuthority,  ///< the absolute URI and Host disagree; deny `authority_mismatch`, 421
  kFraming,    ///< the length of the body is ambiguous; deny `h1_framing`, 400
};

struct HeadIncomplete {};
/// More than kMaxHead bytes or kMaxFields fields; deny `limit_head`, 431.
struct HeadTooLarge {};
struct HeadMalformed {
  HeadFault fault;
  std::string_view what;  ///< a constant of the parser, never guest text
};
using HeadOutcome = std::variant<HeadIncomplete, RequestHead, HeadTooLarge, HeadMalformed>;

class RequestHeadReader {
 public:
  /// `buffered` as for HeadScanner::scan().
  HeadOutcome read(Bytes buffered);

  /// After RequestHead: how many bytes the head took; the body begins there.
  [[nodiscard]] std::size_t head_size() const { return scanner_.size(); }

 private:
  HeadScanner scanner_;
};

/// The head as it is sent to an origin.
[[nodiscard]] std::string serialise(const RequestHead& head);

}  // namespace enforcer::http
