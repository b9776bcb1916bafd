#include "base/service_notify.h"

#include <fmt/format.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/text.h"

namespace enforcer {
namespace {

constexpr timeval kSendTime{.tv_sec = 1, .tv_usec = 0};  ///< for a manager that does not read

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread starts
  return value == nullptr ? std::string_view() : value;
}

/// The watchdog may be meant for another process: a parent of ours, when we were started by a wrapper.
bool is_watched() {
  if (variable("WATCHDOG_USEC").empty()) return false;
  const std::string_view text = variable("WATCHDOG_PID");
  pid_t pid = getpid();
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid == getpid();
}

}  // namespace

Result<ServiceNotify> ServiceNotify::from_environment() {
  ServiceNotify notify;
  const std::string_view path = variable("NOTIFY_SOCKET");
  if (path.empty()) return notify;
  const bool is_abstract = path.front() == '@';
  if ((!is_abstract && path.front() != '/') || path.size() >= sizeof notify.address_.sun_path) {
    return fail(Errc::kInvalid, fmt::format("NOTIFY_SOCKET={} is not the address of a unix socket",
                                            escape_untrusted(path, sizeof notify.address_.sun_path)));
  }
  notify.address_.sun_family = AF_UNIX;
  std::memcpy(notify.address_.sun_path, path.data(), path.size());
  if (is_abstract) notify.address_.sun_path[0] = '\0';
  notify.address_size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  notify.socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!notify.socket_.valid()) return fail_errno("cannot open a unix socket");
  setsockopt(notify.socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendTime, sizeof kSendTime);
  notify.watched_ = is_watched();
  return notify;
}

void ServiceNotify::reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // systemd 253 and later compare it with the time of their own request
  const std::int64_t micros = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", micros));
}

void ServiceNotify::alive() const {
  if (!watched_) return;
  // One of many: what is lost here is no loss.
  constexpr std::string_view kMessage = "WATCHDOG=1";
  sendto(socket_.get(), kMessage.data(), kMessage.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
         reinterpret_cast<const sockaddr*>(&address_), address_size_);
}

void ServiceNotify::send(std::string_view message) const {
  if (!socket_.valid()) return;
  const auto* address = reinterpret_cast<const sockaddr*>(&address_);
  if (sendto(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL, address, address_size_) < 0) {
    log_warning("cannot tell the service manager '{}': {}", message, std::strerror(errno));
  }
}

}  // namespace enforcer
