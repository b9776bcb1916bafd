// MetricsServer: the HTTP/1.1 listener for Prometheus and for health checks.
//
//   GET /metrics     what Pages::metrics answers
//   GET /-/healthy   200 as long as this loop turns
//   GET /-/ready     200 or 503, as Pages::not_ready says
//
// One request per connection, head of at most 8 KiB, 5 s for the request and 10 s for the answer, at most 16
// connections at once: who is beyond is closed unheard, so that a broken scraper costs a bounded amount.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/result.h"

namespace boost::asio {
class io_context;
}

namespace enforcer::metrics {

struct Pages {
  /// The text of /metrics; awaited on the server's io_context, and with a deadline of its own. An error is answered
  /// with 503.
  std::function<boost::asio::awaitable<Result<std::string>>()> metrics;
  /// Empty when guests can be served, else one line saying what is missing.
  std::function<std::string()> not_ready;
};

struct ServerLimits {
  unsigned connections = 16;
  std::chrono::milliseconds request{5'000};  ///< from the connection to the end of the request's head
  std::chrono::milliseconds answer{10'000};  ///< to send the answer
};

/// "127.0.0.1:9464", "[::1]:9464"; port 0 takes a free one.
[[nodiscard]] Result<Endpoint> parse_listen(std::string_view text);

class MetricsServer {
 public:
  /// Listens and serves for as long as `io` runs. kInvalid: not an address. kConflict: the port is taken. kIo: anything
  /// else. The io_context is run by one thread and is destroyed after this.
  static Result<std::unique_ptr<MetricsServer>> open(boost::asio::io_context& io, std::string_view listen, Pages pages,
                                                     ServerLimits limits = {});
  ~MetricsServer();

  /// Where it listens; the real port when 0 was asked for.
  [[nodiscard]] Endpoint address() const;

 private:
  struct Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace enforcer::metrics
