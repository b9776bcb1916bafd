#include "base/service_notify.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace enforcer {
namespace {

/// The manager's end, and the environment it gives to its service.
class Manager {
 public:
  /// `name`: a path, or '@' and an abstract name.
  explicit Manager(const std::string& name) : name_(name), socket_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Manager() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    if (name_.front() == '/') unlink(name_.c_str());
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  /// The next message; empty when there is none.
  std::string heard() {
    std::string text(256, '\0');
    const ssize_t size = recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }

 private:
  std::string name_;
  Fd socket_;
};

std::string unique(std::string_view prefix) {
  return std::string(prefix) + "enforcer-notify-test-" + std::to_string(getpid());
}

ServiceNotify service() {
  auto made = ServiceNotify::from_environment();
  REQUIRE(made.has_value());
  return *std::move(made);
}

TEST_CASE("a_manager_at_a_path_or_an_abstract_address_hears_each_state") {
  for (const std::string& name : {unique("/tmp/"), unique("@")}) {
    CAPTURE(name);
    Manager manager(name);
    const ServiceNotify notify = service();
    CHECK(manager.heard() == "");
    notify.ready();
    CHECK(manager.heard() == "READY=1");
    notify.reloading();
    CHECK(manager.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    notify.stopping();
    CHECK(manager.heard() == "STOPPING=1");
  }
}

TEST_CASE("the_watchdog_hears_us_when_it_waits_for_this_process") {
  Manager manager(unique("@"));
  service().alive();
  CHECK(manager.heard() == "");
  setenv("WATCHDOG_USEC", "30000000", 1);
  service().alive();
  CHECK(manager.heard() == "WATCHDOG=1");
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  CHECK(service().watched());
  setenv("WATCHDOG_PID", "1", 1);
  service().alive();
  CHECK(manager.heard() == "");
}

TEST_CASE("a_manager_that_does_not_read_does_not_hold_up_the_loop") {
  Manager manager(unique("@"));
  setenv("WATCHDOG_USEC", "30000000", 1);
  const ServiceNotify notify = service();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 10'000; ++i) notify.alive();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("without_a_manager_nothing_is_said_and_nothing_fails") {
  unsetenv("NOTIFY_SOCKET");
  setenv("WATCHDOG_USEC", "30000000", 1);
  const ServiceNotify notify = service();
  notify.ready();
  notify.alive();
  CHECK_FALSE(notify.watched());
  unsetenv("WATCHDOG_USEC");
}

TEST_CASE("a_manager_that_is_gone_is_no_failure_of_ours") {
  {
    const Manager manager(unique("/tmp/"));
  }
  setenv("NOTIFY_SOCKET", unique("/tmp/").c_str(), 1);
  service().ready();
  unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("an_address_that_is_no_unix_socket_s_is_refused_with_its_text") {
  for (const std::string& name : {std::string("vsock:2:1"), "/" + std::string(200, 'x')}) {
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
    const auto made = ServiceNotify::from_environment();
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code == Errc::kInvalid);
    CHECK(made.error().message.starts_with("NOTIFY_SOCKET=" + name.substr(0, 5)));
    unsetenv("NOTIFY_SOCKET");
  }
}

}  // namespace
}  // namespace enforcer
