// OriginLeg: gets a request to its origin: over a connection that this guest has for the same name, port and
// credential, or over a new one, dialled after the positive decision and under TLS where the guest's leg is.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "policy/decision.h"
#include "policy/facts.h"
#include "proxy/message_sides.h"
#include "proxy/origin_pool.h"
#include "tls/stream.h"

namespace enforcer::proxy {

class Conversation;

class OriginLeg {
 public:
  /// What may be spoken with the origin.
  enum class Speak : std::uint8_t {
    kWhatItPrefers,  ///< over TLS the origin chooses; HTTP/1 in clear
    kHttp1,          ///< the request needs it (WebSocket), or the origin said so (HTTP_1_1_REQUIRED)
    kHttp2,          ///< in clear, because the guest does so too (prior knowledge, RFC 9113 3.3)
  };

  explicit OriginLeg(Conversation& conversation) : conversation_(conversation) {}
  ~OriginLeg() { drop(); }
  OriginLeg(const OriginLeg&) = delete;
  OriginLeg& operator=(const OriginLeg&) = delete;

  enum class Reached : std::uint8_t {
    kFresh,   ///< a new connection; the decision is recorded
    kReused,  ///< one that was used before, which the origin may be closing just now; the decision is recorded
    kDenied,  ///< recorded as a denial, Conversation::denial() says which
    kFailed,  ///< allowed and recorded, begun and ended: failure() says why
  };
  /// Records the decision and has a side over which the request may be sent: a checked address, and over TLS an origin
  /// whose certificate was verified for the decided name. `whom` is asked whether a kept connection is still there.
  boost::asio::awaitable<Reached> reach(const policy::Facts& facts, const policy::Decision& decision, Speak speak,
                                        OriginConnection::Ask whom);
  /// A new connection for a decision that is recorded already: the one before did not take the request.
  boost::asio::awaitable<Reached> reach_again(const policy::Facts& facts, const policy::Decision& decision,
                                              Speak speak);

  [[nodiscard]] OriginSide& side() { return *side_; }
  [[nodiscard]] tls::ApplicationProtocol protocol() const { return protocol_; }
  [[nodiscard]] policy::Reason failure() const { return failure_; }

  /// The side is of no more use.
  void drop();

 private:
  boost::asio::awaitable<std::optional<Reached>> reuse(const OriginKey& key, const policy::Facts& facts,
                                                       const policy::Decision& decision, Speak speak,
                                                       OriginConnection::Ask whom);
  boost::asio::awaitable<void> await_dial(const OriginKey& key);
  boost::asio::awaitable<bool> begin(OriginKey key, const policy::Facts& facts, Speak speak);
  boost::asio::awaitable<std::unique_ptr<tls::Stream>> secure(const policy::Facts& facts, Speak speak);
  std::unique_ptr<tls::Stream> fail_tls(tls::HandshakeFault fault);
  void use(std::unique_ptr<OriginConnection> connection);
  bool use(Http2OriginConnection& connection);
  [[nodiscard]] OriginPool& pool();

  Conversation& conversation_;
  std::unique_ptr<OriginSide> side_;
  tls::ApplicationProtocol protocol_ = tls::ApplicationProtocol::kHttp1;
  policy::Reason failure_ = policy::Reason::kOriginConnect;
};

}  // namespace enforcer::proxy
