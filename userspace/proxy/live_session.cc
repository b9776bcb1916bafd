#include "proxy/live_session.h"

#include <utility>

#include "proxy/worker.h"

namespace enforcer::proxy {
namespace {

/// How the end of a relay is recorded and counted.
std::pair<audit::Outcome, metrics::ConnectionResult> ending_of(RelayEnd end) {
  switch (end) {
    case RelayEnd::kDone:
      return {audit::Outcome::kCompleted, metrics::ConnectionResult::kCompleted};
    case RelayEnd::kGuestReset:
      return {audit::Outcome::kGuestReset, metrics::ConnectionResult::kReset};
    case RelayEnd::kOriginReset:
      return {audit::Outcome::kOriginReset, metrics::ConnectionResult::kReset};
    case RelayEnd::kIdle:
      return {audit::Outcome::kTimeout, metrics::ConnectionResult::kTimeout};
    case RelayEnd::kOverBudget:
      return {audit::Outcome::kDenied, metrics::ConnectionResult::kDenied};
    case RelayEnd::kAborted:
      break;
  }
  return {audit::Outcome::kShutdown, metrics::ConnectionResult::kClosed};
}

}  // namespace

LiveSession::LiveSession(Worker& worker, std::shared_ptr<GuestView> view, const Endpoint& destination)
    : Decisions(worker, std::move(view), destination) {
  worker.metrics().connection_opened();
}

LiveSession::~LiveSession() {
  said_what_it_wants();
  guest().close_session();
  worker().metrics().connection_closed(protocol_, result_);
}

void LiveSession::classified(metrics::Protocol protocol) {
  if (protocol_ != metrics::Protocol::kPending) return;
  protocol_ = protocol;
  worker().metrics().connection_classified(protocol);
}

void LiveSession::said_what_it_wants() {
  if (std::exchange(half_open_, false)) guest().session_said_what_it_wants();
}

void LiveSession::relay_ended(RelayEnd end_of_relay, std::uint64_t bytes_up, std::uint64_t bytes_down) {
  const auto [outcome, result] = ending_of(end_of_relay);
  Ending ending{.outcome = outcome, .bytes_up = bytes_up, .bytes_down = bytes_down};
  if (end_of_relay == RelayEnd::kOverBudget) {
    ending.reason = policy::Reason::kLimitBytes;
    deny_allowed(policy::Reason::kLimitBytes);
  }
  result_ = result;
  end(ending);
}

bool LiveSession::relayed_up(std::uint64_t bytes) {
  return guest().upload().spend(bytes, Monotonic::now());
}

}  // namespace enforcer::proxy
