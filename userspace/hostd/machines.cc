// microVMs: from a started QEMU to a guest that has said hello, and to its end.
#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "abi.h"
#include "base/log.h"
#include "hostd/guests.h"

namespace enforcer::hostd {
namespace {

std::vector<host::GuestWorkspace> workspaces_of(const Machine& machine, const std::vector<Fd>& sockets) {
  std::vector<host::GuestWorkspace> workspaces;
  for (std::size_t i = 0; i < machine.workspaces.size(); ++i) {
    const hostproto::Workspace& workspace = machine.workspaces[i].workspace;
    workspaces.push_back({.tag = fmt::format("ws{}", i),
                          .path = workspace.path,
                          .access = workspace.access,
                          .socket = sockets[i].get()});
  }
  return workspaces;
}

std::vector<int> numbers_of(const std::vector<Fd>& descriptors) {
  std::vector<int> numbers;
  for (const Fd& descriptor : descriptors) numbers.push_back(descriptor.get());
  return numbers;
}

}  // namespace

host::AcceleratorChoice Guests::choice() const {
  switch (config_.accelerator) {
    case config::Accelerator::kKvm:
      return host::AcceleratorChoice::kKvm;
    case config::Accelerator::kTcg:
      return host::AcceleratorChoice::kTcg;
    case config::Accelerator::kAuto:
      break;
  }
  return host::AcceleratorChoice::kAuto;
}

std::string Guests::memory_file() const {
  return records_.folder() + "/accelerator";
}

std::string Guests::accelerator() const {
  const auto plan = host::plan_accelerator(choice(), memory_file());
  if (!plan || plan->proof == host::AcceleratorPlan::Proof::kOnTrial) return "unknown";
  return std::string(host::to_string(plan->use));
}

Result<> Guests::make_machine(Guest& guest) {
  guest.netns = TRY(host::make_machine_netns());
  guest.wire = TRY(host::GuestLink::make(network_, guest.addresses, *guest.netns, ENFORCER_ETH_IFINDEX));
  guest.record.interface_index = guest.wire->index();
  return start_machine(guest);
}

/// What the disks of all others may grow to, MiB; also of those whose QEMU outlives their guest.
std::uint64_t Guests::promised_disks(const Guest& guest) const {
  std::uint64_t all = 0;
  for (const auto& [slot, other] : guests_) {
    const auto* machine = std::get_if<Machine>(&other.record.kind);
    if (machine != nullptr && &other != &guest) all += machine->disk_mib;
  }
  for (const EndingMachine& ending : ending_machines_) all += ending.disk_mib;
  return all;
}

Result<> Guests::start_machine(Guest& guest) {
  auto& machine = std::get<Machine>(guest.record.kind);
  guest.boot->attempts_left -= 1;
  const host::Image image = TRY(images_.open(machine.image));  // checked before: create()
  if (!machine.workspaces.empty() && !image.root.valid()) {
    return fail(Errc::kInvalid, fmt::format("image '{}' cannot share folders of the host: use one with a root file "
                                            "system, as 'agent'",
                                            machine.image));
  }
  if (machine.memory_mib == 0) machine.memory_mib = image.memory_mib;  // on record, for its limits
  if (!image.root.valid()) machine.disk_mib = 0;                       // and for the disks of others
  const std::vector<Fd> cgroups = TRY(limit(guest));
  const std::vector<Fd> sockets = TRY(share_workspaces(guest, cgroups));
  auto made = TRY(host::TapJoin::make(network_, *guest.netns, guest.record.slot));
  guest.join = std::move(made.join);

  guest.record.epoch = random_epoch();
  machine.accelerator = host::to_string(guest.boot->plan.use);
  const host::MicroVmSpec spec{.name = guest.record.name,
                               .slot = guest.record.slot,
                               .memory_mib = machine.memory_mib,
                               .cpus = machine.cpus,
                               .accelerator = guest.boot->plan.use,
                               .run_dir = paths_.guest_run_dir(guest.record.name),
                               .disk_mib = machine.disk_mib,
                               .promised_mib = promised_disks(guest),
                               .scratch_dir = paths_.scratch_dir(),
                               .owner = guest.record.owner,
                               .owner_group = machine.owner_group,
                               .guest_mac = guest.addresses.mac.to_string(),
                               .workspaces = workspaces_of(machine, sockets),
                               .cgroups = numbers_of(cgroups),
                               .ipv4 = guest.addresses.ipv4,
                               .gateway_ipv4 = guest.addresses.gateway_ipv4,
                               .ipv6 = guest.addresses.ipv6,
                               .gateway_ipv6 = guest.addresses.gateway_ipv6};
  guest.vm = TRY(host::MicroVm::start(spec, image, guest.netns->fd(), made.tap.get()));
  machine.pid = guest.vm->pid();
  machine.start_time = guest.vm->start_time();
  machine.state = Machine::State::kBooting;
  TRY_VOID(records_.save(guest.record));

  const bool on_trial = guest.boot->plan.proof == host::AcceleratorPlan::Proof::kOnTrial;
  guest.boot->deadline = Deadline::after(on_trial ? host::kKvmProofTime : kBootTime);
  return announce(guest);
}

void Guests::booted(Slot slot) {
  Guest* guest = find(slot);
  if (guest == nullptr || !guest->boot) return;  // it may have ended while the message was on its way
  const Boot boot = *std::move(guest->boot);
  guest->boot.reset();
  if (boot.plan.proof == host::AcceleratorPlan::Proof::kOnTrial) {
    const auto kept = host::remember_accelerator(memory_file(), boot.plan.use, "");
    if (!kept) log_warning("{}", kept.error().message);
  }
  std::get<Machine>(guest->record.kind).state = Machine::State::kRunning;
  if (const auto saved = records_.save(guest->record); !saved) log_warning("{}", saved.error().message);
  outbox_(notice_of(*guest), {});  // a change of state, hence without channels
  if (boot.request) reply(*boot.request, {}, boot.warning);
}

std::vector<std::pair<int, Slot>> Guests::machines() const {
  std::vector<std::pair<int, Slot>> machines;
  for (const auto& [slot, guest] : guests_) {
    if (guest.vm) machines.emplace_back(guest.vm->pidfd(), slot);
  }
  return machines;
}

void Guests::machine_ended(Slot slot) {
  Guest* guest = find(slot);
  if (guest == nullptr || !guest->vm) return;
  const auto ending = guest->vm->ending();
  if (!ending) return;
  if (guest->boot) return boot_failed(slot, Error{Errc::kUnavailable, *ending}, "exited");
  log_info("guest {}: {}", guest->record.name.text(), *ending);
  drop(slot, "exited");
}

void Guests::check_boot(Slot slot) {
  const Guest* guest = find(slot);
  if (guest == nullptr || !guest->boot || !guest->boot->deadline.passed()) return;
  boot_failed(slot, Error{Errc::kTimeout, "the guest did not say hello in time"}, "boot timeout");
}

void Guests::boot_failed(Slot slot, const Error& error, std::string why) {
  Guest& guest = guests_.at(slot);
  Boot& boot = *guest.boot;
  Result<> again =
      fail(error.code, fmt::format("guest '{}' did not boot: {}", guest.record.name.text(), error.message));
  if (const auto ended = guest.vm->end(); !ended) {
    again = std::unexpected(ended.error());  // its tap is still taken
  } else if (boot.plan.proof == host::AcceleratorPlan::Proof::kOnTrial) {
    boot.warning = fmt::format("KVM cannot be used here ({}): guests run under TCG, which is slower", error.message);
    const auto kept = host::remember_accelerator(memory_file(), host::Accelerator::kTcg, boot.warning);
    if (!kept) log_warning("{}", kept.error().message);
    event("accelerator_fallback", slot, boot.warning);
    boot.plan = {
        .use = host::Accelerator::kTcg, .proof = host::AcceleratorPlan::Proof::kProven, .reason = boot.warning};
    boot.attempts_left = kBootAttempts;
    again = start_machine(guest);
  } else if (boot.attempts_left > 0) {
    log_warning("guest {}: {}: starting it once more", guest.record.name.text(), error.message);
    again = start_machine(guest);
  }
  if (again) return;
  const auto request = std::exchange(boot.request, std::nullopt);
  drop(slot, std::move(why));
  if (request) reply(*request, again);
}

void Guests::end_machine(Guest& guest) {
  if (guest.vm) {
    const auto ended = guest.vm->end();
    if (!ended) {
      log_error("guest {}: {}", guest.record.name.text(), ended.error().message);
      ending_machines_.push_back({*std::move(guest.vm), std::get<Machine>(guest.record.kind).disk_mib});
      guest.vm.reset();
    }
  }
  end_shares(guest);
  if (guest.join && guest.netns) guest.join->remove(*guest.netns);
  std::error_code error;
  std::filesystem::remove_all(paths_.guest_run_dir(guest.record.name), error);
  if (error) log_warning("cannot remove {}: {}", paths_.guest_run_dir(guest.record.name), error.message());
}

void Guests::sweep_machines() {
  std::erase_if(ending_machines_, [](EndingMachine& machine) { return machine.vm.ending().has_value(); });
}

}  // namespace enforcer::hostd
