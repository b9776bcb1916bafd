// A desk with somebody at it, questions to ask there, and what its observer heard.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "review/desk.h"

namespace enforcer::review {

/// The review rule of these tests.
struct AskingRule : policy::RuleInfo {
  explicit AskingRule(unsigned approvals = 1, std::chrono::milliseconds timeout = std::chrono::minutes(10)) {
    policy = "agents";
    rule = "stacks";
    place = "agents.yaml:7";
    action = policy::Action::kReview;
    note = "deletions are for two";
    review = policy::ReviewTerms{.timeout = timeout, .approvals = approvals, .text = "rule stacks"};
  }
};

inline policy::RequestFacts deletion(std::string_view path) {
  return {.transport = policy::RequestFacts::Transport::kTls, .method = "DELETE", .path = std::string(path)};
}

inline policy::Facts facts_of(policy::RequestFacts request) {
  policy::Facts facts{.layer = policy::Layer::kHttp, .host = *HostName::parse("api.hold.test"), .port = kHttpsPort};
  facts.request = std::make_shared<const policy::RequestFacts>(std::move(request));
  return facts;
}

/// `rule` outlives the question.
inline Question question_of(const policy::RuleInfo& rule, std::string_view path = "/v1/stacks/a",
                            Epoch epoch = Epoch{7}) {
  Question question{.guest = *GuestName::parse("agent-1"), .slot = Slot{3}, .epoch = epoch};
  question.labels = {{"team", "web"}};
  question.owner = uid_t{1000};
  question.facts = facts_of(deletion(path));
  question.rule = &rule;
  question.action = fmt::format("DELETE {}", path);
  question.fingerprint = fingerprint_of(epoch, question.facts, {}, rule.review->text);
  return question;
}

class Hearing final : public Observer {
 public:
  struct Heard {
    Ticket ticket;
    Change change;
    std::optional<Reviewer> who;
  };
  void changed(const Ticket& ticket, Change change, const Reviewer* who) override {
    {
      const std::lock_guard lock(mutex_);
      heard_.push_back({ticket, change, who == nullptr ? std::nullopt : std::optional(*who)});
    }
    if (then) then(ticket, change);
  }

  [[nodiscard]] std::vector<Heard> heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  /// "asked approved sent"
  [[nodiscard]] std::string story() const {
    std::string words;
    for (const Heard& heard : heard()) {
      if (!words.empty()) words += ' ';
      words += label(heard.change);
    }
    return words;
  }

  std::function<void(const Ticket&, Change)> then;

 private:
  mutable std::mutex mutex_;
  std::vector<Heard> heard_;
};

inline const Reviewer kAlice{.uid = 1001, .name = "alice"};
inline const Reviewer kBob{.uid = 1002, .name = "bob"};
inline const Reviewer kOwner{.uid = 1000, .name = "owner"};
inline const Reviewer kRoot{.uid = 0, .name = "root"};

struct AttendedDesk {
  explicit AttendedDesk(DeskLimits limits = {}) : desk(limits, hearing) {}

  /// The hold; the test fails where the desk refuses.
  Desk::Hold hold(const Question& question) {
    auto held = desk.hold(question, [this] { ++woken; });
    ENFORCER_CHECK(held.has_value());
    return *std::move(held);
  }
  /// Id of the newest ticket.
  [[nodiscard]] std::string newest() const { return std::string(desk.tickets().front().id.text()); }

  Hearing hearing;
  std::atomic<int> woken = 0;
  Desk desk;
  std::unique_ptr<Desk::Presence> somebody = desk.attend();
};

using Turn = Desk::Hold::Turn;

}  // namespace enforcer::review
