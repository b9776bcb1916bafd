#include "proxy/body_transfer.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

asio::awaitable<BodyTransfer::End> BodyTransfer::pass_on(http::BodyReader& reader, const Framing& framing) {
  using State = http::BodyReader::State;
  const bool chunked = framing.out.kind == http::BodyFraming::Kind::kChunked;
  Bytes rest = buffered_;
  http::BodyReader::Progress progress = reader.next(rest);
  chunks_.clear();
  while (true) {
    rest = rest.subspan(progress.consumed);
    if (chunked) {
      http::append_chunk(chunks_, progress.data);
    } else if (!co_await send(progress.data)) {
      co_return End::kSinkBroken;
    }
    if (progress.state != State::kMore || rest.empty()) break;
    progress = reader.next(rest);
  }
  if (!co_await send(chunks_)) co_return End::kSinkBroken;
  buffered_.erase(buffered_.begin(), buffered_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  if (progress.state == State::kMalformed) co_return End::kMalformed;
  co_return progress.state == State::kComplete ? co_await finish(framing) : End::kSourceEnded;
}

asio::awaitable<BodyTransfer::End> BodyTransfer::read_more() {
  const std::size_t before = buffered_.size();
  buffered_.resize(before + net::kBodyReadSize);
  const auto count = co_await source_.read_some(std::span(buffered_).subspan(before));
  buffered_.resize(before + count.value_or(0));
  if (!count) co_return End::kSourceBroken;
  co_return *count == 0 ? End::kSourceEnded : End::kComplete;
}

asio::awaitable<BodyTransfer::End> BodyTransfer::finish(const Framing& framing) {
  const bool chunked = framing.out.kind == http::BodyFraming::Kind::kChunked;
  const Bytes last = chunked ? as_bytes(http::kLastChunk) : Bytes{};
  co_return co_await send(last) ? End::kComplete : End::kSinkBroken;
}

asio::awaitable<bool> BodyTransfer::send(Bytes bytes) {
  if (bytes.empty() || sink_ == nullptr) co_return true;
  const auto sent = co_await sink_->write_all(bytes);
  if (sink_ == nullptr) co_return true;  // discarded meanwhile
  if (sent) sent_ += bytes.size();
  co_return sent.has_value();
}

}  // namespace enforcer::proxy
