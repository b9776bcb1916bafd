// How a stream ends: in good order, broken off, or told to stop.
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "both_ends.h"

using namespace enforcer;
using namespace enforcer::tls;
using namespace enforcer::tls::test;
using namespace std::chrono_literals;

namespace {

/// Waits for TLS's verdict on a stream: 0 bytes, or the code of the error.
asio::awaitable<std::optional<Errc>> next_read(Stream& stream) {
  std::uint8_t buffer[100];
  const auto count = co_await stream.read_some(buffer);
  if (!count) co_return count.error().code;
  CHECK(*count == 0);
  co_return std::nullopt;
}

}  // namespace

TEST_CASE("what_a_peer_sent_before_it_closed_is_read_although_nothing_can_be_sent_any_more") {
  GuestSide side;
  Loop loop;
  SocketPair pair;
  std::optional<OpenSslPeer> client(std::in_place, side.client(), std::move(pair.other), [](SSL* ssl) {
    if (SSL_connect(ssl) != 1) return;
    SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_write(ssl, "last words", 10);
    SSL_shutdown(ssl);
  });
  const auto socket = loop.watch(std::move(pair.ours));
  const auto stream = side.accept(*socket);
  loop.run([&]() -> asio::awaitable<void> { CHECK(co_await stream->handshake()); });
  client.reset();
  loop.run([&]() -> asio::awaitable<void> {
    const auto written = co_await stream->write_all(as_bytes("too late"));
    REQUIRE_FALSE(written);
    CHECK(written.error().code == Errc::kIo);
    CHECK(co_await read_everything(*stream) == "last words");
  });
}

TEST_CASE("a_connection_that_ends_without_close_notify_is_truncated") {
  GuestSide side;
  Loop loop;
  SocketPair pair;
  const OpenSslPeer client(side.client(), std::move(pair.other), [](SSL* ssl) {
    if (SSL_connect(ssl) == 1) SSL_write(ssl, "half of it", 10);
    shutdown(SSL_get_fd(ssl), SHUT_WR);
    read_to_end(ssl);  // closing a socket with something unread in it would be a reset
  });
  const auto socket = loop.watch(std::move(pair.ours));
  const auto stream = side.accept(*socket);
  loop.run([&]() -> asio::awaitable<void> {
    CHECK(co_await stream->handshake());
    CHECK(co_await read_everything(*stream) ==
          "half of it<TLS read: the peer closed the connection without close_notify>");
    CHECK(co_await next_read(*stream) == Errc::kIo);
    stream->end_writing();
  });
}

TEST_CASE("the_end_of_a_stream_stays_its_end_and_the_other_direction_lives_on") {
  BothEnds ends;
  ends.shake();
  ends.loop.run([&]() -> asio::awaitable<void> {
    ends.client->end_writing();
    CHECK(co_await next_read(*ends.server) == std::nullopt);
    CHECK(co_await next_read(*ends.server) == std::nullopt);
    CHECK(co_await ends.server->write_all(as_bytes("still here")));
    ends.server->end_writing();
    CHECK(co_await read_everything(*ends.client) == "still here");
  });
}

TEST_CASE("a_handshake_that_the_peer_breaks_off_says_so") {
  GuestSide side;
  Loop loop;
  SocketPair pair;
  const auto socket = loop.watch(std::move(pair.ours));
  const auto stream = side.accept(*socket);
  pair.other.reset();
  loop.run([&]() -> asio::awaitable<void> {
    const auto shaken = co_await stream->handshake();
    REQUIRE_FALSE(shaken);
    CHECK(shaken.error().code == Errc::kIo);
    CHECK(label(stream->fault()) == "connection");
  });
}

TEST_CASE("an_interrupt_ends_handshake_read_and_write_and_every_later_one") {
  {
    GuestSide side;
    Loop loop;
    SocketPair pair;
    const auto socket = loop.watch(std::move(pair.ours));
    const auto stream = side.accept(*socket);
    asio::post(loop.io, [&] { stream->interrupt(Errc::kTimeout); });
    loop.run([&]() -> asio::awaitable<void> {
      const auto shaken = co_await stream->handshake();
      REQUIRE_FALSE(shaken);
      CHECK(shaken.error().code == Errc::kTimeout);
      CHECK(label(stream->fault()) == "connection");
    });
  }
  BothEnds ends;
  ends.shake();
  const std::string much(5'000'000, 'x');  // nobody reads it
  asio::steady_timer later(ends.loop.io, 50ms);
  later.async_wait([&](boost::system::error_code) { ends.server->interrupt(Errc::kDenied); });
  ends.loop.run(
      [&]() -> asio::awaitable<void> {
        CHECK(co_await next_read(*ends.server) == Errc::kDenied);
        CHECK(co_await next_read(*ends.server) == Errc::kDenied);
      },
      [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 2; ++i) {
          const auto written = co_await ends.server->write_all(as_bytes(much));
          REQUIRE_FALSE(written);
          CHECK(written.error().code == Errc::kDenied);
        }
      });
}

TEST_CASE("an_interrupt_comes_before_what_is_decrypted_already") {
  BothEnds ends;
  ends.shake();
  ends.loop.run([&]() -> asio::awaitable<void> {
    CHECK(co_await ends.client->write_all(as_bytes("abcdef")));
    std::uint8_t two[2];
    CHECK((co_await ends.server->read_some(two)).value() == 2);
    CHECK(ends.server->try_read(two)->value() == 2);
    ends.server->interrupt(Errc::kDenied);
    CHECK(ends.server->try_read(two)->error().code == Errc::kDenied);
    CHECK(co_await next_read(*ends.server) == Errc::kDenied);
  });
}

TEST_CASE("a_close_notify_that_finds_the_socket_full_is_sent_later") {
  enum class By { kReading, kFlushing };
  for (const By by : {By::kReading, By::kFlushing}) {
    BothEnds ends;
    ends.shake();
    const std::string much(50'000, 'x');
    std::string heard;
    ends.loop.run(
        [&]() -> asio::awaitable<void> {
          CHECK(co_await ends.server->write_all(as_bytes(much)));  // nobody has read a byte of it
          const int size = 1;
          setsockopt(ends.server_socket->fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
          CHECK(ends.server_socket->try_write(as_bytes("no room")).value() == 0);
          ends.server->end_writing();
          if (by == By::kReading) {
            CHECK(co_await next_read(*ends.server) == std::nullopt);
          } else {
            CHECK(co_await ends.server->flushed());
          }
        },
        [&]() -> asio::awaitable<void> {
          heard = co_await read_everything(*ends.client);
          ends.client->end_writing();
        });
    CHECK(heard == much);
  }
}

TEST_CASE("bytes_that_were_changed_on_the_way_end_the_stream") {
  GuestSide side;
  Loop loop;
  SocketPair pair;
  const OpenSslPeer client(side.client(), std::move(pair.other), [](SSL* ssl) {
    if (SSL_connect(ssl) != 1) return;
    const std::string forged = be(23, 1) + be(0x0303, 2) + vec16(std::string(40, 'x'));
    CHECK(write(SSL_get_fd(ssl), forged.data(), forged.size()) == static_cast<ssize_t>(forged.size()));
    char byte = 0;
    CHECK(SSL_read(ssl, &byte, 1) <= 0);
    CHECK(ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_SSLV3_ALERT_BAD_RECORD_MAC);
  });
  const auto socket = loop.watch(std::move(pair.ours));
  const auto stream = side.accept(*socket);
  loop.run([&]() -> asio::awaitable<void> {
    CHECK(co_await stream->handshake());
    CHECK(co_await next_read(*stream) == Errc::kInvalid);
    CHECK(co_await next_read(*stream) == Errc::kInvalid);
    CHECK_FALSE(co_await stream->write_all(as_bytes("too late")));
    stream->end_writing();
  });
}
