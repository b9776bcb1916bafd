// SOCKS 5 as a client: the messages to a proxy and its replies (RFC 1928), with a user name and password where it wants
// them (RFC 1929). Pure; proxy/egress_tunnel.h carries them.
//
// A reply is read to its end and not an octet further: what follows the last one comes from the origin, and an origin
// that speaks first may have sent it in the same segment.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/host_name.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/wiping_allocator.h"

namespace enforcer::net::socks5 {

enum class Login : std::uint8_t { kNone, kPassword };

/// Offers exactly one method: a proxy that wants another one is not the one that the configuration describes.
[[nodiscard]] WipedBytes greeting(Login login);
/// kInvalid: not 1 to 255 octets each (RFC 1929 2). The message holds none of them.
[[nodiscard]] Result<WipedBytes> password_message(std::string_view user, std::string_view password);
/// CONNECT to a name, which the proxy resolves, or to an address.
[[nodiscard]] WipedBytes connect_message(const std::variant<IpAddress, HostName>& host, Port port);

/// One reply of the proxy.
class ReplyReader {
 public:
  enum class Kind : std::uint8_t {
    kMethod,    ///< to greeting(Login::kNone)
    kPassword,  ///< to greeting(Login::kPassword)
    kLogin,     ///< to password_message()
    kConnect,   ///< to connect_message()
  };
  explicit ReplyReader(Kind kind) : kind_(kind) {}

  enum class State : std::uint8_t { kMore, kGranted, kRefused, kMalformed };
  struct Progress {
    State state;
    std::size_t consumed;  ///< of the bytes given; all of them with kMore
  };
  /// The next bytes from the proxy.
  Progress feed(Bytes arrived);

  /// After kRefused: the octet that says so (the method, the status of RFC 1929, REP).
  [[nodiscard]] std::uint8_t code() const { return code_; }

 private:
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] State judge();

  const Kind kind_;
  std::array<std::uint8_t, 4 + 1 + 255 + 2> reply_{};  ///< the longest: a bound name
  std::size_t received_ = 0;
  std::uint8_t code_ = 0;
};

}  // namespace enforcer::net::socks5
