// One real guest, booted under TCG in a network namespace of its own, for all cases of the files that include this.
// Needs root, QEMU, Debian's cloud kernel and what vm-images/build puts into the image; without them every case is
// a loud skip. Files run in the order of their names: the last case of the last one (microvm_test.cc) ends the guest.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "exec_client.h"
#include "host/microvm.h"

namespace enforcer::host {

inline const std::string kNonce = "sixteen bytes...";
inline const std::string kFolder = fmt::format("/tmp/microvm-test-{}", ::getpid());

struct Wire {
  Fd netns;
  Fd tap;
};

/// A network namespace that lives as long as its descriptor, with a tap that answers as the gateway.
inline Wire make_wire() {
  Wire wire;
  std::thread([&wire] {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    wire.netns = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    wire.tap = Fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    ifreq request{};
    std::strcpy(request.ifr_name, "tap0");
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    REQUIRE(::ioctl(wire.tap.get(), TUNSETIFF, &request) == 0);
    REQUIRE(std::system("ip link set tap0 up && ip addr add 10.99.0.1/32 dev tap0 && ip route add 10.99.0.2 dev tap0 &&"
                        "ip addr add fd99::1/128 dev tap0 nodad && ip route add fd99::2 dev tap0") == 0);
  }).join();
  return wire;
}

inline std::string missing_requirement() {
  if (::geteuid() != 0) return "needs root";
  for (const char* path : {"/usr/bin/qemu-system-x86_64", "/dev/net/tun"})
    if (::access(path, F_OK) != 0) return fmt::format("{} is missing", path);
  // Below a folder that only root may enter: QEMU gets descriptors.
  std::filesystem::create_directories(kFolder);
  std::filesystem::permissions(kFolder, std::filesystem::perms::owner_all);
  const auto init = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "../../vm-images/enforcer-init";
  const char* kernel = std::getenv("ENFORCER_KERNEL_ROOT");  // set by tests/run
  const std::string build =
      fmt::format(ENFORCER_SOURCE_DIR "/vm-images/build mini --output {}/images --init {} --kernel-root {} >&2",
                  kFolder, init.string(), kernel == nullptr ? "/" : kernel);
  return std::system(build.c_str()) == 0 ? "" : "the image mini could not be built";
}

/// A CA, and the certificate that it signed for a server called localhost.
struct Authority {
  explicit Authority(const std::string& name) {
    const std::string base = kFolder + "/" + name;
    const std::string make = fmt::format(
        "new='openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2' && "
        "$new -subj '/CN={1}' -keyout {0}.key -out {0}.pem && "
        "$new -subj '/CN=server' -addext subjectAltName=DNS:localhost -CA {0}.pem -CAkey {0}.key "
        "     -keyout {0}-server.key -out {0}-server.pem 2>/dev/null && cat {0}-server.key >>{0}-server.pem",
        base, name);
    made = std::system(make.c_str()) == 0;
    const auto read = [](const std::string& path) {
      std::ifstream file(path);
      return std::string{std::istreambuf_iterator<char>(file), {}};
    };
    certificate = read(base + ".pem");
    key = read(base + ".key");
    server = read(base + "-server.pem");
  }
  bool made = false;
  std::string certificate, key, server;
};

/// The guest that all cases share, and its end when the program ends.
class Guest {
 public:
  Guest() : wire(make_wire()) {
    auto image = ImageStore({kFolder + "/images"}).open("mini");
    REQUIRE_MESSAGE(image, (image ? "" : image.error().message));
    const MicroVmSpec spec{.name = *GuestName::parse("test-guest"),
                           .slot = Slot{static_cast<std::uint32_t>(::getpid())},
                           .run_dir = kFolder + "/run",
                           .guest_mac = "02:77:00:00:00:01",
                           .ipv4 = *IpAddress::parse("10.99.0.2"),
                           .gateway_ipv4 = *IpAddress::parse("10.99.0.1"),
                           .ipv6 = *IpAddress::parse("fd99::2"),
                           .gateway_ipv6 = *IpAddress::parse("fd99::1")};
    const auto begun = Monotonic::now();
    auto started = MicroVm::start(spec, *image, wire.netns.get(), wire.tap.get());
    REQUIRE_MESSAGE(started, (started ? "" : started.error().message));
    vm.emplace(*std::move(started));
    exec.emplace(*vm->connect_exec(0));
    said_hello = exec->hello(kNonce, std::chrono::seconds(60));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Monotonic::now() - begun);
    std::cout << "start to hello: " << took.count() << " ms\n";
  }
  ~Guest() {
    if (vm) (void)vm->end();
    std::filesystem::remove_all(kFolder);
  }

  // Before the guest boots: its clock may be a moment behind, and a certificate is not valid before it was made.
  Authority authority{"authority"};
  Authority another{"another"};
  Wire wire;
  std::optional<MicroVm> vm;
  std::optional<ExecClient> exec;
  bool said_hello = false;
};

/// Nothing, and a line that says why, where no guest can run.
inline Guest* guest() {
  static const std::string missing = missing_requirement();
  if (!missing.empty()) {
    std::cout << "SKIP: microvm: " << missing << "\n";
    return nullptr;
  }
  static Guest booted;
  return &booted;
}

}  // namespace enforcer::host
