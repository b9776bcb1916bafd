#include "hostd/teardown.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/log.h"
#include "host/cgroups.h"
#include "host/microvm.h"
#include "host/network.h"
#include "host/virtiofsd.h"
#include "hostd/records.h"

namespace enforcer::hostd {
namespace {

Result<> end_machines(const config::Paths& paths, Records& records) {
  for (const GuestRecord& record : records.load()) {
    const auto* machine = std::get_if<Machine>(&record.kind);
    if (machine == nullptr || machine->pid == 0) continue;
    auto vm = host::MicroVm::adopt(machine->pid, machine->start_time, record.slot, paths.guest_run_dir(record.name));
    if (vm) TRY_VOID(vm->end());
    // The servers of its workspaces end by themselves when QEMU does; what does not is killed with its cgroups.
    for (const SharedFolder& folder : machine->workspaces) {
      if (auto server = host::Virtiofsd::adopt(folder.pid, folder.start_time)) TRY_VOID(server->end());
    }
    const auto cgroups = host::GuestCgroups::adopt(machine->cgroups);
    cgroups.kill();
    (void)cgroups.remove();
  }
  return {};
}

Result<> remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail(Errc::kIo, fmt::format("cannot remove {}: {}", path, error.message()));
  return {};
}

}  // namespace

Result<> tear_down(const config::Paths& paths) {
  std::optional<Records> records;
  if (std::filesystem::exists(paths.hostd_state_dir())) records = TRY(Records::open(paths.hostd_state_dir()));
  // Link-first: no guest has a way out from here on, also those whose end takes a moment.
  TRY_VOID(host::remove_network(paths.gateway_netns(), paths.bpffs()));
  if (records) TRY_VOID(end_machines(paths, *records));
  TRY_VOID(remove_tree(paths.run_dir()));
  TRY_VOID(remove_tree(paths.hostd_state_dir()));
  TRY_VOID(remove_tree(paths.scratch_dir()));
  return {};
}

}  // namespace enforcer::hostd
