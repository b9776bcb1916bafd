// A server of HTTPS on a loopback port, on a thread of its own and by plain OpenSSL, and what of ours asks it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>

#include <atomic>
#include <mutex>

#include "../temporary_folder.h"
#include "../tls/pki.h"
#include "credentials/https_client.h"
#include "net/socket.h"
#include "scratch.h"

namespace enforcer::credentials::testing {

struct Reply {
  std::string bytes;
  enum class End : std::uint8_t {
    kOrderly,    ///< close_notify and FIN
    kTruncated,  ///< FIN alone
    kSilent,     ///< nothing, until the client goes
  } end = End::kOrderly;
};

inline Reply reply(unsigned status, std::string_view body) {
  return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
          std::string(body)};
}

class ToyHttps {
 public:
  /// Told what was asked, head and body; called on the server's thread, one at a time.
  using Script = std::function<Reply(const std::string& request)>;

  explicit ToyHttps(Script script, const char* name = "ok.test")
      : authority(tls::test::certify_authority("trusted")), script_(std::move(script)) {
    const auto leaf = tls::test::certify({.issuer = &authority, .names = {{GEN_DNS, name}}});
    context_.reset(SSL_CTX_new(TLS_server_method()));
    REQUIRE(SSL_CTX_use_certificate(context_.get(), leaf.certificate.get()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context_.get(), leaf.key.get()) == 1);
    listener_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof address;
    REQUIRE(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_.get(), 16) == 0);
    REQUIRE(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ToyHttps() {
    shutdown(listener_.get(), SHUT_RDWR);  // ends accept(2)
    thread_.join();
  }
  ToyHttps(const ToyHttps&) = delete;
  ToyHttps& operator=(const ToyHttps&) = delete;

  [[nodiscard]] Port port() const { return Port{port_}; }
  /// What was asked so far.
  [[nodiscard]] std::vector<std::string> heard() {
    const std::scoped_lock lock(mutex_);
    return heard_;
  }
  [[nodiscard]] int connections() const { return connections_; }

  const tls::test::Certified authority;

 private:
  void serve() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (true) {
      const Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client.valid()) return;
      ++connections_;
      const timeval patience{.tv_sec = 10, .tv_usec = 0};
      setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      const tls::test::Session session(SSL_new(context_.get()));
      SSL_set_fd(session.get(), client.get());
      if (SSL_accept(session.get()) == 1) answer(session.get());
      ERR_clear_error();
    }
  }

  void answer(SSL* session) {
    std::string request;
    char buffer[4096];
    while (!is_whole(request)) {
      const int count = SSL_read(session, buffer, sizeof buffer);
      if (count <= 0) return;
      request.append(buffer, static_cast<std::size_t>(count));
    }
    {
      const std::scoped_lock lock(mutex_);
      heard_.push_back(request);
    }
    const Reply said = script_(request);
    if (!said.bytes.empty()) SSL_write(session, said.bytes.data(), static_cast<int>(said.bytes.size()));
    if (said.end == Reply::End::kOrderly) SSL_shutdown(session);
    if (said.end != Reply::End::kTruncated) SSL_read(session, buffer, sizeof buffer);
  }

  static bool is_whole(const std::string& request) {
    const auto end = request.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const auto length = request.find("Content-Length: ");
    const std::size_t body = length < end ? std::stoul(request.substr(length + 16)) : 0;
    return request.size() >= end + 4 + body;
  }

  const Script script_;
  tls::test::Context context_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<std::string> heard_;
  std::thread thread_;
};

/// Wherever a name leads, it leads to one loopback port here.
class LoopbackConnector final : public Connector {
 public:
  LoopbackConnector(boost::asio::io_context& io, net::Poller& poller, Port port)
      : io_(io), poller_(poller), port_(port) {}

  boost::asio::awaitable<Result<std::unique_ptr<net::AsyncSocket>>> connect(HostName host, Port port,
                                                                            Deadline) override {
    asked = host.text() + ":" + std::to_string(static_cast<unsigned>(port));
    auto fd = net::start_connect({IpAddress::v4(INADDR_LOOPBACK), port_});
    if (!fd) co_return std::unexpected(fd.error());
    auto socket = net::AsyncSocket::make(io_, poller_, *std::move(fd));
    if (!socket) co_return std::unexpected(socket.error());
    if (auto waited = co_await (*socket)->writable(); !waited) co_return std::unexpected(waited.error());
    if (auto connected = net::finish_connect((*socket)->fd()); !connected) co_return std::unexpected(connected.error());
    co_return *std::move(socket);
  }

  void stop() override { stopped = true; }

  std::string asked;
  bool stopped = false;

 private:
  boost::asio::io_context& io_;
  net::Poller& poller_;
  const Port port_;
};

/// One worker that asks `server`.
struct Asking {
  explicit Asking(const ToyHttps& server) : Asking(server.port(), tls::test::pem_of(server.authority)) {}
  Asking(Port port, std::string_view trusted)
      : trust(tls::ClientContext::make({.system = false, .files = {scratch.write("trusted.pem", trusted)}}).value()),
        connector(io, *poller, port) {}

  /// Runs the loop, with its wheel, until the operation has its result.
  template <class T>
  T run(boost::asio::awaitable<T> operation) {
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(operation), [&](std::exception_ptr error, T value) {
      REQUIRE(error == nullptr);
      result.emplace(std::move(value));
    });
    const Deadline deadline = Deadline::after(std::chrono::seconds(30));
    io.restart();
    while (!result && !deadline.passed()) {
      io.run_one_for(std::chrono::milliseconds(20));
      wheel.advance(Monotonic::now());
    }
    REQUIRE(result.has_value());
    return *std::move(result);
  }

  Result<HttpsResponse> ask(HttpsRequest request, std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    return run(client.ask(std::move(request), Deadline::after(patience)));
  }

  TemporaryFolder scratch;
  boost::asio::io_context io;
  std::unique_ptr<net::Poller> poller = net::Poller::make(io).value();
  net::TimerWheel wheel;
  std::unique_ptr<tls::ClientContext> trust;
  LoopbackConnector connector;
  HttpsClient client{wheel, *trust, connector};
};

}  // namespace enforcer::credentials::testing
