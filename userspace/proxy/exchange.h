// Exchange: one decided request on its way to the origin, and the response on its way back. Both directions run at the
// same time, because an origin may answer before it has read everything, and neither is ever buffered whole.
//
// What goes wrong stays whole: before the first byte of a response the guest can still be told (502); after it the
// connection is reset, so that a body cut short never looks complete.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "audit/record.h"
#include "http/request_head.h"
#include "http/response_head.h"
#include "net/byte_stream.h"
#include "policy/reason.h"
#include "proxy/body_transfer.h"
#include "proxy/origin_leg.h"

namespace enforcer::proxy {

/// A request as it is sent: what was decided on, with the credential in it.
struct OutgoingRequest {
  http::RequestHead head;
  std::optional<std::vector<std::uint8_t>> body;  ///< read whole already, because the decision needed it
};

/// What becomes of the guest's connection.
enum class After : std::uint8_t {
  kNextRequest,
  kGoodbye,  ///< closed in good order
  kReset,
};

class Exchange {
 public:
  /// `guest_received`: read from the guest and not consumed. `facts` are those decided on. Everything outlives the
  /// exchange.
  Exchange(Conversation& conversation, net::ByteStream& guest, std::vector<std::uint8_t>& guest_received,
           OriginLeg& origin, const policy::Facts& facts);

  /// True: something was answered, or began to be. False: the origin closed a reused connection without a word, and the
  /// same request may be sent again on a fresh one (nothing of it was consumed).
  boost::asio::awaitable<bool> run(const OutgoingRequest& request, OriginLeg::Reached leg);

  [[nodiscard]] After after() const { return after_; }
  [[nodiscard]] audit::Outcome outcome() const { return outcome_; }
  [[nodiscard]] std::optional<policy::Reason> reason() const { return reason_; }
  /// reason() is one for which the request is denied, not one of the origin's.
  [[nodiscard]] bool denies_request() const;
  [[nodiscard]] std::uint64_t bytes_up() const { return head_sent_ + upload_.sent(); }
  [[nodiscard]] std::uint64_t bytes_down() const { return answered_ + download_.sent(); }

 private:
  boost::asio::awaitable<void> send_request(const OutgoingRequest& request);
  boost::asio::awaitable<void> send_body(const OutgoingRequest& request);
  boost::asio::awaitable<void> receive_response(const OutgoingRequest& request);
  boost::asio::awaitable<std::optional<http::ResponseHead>> read_final_head(const OutgoingRequest& request);
  boost::asio::awaitable<std::optional<http::ResponseHead>> read_head(std::string_view method);
  boost::asio::awaitable<bool> pass_interim(const http::ResponseHead& head, const OutgoingRequest& request);
  boost::asio::awaitable<void> relay(const http::ResponseHead& head, const OutgoingRequest& request);
  boost::asio::awaitable<bool> answer(Bytes bytes);
  boost::asio::awaitable<void> answer_failure();
  [[nodiscard]] bool to_be_repeated() const;
  void broke(audit::Outcome outcome, std::optional<policy::Reason> reason = std::nullopt);
  void progressed();
  bool spend_upload();

  Conversation& conversation_;
  net::ByteStream& guest_;
  OriginLeg& origin_;
  const policy::Facts& facts_;
  BodyTransfer upload_;
  BodyTransfer download_;
  enum class Sending : std::uint8_t { kUnderWay, kSent, kFailed };
  Sending sending_ = Sending::kUnderWay;
  bool repeatable_ = false;      ///< sent over a reused connection, and nothing of it is lost when it is sent again
  bool answering_over_ = false;  ///< the response ended, well or not
  bool origin_ends_ = false;     ///< the origin closes its connection behind the response
  bool origin_silent_ = true;    ///< not one byte came from it
  std::uint64_t head_sent_ = 0;
  std::uint64_t spent_ = 0;  ///< of bytes_up(), what is in the guest's budget already
  std::uint64_t answered_ = 0;
  bool response_begun_ = false;  ///< not an interim one
  After after_ = After::kReset;
  audit::Outcome outcome_ = audit::Outcome::kCompleted;
  std::optional<policy::Reason> reason_;
  bool broken_ = false;
};

}  // namespace enforcer::proxy
