#include "exec_port.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/deadline.h"

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

}  // namespace

Result<Fd> open_exec_port(std::string_view name) {
  const Deadline deadline = Deadline::after(std::chrono::seconds(5));
  for (std::string port = find_port(name); !deadline.passed(); port = find_port(name)) {
    Fd fd(port.empty() ? -1 : ::open(("/dev/" + port).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (fd.valid()) return fd;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return fail(Errc::kTimeout, "no virtio-serial port of that name");
}

}  // namespace enforcer::guest
