#include "host/microvm.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "host/confined_process.h"
#include "host/qemu_command.h"
#include "host/scratch_disk.h"
#include "host/tsc.h"
#include "host/unix_socket.h"

namespace enforcer::host {
namespace {

constexpr std::string_view kConsoleSocket = "console.sock";
constexpr std::string_view kMonitorSocket = "qmp.sock";
constexpr ChildTitle kQemu{.name = "QEMU", .says_before = "qemu-system-x86_64: "};
constexpr std::string_view kHowToInstall = "install it with 'apt-get install qemu-system-x86'";

std::string exec_socket(std::size_t channel) {
  return fmt::format("exec{}.sock", channel);
}

Result<> check_qemu(const std::string& qemu) {
  if (::access(qemu.c_str(), X_OK) == 0) return {};
  return fail(Errc::kUnavailable, fmt::format("{}: {}; {}", qemu, std::strerror(errno), kHowToInstall));
}

/// What it may write to: its disk, and memory that is shared with the server of a workspace, which is a file without a
/// name.
std::uint64_t largest_file(const MicroVmSpec& spec) {
  return std::uint64_t{std::max(spec.disk_mib, spec.workspaces.empty() ? 0 : spec.memory_mib)} << 20;
}

/// Both of its disks, or neither.
Result<Fd> make_disk(const MicroVmSpec& spec, const Image& image) {
  if (image.root.valid() != (spec.disk_mib > 0))
    return fail(Errc::kInvalid, image.root.valid()
                                    ? fmt::format("image '{}' needs a disk to write to", image.name)
                                    : fmt::format("image '{}' lies in memory and has no use for a disk", image.name));
  if (spec.disk_mib == 0) return Fd();
  return make_scratch_disk(spec.scratch_dir, spec.disk_mib, spec.promised_mib);
}

/// The group that QEMU runs with: its own, or the one that may open /dev/kvm.
Result<gid_t> group_for(const MicroVmSpec& spec, uid_t uid) {
  if (spec.accelerator == Accelerator::kTcg) return static_cast<gid_t>(uid);
  return TRY(kvm_group()).value_or(static_cast<gid_t>(uid));
}

}  // namespace

Result<MicroVm> MicroVm::start(const MicroVmSpec& spec, const Image& image, int netns, int tap) {
  TRY_VOID(check_qemu(spec.qemu));
  const std::uint32_t tsc_khz = spec.accelerator == Accelerator::kTcg ? TRY(host_tsc_khz()) : 0;
  const std::string command_line = TRY(kernel_command_line(spec, tsc_khz));
  const uid_t uid = kGuestUidBase + static_cast<uid_t>(spec.slot);
  const gid_t gid = TRY(group_for(spec, uid));

  TRY_VOID(prepare_run_dir(spec.run_dir));
  std::vector<Fd> exec;
  for (std::size_t channel = 0; channel < hostproto::kExecChannels; ++channel) {
    exec.push_back(TRY(listen_in(spec.run_dir, exec_socket(channel))));
  }
  const Fd console = TRY(listen_in(spec.run_dir, kConsoleSocket));
  const Fd monitor = TRY(listen_in(spec.run_dir, kMonitorSocket));
  ChildPipe errors = TRY(make_error_pipe());
  const Fd disk = TRY(make_disk(spec, image));
  std::vector<int> descriptors{tap, image.kernel.get(), image.initramfs.get()};  // QemuDescriptor
  for (const Fd& channel : exec) descriptors.push_back(channel.get());
  descriptors.insert(descriptors.end(), {console.get(), monitor.get()});
  if (spec.disk_mib > 0) descriptors.insert(descriptors.end(), {image.root.get(), disk.get()});

  for (const GuestWorkspace& workspace : spec.workspaces) descriptors.push_back(workspace.socket);

  const pid_t pid =
      TRY(spawn_confined(qemu_command(spec, command_line), {.uid = uid,
                                                            .gid = gid,
                                                            .netns = netns,
                                                            .file_bytes = largest_file(spec),
                                                            .outfit = {.descriptors = std::move(descriptors),
                                                                       .standard_error = errors.write_end.get(),
                                                                       .cgroups = spec.cgroups}}));
  return MicroVm(TRY(ChildProcess::hold(pid, kQemu, std::move(errors.read_end))), spec.run_dir);
}

Result<MicroVm> MicroVm::adopt(pid_t pid, std::uint64_t start_time, Slot slot, std::string run_dir) {
  ChildProcess process = TRY(ChildProcess::adopt(pid, start_time, kQemu));
  struct stat status{};
  const bool is_its_user = ::stat(fmt::format("/proc/{}", pid).c_str(), &status) == 0 &&
                           status.st_uid == kGuestUidBase + static_cast<uid_t>(slot);
  if (!is_its_user) return fail(Errc::kNotFound, fmt::format("process {} is another one now", pid));
  return MicroVm(std::move(process), std::move(run_dir));
}

Result<Fd> MicroVm::connect_exec(std::size_t channel) const {
  return connect_in(run_dir_, exec_socket(channel));
}

Result<Fd> MicroVm::connect_console() const {
  return connect_in(run_dir_, kConsoleSocket);
}

Result<Fd> MicroVm::connect_monitor() const {
  return connect_in(run_dir_, kMonitorSocket);
}

Result<> MicroVm::end() {
  TRY_VOID(process_.end());
  const auto remove = [&](std::string_view name) { ::unlink(fmt::format("{}/{}", run_dir_, name).c_str()); };
  for (std::size_t channel = 0; channel < hostproto::kExecChannels; ++channel) remove(exec_socket(channel));
  for (const std::string_view name : {kConsoleSocket, kMonitorSocket}) remove(name);
  return {};
}

}  // namespace enforcer::host
