#include "proxy/http1_body_source.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

BodyPart::Next Http1BodySource::next_part() {
  if (!ahead_) ahead_ = reader_->next(Bytes(buffered_).subspan(used_));
  const bool complete = ahead_->state == http::BodyReader::State::kComplete;
  if (!ahead_->data.empty()) return complete ? BodyPart::Next::kLast : BodyPart::Next::kBuffered;
  return complete ? BodyPart::Next::kEnd : BodyPart::Next::kUnknown;
}

asio::awaitable<BodyPart> Http1BodySource::next() {
  using State = http::BodyReader::State;
  while (true) {
    const auto progress = ahead_ ? *ahead_ : reader_->next(Bytes(buffered_).subspan(used_));
    ahead_.reset();
    used_ += progress.consumed;
    if (!progress.data.empty()) {
      co_return BodyPart{BodyPart::Kind::kData, progress.data, next_part()};
    }
    buffered_.erase(buffered_.begin(), buffered_.begin() + static_cast<std::ptrdiff_t>(std::exchange(used_, 0)));
    if (progress.state == State::kComplete) co_return BodyPart{BodyPart::Kind::kEnd};
    if (progress.state == State::kMalformed) co_return BodyPart{BodyPart::Kind::kMalformed};
    const std::size_t before = buffered_.size();
    buffered_.resize(before + net::kBodyReadSize);
    const auto count = co_await stream_.read_some(std::span(buffered_).subspan(before));
    buffered_.resize(before + count.value_or(0));
    if (count && *count == 0 && until_close_) co_return BodyPart{BodyPart::Kind::kEnd};
    if (count.value_or(0) == 0) co_return BodyPart{BodyPart::Kind::kBroken};
  }
}

}  // namespace enforcer::proxy
