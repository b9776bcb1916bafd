// Images are checked before a guest of theirs is made: in a child process, so that guests are watched meanwhile.
// Whoever asked for a guest waits in `waiting_`; nothing of it exists yet.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "abi.h"
#include "hostd/guests.h"

namespace enforcer::hostd {

void Guests::create(const hostproto::CreateGuest& request) {
  if (std::ranges::find(waiting_, request.name, &hostproto::CreateGuest::name) != waiting_.end() ||
      find(request.name) != nullptr) {
    return reply(request.request, fail(Errc::kConflict, fmt::format("guest '{}' exists already", request.name.text())));
  }
  if (guests_.size() + waiting_.size() >= ENFORCER_MAX_GUESTS) {
    return reply(request.request, fail(Errc::kUnavailable, "there are as many guests as there may be"));
  }
  create_when_checked(request);
}

void Guests::create_when_checked(const hostproto::CreateGuest& request) {
  const auto readiness = images_.prepare(request.image);
  if (!readiness) return reply(request.request, std::unexpected(readiness.error()));
  if (*readiness == host::ImageStore::Readiness::kReady) return create_now(request);
  waiting_.push_back(request);
}

void Guests::create_waiting() {
  images_.take_check();  // also where nobody waits for it any more
  if (images_.checking() >= 0) return;
  const Deadline turn = Deadline::after(kTurn);
  const auto due = std::exchange(waiting_, {});
  auto next = due.begin();
  // Those whose image is another one begin to wait anew.
  for (; next != due.end() && !turn.passed(); ++next) create_when_checked(*next);
  waiting_.insert(waiting_.begin(), next, due.end());
}

bool Guests::forget_waiting(const GuestName& name) {
  const auto found = std::ranges::find(waiting_, name, &hostproto::CreateGuest::name);
  if (found == waiting_.end()) return false;
  reply(found->request, fail(Errc::kConflict, "the guest was deleted while its image was checked"));
  waiting_.erase(found);
  return true;
}

}  // namespace enforcer::hostd
