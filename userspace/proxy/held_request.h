// HeldRequest: a request that waits for people, from the question to what came of it. Nothing of it has left: no name
// is looked up, nothing is dialled (invariant 1). Its octets are in memory already, all of them, so that what people
// agree to is what is sent (invariant 12).
//
// The client is waited with for as long as clients commonly wait; then it is told to come back, and the question stays
// open. Whoever cannot be known to wait still (it ended its side) does not send anything any more.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "policy/decision.h"
#include "policy/facts.h"
#include "proxy/message_sides.h"
#include "review/desk.h"

namespace enforcer::proxy {

class Conversation;

class HeldRequest {
 public:
  /// `decision`: the review, of the decisions' last decide(). All outlives this.
  HeldRequest(Conversation& conversation, const policy::Facts& facts, const policy::Decision& decision)
      : conversation_(conversation), facts_(facts), decision_(decision) {}

  /// The denial of a request that would not be held, whatever its body is; none: it may be.
  [[nodiscard]] std::optional<policy::Decision> refused_at_once() const;

  struct Gone {};        ///< the client: there is nobody to be told
  struct Unrecorded {};  ///< denied, because nothing can be recorded
  /// An allow, decided anew by the policy of now; or a denial, or the reason for one, that is still to be recorded.
  using Outcome = std::variant<policy::Decision, Gone, Unrecorded>;
  /// Asks, and waits. `raw_host`: as the guest wrote it.
  boost::asio::awaitable<Outcome> wait(Bytes body, std::string_view raw_host);
  /// Of the ticket that it waited for; empty: there was none.
  [[nodiscard]] const std::string& review_id() const { return review_id_; }

 private:
  [[nodiscard]] review::Question question(Bytes body) const;
  boost::asio::awaitable<Outcome> wait_for(review::Desk::Hold& hold, class Bell& bell);
  [[nodiscard]] policy::Decision decide_again(const review::Ticket& ticket) const;
  [[nodiscard]] policy::Decision deny(policy::Reason reason) const;

  Conversation& conversation_;
  const policy::Facts& facts_;
  const policy::Decision decision_;
  std::string review_id_;
};

}  // namespace enforcer::proxy
