#include "proxy/http2_guest_stream.h"

#include "http/http2_fields.h"
#include "proxy/http2_connection.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

// The decisions are made after the conversation that refers to them, and used only when both are there.
Http2GuestStream::Http2GuestStream(Http2Connection& connection, Decisions& session, http::StreamId id,
                                   http::Http2End body)
    : Conversation(own_),
      Http2Stream(connection, http::Http2Error::kInternal),
      own_(session.worker(), session.shared_view(), session.destination()) {
  begin();
  starts_as(id, body);
}

Http2GuestStream::~Http2GuestStream() {
  let_go();
  leave();
}

/// A request whose answer is complete needs no more of its body: RFC 9113 8.1 lets it be cut off without harm.
asio::awaitable<BodyPart> Http2GuestStream::read_body() {
  if (answered_) co_return BodyPart{BodyPart::Kind::kEnd};
  const BodyPart part = co_await read();
  if (answered_) co_return BodyPart{BodyPart::Kind::kEnd};
  co_return part;
}

asio::awaitable<bool> Http2GuestStream::invite_body() {
  const http::ResponseHead head{.status = 100, .phrase = {}, .fields = {}, .body = {}};
  co_return co_await send_interim(head);
}

asio::awaitable<bool> Http2GuestStream::send_interim(const http::ResponseHead& head) {
  if (!open()) co_return false;
  connection().codec().interim(id(), http::http2_fields(head));
  connection().kick();
  co_return true;
}

asio::awaitable<bool> Http2GuestStream::send_head(const http::ResponseHead& head, RequestRead /*read*/,
                                                  BodyPart::Next next) {
  if (!open()) co_return false;
  using Kind = http::BodyFraming::Kind;
  const bool has_body = head.body.kind == Kind::kChunked || head.body.kind == Kind::kUntilClose || head.body.length > 0;
  body_follows_ = has_body && next != BodyPart::Next::kEnd;
  const auto fields = http::http2_fields(head);
  for (const http::HeaderField& field : fields) written_ += field.name.size() + field.value.size();
  connection().codec().respond(id(), fields, body_follows_ ? http::Http2End::kMoreFollows : http::Http2End::kEndsHere);
  connection().kick();
  co_return true;
}

asio::awaitable<bool> Http2GuestStream::write_body(Bytes data, BodyPart::Next next) {
  const bool sent = co_await write(data, next);
  if (sent) written_ += data.size();
  co_return sent;
}

asio::awaitable<bool> Http2GuestStream::end_body(const Trailers& trailers) {
  auto ending = body_follows_ ? end(trailers) : wait_for_end_sent();
  const bool ended = co_await std::move(ending);
  answered_ = ended;
  reading().notify();
  co_return ended;
}

asio::awaitable<bool> Http2GuestStream::send_answer(const http::Answer& answer, RequestRead read) {
  if (!co_await send_head(answer.head, read, BodyPart::Next::kBuffered)) co_return false;
  if (!co_await write_body(as_bytes(answer.body), BodyPart::Next::kEnd)) co_return false;
  co_return co_await end_body({});
}

void Http2GuestStream::connection_ended() {
  if (!closed_with()) closed(http::Http2Error::kCancel);
}

void Http2GuestStream::interrupt_guest(Errc /*why*/) {
  Http2Stream::interrupt();
}

void Http2GuestStream::closed(http::Http2Error error) {
  Http2Stream::closed(error);
  // Its own end, after our answer, is no breaking off.
  if (!answered_ && error != http::Http2Error::kNone && !is_malformed()) guest_left();
}

}  // namespace enforcer::proxy
