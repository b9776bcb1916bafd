// After a restart of hostd, clean or not. Guests and their enforcement went on all the time; what has to be found out
// is which of them still live. Nothing is taken on the word of a number alone that may have been used again: a process
// is identified by pid and start time, a namespace by its inode and our interface in it, a wire by name, index and MAC.
#include <fmt/format.h>

#include <filesystem>

#include "base/log.h"
#include "hostd/guests.h"

namespace enforcer::hostd {

Result<> Guests::adopt() {
  for (GuestRecord& record : records_.load()) {
    const Slot slot = record.slot;
    const std::string name = record.name.text();
    const auto* machine = std::get_if<Machine>(&record.kind);
    const auto cgroups = host::GuestCgroups::adopt(machine != nullptr ? machine->cgroups : std::vector<std::string>{});
    if (const auto adopted = adopt_one(std::move(record)); !adopted) {
      log_info("guest {} ended while no hostd ran: {}", name, adopted.error().message);
      records_.remove(slot);
      cgroups.kill();  // a server of a workspace that has not noticed yet
      if (!cgroups.remove()) ending_cgroups_.push_back(cgroups);
    }
  }
  std::set<Slot> known;
  for (const auto& [slot, guest] : guests_) known.insert(slot);
  TRY_VOID(host::remove_unknown_guests(network_, known));
  cgroups_.remove_unknown(known);
  remove_unknown_run_dirs();
  if (!guests_.empty()) log_info("{} guests go on from an earlier run", guests_.size());
  return {};
}

Result<> Guests::adopt_one(GuestRecord record) {
  Guest guest{.record = std::move(record)};
  const bool machine = std::holds_alternative<Machine>(guest.record.kind);
  if (auto adopted = machine ? adopt_machine(guest) : adopt_attached(guest); !adopted) {
    if (guest.vm) end_machine(guest);
    return adopted;
  }
  const Slot slot = guest.record.slot;
  resume_adopted(guests_.emplace(slot, std::move(guest)).first->second);
  return {};
}

Result<> Guests::take_addresses(Guest& guest) {
  guest.addresses = TRY(host::addresses_of(plan_, guest.record.slot, guest.record.ipv4));
  if (plan_.owns(guest.record.ipv4) && guest.addresses.ipv6 == guest.record.ipv6) return {};
  return fail(Errc::kConflict, "its addresses are not in the configured pools any more");
}

Result<> Guests::adopt_machine(Guest& guest) {
  const auto& machine = std::get<Machine>(guest.record.kind);
  guest.vm = TRY(host::MicroVm::adopt(machine.pid, machine.start_time, guest.record.slot,
                                      paths_.guest_run_dir(guest.record.name)));
  adopt_shares(guest);
  TRY_VOID(take_addresses(guest));
  guest.netns = TRY(host::Netns::open(fmt::format("/proc/{}/ns/net", machine.pid)));
  guest.wire = TRY(host::GuestLink::adopt(network_, guest.addresses, guest.record.interface_index));
  guest.join = TRY(host::TapJoin::adopt(network_, *guest.netns, guest.record.slot));
  if (machine.state == Machine::State::kBooting) {
    // Whoever asked for it is answered by nobody any more; the watchdog goes on, without a second try.
    guest.boot =
        Boot{.deadline = Deadline::after(kBootTime),
             .plan = {.use = host::Accelerator::kTcg, .proof = host::AcceleratorPlan::Proof::kProven, .reason = {}},
             .attempts_left = 0,
             .request = {},
             .warning = {}};
  }
  return {};
}

Result<> Guests::adopt_attached(Guest& guest) {
  const auto& attached = std::get<Attached>(guest.record.kind);
  TRY_VOID(take_addresses(guest));
  const host::Netns netns = TRY(host::Netns::open(attached.path));
  if (netns.id() != attached.netns)
    return fail(Errc::kNotFound, fmt::format("{} is another namespace now", attached.path));
  if (TRY(host::inspect_attached(netns, attached.eth_index)) != host::SideState::kAlone) {
    return fail(Errc::kConflict, fmt::format("{} has other interfaces than ours now", attached.path));
  }
  guest.wire = TRY(host::GuestLink::adopt(network_, guest.addresses, guest.record.interface_index));
  return {};
}

void Guests::remove_unknown_run_dirs() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(paths_.run_dir() + "/guests", error)) {
    const auto name = GuestName::parse(entry.path().filename().string());
    if (name && find(*name) != nullptr) continue;
    std::filesystem::remove_all(entry.path(), error);
  }
}

}  // namespace enforcer::hostd
