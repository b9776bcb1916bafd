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

void Refusals::add(const Peer& peer, Role role, Role needed, std::string_view method, std::string_view target) {
  begin_period();
  const bool known = by_uid_.contains(peer.uid);
  if (!known && by_uid_.size() >= kMaxUids) {
    ++others_;
    return;
  }
  Count& count = by_uid_[peer.uid];
  if (count.recorded >= kOfOneUid || recorded_ >= kInAll) {
    ++count.rest;
    return;
  }
  ++count.recorded;
  ++recorded_;
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
  for (const auto& [uid, count] : std::exchange(by_uid_, {})) {
    if (count.rest > 0) backend_.record_refusal(fmt::format("more of uid {}", uid), count.rest);
  }
  recorded_ = 0;
  if (const auto others = std::exchange(others_, 0); others > 0) backend_.record_refusal("of more uids", others);
}

}  // namespace enforcer::control
