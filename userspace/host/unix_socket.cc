#include "host/unix_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace enforcer::host {
namespace {

Result<sockaddr_un> unix_address(const std::string& run_dir, std::string_view name) {
  const std::string path = fmt::format("{}/{}", run_dir, name);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path)
    return fail(Errc::kInvalid, fmt::format("{}: longer than the {} bytes a socket's path may have", path,
                                            sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<Fd> unix_socket() {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return fail_errno("socket");
  return socket;
}

}  // namespace

Result<> prepare_run_dir(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno(path);
  const Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) return fail_errno(path);
  if (::fchown(folder.get(), ::geteuid(), ::getegid()) != 0 || ::fchmod(folder.get(), 0700) != 0)
    return fail_errno(path);
  return {};
}

Result<Fd> listen_in(const std::string& run_dir, std::string_view name) {
  const sockaddr_un address = TRY(unix_address(run_dir, name));
  Fd socket = TRY(unix_socket());
  if (::unlink(address.sun_path) != 0 && errno != ENOENT) return fail_errno(address.sun_path);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 1) != 0)
    return fail_errno(address.sun_path);
  return socket;
}

Result<Fd> connect_in(const std::string& run_dir, std::string_view name) {
  const sockaddr_un address = TRY(unix_address(run_dir, name));
  Fd socket = TRY(unix_socket());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno(address.sun_path);
  return socket;
}

}  // namespace enforcer::host
