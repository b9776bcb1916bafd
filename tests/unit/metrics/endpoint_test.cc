#include "metrics/endpoint.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "base/deadline.h"
#include "base/fd.h"

namespace enforcer::metrics {
namespace {

namespace asio = boost::asio;

/// The server on a free port of loopback, run by a thread of its own.
class Running {
 public:
  explicit Running(Pages pages, ServerLimits limits = {}) {
    auto opened = MetricsServer::open(io_, "127.0.0.1:0", std::move(pages), limits);
    REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message));
    server_ = std::move(*opened);
    port_ = static_cast<std::uint16_t>(server_->address().port);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Running() {
    io_.stop();
    thread_.join();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  [[nodiscard]] Fd connect() const {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return socket;
  }

  /// Everything the server says to this request until it closes.
  [[nodiscard]] std::string ask(std::string_view request) const {
    const Fd socket = connect();
    (void)send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
    return read_all(socket);
  }

  static std::string read_all(const Fd& socket) {
    std::string answer;
    char buffer[4096];
    ssize_t count = 0;
    while ((count = recv(socket.get(), buffer, sizeof buffer, 0)) > 0)
      answer.append(buffer, static_cast<std::size_t>(count));
    return answer;
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  asio::io_context io_{1};
  std::unique_ptr<MetricsServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

Pages good_pages() {
  return {.metrics = []() -> asio::awaitable<Result<std::string>> { co_return std::string("enforcer_up 1\n"); },
          .not_ready = [] { return std::string(); }};
}

TEST_CASE("the_three_pages_are_answered") {
  const Running server(good_pages());
  const std::string metrics = server.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(metrics.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(metrics.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") != std::string::npos);
  CHECK(metrics.ends_with("\r\n\r\nenforcer_up 1\n"));
  CHECK(server.ask("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200"));
  CHECK(server.ask("GET /metrics HTTP/1.0\r\n\r\n").ends_with("enforcer_up 1\n"));
  CHECK(server.ask("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("\r\n\r\nhealthy\n"));
  CHECK(server.ask("GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("\r\n\r\nready\n"));
}

TEST_CASE("head_gets_the_length_and_no_body") {
  const Running server(good_pages());
  const std::string answer = server.ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer.find("Content-Length: 14\r\n") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("what_is_not_ready_and_what_fails_is_503_with_the_reason") {
  const Running server({.metrics = []() -> asio::awaitable<Result<std::string>> {
                          co_return fail(Errc::kTimeout, "worker 3 does not answer");
                        },
                        .not_ready = [] { return std::string("no hostd"); }});
  CHECK(server.ask("GET /-/ready HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 503 "));
  CHECK(server.ask("GET /-/ready HTTP/1.1\r\n\r\n").ends_with("not ready: no hostd\n"));
  CHECK(server.ask("GET /metrics HTTP/1.1\r\n\r\n").ends_with("worker 3 does not answer\n"));
  CHECK(server.ask("GET /-/healthy HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("anything_else_is_refused") {
  const Running server(good_pages());
  CHECK(server.ask("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  CHECK(server.ask("GET /metrics/../../etc/passwd HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  const std::string post = server.ask("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
  CHECK(post.starts_with("HTTP/1.1 405 "));
  CHECK(post.find("Allow: GET, HEAD\r\n") != std::string::npos);
  CHECK(server.ask("\x16\x03\x01 nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(server.ask("GET /metrics HTTP/1.1\r\nX: " + std::string(20'000, 'x')).find(" 200 ") == std::string::npos);
  CHECK(server.ask("GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));  // and it lives on
}

TEST_CASE("connections_beyond_the_limit_are_closed_and_silent_ones_time_out") {
  const Running server(good_pages(), {.request = std::chrono::milliseconds(500)});
  std::vector<Fd> silent;
  for (int i = 0; i < 16; ++i) silent.push_back(server.connect());
  // Until the server has accepted all of them an answer may still come.
  const Deadline deadline = Deadline::after(std::chrono::milliseconds(300));
  std::string beyond = "?";
  while (!beyond.empty() && !deadline.passed()) beyond = server.ask("GET /-/healthy HTTP/1.1\r\n\r\n");
  CHECK(beyond.empty());
  CHECK(Running::read_all(silent.front()).empty());  // closed by the server when its time was up
  CHECK(server.ask("GET /-/healthy HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST_CASE("a_taken_port_is_a_conflict") {
  const Running server(good_pages());
  asio::io_context io;
  const auto second = MetricsServer::open(io, "127.0.0.1:" + std::to_string(server.port()), good_pages());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == Errc::kConflict);
  CHECK(second.error().message.starts_with("metrics: cannot listen on 127.0.0.1:"));
}

TEST_CASE("listen_addresses_are_address_and_port") {
  CHECK(parse_listen("127.0.0.1:9464")->to_string() == "127.0.0.1:9464");
  CHECK(parse_listen("[::1]:0")->to_string() == "[::1]:0");
  for (const char* wrong : {"", "9464", ":9464", "localhost:9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                            "127.0.0.1:-1", "127.0.0.1:9464x", "::1:9464", "[::1:9464", "[127.0.0.1]x:1"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_listen(wrong).has_value());
  }
}

}  // namespace
}  // namespace enforcer::metrics
