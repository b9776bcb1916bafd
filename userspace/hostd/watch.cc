// The watchdog. The kernel enforces without us, so this finds only what somebody with root did to it: a program
// detached or another one put before it, a map emptied, the nft table, routes or settings changed, a second interface
// put into an attached namespace. Where that weakens the guard the link goes down first, then it is repaired or the
// guest is gone; what only cuts guests off is set again; and enforcerd writes an event into the audit log.
#include <fmt/format.h>

#include "base/log.h"
#include "hostd/guests.h"

namespace enforcer::hostd {

void Guests::watch() {
  check_guard();
  const bool changed = network_.gateway.changed();
  check_gateway(changed);
  if (changed) check_foreign_links();
  std::vector<Slot> slots;  // a check may end its guest
  for (const auto& [slot, guest] : guests_) slots.push_back(slot);
  sweep_cgroups();
  sweep_machines();
  const Deadline turn = Deadline::after(kTurn);
  for (const Slot slot : slots) {
    if (!turn.passed()) check_boot(slot);  // which may start it once more
    check_pause(slot);
    check_shares(slot);
    check_wire(slot, changed);
    check_namespace(slot);
  }
}

void Guests::check_guard() {
  const auto state = network_.gateway.verify_guard();
  if (state && *state == host::Guard::State::kRestored) {
    event("guard_restored", Slot{0}, "the nft table of the gateway namespace had been changed: loaded again");
  }
  if (state && wires_ == Wires::kDown) {
    for (auto& [slot, guest] : guests_) {
      if (const auto up = guest.wire->repair(network_); !up) log_error("{}", up.error().message);
    }
    wires_ = Wires::kUp;
  }
  if (!state && wires_ == Wires::kUp) {
    event("enforcement_lost", Slot{0}, fmt::format("no nft guard, all guests are cut off: {}", state.error().message));
    for (auto& [slot, guest] : guests_) {
      if (const auto down = guest.wire->take_down(network_); !down) log_error("{}", down.error().message);
    }
    wires_ = Wires::kDown;
  }
}

void Guests::check_gateway(bool changed) {
  const auto restored = network_.gateway.restore(changed);
  if (!restored) return log_error("the gateway namespace: {}", restored.error().message);
  if (restored->empty()) return;
  event("network_restored", Slot{0}, fmt::format("changed in the gateway namespace, and set again: {}", *restored));
}

void Guests::check_foreign_links() {
  const auto found = network_.gateway.put_down_foreign_links();
  if (!found) return log_error("the gateway namespace: {}", found.error().message);
  std::set<std::uint32_t> here;
  for (const host::Link& link : *found) {
    here.insert(link.index);
    if (foreign_links_.contains(link.index)) continue;
    event("foreign_link", Slot{0},
          fmt::format("the interface {} in the gateway namespace is none of ours: it is kept down", link.name));
  }
  foreign_links_ = std::move(here);
}

void Guests::check_wire(Slot slot, bool changed) {
  Guest* guest = find(slot);
  if (guest == nullptr || !guest->wire || wires_ == Wires::kDown) return;
  const auto state = guest->wire->state(network_);
  if (!state) return log_error("guest {}: {}", guest->record.name.text(), state.error().message);
  if (*state == host::GuestLink::State::kGone) return drop(slot, "namespace gone");
  if (*state == host::GuestLink::State::kGuarded) {
    const auto missing = changed ? guest->wire->bring_up(network_) : Result<bool>(false);
    if (!missing) return log_error("guest {}: {}", guest->record.name.text(), missing.error().message);
    if (*missing)
      event("network_restored", slot,
            "addresses, routes or neighbours of this guest's link had been removed: set again");
    return;
  }
  const auto repaired = guest->wire->repair(network_);
  event("enforcement_lost", slot,
        repaired ? "a BPF program of this guest's link, or its map entry, was not as it must be: set again"
                 : fmt::format("a BPF program of this guest's link, or its map entry, is not as it must be; the link "
                               "stays down: {}",
                               repaired.error().message));
}

void Guests::check_namespace(Slot slot) {
  Guest* guest = find(slot);
  if (guest == nullptr) return;
  const auto* attached = std::get_if<Attached>(&guest->record.kind);
  if (attached == nullptr) return check_machine_namespace(*guest);
  const auto netns = host::Netns::open(attached->path);
  if (!netns || netns->id() != attached->netns) return drop(slot, "namespace gone");
  const auto state = host::inspect_attached(*netns, attached->eth_index);
  if (!state) return log_error("guest {}: {}", guest->record.name.text(), state.error().message);
  if (*state == host::SideState::kGone) return drop(slot, "namespace gone");
  if (*state == host::SideState::kSecondPath) drop_second_path(*guest);
}

void Guests::check_machine_namespace(Guest& guest) {
  if (!guest.netns || !guest.join || !guest.vm) return;
  const auto state = host::inspect_machine(*guest.netns);
  if (!state) return log_error("guest {}: {}", guest.record.name.text(), state.error().message);
  if (*state == host::SideState::kGone) return;  // its tap ends with QEMU: the poll loop is about to see that
  if (*state == host::SideState::kSecondPath) return drop_second_path(guest);
  if (guest.join->intact(*guest.netns)) return;
  auto joined = host::TapJoin::adopt(network_, *guest.netns, guest.record.slot);
  event("enforcement_lost", guest.record.slot,
        joined ? "a BPF program between this guest's tap and its link was not as it must be: set again"
               : fmt::format("a BPF program between this guest's tap and its link is not as it must be: {}",
                             joined.error().message));
  if (joined) guest.join = *std::move(joined);
}

void Guests::drop_second_path(Guest& guest) {
  if (guest.wire) {
    if (const auto down = guest.wire->take_down(network_); !down) log_error("{}", down.error().message);
  }
  const Slot slot = guest.record.slot;
  event("second_path", slot,
        fmt::format("another interface appeared in the namespace of guest '{}': it is {}", guest.record.name.text(),
                    guest.vm ? "ended" : "detached"));
  drop(slot, "second_path");
}

}  // namespace enforcer::hostd
