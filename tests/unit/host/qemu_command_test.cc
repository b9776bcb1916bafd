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
      "enforcer.gateway6=fd77:e::1 enforcer.user=0:0");
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
  CHECK(has(text, "-chardev socket,id=monitor,fd=8,server=on,wait=off -mon chardev=monitor,mode=control"));
  for (const char* unwanted : {"user,", "vsock", "-monitor", "-qmp", "kvm:tcg", "path="})
    CHECK_FALSE(has(text, unwanted));
}

TEST_CASE("guest_is_told_whose_it_is_and_what_it_shares") {
  using enum hostproto::Workspace::Access;
  MicroVmSpec sharing = spec();
  sharing.owner = {1000, 1001};
  sharing.workspaces = {{"ws0", "/home/a/my work:%", kReadWrite, 9}, {"ws1", "/srv/\xc3\xa4", kReadOnly, 10}};
  const std::string line = *kernel_command_line(sharing, 1);
  CHECK(
      line.ends_with(" enforcer.user=1000:1001 enforcer.workspace=ws0:rw:/home/a/my%20work%3A%25 "
                     "enforcer.workspace=ws1:ro:/srv/%C3%A4"));

  const std::string text = text_of(sharing);
  CHECK(has(text, "-M microvm,memory-backend=memory "));
  CHECK(has(text, "-object memory-backend-memfd,id=memory,size=512M,share=on "));
  const int first = workspace_descriptor(0);
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
