// What a microVM takes of the host: the folders that it shares, each with a server of its own, and the cgroups that
// bound the two together. Both are there before QEMU is, and go behind it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "host/workspace_child.h"
#include "hostd/guests.h"

namespace enforcer::hostd {
namespace {

/// How long file systems may take to answer, all workspaces of a guest together: no guest is watched meanwhile.
constexpr std::chrono::seconds kWorkspaceTime{5};

}  // namespace

Result<std::vector<Fd>> Guests::share_workspaces(Guest& guest, const std::vector<Fd>& cgroups) {
  auto& machine = std::get<Machine>(guest.record.kind);
  const host::Account owner{guest.record.owner, machine.owner_group};
  Result<> ended;
  std::erase_if(guest.servers, [&](host::Virtiofsd& before) {
    const auto done = before.end();
    if (!done) ended = done;
    return done.has_value();
  });
  TRY_VOID(ended);
  std::vector<int> entrances;
  for (const Fd& entrance : cgroups) entrances.push_back(entrance.get());
  std::vector<Fd> sockets;
  const Deadline deadline = Deadline::after(kWorkspaceTime);
  for (SharedFolder& folder : machine.workspaces) {
    // Each time anew: between two attempts to boot the owner may have lost the right to it.
    const Fd opened = TRY(host::open_workspace_in_time(folder.workspace, owner, config_.workspaces.roots, deadline));
    auto started = host::Virtiofsd::start({.slot = guest.record.slot,
                                           .owner = owner,
                                           .access = folder.workspace.access,
                                           .folder = opened.get(),
                                           .run_dir = paths_.guest_run_dir(guest.record.name),
                                           .cgroups = entrances},
                                          deadline);
    if (!started) return fail_in(fmt::format("workspace {}", folder.workspace.path), started.error());
    auto& [server, socket] = *started;
    folder.pid = server.pid();
    folder.start_time = server.start_time();
    guest.servers.push_back(std::move(server));
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

Result<std::vector<Fd>> Guests::limit(Guest& guest) {
  auto& machine = std::get<Machine>(guest.record.kind);
  const auto limits =
      host::GuestLimits::of(machine.memory_mib, machine.cpus, guest.boot->plan.use, machine.workspaces.size());
  auto made = cgroups_.make(guest.record.slot, limits);
  guest.cgroups = std::move(made.cgroups);
  machine.cgroups = guest.cgroups.folders();
  const std::string missing = made.complaint.empty() ? cgroups_.missing() : made.complaint;
  if (!missing.empty()) {
    const std::string warning = fmt::format("this host does not limit all that guests take of it: {}", missing);
    if (guest.boot->warning.empty()) guest.boot->warning = warning;
    if (!std::exchange(said_unlimited_, true)) event("limits_missing", Slot{0}, warning);
  }
  return guest.cgroups.entrances();
}

void Guests::end_shares(Guest& guest) {
  for (host::Virtiofsd& server : guest.servers) {
    if (const auto ended = server.end(); !ended)
      log_error("guest {}: {}", guest.record.name.text(), ended.error().message);
  }
  guest.servers.clear();
  if (!guest.cgroups.remove()) ending_cgroups_.push_back(std::exchange(guest.cgroups, {}));
}

void Guests::adopt_shares(Guest& guest) {
  auto& machine = std::get<Machine>(guest.record.kind);
  for (const SharedFolder& folder : machine.workspaces) {
    auto server = host::Virtiofsd::adopt(folder.pid, folder.start_time);
    if (server) {
      guest.servers.push_back(*std::move(server));
    } else {
      event("workspace_lost", guest.record.slot,
            fmt::format("the server of {} ended while no hostd ran, and with it the workspace", folder.workspace.path));
    }
  }
  guest.cgroups = host::GuestCgroups::adopt(machine.cgroups);
  // They are there; in version 2 their limits may have been taken (release_unified()).
  const auto use = machine.accelerator == host::to_string(host::Accelerator::kKvm) ? host::Accelerator::kKvm
                                                                                   : host::Accelerator::kTcg;
  const auto limits = host::GuestLimits::of(machine.memory_mib, machine.cpus, use, machine.workspaces.size());
  if (const auto set = guest.cgroups.set(limits); !set) {
    log_warning("guest {}: {}", guest.record.name.text(), set.error().message);
  }
}

void Guests::check_shares(Slot slot) {
  Guest* guest = find(slot);
  if (guest == nullptr || !guest->vm) return;
  const auto ended = [](host::Virtiofsd& server) { return server.ending().has_value(); };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(guest->servers, ended));
  // A guest that ends takes its servers with it, and may do so between two looks of ours: only the second one counts.
  const bool for_long = count > 0 && count == std::exchange(guest->servers_ended, count);
  if (!for_long || guest->vm->ending()) return;
  const auto& folders = std::get<Machine>(guest->record.kind).workspaces;
  for (host::Virtiofsd& server : guest->servers) {
    const auto ending = server.ending();
    if (!ending) continue;
    const auto folder = std::ranges::find(folders, server.pid(), &SharedFolder::pid);
    ENFORCER_CHECK(folder != folders.end());
    event("workspace_lost", slot,
          fmt::format("the server of {} is gone, and with it the workspace: {}", folder->workspace.path, *ending));
  }
  std::erase_if(guest->servers, ended);
  guest->servers_ended = 0;
}

void Guests::sweep_cgroups() {
  std::erase_if(ending_cgroups_, [](const host::GuestCgroups& cgroups) { return cgroups.remove(); });
}

}  // namespace enforcer::hostd
