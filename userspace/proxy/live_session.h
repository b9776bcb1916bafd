// LiveSession: what is remembered of one guest connection from accept to its end record: the decisions about it, and
// what it counts for in limits and metrics. Owned by the classifier, then by the session's coroutine, then by the
// relay.
#pragma once

#include "metrics/labels.h"
#include "proxy/decisions.h"
#include "proxy/relay.h"

namespace enforcer::proxy {

class LiveSession final : public Decisions, public RelayObserver {
 public:
  /// `view.guest->open_session()` was granted; it is given back at the end of this object's life.
  LiveSession(Worker& worker, std::shared_ptr<GuestView> view, const Endpoint& destination);
  ~LiveSession() override;

  void classified(metrics::Protocol protocol);
  /// A whole ClientHello, request head or query has come: it is half-open no more. Idempotent.
  void said_what_it_wants();
  /// What it counts as when it ends; denied until somebody says otherwise.
  void closed_as(metrics::ConnectionResult result) { result_ = result; }

 private:
  void relay_ended(RelayEnd end, std::uint64_t bytes_up, std::uint64_t bytes_down) override;
  bool relayed_up(std::uint64_t bytes) override;
  int& pipes_lent() override { return view().pipes_lent; }
  [[nodiscard]] Monotonic::time_point stood_still() const override { return shared_view()->stood_still(); }

  bool half_open_ = true;
  metrics::Protocol protocol_ = metrics::Protocol::kPending;
  metrics::ConnectionResult result_ = metrics::ConnectionResult::kDenied;
};

}  // namespace enforcer::proxy
