#include "control/server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>

#include "base/fd.h"
#include "base/log.h"
#include "control/service.h"

namespace enforcer::control {
namespace {

/// Pending connections: strangers fill it at most until the next turn of the loop.
constexpr int kBacklog = 128;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Errc::kInvalid,
                fmt::format("control socket {}: the path must have 1-{} bytes", path, sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

/// The listening socket. The order matters: a socket that somebody answers is never taken away.
Result<Fd> listen_on(const std::string& path) {
  const sockaddr_un address = TRY(address_of(path));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  {
    const Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!probe.valid()) return fail_errno("control socket");
    // EAGAIN: somebody listens there and is only busy.
    if (connect(probe.get(), generic, sizeof address) == 0 || errno == EAGAIN) {
      return fail(Errc::kConflict, fmt::format("control socket {}: another enforcerd answers there", path));
    }
  }
  Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.valid()) return fail_errno("control socket");
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("control socket " + path);
  if (bind(listener.get(), generic, sizeof address) != 0) return fail_errno("control socket " + path);
  // Everybody may connect; the peer's credentials decide (control/peer.h).
  if (chmod(path.c_str(), 0666) != 0) return fail_errno("control socket " + path);
  if (listen(listener.get(), kBacklog) != 0) return fail_errno("control socket " + path);
  return listener;
}

}  // namespace

class Server::Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(asio::io_context& context, Backend& backend, ServerOptions options)
      : context_(context),
        acceptor_(context),
        pause_(context),
        service_(std::make_shared<Service>(context, backend, std::move(options))) {}

  Result<> listen() {
    Fd listener = TRY(listen_on(service_->options.socket_path));
    boost::system::error_code error;
    acceptor_.assign(asio::local::stream_protocol(), listener.get(), error);
    if (error) return fail(Errc::kIo, "control socket: " + error.message());
    (void)listener.release();
    return {};
  }

  /// Holds itself, so that a Server may go before the context's last turn.
  void begin() {
    asio::co_spawn(context_, [self = shared_from_this()]() { return self->accept(); }, asio::detached);
  }

  void stop() {
    if (std::exchange(service_->stopping, true)) return;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    service_->refusals->end_period();
    for (const auto* open : {&service_->callers, &service_->viewers, &service_->strangers}) {
      for (Stream* stream : *open) stream->socket().shutdown(asio::socket_base::shutdown_both, ignored);
    }
    unlink(service_->options.socket_path.c_str());
  }

 private:
  asio::awaitable<void> accept() {
    while (!service_->stopping) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (service_->stopping || error == asio::error::operation_aborted) co_return;
      if (error) {
        // Out of descriptors, most likely: what is open must end first; trying at once would spin.
        log_warning("control socket: accept: {}", error.message());
        pause_.expires_after(std::chrono::milliseconds(200));
        co_await pause_.async_wait(kAwait);
        continue;
      }
      asio::co_spawn(context_, serve(service_, Stream(std::move(socket))), asio::detached);
    }
  }

  asio::io_context& context_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::shared_ptr<Service> service_;
};

Result<std::unique_ptr<Server>> Server::start(asio::io_context& context, Backend& backend, ServerOptions options) {
  auto acceptor = std::make_shared<Acceptor>(context, backend, std::move(options));
  TRY_VOID(acceptor->listen());
  acceptor->begin();
  return std::unique_ptr<Server>(new Server(std::move(acceptor)));
}

Server::Server(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}

Server::~Server() {
  stop();
}

void Server::stop() {
  acceptor_->stop();
}

}  // namespace enforcer::control
