// Exchange: one decided request on its way to the origin, and the response on its way back, whatever version of HTTP
// each of the two speaks. Both directions run at the same time, because an origin may answer before it has read
// everything, and neither is ever buffered whole.
//
// What goes wrong stays whole: before the first byte of a response the guest can still be told (502, 504); after it the
// connection or stream is reset, so that a body cut short never looks complete.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/record.h"
#include "http/request_head.h"
#include "http/response_head.h"
#include "policy/reason.h"
#include "proxy/body_transfer.h"
#include "proxy/http_denial.h"
#include "proxy/message_sides.h"
#include "proxy/origin_leg.h"

namespace enforcer::proxy {

class Conversation;

/// A request as it is sent: what was decided on, with the credential in it.
struct OutgoingRequest {
  http::RequestHead head;
  std::optional<std::vector<std::uint8_t>> body;  ///< read whole already, because the decision needed it
  Dialect dialect = Dialect::kProblem;
  enum class Times : std::uint8_t { kAsNeeded, kOnce };
  Times times = Times::kAsNeeded;  ///< kOnce: people have agreed to it, and to nothing more (invariant 12)

  /// All of it is there.
  [[nodiscard]] bool held_whole() const { return body || head.body.kind == http::BodyFraming::Kind::kNone; }
  /// Where it met a connection that was just being closed, it can be sent on another one, and does no harm twice.
  [[nodiscard]] bool may_be_repeated() const {
    return held_whole() && times == Times::kAsNeeded && http::is_idempotent(head.method);
  }
};

class Exchange {
 public:
  /// `upload` has the request's body: the guest, or what makes another one of its. `facts` are those decided on.
  /// Everything outlives the exchange.
  Exchange(Conversation& conversation, GuestSide& guest, BodySource& upload, OriginSide& origin,
           const policy::Facts& facts);

  /// What has come of it.
  enum class Result : std::uint8_t {
    kOver,   ///< something was answered, or began to be
    kAgain,  ///< the origin took nothing of it and gave nothing: the same request may be sent on a fresh connection
    kAgainByHttp1,  ///< the same, and it must be HTTP/1 (HTTP_1_1_REQUIRED)
  };
  /// Whether the request is sent again where it may be; after the last attempt the guest is told instead.
  enum class Attempt : std::uint8_t { kOneOfMore, kLast };
  boost::asio::awaitable<Result> run(const OutgoingRequest& request, OriginLeg::Reached leg, Attempt attempt);

  [[nodiscard]] After after() const { return after_; }
  [[nodiscard]] audit::Outcome outcome() const { return outcome_; }
  [[nodiscard]] std::optional<policy::Reason> reason() const { return reason_; }
  /// reason() is one for which the request is denied, not one of the origin's.
  [[nodiscard]] bool denies_request() const;
  [[nodiscard]] std::uint64_t bytes_up() const { return origin_.written(); }
  [[nodiscard]] std::uint64_t bytes_down() const { return guest_.written(); }

 private:
  boost::asio::awaitable<void> send_request(const OutgoingRequest& request);
  boost::asio::awaitable<void> send_body(const OutgoingRequest& request);
  boost::asio::awaitable<void> receive_response(const OutgoingRequest& request);
  boost::asio::awaitable<std::optional<http::ResponseHead>> read_final_head(const OutgoingRequest& request);
  boost::asio::awaitable<void> tunnel(const http::ResponseHead& head);
  boost::asio::awaitable<void> carry(BodyTransfer& transfer, audit::Outcome source_broke, audit::Outcome sink_broke);
  void no_head(OriginSide::NoHead why);
  boost::asio::awaitable<void> relay(const http::ResponseHead& head);
  [[nodiscard]] bool guest_has_all(const http::ResponseHead& head) const;
  boost::asio::awaitable<void> answer_failure(const OutgoingRequest& request);
  [[nodiscard]] bool to_be_repeated() const;
  [[nodiscard]] policy::Reason malformed() const;
  void broke(audit::Outcome outcome, std::optional<policy::Reason> reason = std::nullopt);
  void progressed(BodyTransfer::Step step, std::size_t coming = 0);
  bool spend_upload(std::size_t coming = 0);

  Conversation& conversation_;
  GuestSide& guest_;
  OriginSide& origin_;
  const policy::Facts& facts_;
  BodyTransfer upload_;
  BodyTransfer download_;
  enum class Sending : std::uint8_t { kUnderWay, kSent, kFailed };
  Sending sending_ = Sending::kUnderWay;
  bool held_whole_ = false;      ///< it can be sent again
  bool harmless_twice_ = false;  ///< and may be, although it may have been done
  bool reused_ = false;
  bool last_ = false;
  std::optional<OriginSide::NoHead> refused_;
  bool upload_over_ = false;     ///< nobody reads the request any more
  bool answering_over_ = false;  ///< the response ended, well or not
  std::uint64_t spent_ = 0;      ///< of bytes_up(), what is in the guest's budget already
  bool response_begun_ = false;  ///< not an interim one
  After after_ = After::kReset;
  audit::Outcome outcome_ = audit::Outcome::kCompleted;
  std::optional<policy::Reason> reason_;
  bool broken_ = false;
};

}  // namespace enforcer::proxy
