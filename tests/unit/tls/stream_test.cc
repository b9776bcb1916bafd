#include "tls/stream.h"

#include "both_ends.h"
#include "origin_side.h"

using namespace enforcer;
using namespace enforcer::tls;
using namespace enforcer::tls::test;
using namespace std::chrono_literals;

namespace {

/// Bytes in which a lost, doubled or exchanged piece shows.
std::string numbers(std::size_t size) {
  std::string text;
  text.reserve(size + 8);
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  text.resize(size);
  return text;
}

/// A peer that sends and reads at the same time without waiting in either, and asks for new keys now and then.
void pump(SSL* ssl, std::string_view to_send, std::string& heard, int key_updates) {
  fcntl(SSL_get_fd(ssl), F_SETFL, O_NONBLOCK);
  SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const std::size_t all = to_send.size();
  const std::size_t step = all / static_cast<std::size_t>(key_updates + 1) + 1;
  std::size_t next_update = step;
  bool ended = false;
  bool shut = false;
  const auto deadline = Monotonic::now() + 30s;
  while ((!ended || !shut) && Monotonic::now() < deadline) {
    bool moved = false;
    if (!to_send.empty()) {
      const int count = SSL_write(ssl, to_send.data(), static_cast<int>(std::min<std::size_t>(to_send.size(), 9000)));
      if (count > 0) {
        moved = true;
        to_send.remove_prefix(static_cast<std::size_t>(count));
        if (key_updates > 0 && all - to_send.size() >= next_update) {
          next_update += step;
          SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        }
      }
    } else if (!shut) {
      shut = SSL_shutdown(ssl) >= 0;
    }
    char buffer[5000];
    const int count = ended ? 0 : SSL_read(ssl, buffer, sizeof buffer);
    if (count > 0) {
      moved = true;
      heard.append(buffer, static_cast<std::size_t>(count));
    } else if (!ended && SSL_get_error(ssl, count) == SSL_ERROR_ZERO_RETURN) {
      ended = true;
    }
    ERR_clear_error();
    if (!moved) std::this_thread::sleep_for(100us);
  }
}

}  // namespace

TEST_CASE("a_guest_speaks_tls_with_us_in_both_versions_and_ends_in_good_order") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    GuestSide side;
    Loop loop;
    SocketPair pair;
    Session session = side.client();
    SSL_set_min_proto_version(session.get(), version);
    SSL_set_max_proto_version(session.get(), version);
    std::string heard;
    {
      const OpenSslPeer client(std::move(session), std::move(pair.other), [&](SSL* ssl) {
        if (SSL_connect(ssl) != 1) return;
        SSL_write(ssl, "hello", 5);
        SSL_shutdown(ssl);
        heard = read_to_end(ssl);
      });
      const auto socket = loop.watch(std::move(pair.ours));
      const auto stream = side.accept(*socket);
      loop.run([&]() -> asio::awaitable<void> {
        const auto shaken = co_await stream->handshake();
        REQUIRE_MESSAGE(shaken, shaken.error().message);
        CHECK(stream->info().version == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
        CHECK_FALSE(stream->info().resumed);
        CHECK(co_await read_everything(*stream) == "hello");
        CHECK(co_await stream->write_all(as_bytes("good bye")));
        stream->end_writing();
        CHECK(co_await stream->flushed());
      });
    }
    CHECK(heard == "good bye");
  }
}

TEST_CASE("an_origin_speaks_tls_with_us_in_both_versions_and_ends_in_good_order") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const OriginSide side;
    const Context server = OriginSide::server_context(side.leaf);
    SSL_CTX_set_max_proto_version(server.get(), version);
    Loop loop;
    SocketPair pair;
    std::string heard;
    {
      const OpenSslPeer origin(Session(SSL_new(server.get())), std::move(pair.other), [&](SSL* ssl) {
        if (SSL_accept(ssl) != 1) return;
        heard = read_to_end(ssl);
        SSL_write(ssl, "answer", 6);
        SSL_shutdown(ssl);
      });
      const auto socket = loop.watch(std::move(pair.ours));
      const auto stream = side.connect(*socket);
      loop.run([&]() -> asio::awaitable<void> {
        const auto shaken = co_await stream->handshake();
        REQUIRE_MESSAGE(shaken, shaken.error().message);
        CHECK(stream->info().version == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
        CHECK(co_await stream->write_all(as_bytes("question")));
        stream->end_writing();
        CHECK(co_await read_everything(*stream) == "answer");
      });
    }
    CHECK(heard == "question");
  }
}

TEST_CASE("bytes_that_were_read_already_come_first_however_many_they_are") {
  for (const std::size_t already : {1U, 5U, 100U, 100'000U}) {
    CAPTURE(already);
    GuestSide side;
    Loop loop;
    SocketPair pair;
    const OpenSslPeer client(side.client(), std::move(pair.other), [](SSL* ssl) {
      if (SSL_connect(ssl) == 1) SSL_write(ssl, "hello", 5);
      SSL_shutdown(ssl);
    });
    const auto socket = loop.watch(std::move(pair.ours));
    loop.run([&]() -> asio::awaitable<void> {
      std::vector<std::uint8_t> received(already);
      received.resize((co_await socket->read_some(received)).value());
      const auto stream = side.accept(*socket, std::move(received));
      CHECK(co_await stream->handshake());
      CHECK(co_await read_everything(*stream) == "hello");
    });
  }
}

TEST_CASE("megabytes_pass_both_ways_at_once_through_sockets_of_a_few_kilobytes") {
  BothEnds ends;
  ends.shake();
  const std::string up = numbers(3'000'000);
  const std::string down = numbers(2'000'001);
  std::string heard_up;
  std::string heard_down;
  for (const auto& socket : {ends.server_socket.get(), ends.client_socket.get()}) {
    const int size = 1;
    setsockopt(socket->fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  const auto write = [](Stream& to, std::string_view text) -> asio::awaitable<void> {
    CHECK(co_await to.write_all(as_bytes(text)));
    to.end_writing();
  };
  ends.loop.run([&]() -> asio::awaitable<void> { co_await write(*ends.client, up); },
                [&]() -> asio::awaitable<void> { co_await write(*ends.server, down); },
                [&]() -> asio::awaitable<void> { heard_up = co_await read_everything(*ends.server); },
                [&]() -> asio::awaitable<void> { heard_down = co_await read_everything(*ends.client); });
  CHECK(heard_up == up);
  CHECK(heard_down == down);
}

TEST_CASE("key_updates_of_the_peer_pass_while_both_directions_are_busy") {
  for (const bool narrow : {false, true}) {
    GuestSide side;
    Loop loop;
    SocketPair pair;
    if (narrow) pair.narrow();
    const std::string up = numbers(2'000'000);
    const std::string down = numbers(2'000'000);
    std::string heard_up;
    std::string heard_down;
    {
      const OpenSslPeer client(side.client(), std::move(pair.other), [&](SSL* ssl) {
        if (SSL_connect(ssl) == 1) pump(ssl, up, heard_down, 50);
      });
      const auto socket = loop.watch(std::move(pair.ours));
      const auto stream = side.accept(*socket);
      loop.run([&]() -> asio::awaitable<void> { CHECK(co_await stream->handshake()); });
      loop.run(
          [&]() -> asio::awaitable<void> {
            CHECK(co_await stream->write_all(as_bytes(down)));
            stream->end_writing();
          },
          [&]() -> asio::awaitable<void> { heard_up = co_await read_everything(*stream); });
    }
    CHECK(heard_up == up);
    CHECK(heard_down == down);
  }
}

TEST_CASE("a_peer_that_sends_nothing_but_key_updates_is_cut_off") {
  for (const unsigned updates : {Stream::kMaxIdleMessages, Stream::kMaxIdleMessages + 1}) {
    GuestSide side;
    Loop loop;
    SocketPair pair;
    const OpenSslPeer client(side.client(), std::move(pair.other), [&](SSL* ssl) {
      if (SSL_connect(ssl) != 1) return;
      for (unsigned i = 0; i < updates; ++i) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        if (SSL_do_handshake(ssl) != 1) return;
      }
      SSL_write(ssl, "data", 4);
      SSL_shutdown(ssl);
      read_to_end(ssl);
    });
    const auto socket = loop.watch(std::move(pair.ours));
    const auto stream = side.accept(*socket);
    loop.run([&]() -> asio::awaitable<void> {
      CHECK(co_await stream->handshake());
      CHECK(co_await read_everything(*stream) ==
            (updates > Stream::kMaxIdleMessages ? "<TLS: the peer sends handshake messages and no data>" : "data"));
      socket->end_writing();
    });
  }
}

TEST_CASE("try_read_has_nothing_until_a_whole_record_is_there") {
  BothEnds ends;
  ends.shake();
  ends.loop.run([&]() -> asio::awaitable<void> {
    std::uint8_t buffer[100];
    CHECK_FALSE(ends.server->try_read(buffer));
    CHECK(co_await ends.client->write_all(as_bytes("abc")));
    REQUIRE(co_await ends.server_socket->readable());
    const auto count = ends.server->try_read(buffer);
    REQUIRE(count);
    CHECK(count->value() == 3);
    CHECK_FALSE(ends.server->try_read(buffer));
  });
}
