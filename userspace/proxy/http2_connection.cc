#include "proxy/http2_connection.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/give_back.h"
#include "http/http2_fields.h"
#include "proxy/http2_stream.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

/// Frames that leave in one write.
constexpr std::size_t kWriteSize = std::size_t{64} * 1024;

}  // namespace

Http2Connection::Http2Connection(Worker& worker, std::shared_ptr<Guest> guest)
    : worker_(worker), guest_(std::move(guest)), sending_(worker.io()) {}
Http2Connection::~Http2Connection() = default;

Result<> Http2Connection::open(http::Http2Codec::Role role) {
  codec_ = TRY(http::Http2Codec::make(role, *this));
  return {};
}

asio::awaitable<void> Http2Connection::exchange_frames(net::ByteStream& stream, std::vector<std::uint8_t> received) {
  using namespace asio::experimental::awaitable_operators;
  auto reading = read_frames(stream, std::move(received));
  auto writing = write_frames(stream);
  co_await (std::move(reading) && std::move(writing));
}

asio::awaitable<void> Http2Connection::read_frames(net::ByteStream& stream, std::vector<std::uint8_t> received) {
  bool well = received.empty() || codec_->receive(received).has_value();
  kick();
  give_back(received);
  while (well && !codec_->over()) {
    (void)co_await stream.readable();  // a connection may be idle for long: it holds no buffer meanwhile
    const auto buffer = std::make_unique_for_overwrite<std::uint8_t[]>(net::kBodyReadSize);
    const auto count = co_await stream.read_some({buffer.get(), net::kBodyReadSize});
    if (count.value_or(0) == 0) break;
    well = codec_->receive({buffer.get(), *count}).has_value();
    kick();
  }
  read_ended();
  closing();
}

asio::awaitable<void> Http2Connection::write_frames(net::ByteStream& stream) {
  std::vector<std::uint8_t> out;
  while (true) {
    while (out.size() < kWriteSize) {
      const Bytes next = codec_->output();
      if (next.empty()) break;
      out.insert(out.end(), next.begin(), next.end());
    }
    if (out.empty()) {
      if (closing_ || codec_->over()) break;
      co_await sending_.wait();
      continue;
    }
    send_begins();
    if (!co_await stream.write_all(out)) break;
    send_ended();
    out.clear();
    if (streams_.empty()) give_back(out);
  }
  // A reader that still waits has nobody left to answer for it.
  stream.interrupt(Errc::kIo);
}

void Http2Connection::closing() {
  closing_ = true;
  kick();
}

Http2Stream* Http2Connection::find(http::StreamId id) {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

void Http2Connection::data_came(http::StreamId id, Bytes data) {
  if (Http2Stream* stream = find(id)) return stream->data_came(data);
  codec_->consumed(id, data.size());  // nobody wants it any more
}

void Http2Connection::trailers_came(http::StreamId id, http::Http2Fields trailers) {
  if (Http2Stream* stream = find(id)) stream->trailers_came(http::http2_trailers(trailers));
}

void Http2Connection::body_ended(http::StreamId id) {
  if (Http2Stream* stream = find(id)) stream->body_ended();
}

void Http2Connection::data_taken(http::StreamId id) {
  if (Http2Stream* stream = find(id)) stream->data_taken();
}

void Http2Connection::end_sent(http::StreamId id) {
  if (Http2Stream* stream = find(id)) stream->end_sent();
}

void Http2Connection::malformed(http::StreamId id) {
  if (Http2Stream* stream = find(id)) stream->malformed();
}

void Http2Connection::stream_closed(http::StreamId id, http::Http2Error error) {
  if (Http2Stream* stream = find(id)) stream->closed(error);
}

void Http2Connection::close_streams(http::Http2Error error) {
  const auto streams = streams_;
  for (const auto& [id, stream] : streams) {
    if (!stream->closed_with()) stream->closed(error);
  }
}

}  // namespace enforcer::proxy
