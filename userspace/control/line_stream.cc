#include "control/line_stream.h"

#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>

namespace enforcer::control {
namespace http = beast::http;

asio::awaitable<bool> begin_lines(Stream& stream) {
  http::response<http::empty_body> head(http::status::ok, 11);
  head.set(http::field::content_type, "application/x-ndjson");
  head.set(http::field::cache_control, "no-store");
  head.keep_alive(false);
  head.chunked(true);
  http::response_serializer<http::empty_body> serializer(head);
  stream.expires_after(kStreamWriteDeadline);
  const auto [error, size] = co_await http::async_write_header(stream, serializer, kAwait);
  co_return !error;
}

asio::awaitable<bool> send_lines(Stream& stream, std::string lines) {
  stream.expires_after(kStreamWriteDeadline);
  const auto [error, size] = co_await asio::async_write(stream, http::make_chunk(asio::buffer(lines)), kAwait);
  co_return !error;
}

asio::awaitable<void> end_lines(Stream& stream) {
  stream.expires_after(kStreamWriteDeadline);
  co_await asio::async_write(stream, http::make_chunk_last(), kAwait);
}

asio::awaitable<void> client_gone(Stream& stream) {
  std::array<char, 64> buffer;
  co_await stream.socket().async_read_some(asio::buffer(buffer), kAwait);
}

}  // namespace enforcer::control
