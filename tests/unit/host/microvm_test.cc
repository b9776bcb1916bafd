// The life of a microVM from its start to its end, and the exec channel in between.
#include "host/microvm.h"

#include <sys/stat.h>

#include "booted_guest.h"

namespace enforcer::host {
namespace {

using hostproto::FrameType;

std::string status_of(pid_t pid, const std::string& key) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  return "absent";
}

TEST_CASE("microvm_boots_and_says_hello") {
  Guest* g = guest();
  if (!g) return;
  CHECK(g->said_hello);
  CHECK_FALSE(g->vm->ending());
}

TEST_CASE("microvm_process_has_nothing_it_does_not_need") {
  Guest* g = guest();
  if (!g) return;
  const pid_t pid = g->vm->pid();
  const auto uid = std::to_string(kGuestUidBase + static_cast<uid_t>(::getpid()));
  CHECK(status_of(pid, "Uid") == fmt::format("{0}\t{0}\t{0}\t{0}", uid));
  CHECK(status_of(pid, "Gid") == fmt::format("{0}\t{0}\t{0}\t{0}", uid));
  CHECK(status_of(pid, "Groups").find_first_not_of(' ') == std::string::npos);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    CHECK(status_of(pid, set) == "0000000000000000");
  CHECK(status_of(pid, "NoNewPrivs") == "1");
  CHECK(status_of(pid, "Seccomp") == "2");
  struct stat of_qemu{}, of_wire{};
  REQUIRE(::stat(fmt::format("/proc/{}/ns/net", pid).c_str(), &of_qemu) == 0);
  REQUIRE(::fstat(g->wire.netns.get(), &of_wire) == 0);
  CHECK(of_qemu.st_ino == of_wire.st_ino);
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    const std::string target = std::filesystem::read_symlink(entry.path());
    CHECK_MESSAGE(target.find("/images/mini/") + target.find("/dev/net/tun") + target.find("/dev/null") +
                          target.find("socket:") + target.find("pipe:") + target.find("anon_inode:") !=
                      6 * std::string::npos,
                  target);
  }
}

TEST_CASE("microvm_channels_are_closed_to_everybody_but_root") {
  Guest* g = guest();
  if (!g) return;
  struct stat status{};
  REQUIRE(::stat((kFolder + "/run").c_str(), &status) == 0);
  CHECK(status.st_uid == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("command_output_error_and_status_come_back_apart") {
  Guest* g = guest();
  if (!g) return;
  const auto outcome = g->exec->run("echo out; echo err >&2; exit 7");
  CHECK(outcome.out == "out\n");
  CHECK(outcome.err == "err\n");
  CHECK(outcome.result == R"({"exit":7})");
}

TEST_CASE("command_reads_its_standard_input_to_the_end") {
  Guest* g = guest();
  if (!g) return;
  const std::string piece(60000, 'x');
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["sh","-c","sleep 1; wc -c; echo $GREETING $HOME in $PWD"],)"
                                  R"("env":{"GREETING":"hey"},"cwd":"/tmp"})");
  for (int i = 0; i < 100; ++i) g->exec->send(FrameType::kStdin, piece);
  g->exec->send(FrameType::kStdin, "");
  const auto outcome = g->exec->finish();
  CHECK(outcome.out == "6000000\nhey /root in /tmp\n");
  CHECK(outcome.input_taken == 6000000);
  CHECK(outcome.result == R"({"exit":0})");
}

TEST_CASE("large_output_arrives_whole") {
  Guest* g = guest();
  if (!g) return;
  const auto outcome = g->exec->run("head -c 5000000 /dev/zero; echo done >&2");
  CHECK(outcome.out.size() == 5000000);
  CHECK(outcome.err == "done\n");
}

TEST_CASE("signal_ends_the_whole_process_group") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["sh","-c","echo started; sleep 1000; echo not reached"]})");
  CHECK(g->exec->receive().payload == "started\n");
  g->exec->send(FrameType::kSignal, "\x0f");
  CHECK(g->exec->finish().result == R"({"signal":15})");
  CHECK(g->exec->run("pidof sleep || echo none").out == "none\n");
}

TEST_CASE("input_that_nobody_reads_within_the_window_does_not_hold_up_a_signal") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["sleep","1000"]})");
  for (std::size_t sent = 0; sent < hostproto::kStdinWindow; sent += hostproto::kMaxFramePayload)
    g->exec->send(FrameType::kStdin, std::string(hostproto::kMaxFramePayload, 'x'));
  g->exec->send(FrameType::kSignal, "\x09");
  CHECK(g->exec->finish().result == R"({"signal":9})");
}

TEST_CASE("second_command_is_refused_while_one_runs") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["sleep","1000"]})");
  g->exec->send(FrameType::kExec, R"({"argv":["true"]})");
  CHECK(g->exec->finish().result == R"({"error":"busy"})");
  g->exec->send(FrameType::kSignal, "\x09");
  CHECK(g->exec->finish().result == R"({"signal":9})");
}

TEST_CASE("what_cannot_be_executed_is_an_error_with_its_reason") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["nosuchprogram"]})");
  CHECK(g->exec->finish().result == R"({"error":"nosuchprogram: No such file or directory","status":127})");
  g->exec->send(FrameType::kExec, R"({"argv":["/etc/passwd"]})");
  CHECK(g->exec->finish().result == R"({"error":"/etc/passwd: Permission denied","status":126})");
  g->exec->send(FrameType::kExec, R"({"argv":["true"],"cwd":"/nosuchfolder"})");
  CHECK(g->exec->finish().result == R"({"error":"/nosuchfolder: No such file or directory","status":126})");
  g->exec->send(FrameType::kExec, R"({"argv":[]})");
  CHECK(g->exec->finish().result == R"({"error":"exec: argv is missing"})");
  CHECK(g->exec->run("exit 3").result == R"({"exit":3})");
}

TEST_CASE("process_left_behind_does_not_hold_the_result_up") {
  Guest* g = guest();
  if (!g) return;
  const auto outcome = g->exec->run("setsid sleep 1000 & echo started");
  CHECK(outcome.out == "started\n");
  CHECK(outcome.result == R"({"exit":0})");
  CHECK(g->exec->run("pidof sleep >/dev/null && killall sleep && echo was alive").out == "was alive\n");
}

TEST_CASE("guest_has_its_addresses_routes_and_resolver") {
  Guest* g = guest();
  if (!g) return;
  CHECK(g->exec->run("ip -4 route").out == "default via 10.99.0.1 dev eth0 \n10.99.0.1 dev eth0 scope link \n");
  CHECK(g->exec->run("ip -o addr show eth0 | awk '{print $4}'").out == "10.99.0.2/32\nfd99::2/128\n");
  CHECK(g->exec->run("cat /etc/resolv.conf; hostname").out ==
        "nameserver 10.99.0.1\noptions timeout:2 attempts:2\ntest-guest\n");
  CHECK(g->exec->run("ping -c1 -W5 10.99.0.1 >&2 && ping -c1 -W5 ::1 >&2 && ping -c1 -W5 fd99::1").result ==
        R"({"exit":0})");
}

TEST_CASE("guest_knows_the_time_and_has_curl_and_openssl") {
  Guest* g = guest();
  if (!g) return;
  const auto there = std::strtoll(g->exec->run("date +%s").out.c_str(), nullptr, 10);
  CHECK(std::llabs(there - std::chrono::system_clock::to_time_t(WallClock::now())) <= 5);
  // Not the tick: a busy host makes it late, and then certificates are not valid yet.
  CHECK(g->exec->run("cat /sys/devices/system/clocksource/clocksource0/current_clocksource").out.starts_with("tsc"));
  CHECK(g->exec->run("curl --version | head -n1 | cut -c1-5; openssl version | cut -c1-8").out == "curl \nOpenSSL \n");
}

TEST_CASE("new_hello_kills_what_runs_and_starts_afresh") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["sh","-c","echo started; exec sleep 1000"]})");
  CHECK(g->exec->receive().payload == "started\n");
  CHECK(g->exec->hello("another nonce...", std::chrono::seconds(10)));
  CHECK(g->exec->run("pidof sleep || echo none").out == "none\n");
}

TEST_CASE("host_that_went_away_inside_a_frame_can_come_back") {
  Guest* g = guest();
  if (!g) return;
  g->exec->allow(std::chrono::seconds(30));
  g->exec->send(FrameType::kExec, R"({"argv":["cat"]})");
  for (const std::string& torn : {hostproto::encode_frame(FrameType::kStdin, std::string(50000, 'x')).substr(0, 30000),
                                  std::string("X"), std::string("?")}) {
    g->exec->send_raw(torn);
    g->exec.reset();  // QEMU takes one connection at a time
    g->exec.emplace(*g->vm->connect_exec(0));
    REQUIRE(g->exec->hello(kNonce, std::chrono::seconds(10)));
    CHECK(g->exec->run("echo here").out == "here\n");
  }
}

TEST_CASE("adopted_microvm_is_the_same_process_and_another_is_refused") {
  Guest* g = guest();
  if (!g) return;
  const Slot slot{static_cast<std::uint32_t>(::getpid())};
  const auto adopted = MicroVm::adopt(g->vm->pid(), g->vm->start_time(), slot, kFolder + "/run");
  REQUIRE(adopted);
  CHECK(adopted->pid() == g->vm->pid());
  CHECK_FALSE(MicroVm::adopt(g->vm->pid(), g->vm->start_time() + 1, slot, kFolder + "/run"));
  CHECK_FALSE(MicroVm::adopt(::getpid(), g->vm->start_time(), slot, kFolder + "/run"));
}

TEST_CASE("qemu_ends_when_the_guest_powers_off") {
  Guest* g = guest();
  if (!g) return;
  g->exec->send(FrameType::kPoweroff, "");
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  while (!g->vm->ending() && !deadline.passed()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(g->vm->ending() == "QEMU ended with status 0");
  CHECK_FALSE(g->vm->connect_exec(0));
}

TEST_CASE("qemu_that_refuses_to_start_says_why_in_one_line") {
  Guest* g = guest();
  if (!g) return;
  auto image = ImageStore({kFolder + "/images"}).open("mini");
  REQUIRE(image);
  MicroVmSpec spec{
      .name = *GuestName::parse("broken"), .slot = Slot{77}, .run_dir = kFolder + "/run2", .guest_mac = "not a mac"};
  auto vm = MicroVm::start(spec, *image, g->wire.netns.get(), g->wire.tap.get());
  REQUIRE(vm);
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  while (!vm->ending() && !deadline.passed()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK_MESSAGE(vm->ending()->find("not a mac") != std::string::npos, *vm->ending());

  spec.qemu = "/nonexistent/qemu";
  const auto missing = MicroVm::start(spec, *image, g->wire.netns.get(), g->wire.tap.get());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::kUnavailable);
  CHECK(missing.error().message ==
        "/nonexistent/qemu: No such file or directory; install it with 'apt-get install qemu-system-x86'");

  spec.qemu = MicroVmSpec{.name = spec.name}.qemu;
  spec.disk_mib = 64;
  const auto useless = MicroVm::start(spec, *image, g->wire.netns.get(), g->wire.tap.get());
  REQUIRE_FALSE(useless);
  CHECK(useless.error().message == "image 'mini' lies in memory and has no use for a disk");
}

}  // namespace
}  // namespace enforcer::host
