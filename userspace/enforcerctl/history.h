// History: what was decided, each different thing once, with how often it was. What is learnt from the log and what is
// asked again about it are both asked of this, so that a log of millions of records costs as much memory as there are
// different things in it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/host_name.h"
#include "base/result.h"
#include "enforcerctl/recorded_decision.h"

namespace enforcer::ctl {

/// Decisions that are equal in everything but id and time.
struct PastDecision {
  RecordedDecision what;        ///< the first of them
  std::uint64_t count = 0;      ///< of all of them
  std::string last;             ///< when the last of them was
  std::set<IpAddress> dialled;  ///< where they led; empty where nothing was dialled, or the end is not in the log

  /// Whom it was about: a name, or the literal address that the guest dialled. Neither: nothing that a rule could name.
  [[nodiscard]] std::optional<HostName> host() const;
  [[nodiscard]] std::optional<IpAddress> address() const;
  /// "api.github.com:443", "[2001:db8::1]:22"; may hold whatever the guest sent.
  [[nodiscard]] std::string target() const;
  [[nodiscard]] bool allowed() const { return what.decision == "allow"; }
};

class History {
 public:
  static constexpr std::size_t kMost = 1'000'000;  ///< different decisions; about a gigabyte

  /// Whose decisions count: of this guest, and of guests with all these labels.
  History(std::string guest, Labels labels) : guest_(std::move(guest)), labels_(std::move(labels)) {}

  /// One line of the log. kUnavailable: there are more than kMost different decisions.
  Result<> add(std::string_view line);

  [[nodiscard]] const std::vector<PastDecision>& decisions() const { return decisions_; }  ///< in order of appearance
  [[nodiscard]] std::uint64_t count() const { return count_; }                             ///< of all together
  [[nodiscard]] const std::string& first() const { return first_; }                        ///< when; empty: nothing was
  [[nodiscard]] const std::string& last() const { return last_; }

 private:
  Result<> add(RecordedDecision decision);
  void add(const RecordedEnd& end);

  std::string guest_;
  Labels labels_;
  std::vector<PastDecision> decisions_;
  std::unordered_map<std::string, std::size_t> known_;  ///< by everything that must be equal
  std::unordered_map<std::string, std::size_t> open_;   ///< by id: what may still have an end
  std::uint64_t count_ = 0;
  std::string first_;
  std::string last_;
};

}  // namespace enforcer::ctl
