#include "tls/stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "tls/connection.h"
#include "tls/openssl.h"
#include "tls/socket_bio.h"

namespace enforcer::tls {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;

}  // namespace

struct Stream::Impl {
  Impl(net::AsyncSocket& on, std::vector<std::uint8_t> received, Connection::Terms terms)
      : socket(on),
        bio(on, std::move(received)),
        connection{.terms = std::make_unique<Connection::Terms>(std::move(terms))} {}

  Result<> begin(SessionHandle opened) {
    session = std::move(opened);
    connection.bind(*session);
    return bio.attach(*session);
  }

  /// Why no call may go on, if so. Interruption comes first: it is sticky, whatever is decrypted already.
  std::optional<Error> stopped() const {
    if (const auto why = socket.interrupted()) return Error{*why, "interrupted"};
    if (broken) return *broken;
    return std::nullopt;
  }

  /// What OpenSSL's failed call came to; no call after it goes on.
  Error fail_with(std::string_view what) {
    if (bio.eof()) {
      broken = std::make_unique<Error>(Errc::kIo,
                                       fmt::format("{}: the peer closed the connection without close_notify", what));
    } else if (bio.failure()) {
      broken = std::make_unique<Error>(*bio.failure());
    } else {
      broken = std::make_unique<Error>(Errc::kInvalid, fmt::format("{}: {}", what, Connection::reason(*session)));
    }
    ERR_clear_error();
    // The alert that OpenSSL made of it. Where that fails, the reason above is the better one.
    (void)bio.flush();
    return *broken;
  }

  /// Does the peer keep us busy with nothing?
  std::optional<Error> overrun() {
    if (connection.idle_messages <= kMaxIdleMessages && bio.unsent() <= kMaxUnsent) return std::nullopt;
    broken = std::make_unique<Error>(Errc::kInvalid, "TLS: the peer sends handshake messages and no data");
    return *broken;
  }

  /// Until there may be more to read.
  asio::awaitable<Result<>> wait_for_socket() {
    // Where sending fails, there may still be something to read: the writer hears of it.
    (void)bio.flush();
    return bio.flushing() ? socket.readable_or_writable() : socket.readable();
  }

  net::AsyncSocket& socket;
  SocketBio bio;
  Connection connection;
  SessionHandle session;  // after what it uses
  bool established = false;
  bool ended = false;  // our direction
  HandshakeFault fault = HandshakeFault::kNone;
  std::unique_ptr<const Error> broken;
};

Stream::Stream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stream::~Stream() = default;

Result<std::unique_ptr<Stream>> Stream::accept(net::AsyncSocket& socket, const ServerContext& context,
                                               const Acceptance& how, std::vector<std::uint8_t> received) {
  auto impl = std::make_unique<Impl>(socket, std::move(received), Connection::Terms{how.protocols, how.host.text()});
  auto session = TRY(context.open(how));
  TRY_VOID(impl->begin(std::move(session)));
  SSL_set_accept_state(impl->session.get());
  return std::unique_ptr<Stream>(new Stream(std::move(impl)));
}

Result<std::unique_ptr<Stream>> Stream::connect(net::AsyncSocket& socket, const ClientContext& context,
                                                const HostName& host, const ApplicationProtocols& protocols) {
  auto impl = std::make_unique<Impl>(socket, std::vector<std::uint8_t>(), Connection::Terms{protocols});
  auto session = TRY(context.open(host, protocols));
  TRY_VOID(impl->begin(std::move(session)));
  SSL_set_connect_state(impl->session.get());
  return std::unique_ptr<Stream>(new Stream(std::move(impl)));
}

asio::awaitable<Result<>> Stream::handshake() {
  Impl& self = *impl_;
  ENFORCER_CHECK(!self.established);
  while (true) {
    if (auto error = self.stopped()) {
      self.fault = HandshakeFault::kConnection;
      co_return std::unexpected(*std::move(error));
    }
    forget_errors();
    const int result = SSL_do_handshake(self.session.get());
    const bool done = result == 1;
    if (!done && SSL_get_error(self.session.get(), result) != SSL_ERROR_WANT_READ) {
      const bool socket_failed = self.bio.failure() || self.bio.eof();
      self.fault = socket_failed ? HandshakeFault::kConnection : self.connection.classify(*self.session);
      co_return std::unexpected(self.fail_with("TLS handshake"));
    }
    auto moved = co_await flushed();
    // A peer that closed already does not get its ticket; what it sent before is still to be read.
    if (done && !self.socket.interrupted()) break;
    if (moved && self.bio.starved()) moved = co_await self.socket.readable();
    if (!moved) {
      self.fault = HandshakeFault::kConnection;
      co_return moved;
    }
  }
  if (!self.connection.protocol_agreed(*self.session)) {
    self.fault = HandshakeFault::kAlpn;
    self.broken =
        std::make_unique<Error>(Errc::kInvalid, "TLS handshake: the server chose a protocol that was not offered");
    co_return std::unexpected(*self.broken);
  }
  self.established = true;
  co_return Result<>{};
}

HandshakeFault Stream::fault() const {
  return impl_->fault;
}

SessionInfo Stream::info() const {
  ENFORCER_CHECK(impl_->established);
  return {.protocol = *impl_->connection.protocol,
          .version = SSL_get_version(impl_->session.get()),
          .resumed = SSL_session_reused(impl_->session.get()) == 1};
}

std::optional<Result<std::size_t>> Stream::try_read(std::span<std::uint8_t> buffer) {
  Impl& self = *impl_;
  ENFORCER_CHECK(self.established && !buffer.empty());
  while (true) {
    if (auto error = self.stopped()) return std::unexpected(*std::move(error));
    forget_errors();
    std::size_t count = 0;
    const int result = SSL_read_ex(self.session.get(), buffer.data(), buffer.size(), &count);
    // First, because one call takes up to a buffer full of messages before the data behind them.
    if (auto error = self.overrun()) return std::unexpected(*std::move(error));
    if (result == 1) {
      self.connection.idle_messages = 0;
      return count;
    }
    switch (SSL_get_error(self.session.get(), result)) {
      case SSL_ERROR_ZERO_RETURN:
        return std::size_t{0};
      case SSL_ERROR_WANT_READ:
        break;
      default:
        return std::unexpected(self.fail_with("TLS read"));
    }
    // Without SSL_MODE_AUTO_RETRY a call also ends after a record that carries no data.
    if (self.bio.starved()) return std::nullopt;
  }
}

asio::awaitable<Result<std::size_t>> Stream::read_some(std::span<std::uint8_t> buffer) {
  Impl& self = *impl_;
  while (true) {
    if (auto done = try_read(buffer)) {
      if (self.socket.owes_turn()) co_await self.socket.turn();
      co_return *std::move(done);
    }
    if (auto waited = co_await self.wait_for_socket(); !waited) co_return std::unexpected(std::move(waited).error());
  }
}

asio::awaitable<Result<>> Stream::readable() {
  Impl& self = *impl_;
  const bool now = self.broken || SSL_has_pending(self.session.get()) == 1;
  return now ? at_once() : self.wait_for_socket();
}

asio::awaitable<Result<>> Stream::write_all(Bytes bytes) {
  Impl& self = *impl_;
  ENFORCER_CHECK(self.established && !self.ended);
  while (!bytes.empty()) {
    if (auto error = self.stopped()) co_return std::unexpected(*std::move(error));
    const Bytes piece = bytes.first(std::min(kRecord, bytes.size()));
    forget_errors();
    std::size_t written = 0;
    // The BIO takes everything, so a record is written whole or the stream is broken.
    if (SSL_write_ex(self.session.get(), piece.data(), piece.size(), &written) != 1)
      co_return std::unexpected(self.fail_with("TLS write"));
    bytes = bytes.subspan(written);
    auto sent = self.bio.flush();
    if (sent && self.bio.unsent() > 0) sent = co_await flushed();
    if (!sent) co_return sent;
  }
  co_return Result<>{};
}

asio::awaitable<Result<>> Stream::flushed() {
  Impl& self = *impl_;
  while (true) {
    if (auto sent = self.bio.flush(); !sent) co_return sent;
    if (!self.bio.flushing()) co_return Result<>{};
    if (auto waited = co_await self.socket.writable(); !waited) co_return waited;
  }
}

void Stream::end_writing() {
  Impl& self = *impl_;
  if (std::exchange(self.ended, true)) return;
  forget_errors();
  if (self.established && !self.stopped()) SSL_shutdown(self.session.get());  // close_notify; reads nothing
  self.bio.end_when_flushed();
}

bool Stream::may_have_more() const {
  const Impl& self = *impl_;
  return self.stopped() || SSL_has_pending(self.session.get()) == 1 || self.socket.may_have_more();
}

void Stream::interrupt(Errc why) {
  impl_->socket.interrupt(why);
}

}  // namespace enforcer::tls
