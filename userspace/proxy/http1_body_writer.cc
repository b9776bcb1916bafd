#include "proxy/http1_body_writer.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

asio::awaitable<bool> Http1BodyWriter::write(Bytes data, BodyPart::Next next) {
  if (!chunked_ && held_.empty() && next == BodyPart::Next::kUnknown) return send(data);
  if (chunked_) {
    http::append_chunk(held_, data);
  } else {
    held_.insert(held_.end(), data.begin(), data.end());
  }
  const bool may_wait = next != BodyPart::Next::kUnknown && held_.size() < net::kBodyReadSize;
  return may_wait ? send({}) : flush();  // nothing to send: true at once
}

asio::awaitable<bool> Http1BodyWriter::end() {
  if (chunked_) {
    const Bytes last = as_bytes(http::kLastChunk);
    held_.insert(held_.end(), last.begin(), last.end());
  }
  return tunnel_ ? end_tunnel() : flush();
}

asio::awaitable<bool> Http1BodyWriter::end_tunnel() {
  const bool sent = co_await flush();
  if (sent) stream_.end_writing();
  co_return sent;
}

asio::awaitable<bool> Http1BodyWriter::flush() {
  if (held_.empty()) co_return true;
  const bool sent = co_await send(held_);
  held_.clear();
  co_return sent;
}

asio::awaitable<bool> Http1BodyWriter::send(Bytes bytes) {
  if (bytes.empty()) co_return true;
  const auto sent = co_await stream_.write_all(bytes);
  if (sent) written_ += bytes.size();
  co_return sent.has_value();
}

}  // namespace enforcer::proxy
