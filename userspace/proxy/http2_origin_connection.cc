#include "proxy/http2_origin_connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/secret.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

/// An origin sends one head and a few interim ones (exchange.cc has the limit that counts).
constexpr std::size_t kMaxHeads = 16;

}  // namespace

Http2OriginConnection::Http2OriginConnection(Worker& worker, std::shared_ptr<Guest> guest,
                                             std::unique_ptr<OriginConnection> connection)
    : Http2Connection(worker, std::move(guest)), connection_(std::move(connection)) {}

std::shared_ptr<Http2OriginConnection> Http2OriginConnection::start(Worker& worker, std::shared_ptr<Guest> guest,
                                                                    std::unique_ptr<OriginConnection> connection) {
  std::shared_ptr<Http2OriginConnection> made(
      new Http2OriginConnection(worker, std::move(guest), std::move(connection)));
  if (!made->Http2Connection::open(http::Http2Codec::Role::kClient)) {
    made->over_ = true;
    return made;
  }
  asio::co_spawn(worker.io(), [made]() -> asio::awaitable<void> { co_await made->run(); }, asio::detached);
  return made;
}

asio::awaitable<void> Http2OriginConnection::run() {
  co_await exchange_frames(connection_->stream(), std::move(connection_->received()));
  read_ended();
}

void Http2OriginConnection::read_ended() {
  over_ = true;
  // What we hold against the origin makes every answer that was under way worthless.
  const bool broke_rules = codec().fault() != http::Http2Error::kNone;
  close_streams(broke_rules ? http::Http2Error::kProtocol : http::Http2Error::kInternal);
  if (sides_ == 0) connection_->stream().interrupt(Errc::kIo);  // else the last one does it
}

bool Http2OriginConnection::has_room() {
  return !over_ && !is_closing() && codec().takes_requests() && sides_ < codec().max_streams();
}

std::unique_ptr<Http2OriginSide> Http2OriginConnection::open() {
  if (!has_room()) return nullptr;
  return std::make_unique<Http2OriginSide>(shared_from_this());
}

void Http2OriginConnection::close() {
  if (over_) return;
  codec().terminate(http::Http2Error::kNone);
  closing();
  if (sides_ == 0) connection_->stream().interrupt(Errc::kDenied);
}

void Http2OriginConnection::side_gone() {
  if (--sides_ > 0) return;
  idle_since_ = Monotonic::now();
  if (is_closing()) connection_->stream().interrupt(Errc::kDenied);
}

void Http2OriginConnection::head_came(http::StreamId id, http::Http2Fields head, http::Http2End end) {
  auto* side = static_cast<Http2OriginSide*>(find(id));
  if (side == nullptr) return;
  side->head_came(http::understand_http2_response(std::move(head), end, side->method_));
  if (end == http::Http2End::kEndsHere) side->body_ended();
}

Http2OriginSide::Http2OriginSide(std::shared_ptr<Http2OriginConnection> connection)
    : Http2Stream(*connection, http::Http2Error::kCancel), owner_(std::move(connection)) {
  ++owner_->sides_;
  owner_->idle_since_.reset();
}

Http2OriginSide::~Http2OriginSide() {
  leave();
  owner_->side_gone();
}

asio::awaitable<bool> Http2OriginSide::send_head(const http::RequestHead& head) {
  if (!open() || owner_->over()) co_return false;
  method_ = head.method;
  body_follows_ = head.body.kind == http::BodyFraming::Kind::kChunked || head.body.length > 0;
  auto fields = http::http2_fields(head);
  const auto id =
      owner_->codec().request(fields, body_follows_ ? http::Http2End::kMoreFollows : http::Http2End::kEndsHere);
  for (http::HeaderField& field : fields) {
    written_ += field.name.size() + field.value.size();
    if (field.secret) wipe(field.value);
  }
  if (!id) {
    closed(http::Http2Error::kRefusedStream);
    co_return false;
  }
  starts_as(*id, http::Http2End::kMoreFollows);
  owner_->kick();
  co_return true;
}

asio::awaitable<bool> Http2OriginSide::write_body(Bytes data, BodyPart::Next next) {
  const bool sent = co_await write(data, next);
  if (sent) written_ += data.size();
  co_return sent;
}

asio::awaitable<bool> Http2OriginSide::end_body(const Trailers& /*trailers*/) {
  if (!body_follows_) co_return co_await wait_for_end_sent();
  co_return co_await end({});
}

asio::awaitable<OriginSide::Head> Http2OriginSide::read_head() {
  while (heads_.empty()) {
    if (is_malformed() || !Http2Stream::open()) co_return why_none();
    co_await reading().wait();
  }
  auto outcome = std::move(heads_.front());
  heads_.pop_front();
  auto* head = std::get_if<http::ResponseHead>(&outcome);
  if (head == nullptr) co_return NoHead::kMalformed;
  bodiless_ = method_ == "HEAD" || !http::may_have_body(head->status);
  co_return std::move(*head);
}

asio::awaitable<BodyPart> Http2OriginSide::read_body() {
  const BodyPart part = co_await read();
  if (part.kind == BodyPart::Kind::kData && bodiless_) co_return BodyPart{BodyPart::Kind::kMalformed};
  co_return part;
}

void Http2OriginSide::head_came(http::ResponseOutcome head) {
  answered_ = true;
  if (heads_.size() < kMaxHeads) heads_.push_back(std::move(head));
  reading().notify();
}

OriginSide::NoHead Http2OriginSide::why_none() const {
  if (is_malformed()) return NoHead::kMalformed;
  if (closed_with() == http::Http2Error::kRefusedStream) return NoHead::kRefused;
  if (closed_with() == http::Http2Error::kHttp11Required) return NoHead::kNeedsHttp1;
  if (owner_->codec().fault() != http::Http2Error::kNone) return NoHead::kMalformed;
  return NoHead::kBroken;
}

}  // namespace enforcer::proxy
