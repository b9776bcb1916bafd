#include "host/qemu_command.h"

#include <fmt/format.h>

#include <initializer_list>

#include "base/ascii.h"
#include "host/guest_limits.h"

namespace enforcer::host {
namespace {

constexpr std::size_t kCommandLineLimit = 2048;  // COMMAND_LINE_SIZE of Linux on x86

int number(QemuDescriptor descriptor) {
  return static_cast<int>(descriptor);
}

std::string listening_socket(std::string_view id, int descriptor) {
  return fmt::format("socket,id={},fd={},server=on,wait=off", id, descriptor);
}

/// A disk on an open file. By a set of descriptors, so that QEMU takes the one that it was given: opening it by name,
/// even that of /proc, would ask for permissions that its uid does not have. No locks: the root is read by many, and
/// the scratch disk by nobody else.
std::vector<std::string> disk(std::string_view id, QemuDescriptor descriptor, std::string_view access,
                              std::string_view device) {
  const int set = number(descriptor);
  return {"-add-fd",   fmt::format("fd={0},set={0}", set),
          "-blockdev", fmt::format("driver=file,node-name={},filename=/dev/fdset/{},locking=off,{}", id, set, access),
          "-device",   fmt::format("virtio-blk-device,drive={0},serial={0}{1}", id, device)};
}

/// As init reads it: everything but [A-Za-z0-9/._-] as %XX.
std::string encoded_path(std::string_view path) {
  std::string encoded;
  for (const char c : path) {
    if (ascii::is_alphanumeric(c) || c == '/' || c == '.' || c == '_' || c == '-') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

/// virtio-fs needs memory that its server can have as a file.
std::vector<std::string> workspace_arguments(const MicroVmSpec& spec) {
  if (spec.workspaces.empty()) return {};
  std::vector<std::string> argv{"-object",
                                fmt::format("memory-backend-memfd,id=memory,size={}M,share=on", spec.memory_mib)};
  for (std::size_t i = 0; i < spec.workspaces.size(); ++i) {
    const std::string& tag = spec.workspaces[i].tag;
    argv.insert(argv.end(), {"-chardev", fmt::format("socket,id={},fd={}", tag, workspace_descriptor(spec, i)),
                             "-device", fmt::format("vhost-user-fs-device,chardev={0},tag={0},queue-size=1024", tag)});
  }
  return argv;
}

}  // namespace

int workspace_descriptor(const MicroVmSpec& spec, std::size_t index) {
  const QemuDescriptor last = spec.disk_mib > 0 ? QemuDescriptor::kScratch : QemuDescriptor::kMonitor;
  return number(last) + 1 + static_cast<int>(index);
}

Result<std::string> kernel_command_line(const MicroVmSpec& spec, std::uint32_t tsc_khz) {
  // panic=-1 with reboot=t: a guest that panics resets at once, and with -no-reboot that ends QEMU. The self-tests of
  // the kernel's ciphers take half a second under TCG.
  std::string line = "console=ttyS0 quiet panic=-1 reboot=t random.trust_cpu=on cryptomgr.notests";
  // host/tsc.h says why.
  if (spec.accelerator == Accelerator::kTcg) line += fmt::format(" tsc_early_khz={} tsc=reliable", tsc_khz);
  line += fmt::format(" enforcer.name={} enforcer.ipv4={} enforcer.gateway4={} enforcer.ipv6={} enforcer.gateway6={}",
                      spec.name.text(), spec.ipv4.to_string(), spec.gateway_ipv4.to_string(), spec.ipv6.to_string(),
                      spec.gateway_ipv6.to_string());
  if (spec.disk_mib > 0) line += fmt::format(" enforcer.root=erofs enforcer.user={}:{}", spec.owner, spec.owner_group);
  for (const GuestWorkspace& workspace : spec.workspaces) {
    line += fmt::format(" enforcer.workspace={}:{}:{}", workspace.tag, hostproto::label(workspace.access),
                        encoded_path(workspace.path));
  }
  if (line.size() >= kCommandLineLimit)
    return fail(Errc::kInvalid, fmt::format("the kernel command line would be {} bytes long: at most {} work{}",
                                            line.size(), kCommandLineLimit - 1,
                                            spec.workspaces.empty() ? "" : "; share workspaces with shorter paths"));
  return line;
}

std::vector<std::string> qemu_command(const MicroVmSpec& spec, const std::string& kernel_command_line) {
  std::vector<std::string> argv{spec.qemu};
  const auto add = [&argv](std::initializer_list<std::string> words) { argv.insert(argv.end(), words); };
  const auto append = [&argv](const std::vector<std::string>& words) {
    argv.insert(argv.end(), words.begin(), words.end());
  };
  // Nothing that is not named below: no default devices, no configuration files, no display. ACPI stays on,
  // since Debian's kernel finds virtio-mmio devices in no other way.
  add({"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-name", spec.name.text()});
  add({"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  add({"-M", spec.workspaces.empty() ? "microvm" : "microvm,memory-backend=memory"});
  // Without a bound the code that TCG translates takes up to a gigabyte (kTranslationMib).
  add({"-accel", spec.accelerator == Accelerator::kTcg ? fmt::format("tcg,tb-size={}", kTranslationMib) : "kvm"});
  add({"-cpu", spec.accelerator == Accelerator::kTcg ? "max" : "host"});
  add({"-m", fmt::format("{}M", spec.memory_mib), "-smp", fmt::format("{}", spec.cpus)});
  // By descriptor, so that the folder of the images may be closed to QEMU's uid.
  add({"-kernel", fmt::format("/proc/self/fd/{}", number(QemuDescriptor::kKernel))});
  add({"-initrd", fmt::format("/proc/self/fd/{}", number(QemuDescriptor::kInitramfs))});
  add({"-append", kernel_command_line});
  if (spec.disk_mib > 0) {
    // /dev/vda and /dev/vdb. What the guest discards is given back to the host; no write waits for the host's disk,
    // since nothing of it is ever read again; and a host without room is an error for the guest, not a guest that
    // stands still.
    append(disk("root", QemuDescriptor::kRoot, "read-only=on,auto-read-only=off", ""));
    append(
        disk("scratch", QemuDescriptor::kScratch, "discard=unmap,cache.no-flush=on", ",werror=report,rerror=report"));
  }
  add({"-global", "virtio-mmio.force-legacy=false"});
  add({"-netdev", fmt::format("tap,id=net,fd={}", number(QemuDescriptor::kTap))});
  add({"-device", fmt::format("virtio-net-device,netdev=net,mac={}", spec.guest_mac)});
  add({"-device", "virtio-serial-device"});
  for (int channel = 0; channel < static_cast<int>(hostproto::kExecChannels); ++channel) {
    const std::string id = fmt::format("exec{}", channel);
    add({"-chardev", listening_socket(id, number(QemuDescriptor::kExec) + channel)});
    add({"-device", fmt::format("virtserialport,chardev={0},name=enforcer.{0}", id)});
  }
  add({"-chardev", listening_socket("console", number(QemuDescriptor::kConsole)), "-serial", "chardev:console"});
  // For pausing it (qmp_call.h). The socket lies in a folder that is closed to QEMU's uid and to everybody but root.
  add({"-chardev", listening_socket("monitor", number(QemuDescriptor::kMonitor)), "-mon",
       "chardev=monitor,mode=control"});
  const auto workspaces = workspace_arguments(spec);
  argv.insert(argv.end(), workspaces.begin(), workspaces.end());
  return argv;
}

}  // namespace enforcer::host
