// A worker's event loop for one test: coroutines run until all have ended, or the test fails.
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "net/async_socket.h"
#include "net/byte_stream.h"
#include "net/poller.h"

namespace enforcer::tls::test {

namespace asio = boost::asio;

struct Loop {
  asio::io_context io;
  std::unique_ptr<net::Poller> poller = net::Poller::make(io).value();

  std::unique_ptr<net::AsyncSocket> watch(Fd socket) {
    return net::AsyncSocket::make(io, *poller, std::move(socket)).value();
  }

  /// Each is a callable that makes a coroutine; it stays where it is until the end.
  template <class... Coroutines>
  void run(Coroutines&&... coroutines) {
    std::size_t left = sizeof...(coroutines);
    const auto ended = [&](const std::exception_ptr& thrown) {
      --left;
      if (thrown) std::rethrow_exception(thrown);
      if (left == 0) io.stop();
    };
    (asio::co_spawn(io, coroutines, ended), ...);
    io.restart();
    io.run_for(std::chrono::seconds(30));
    REQUIRE_MESSAGE(left == 0, "a coroutine waits for ever");
  }
};

/// Everything until the end of the stream, with the error's message in <> if it broke.
inline asio::awaitable<std::string> read_everything(net::ByteStream& stream) {
  std::string all;
  std::vector<std::uint8_t> buffer(20'000);
  while (true) {
    const auto count = co_await stream.read_some(buffer);
    if (!count) co_return all + "<" + count.error().message + ">";
    if (*count == 0) co_return all;
    all.append(reinterpret_cast<const char*>(buffer.data()), *count);
  }
}

}  // namespace enforcer::tls::test
