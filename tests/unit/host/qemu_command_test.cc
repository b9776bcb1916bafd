#include "host/qemu_command.h"

#include <doctest/doctest.h>
#include <fmt/ranges.h>

namespace enforcer::host {
namespace {

MicroVmSpec spec() {
  return {.name = *GuestName::parse("web-1"),
          .slot = Slot{7},
          .memory_mib = 512,
          .cpus = 2,
          .accelerator = Accelerator::kTcg,
          .run_dir = "/run/x",
          .guest_mac = "02:77:00:00:00:07",
          .ipv4 = *IpAddress::parse("10.64.0.9"),
          .gateway_ipv4 = *IpAddress::parse("10.64.0.1"),
          .ipv6 = *IpAddress::parse("fd77:e::8"),
          .gateway_ipv6 = *IpAddress::parse("fd77:e::1")};
}

std::string text_of(const MicroVmSpec& from) {
  return fmt::format("{}", fmt::join(qemu_command(from, "CMDLINE"), " "));
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("guest_under_tcg_is_told_the_tsc_frequency_and_its_addresses") {
  CHECK(
      *kernel_command_line(spec(), 2596142) ==
      "console=ttyS0 quiet panic=-1 reboot=t random.trust_cpu=on cryptomgr.notests tsc_early_khz=2596142 tsc=reliable "
      "enforcer.name=web-1 enforcer.ipv4=10.64.0.9 enforcer.gateway4=10.64.0.1 enforcer.ipv6=fd77:e::8 "
      "enforcer.gateway6=fd77:e::1");
}

TEST_CASE("guest_under_kvm_has_its_own_clock") {
  MicroVmSpec kvm = spec();
  kvm.accelerator = Accelerator::kKvm;
  CHECK_FALSE(has(*kernel_command_line(kvm, 0), "tsc"));
  CHECK(has(text_of(kvm), "-accel kvm -cpu host"));
  CHECK(has(text_of(spec()), "-accel tcg,tb-size=256 -cpu max"));
}

TEST_CASE("qemu_gets_one_nic_on_an_open_tap_and_nothing_by_default") {
  const std::string text = text_of(spec());
  CHECK(has(text, "-nodefaults -no-user-config -display none -no-reboot"));
  CHECK(has(text, "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
  CHECK(has(text, "-netdev tap,id=net,fd=3 -device virtio-net-device,netdev=net,mac=02:77:00:00:00:07"));
  CHECK(has(text, "-m 512M -smp 2"));
  CHECK(text.find("-netdev") == text.rfind("-netdev"));
  for (const char* channel : {"exec0,fd=6", "exec1,fd=7", "exec2,fd=8", "exec3,fd=9", "console,fd=10"})
    CHECK(has(text, fmt::format("-chardev socket,id={},server=on,wait=off", channel)));
  CHECK(has(text, "-device virtserialport,chardev=exec3,name=enforcer.exec3"));
  CHECK_FALSE(has(text, "exec4"));
  CHECK(has(text, "-chardev socket,id=monitor,fd=11,server=on,wait=off -mon chardev=monitor,mode=control"));
  for (const char* unwanted :
       {"user,", "vsock", "-monitor", "-qmp", "kvm:tcg", "path=", "-blockdev", "-drive", "virtio-blk", "-add-fd"})
    CHECK_FALSE(has(text, unwanted));
  CHECK_FALSE(has(*kernel_command_line(spec(), 1), "enforcer.root"));
}

TEST_CASE("guest_with_a_root_file_system_gets_two_disks_by_descriptor") {
  MicroVmSpec with_disks = spec();
  with_disks.disk_mib = 8192;
  with_disks.owner = 1000;
  with_disks.owner_group = 100;
  const std::string text = text_of(with_disks);
  CHECK(
      has(text,
          "-add-fd fd=12,set=12 "
          "-blockdev driver=file,node-name=root,filename=/dev/fdset/12,locking=off,read-only=on,auto-read-only=off "
          "-device virtio-blk-device,drive=root,serial=root "
          "-add-fd fd=13,set=13 "
          "-blockdev driver=file,node-name=scratch,filename=/dev/fdset/13,locking=off,discard=unmap,cache.no-flush=on "
          "-device virtio-blk-device,drive=scratch,serial=scratch,werror=report,rerror=report"));
  CHECK(kernel_command_line(with_disks, 1)
            ->ends_with(" enforcer.gateway6=fd77:e::1 enforcer.root=erofs enforcer.user=1000:100"));
  // Numbers of the others do not move.
  CHECK(has(text, "tap,id=net,fd=3"));
  CHECK(has(text, "socket,id=monitor,fd=11"));
}

TEST_CASE("guest_is_told_whose_it_is_and_what_it_shares") {
  using enum hostproto::Workspace::Access;
  MicroVmSpec sharing = spec();
  sharing.disk_mib = 64;
  sharing.owner = 1000;
  sharing.owner_group = 1001;
  sharing.workspaces = {{"ws0", "/home/a/my work:%", kReadWrite, 9}, {"ws1", "/srv/\xc3\xa4", kReadOnly, 10}};
  const std::string line = *kernel_command_line(sharing, 1);
  CHECK(
      line.ends_with(" enforcer.user=1000:1001 enforcer.workspace=ws0:rw:/home/a/my%20work%3A%25 "
                     "enforcer.workspace=ws1:ro:/srv/%C3%A4"));

  const std::string text = text_of(sharing);
  CHECK(has(text, "-M microvm,memory-backend=memory "));
  CHECK(has(text, "-object memory-backend-memfd,id=memory,size=512M,share=on "));
  const int first = workspace_descriptor(sharing, 0);
  CHECK(first == 14);  // behind the disks
  CHECK(has(text, fmt::format("-chardev socket,id=ws0,fd={} -device "
                              "vhost-user-fs-device,chardev=ws0,tag=ws0,queue-size=1024",
                              first)));
  CHECK(has(text, fmt::format("-chardev socket,id=ws1,fd={} ", first + 1)));
  CHECK_FALSE(has(text, "/home/a"));  // QEMU knows no path of the host
  for (const char* part : {"vhost-user", "memory-backend", "enforcer.workspace"})
    CHECK_FALSE(has(text_of(spec()), part));
}

TEST_CASE("workspaces_whose_paths_do_not_fit_are_refused_with_a_reason") {
  MicroVmSpec sharing = spec();
  for (int i = 0; i < 2; ++i) sharing.workspaces.push_back({"ws0", "/" + std::string(900, 'x')});
  const auto line = kernel_command_line(sharing, 1);
  REQUIRE_FALSE(line);
  CHECK(line.error().code == Errc::kInvalid);
  CHECK(line.error().message.contains("shorter paths"));
  sharing.workspaces.pop_back();
  CHECK(kernel_command_line(sharing, 1));
}

}  // namespace
}  // namespace enforcer::host
