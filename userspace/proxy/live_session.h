// LiveSession: what is remembered of one guest connection from accept to its end record: whose it is, the facts it was
// decided on, the decision. Owned by the session's coroutine, then by the relay. It carries the two records of
// invariant 3 and is what a reload decides again.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <list>
#include <memory>
#include <optional>

#include "audit/record.h"
#include "base/deadline.h"
#include "base/ip.h"
#include "metrics/labels.h"
#include "policy/decision.h"
#include "policy/facts.h"
#include "proxy/guest_view.h"
#include "proxy/relay.h"

namespace enforcer::proxy {

class Worker;

/// Something that can be told to end early.
class Interruptible {
 public:
  virtual void interrupt(Errc why) = 0;

 protected:
  ~Interruptible() = default;
};

/// What was seen of a connection when a decision was made; the views live as long as the call that gets them.
struct Seen {
  std::string_view sni;   ///< as sent
  std::string_view host;  ///< of a request: the Host as sent
};

/// How one of the allowed things ended.
struct Ending {
  audit::Outcome outcome;
  std::optional<policy::Reason> reason{};
  std::string_view detail{};  ///< a label of a closed list that says more than the reason, or empty
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
};

class LiveSession final : public RelayObserver {
 public:
  /// `view.guest->open_session()` was granted; it is given back at the end of this object's life.
  LiveSession(Worker& worker, std::shared_ptr<GuestView> view, const Endpoint& destination);
  ~LiveSession() override;

  [[nodiscard]] const Endpoint& destination() const { return destination_; }
  [[nodiscard]] Guest& guest() { return *view_->guest; }
  [[nodiscard]] GuestView& view() { return *view_; }
  [[nodiscard]] Worker& worker() { return worker_; }
  /// The policy of the last decide(), whatever was loaded since: what its decision points to lives as long as this is
  /// not asked to decide again.
  [[nodiscard]] const policy::GuestPolicy& policy() const { return *decided_with_; }
  /// The policy that the next decide() asks.
  [[nodiscard]] const policy::GuestPolicy& policy_in_force() const { return *policy_; }
  [[nodiscard]] const policy::Decision& decision() const { return decision_; }

  /// The one snapshot this session decides with until a reload (design: one policy snapshot). A guest that has used up
  /// its bytes is denied what the policy allows.
  [[nodiscard]] policy::Decision decide(const policy::Facts& facts);

  /// Records and counts a denial; the id is what the guest is told.
  DecisionId deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen = {});

  /// Records and counts an allow and waits until it is written (invariant 3); false: it could not be recorded, the
  /// session was denied with audit_unavailable instead.
  boost::asio::awaitable<bool> allow(const policy::Facts& facts, const policy::Decision& decision, const Seen& seen);

  /// What the last denial is called, one that allow() made too.
  [[nodiscard]] const DecisionId& denied_id() const { return denied_id_; }

  /// One of the allowed things ended: writes the end record. Bytes are counted in metrics too.
  void end(const Ending& ending);

  void classified(metrics::Protocol protocol);
  /// A whole ClientHello, request head or query has come: it is half-open no more. Idempotent.
  void said_what_it_wants();
  void dialled(const IpAddress& address) { dialled_ = address; }
  [[nodiscard]] const std::optional<IpAddress>& dialled_address() const { return dialled_; }
  void closed_as(metrics::ConnectionResult result) { result_ = result; }

  /// Who moves the bytes now; null when nobody may be interrupted.
  void handled_by(Interruptible* stage) { stage_ = stage; }
  void handled_by(Relay& relay) {
    stage_ = nullptr;
    relay_ = &relay;
  }

  /// Decides again after a reload; closes the session unless it is still allowed in the same way.
  void decide_again();
  /// Closes the session: the guest is gone, or the daemon stops.
  void close(audit::Outcome outcome);
  /// What to say in the end record when the session is ended from outside; none while nobody asked.
  [[nodiscard]] std::optional<audit::Outcome> closing() const { return closing_; }

 private:
  void relay_ended(RelayEnd end, std::uint64_t bytes_up, std::uint64_t bytes_down) override;
  bool relayed_up(std::uint64_t bytes) override;
  int& pipes_lent() override { return view_->pipes_lent; }
  [[nodiscard]] audit::DecisionRecord record(const policy::Facts& facts, const policy::Decision& decision,
                                             const Seen& seen) const;

  Worker& worker_;
  const std::shared_ptr<GuestView> view_;
  std::list<LiveSession*>::iterator self_;
  const Endpoint destination_;
  std::shared_ptr<const policy::GuestPolicy> policy_;        ///< in force now
  std::shared_ptr<const policy::GuestPolicy> decided_with_;  ///< of the last decide()
  policy::Facts facts_;
  policy::Decision decision_;
  std::optional<DecisionId> allowed_id_;
  DecisionId denied_id_{};
  Monotonic::time_point allowed_at_;
  std::optional<IpAddress> dialled_;
  std::optional<audit::Outcome> closing_;
  Interruptible* stage_ = nullptr;
  Relay* relay_ = nullptr;
  bool half_open_ = true;
  metrics::Protocol protocol_ = metrics::Protocol::kPending;
  metrics::ConnectionResult result_ = metrics::ConnectionResult::kDenied;
};

}  // namespace enforcer::proxy
