#include "exec_port.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/deadline.h"
#include "hostproto/exec_frame.h"

namespace enforcer::guest {
namespace {

/// "vport2p1", or empty. There is no udev here that would make links by name.
std::string find_port(std::string_view name) {
  std::error_code ignored;
  for (const auto& port : std::filesystem::directory_iterator("/sys/class/virtio-ports", ignored)) {
    std::ifstream file(port.path() / "name");
    if (std::string found; std::getline(file, found) && found == name) return port.path().filename();
  }
  return {};
}

Result<Fd> open_port(const std::string& name, Deadline deadline) {
  for (std::string port = find_port(name); !deadline.passed(); port = find_port(name)) {
    Fd fd(port.empty() ? -1 : ::open(("/dev/" + port).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (fd.valid()) return fd;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return fail(Errc::kTimeout, "no virtio-serial port " + name);
}

}  // namespace

Result<std::vector<Fd>> open_exec_ports() {
  const Deadline deadline = Deadline::after(std::chrono::seconds(5));
  std::vector<Fd> ports;
  for (std::size_t channel = 0; channel < hostproto::kExecChannels; ++channel)
    ports.push_back(TRY(open_port("enforcer.exec" + std::to_string(channel), deadline)));
  return ports;
}

}  // namespace enforcer::guest
