// Decisions: what is decided about one connection, or about one stream of an HTTP/2 connection, one thing after the
// other: asked, recorded (the two records of invariant 3), ended, and asked again after a reload.
//
// Belongs to the worker of the guest's connection. Registered with the guest's view for as long as it lives.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <list>
#include <memory>
#include <optional>

#include "audit/record.h"
#include "base/deadline.h"
#include "base/ip.h"
#include "policy/decision.h"
#include "policy/facts.h"
#include "proxy/guest_view.h"
#include "proxy/interruptible.h"

namespace enforcer::proxy {

class Worker;

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

class Decisions {
 public:
  Decisions(Worker& worker, std::shared_ptr<GuestView> view, const Endpoint& destination);
  virtual ~Decisions();
  Decisions(const Decisions&) = delete;
  Decisions& operator=(const Decisions&) = delete;

  [[nodiscard]] const Endpoint& destination() const { return destination_; }
  [[nodiscard]] Guest& guest() { return *view_->guest; }
  [[nodiscard]] GuestView& view() { return *view_; }
  [[nodiscard]] const std::shared_ptr<GuestView>& shared_view() const { return view_; }
  [[nodiscard]] Worker& worker() { return worker_; }
  /// The policy of the last decide(), whatever was loaded since: what its decision points to lives as long as this is
  /// not asked to decide again.
  [[nodiscard]] const policy::GuestPolicy& policy() const { return *decided_with_.policy; }
  [[nodiscard]] const std::shared_ptr<const policy::GuestPolicy>& shared_policy() const { return decided_with_.policy; }
  /// The labels by which that policy selects the guest.
  [[nodiscard]] const Labels& labels() const { return *decided_with_.labels; }
  /// The policy that the next decide() asks.
  [[nodiscard]] const policy::GuestPolicy& policy_in_force() const { return *in_force_.policy; }

  /// With the one snapshot that holds until a reload. A guest that has used up its bytes
  /// is denied what the policy allows.
  [[nodiscard]] policy::Decision decide(const policy::Facts& facts);

  /// Records and counts a denial, the end of a review among them; the id is what the guest is told.
  DecisionId deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen = {});

  /// Records and counts an allow and waits until it is written (invariant 3); false: it could not be recorded, the
  /// thing was denied with audit_unavailable instead.
  boost::asio::awaitable<bool> allow(const policy::Facts& facts, const policy::Decision& decision, const Seen& seen);

  /// Records and counts that people are asked, and waits until it is written; false: as with allow().
  boost::asio::awaitable<bool> ask(const policy::Facts& facts, const policy::Decision& decision, const Seen& seen);
  /// What is recorded from here on, until the next decide() or settled(), is what became of this review: its id, and
  /// who agreed.
  void reviewed(std::string_view review_id, std::vector<std::string> approvers);

  /// What the last denial is called, one that allow() made too.
  [[nodiscard]] const DecisionId& denied_id() const { return denied_id_; }

  /// One of the allowed things ended: writes the end record. Bytes are counted in metrics too.
  void end(const Ending& ending);

  /// Writes down something about this guest that is no decision: `name` is a literal, `detail` one line for people.
  void report(std::string_view name, std::string_view detail);

  /// The origin's checked address; which proxy went there in our place is the configuration's (`via` in end records).
  void dialled(const IpAddress& address) { dialled_ = address; }

  /// What was decided last is over: what is recorded from here on is about something else.
  void settled() { since_decided_.reset(); }

  /// Who does what was decided; null when nobody may be interrupted.
  void carried_out_by(Interruptible* stage) { stage_ = stage; }

  /// Decides again after a reload; closes what was allowed unless it is still allowed in the same way.
  void decide_again();
  /// A value of this credential is asked for, for what was decided last.
  void asks_for(std::string_view credential) { since_decided().asked_for = credential; }
  /// Its keys were made for this guest with these labels: once it has others, what was allowed with them is closed.
  void has_keys_for(std::shared_ptr<const Labels> labels) { since_decided().keys_for = std::move(labels); }
  /// Closes what was allowed with a value of this credential, or is about to be.
  void revoke(std::string_view credential);
  /// Closes what was allowed: the guest is gone, or the daemon stops. May destroy this.
  void close(audit::Outcome outcome);

 protected:
  /// What was allowed, and has not ended, turns out to be denied: records that.
  void deny_allowed(policy::Reason reason);

 private:
  /// What is decided with. A policy may be the same one for other labels.
  struct Basis {
    std::shared_ptr<const policy::GuestPolicy> policy;
    std::shared_ptr<const Labels> labels;  ///< never null
    bool operator==(const Basis&) const = default;
  };

  /// What was allowed and has not ended.
  struct Allowed {
    DecisionId id;
    policy::Facts facts;
    policy::Decision decision;
    Basis with;  ///< what `decision` points into
    Monotonic::time_point at;
  };

  /// What was found out since the last decide(); most decisions never need it.
  struct SinceDecided {
    std::string review_id;
    std::vector<std::string> approvers;
    std::string asked_for;                   ///< a credential
    bool revoked = false;                    ///< it was
    std::shared_ptr<const Labels> keys_for;  ///< null: no keys that depend on labels
  };
  SinceDecided& since_decided();

  boost::asio::awaitable<bool> commit(const audit::DecisionRecord& made, const policy::Facts& facts,
                                      const policy::Decision& decision, const Seen& seen);
  [[nodiscard]] bool still_stands(const policy::Decision& now) const;
  [[nodiscard]] audit::DecisionRecord record(const policy::Facts& facts, const policy::Decision& decision,
                                             const Seen& seen, std::string_view action) const;
  [[nodiscard]] audit::Subject subject_of(const Basis& basis) const;

  Worker& worker_;
  const std::shared_ptr<GuestView> view_;
  std::list<Decisions*>::iterator self_;
  const Endpoint destination_;
  Basis in_force_;      ///< now
  Basis decided_with_;  ///< of the last decide()
  // Null most of the time: most connections wait for their next request.
  std::unique_ptr<Allowed> allowed_;
  std::unique_ptr<SinceDecided> since_decided_;
  Interruptible* stage_ = nullptr;
  DecisionId denied_id_{};
  std::optional<IpAddress> dialled_;
  std::optional<audit::Outcome> closing_;
};

}  // namespace enforcer::proxy
