#include "enforcerctl/daemon_metrics.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string_view>

#include "base/deadline.h"
#include "net/socket.h"

namespace enforcer::ctl {
namespace {

constexpr auto kMetricsPatience = std::chrono::seconds(5);
constexpr std::size_t kMostMetrics = std::size_t{16} << 20;

}  // namespace

Result<std::string> daemon_metrics(const Endpoint& listener) {
  const Deadline deadline = Deadline::after(kMetricsPatience);
  const auto wait_for = [&](int socket, short events) -> Result<> {
    pollfd entry{.fd = socket, .events = events, .revents = 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining());
    if (poll(&entry, 1, static_cast<int>(left.count())) > 0) return {};
    return fail(Errc::kTimeout, fmt::format("{} does not answer", listener.to_string()));
  };
  const Fd socket = TRY(net::start_connect(listener));
  TRY_VOID(wait_for(socket.get(), POLLOUT));
  TRY_VOID(net::finish_connect(socket.get()));
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n";
  if (send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size())) {
    return fail_errno("the metrics listener");
  }
  std::string answer;
  std::array<char, 16 * 1024> buffer;
  while (answer.size() < kMostMetrics) {
    TRY_VOID(wait_for(socket.get(), POLLIN));
    const ssize_t size = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) return fail_errno("the metrics listener");
    if (size == 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return answer;
}

}  // namespace enforcer::ctl
