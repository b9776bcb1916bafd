// OriginConnection: one connection to an origin, TLS over it where the guest's leg has it, and whose it is: the place
// it leads to and the credential that was sent over it. It is never used for another guest, name, port or credential
// (invariant 9).
#pragma once

#include <compare>
#include <memory>
#include <string>
#include <vector>

#include "base/ip.h"
#include "net/async_socket.h"
#include "policy/facts.h"
#include "proxy/checked_addresses.h"
#include "tls/stream.h"

namespace enforcer::proxy {

struct OriginKey {
  std::string place;  ///< the decided name, or the literal address
  Port port{};
  policy::RequestFacts::Transport transport = policy::RequestFacts::Transport::kClear;
  tls::ApplicationProtocol prior = tls::ApplicationProtocol::kHttp1;  ///< what is spoken without asking (kClear)
  std::string credential;                                             ///< its name, or empty
  friend auto operator<=>(const OriginKey&, const OriginKey&) = default;
};

class OriginConnection {
 public:
  OriginConnection(OriginKey key, std::unique_ptr<net::AsyncSocket> socket, std::unique_ptr<tls::Stream> tls,
                   const IpAddress& address, CheckedAddresses checked)
      : key_(std::move(key)),
        socket_(std::move(socket)),
        tls_(std::move(tls)),
        address_(address),
        checked_(std::move(checked)) {}

  [[nodiscard]] const OriginKey& key() const { return key_; }
  [[nodiscard]] const IpAddress& address() const { return address_; }
  /// All that the name had when it was dialled.
  [[nodiscard]] const CheckedAddresses& checked() const { return checked_; }
  [[nodiscard]] net::ByteStream& stream() {
    return tls_ ? static_cast<net::ByteStream&>(*tls_) : static_cast<net::ByteStream&>(*socket_);
  }
  /// What was read and not yet consumed.
  [[nodiscard]] std::vector<std::uint8_t>& received() { return received_; }

  /// An idle connection on which something arrives, or ends, is over: an origin has nothing to say unasked. What has
  /// come to the socket a moment ago, and the poller has not told yet, is asked for only where it matters.
  enum class Ask : std::uint8_t { kPoller, kSocket };
  [[nodiscard]] bool quiet(Ask whom) {
    if (whom == Ask::kPoller && !(tls_ ? tls_->may_have_more() : socket_->may_have_more())) return received_.empty();
    socket_->ask_again();
    std::uint8_t unasked = 0;
    return received_.empty() && !stream().try_read({&unasked, 1}).has_value();
  }

 private:
  const OriginKey key_;
  std::unique_ptr<net::AsyncSocket> socket_;
  std::unique_ptr<tls::Stream> tls_;  // before the socket goes
  const IpAddress address_;
  const CheckedAddresses checked_;
  std::vector<std::uint8_t> received_;
};

}  // namespace enforcer::proxy
