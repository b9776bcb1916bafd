// ServedRequest: one request of a guest, whatever version of HTTP it came by, from its head to the end of its exchange:
//
//   understand     authority, facts, for AWS the form in the body, for git the front of a push
//   decide         policy; where it says review, people; then the credential's value
//   reach, send    the record, the origin, the exchange
//
// Everything that stops it on the way is answered here.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "policy/decision.h"
#include "policy/facts.h"
#include "proxy/credential_use.h"
#include "proxy/exchange.h"
#include "proxy/message_sides.h"
#include "proxy/origin_leg.h"
#include "proxy/placeholder_watch.h"
#include "proxy/prefixed_body.h"

namespace enforcer::proxy {

class Conversation;

class ServedRequest {
 public:
  /// `facts`: those of the connection, the request's are filled in. Everything outlives the request.
  ServedRequest(Conversation& conversation, GuestSide& guest, policy::Facts& facts,
                policy::RequestFacts::Transport transport)
      : conversation_(conversation), guest_(guest), facts_(facts), transport_(transport), origin_(conversation) {}

  ~ServedRequest();
  ServedRequest(const ServedRequest&) = delete;
  ServedRequest& operator=(const ServedRequest&) = delete;

  /// Serves it; what becomes of the guest's connection or stream.
  boost::asio::awaitable<After> serve(http::RequestHead head);

  /// Answers what is no request: `reason` says why.
  boost::asio::awaitable<After> refuse(policy::Reason reason);

 private:
  [[nodiscard]] std::optional<policy::Reason> wrong_authority(const http::RequestHead& head) const;
  boost::asio::awaitable<bool> read_aws_call(OutgoingRequest& request);
  boost::asio::awaitable<bool> read_git_call(OutgoingRequest& request);
  boost::asio::awaitable<bool> read_whole_body(OutgoingRequest& request, std::size_t most, policy::Reason too_large);
  boost::asio::awaitable<std::optional<policy::Decision>> ask_people(OutgoingRequest& request,
                                                                     policy::Decision decision);
  /// The guest's body, what was read of it before the decision in front.
  [[nodiscard]] BodySource& incoming();
  boost::asio::awaitable<void> refuse_malformed_body();
  bool hold(std::size_t octets);
  bool body_never_came();
  boost::asio::awaitable<bool> invite_body(http::RequestHead& head);
  boost::asio::awaitable<bool> add_credential(OutgoingRequest& request, const policy::Decision& decision);
  boost::asio::awaitable<void> send(OutgoingRequest request, const policy::Decision& decision);

  boost::asio::awaitable<bool> reached(OriginLeg::Reached leg, RequestRead read);
  void look_for_placeholders(const OutgoingRequest& request);
  void settle(const Exchange& exchange, const policy::Decision& decision);
  boost::asio::awaitable<void> refuse_request(const http::RequestHead& head, policy::Decision denial);
  boost::asio::awaitable<void> refuse_request(const http::RequestHead& head, policy::Reason reason);
  boost::asio::awaitable<void> answer_denied(RequestRead read);
  boost::asio::awaitable<void> answer_failed(policy::Reason reason, RequestRead read);
  boost::asio::awaitable<void> answer(const http::Answer& answer, RequestRead read);

  Conversation& conversation_;
  GuestSide& guest_;
  policy::Facts& facts_;
  const policy::RequestFacts::Transport transport_;
  std::unique_ptr<PrefixedBody> prefixed_;          ///< where the decision needed the front of the body
  std::unique_ptr<CredentialUse> credential_;       ///< where the decision names one
  std::unique_ptr<PlaceholderWatch> placeholders_;  ///< where the guest has some
  OriginLeg origin_;
  OriginLeg::Speak speak_ = OriginLeg::Speak::kWhatItPrefers;
  Dialect dialect_ = Dialect::kProblem;
  std::string raw_host_;
  std::string review_id_;  ///< of the review that the request waited for, or empty
  std::size_t held_ = 0;   ///< octets of the body that count against the guest
  After after_ = After::kReset;
};

}  // namespace enforcer::proxy
