#include "control/refusals.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "control/api.h"

namespace enforcer::control {
namespace {

constexpr std::size_t kMethodShown = 16;
constexpr std::size_t kTargetShown = 128;

}  // namespace

bool Refusals::Budget::take(uid_t uid) {
  const auto known = by_uid.find(uid);
  if (known == by_uid.end()) {
    if (recorded >= kInAll) {
      ++others;
      return false;
    }
    by_uid[uid].recorded = 1;
    ++recorded;
    return true;
  }
  Count& count = known->second;
  const std::size_t repeated = recorded - by_uid.size();
  if (count.recorded >= kOfOneUid || repeated >= kRepeatedInAll || recorded >= kInAll) {
    ++count.rest;
    return false;
  }
  ++count.recorded;
  ++recorded;
  return true;
}

void Refusals::add(const Peer& peer, Role role, Role needed, std::string_view method, std::string_view target) {
  begin_period();
  Budget& budget = role == Role::kNone ? strangers_ : with_role_;
  if (!budget.take(peer.uid)) return;
  backend_.record_refusal(
      fmt::format("{} {} of uid {} pid {}: role {}, and it needs {}", escape_untrusted(method, kMethodShown),
                  escape_untrusted(target, kTargetShown), peer.uid, peer.pid, label(role), label(needed)),
      1);
}

void Refusals::begin_period() {
  if (std::exchange(begun_, true)) return;
  timer_.expires_after(period_);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (self && !error) self->end_period();
  });
}

void Refusals::end_period() {
  if (!std::exchange(begun_, false)) return;
  timer_.cancel();
  record_rest(std::exchange(strangers_, {}), "");
  record_rest(std::exchange(with_role_, {}), " with a role");
}

void Refusals::record_rest(const Budget& budget, std::string_view whose) {
  for (const auto& [uid, count] : budget.by_uid) {
    if (count.rest > 0) backend_.record_refusal(fmt::format("more of uid {}{}", uid, whose), count.rest);
  }
  if (budget.others > 0) backend_.record_refusal(fmt::format("of more uids{}", whose), budget.others);
}

}  // namespace enforcer::control
