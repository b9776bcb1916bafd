// HttpGuest: a guest's connection in which HTTP is spoken, in clear or within TLS that ends here. Owned by the session
// that serves it.
#pragma once

#include <memory>
#include <utility>

#include "net/byte_stream.h"
#include "policy/facts.h"
#include "proxy/guest_connection.h"
#include "tls/stream.h"

namespace enforcer::proxy {

class HttpGuest {
 public:
  /// `tls`: over the connection's socket; null: in clear.
  HttpGuest(std::unique_ptr<GuestConnection> connection, std::unique_ptr<tls::Stream> tls)
      : connection_(std::move(connection)), tls_(std::move(tls)) {}

  [[nodiscard]] GuestConnection& connection() { return *connection_; }
  /// Where requests are read and answered.
  [[nodiscard]] net::ByteStream& stream() { return tls_ ? static_cast<net::ByteStream&>(*tls_) : connection_->guest(); }
  [[nodiscard]] policy::RequestFacts::Transport transport() const {
    return tls_ ? policy::RequestFacts::Transport::kTls : policy::RequestFacts::Transport::kClear;
  }

 private:
  std::unique_ptr<GuestConnection> connection_;
  std::unique_ptr<tls::Stream> tls_;  // after the connection, whose socket it uses
};

}  // namespace enforcer::proxy
