// Freezing microVMs: QEMU is asked to let no vCPU run, and later to let them run on. Each asking is a QmpCall that the
// poll loop carries on; what is wanted is in Pause::wish, and pursue() takes the next step towards it whenever a call
// has ended. A guest is on record as paused before QEMU is asked, so that whoever finds it after a crash thaws it.
//
// What must not happen is a guest that stands still and is forgotten. So a freeze that fails in any way is followed by
// a thaw, and a thaw that fails is tried again every second for as long as the guest exists.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "hostd/guests.h"

namespace enforcer::hostd {
namespace {

constexpr std::chrono::seconds kMonitorTime{5};  // it takes a millisecond; under load QEMU may not get to run for long
constexpr std::chrono::seconds kThawAgain{1};

}  // namespace

Result<Guests::Guest*> Guests::find_boot(Slot slot, Epoch epoch) {
  Guest* guest = find(slot);
  if (guest == nullptr || guest->record.epoch != epoch) return fail(Errc::kNotFound, "that guest has ended");
  return guest;
}

void Guests::freeze(const hostproto::FreezeGuest& request) {
  const auto found = find_boot(request.slot, request.epoch);
  if (!found) return reply(request.request, std::unexpected(found.error()));
  Guest& guest = **found;
  if (!guest.vm) return reply(request.request, fail(Errc::kInvalid, "only a microVM can be paused"));
  if (guest.boot) return reply(request.request, fail(Errc::kConflict, "the guest is still booting"));
  const auto now = Monotonic::now();
  const Deadline until = Deadline::after(request.most);
  if (!guest.pause) guest.pause = Pause{.began = now, .until = until};
  Pause& pause = *guest.pause;
  if (pause.wish == Pause::Wish::kRunning) {
    pause.wish = Pause::Wish::kPaused;
    pause.began = now;
    pause.until = until;
  }
  // As long as either wants, and never longer than the bound in all.
  const auto latest = pause.began + hostproto::kMaxFreeze;
  if (until.when() > pause.until.when()) pause.until = Deadline::after(std::min(until.when(), latest) - now);
  pause.freezes.push_back(request.request);
  pursue(guest);
}

void Guests::thaw(const hostproto::ThawGuest& request) {
  const auto found = find_boot(request.slot, request.epoch);
  if (!found) return reply(request.request, std::unexpected(found.error()));
  Guest& guest = **found;
  if (!guest.pause) return reply(request.request, {});
  guest.pause->wish = Pause::Wish::kRunning;
  guest.pause->thaws.push_back(request.request);
  pursue(guest);
}

void Guests::thaw_all() {
  for (auto& [slot, guest] : guests_) {
    if (!guest.pause) continue;
    guest.pause->wish = Pause::Wish::kRunning;
    pursue(guest);
  }
}

void Guests::resume_adopted(Guest& guest) {
  const auto* machine = std::get_if<Machine>(&guest.record.kind);
  if (machine == nullptr || machine->state != Machine::State::kPaused) return;
  log_info("guest {} may be paused from an earlier run: it is thawed", guest.record.name.text());
  guest.pause = Pause{.wish = Pause::Wish::kRunning, .began = Monotonic::now(), .until = Deadline::after({})};
  pursue(guest);
}

void Guests::pursue(Guest& guest) {
  Pause& pause = *guest.pause;
  if (pause.call) return;  // when it has ended we are here again
  if (pause.wish == Pause::Wish::kRunning) {
    if (pause.again.passed()) ask_monitor(guest, host::QmpCommand::kCont);
    return;
  }
  if (pause.stopped) return answer_all(pause.freezes, {});
  if (const auto saved = set_state(guest, Machine::State::kPaused); !saved) return stop_answered(guest, saved);
  ask_monitor(guest, host::QmpCommand::kStop);
}

Result<> Guests::set_state(Guest& guest, Machine::State state) {
  std::get<Machine>(guest.record.kind).state = state;
  return records_.save(guest.record);
}

void Guests::ask_monitor(Guest& guest, host::QmpCommand command) {
  Pause& pause = *guest.pause;
  pause.asked = command;
  auto socket = guest.vm->connect_monitor();
  if (!socket) return monitor_answered(guest, std::unexpected(socket.error()));
  auto call = host::QmpCall::begin(*std::move(socket), command, Deadline::after(kMonitorTime));
  if (!call) return monitor_answered(guest, std::unexpected(call.error()));
  pause.call = *std::move(call);
}

std::vector<std::pair<int, Slot>> Guests::monitors() const {
  std::vector<std::pair<int, Slot>> monitors;
  for (const auto& [slot, guest] : guests_) {
    if (guest.pause && guest.pause->call) monitors.emplace_back(guest.pause->call->fd(), slot);
  }
  return monitors;
}

void Guests::monitor_ready(Slot slot) {
  Guest* guest = find(slot);
  if (guest == nullptr || !guest->pause || !guest->pause->call) return;
  const auto outcome = guest->pause->call->turn();
  if (!outcome) return;
  guest->pause->call.reset();
  monitor_answered(*guest, *outcome);
}

void Guests::monitor_answered(Guest& guest, const Result<>& outcome) {
  return guest.pause->asked == host::QmpCommand::kStop ? stop_answered(guest, outcome) : cont_answered(guest, outcome);
}

void Guests::stop_answered(Guest& guest, const Result<>& outcome) {
  Pause& pause = *guest.pause;
  if (outcome) {
    pause.stopped = true;
    log_info("guest {} is paused", guest.record.name.text());
    outbox_(notice_of(guest), {});  // a change of state, hence without channels
  } else {
    log_warning("guest {} cannot be paused: {}", guest.record.name.text(), outcome.error().message);
    pause.wish = Pause::Wish::kRunning;  // it may be paused all the same
  }
  answer_all(pause.freezes, outcome);
  pursue(guest);
}

void Guests::cont_answered(Guest& guest, const Result<>& outcome) {
  Pause& pause = *guest.pause;
  if (!outcome) {
    answer_all(pause.thaws, outcome);
    const std::string& why = outcome.error().message;
    if (pause.complaint != why) log_error("guest {} cannot be thawed yet: {}", guest.record.name.text(), why);
    pause.complaint = why;
    answer_all(pause.freezes, outcome);
    pause.wish = Pause::Wish::kRunning;
    pause.again = Deadline::after(kThawAgain);
    return;
  }
  pause.stopped = false;
  if (const auto saved = set_state(guest, Machine::State::kRunning); !saved) log_warning("{}", saved.error().message);
  log_info("guest {} runs on", guest.record.name.text());
  outbox_(notice_of(guest), {});
  answer_all(pause.thaws, {});
  if (pause.wish == Pause::Wish::kPaused) return pursue(guest);  // somebody has asked anew meanwhile
  guest.pause.reset();
}

void Guests::check_pause(Slot slot) {
  monitor_ready(slot);  // its deadline
  Guest* guest = find(slot);
  if (guest == nullptr || !guest->pause) return;
  Pause& pause = *guest->pause;
  if (pause.wish == Pause::Wish::kPaused && pause.until.passed()) {
    log_warning("guest {} was paused for as long as it may be: it is thawed", guest->record.name.text());
    pause.wish = Pause::Wish::kRunning;
  }
  pursue(*guest);
}

void Guests::answer_all(std::vector<std::uint64_t>& requests, const Result<>& outcome) {
  for (const std::uint64_t request : std::exchange(requests, {})) reply(request, outcome);
}

}  // namespace enforcer::hostd
