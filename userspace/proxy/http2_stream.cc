#include "proxy/http2_stream.h"

#include "proxy/guest.h"
#include "proxy/http2_connection.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

Http2Stream::Http2Stream(Http2Connection& connection, http::Http2Error left_with)
    : connection_(connection),
      left_with_(left_with),
      reading_(connection.worker().io()),
      writing_(connection.worker().io()) {}

void Http2Stream::leave() {
  if (wide_) connection_.guest().close_wide_window();
  if (id_ == 0) return;
  connection_.forget(id_);
  if (closed_) return;
  connection_.codec().withdraw(id_);
  // Our side is whole and the peer's is not: it may stop sending, and what we sent stands (RFC 9113 8.1).
  const bool whole = end_sent_ && left_with_ == http::Http2Error::kInternal;
  if (!end_sent_ || !body_ended_) connection_.codec().reset(id_, whole ? http::Http2Error::kNone : left_with_);
  connection_.kick();
}

void Http2Stream::starts_as(http::StreamId id, http::Http2End body) {
  id_ = id;
  body_ended_ = body == http::Http2End::kEndsHere;
  connection_.remember(id, *this);
}

asio::awaitable<BodyPart> Http2Stream::read() {
  if (!reading_now_.empty() && !closed_) {
    connection_.codec().consumed(id_, reading_now_.size());
    connection_.kick();
  }
  read_ += reading_now_.size();
  reading_now_.clear();
  if (!wide_ && read_ > http::Http2Codec::kWindow && open() && connection_.guest().open_wide_window()) {
    wide_ = true;
    connection_.codec().widen(id_);
  }
  while (true) {
    if (malformed_) co_return BodyPart{BodyPart::Kind::kMalformed};
    if (!arrived_.empty() && !interrupted_) break;
    if (body_ended_ && arrived_.empty()) co_return BodyPart{BodyPart::Kind::kEnd};
    if (!open()) co_return BodyPart{BodyPart::Kind::kBroken};
    co_await reading_.wait();
  }
  reading_now_.swap(arrived_);
  co_return BodyPart{BodyPart::Kind::kData, reading_now_, next_part()};
}

BodyPart::Next Http2Stream::next_part() const {
  if (malformed_ || interrupted_) return BodyPart::Next::kUnknown;
  if (!arrived_.empty()) return body_ended_ ? BodyPart::Next::kLast : BodyPart::Next::kBuffered;
  if (!body_ended_) return BodyPart::Next::kUnknown;
  return trailers_.empty() ? BodyPart::Next::kEnd : BodyPart::Next::kBuffered;
}

asio::awaitable<bool> Http2Stream::write(Bytes data, BodyPart::Next next) {
  if (data.empty()) co_return open();
  if (!open()) co_return false;
  taken_ = false;
  end_said_ = next == BodyPart::Next::kEnd;
  connection_.codec().offer(id_, data, end_said_ ? http::Http2End::kEndsHere : http::Http2End::kMoreFollows);
  connection_.kick();
  while (!taken_ && open()) co_await writing_.wait();
  if (!taken_ && !closed_) connection_.codec().withdraw(id_);
  co_return taken_;
}

asio::awaitable<bool> Http2Stream::end(Trailers trailers) {
  if (end_said_) co_return co_await wait_for_end_sent();
  if (!open()) co_return false;
  end_said_ = true;
  connection_.codec().end_body(id_, std::move(trailers));
  connection_.kick();
  co_return co_await wait_for_end_sent();
}

asio::awaitable<bool> Http2Stream::wait_for_end_sent() {
  while (!end_sent_ && open()) co_await writing_.wait();
  co_return end_sent_;
}

void Http2Stream::interrupt() {
  interrupted_ = true;
  reading_.notify();
  writing_.notify();
}

void Http2Stream::data_came(Bytes data) {
  arrived_.insert(arrived_.end(), data.begin(), data.end());
  reading_.notify();
}

void Http2Stream::body_ended() {
  body_ended_ = true;
  reading_.notify();
}

void Http2Stream::data_taken() {
  taken_ = true;
  writing_.notify();
}

void Http2Stream::end_sent() {
  end_sent_ = true;
  writing_.notify();
}

void Http2Stream::malformed() {
  malformed_ = true;
  reading_.notify();
}

void Http2Stream::closed(http::Http2Error error) {
  closed_ = error;
  reading_.notify();
  writing_.notify();
}

}  // namespace enforcer::proxy
