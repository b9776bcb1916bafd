// OriginLeg: the connection of one guest's HTTP session to its origin: dialled after the first positive decision, under
// TLS where the guest's leg is, kept for the session's next requests. It is never shared with another session, and not
// used for a request with another credential than the one it was made for (invariant 9).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "net/byte_stream.h"
#include "policy/decision.h"
#include "policy/facts.h"
#include "tls/stream.h"

namespace enforcer::proxy {

class Conversation;

class OriginLeg {
 public:
  explicit OriginLeg(Conversation& conversation) : conversation_(conversation) {}

  enum class Reached : std::uint8_t {
    kFresh,   ///< a new connection; the decision is recorded
    kReused,  ///< the one of the request before, which the origin may be closing just now; the decision is recorded
    kDenied,  ///< recorded as a denial, Conversation::denial() says which
    kFailed,  ///< allowed and recorded, begun and ended: failure() says why
  };
  /// Records the decision and has a connection over which the request may be sent: TCP to a checked address, and for
  /// `transport` kTls an origin whose certificate was verified for the decided name.
  boost::asio::awaitable<Reached> reach(const policy::Facts& facts, const policy::Decision& decision);
  /// A new connection for a decision that is recorded already: the reused one turned out to be closed.
  boost::asio::awaitable<Reached> reach_again(const policy::Facts& facts, const policy::Decision& decision);

  [[nodiscard]] net::ByteStream& stream() { return *stream_; }
  /// What was read from the origin and not yet consumed.
  [[nodiscard]] std::vector<std::uint8_t>& received() { return received_; }
  [[nodiscard]] policy::Reason failure() const { return failure_; }

  /// The connection is of no more use.
  void drop();

 private:
  [[nodiscard]] bool usable_for(const policy::Decision& decision);
  boost::asio::awaitable<bool> secure(const policy::Facts& facts);
  bool fail_tls(tls::HandshakeFault fault);

  Conversation& conversation_;
  std::unique_ptr<tls::Stream> tls_;
  net::ByteStream* stream_ = nullptr;  ///< null: no connection
  std::vector<std::uint8_t> received_;
  std::string credential_;  ///< name of the one sent over this connection, or empty
  policy::Reason failure_ = policy::Reason::kOriginConnect;
};

}  // namespace enforcer::proxy
