#include "proxy/exchange.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/digest.h"
#include "http/field_rules.h"
#include "proxy/conversation.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

/// Interim responses to one request; an origin that sends more has something else in mind.
constexpr int kMaxInterim = 8;
constexpr unsigned kBadGateway = 502;
constexpr unsigned kGatewayTimeout = 504;
constexpr unsigned kContinue = 100;
constexpr unsigned kSwitchingProtocols = 101;

/// RFC 6455 4.1: the origin has understood that this is WebSocket, and nothing else, what it agrees to.
bool accepts_websocket(const http::ResponseHead& head, const http::RequestHead& request) {
  if (!head.websocket || request.tunnel != http::RequestHead::Tunnel::kWebSocket) return false;
  const auto keys = http::values_of(request.fields, "sec-websocket-key");
  const auto accepts = http::values_of(head.fields, "sec-websocket-accept");
  if (keys.size() != 1 || accepts.size() != 1) return false;
  return accepts[0] == sha1_base64(std::string(keys[0]) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
}

/// An origin that does not read takes it all the same, and its answer can be waited for behind it.
bool fits_in_socket(const http::RequestHead& head) {
  constexpr std::size_t kSmall = 8 * 1024;
  std::size_t size = head.path.path.size() + (head.path.query ? head.path.query->size() : 0);
  for (const http::HeaderField& field : head.fields) size += field.name.size() + field.value.size();
  return size <= kSmall;
}

}  // namespace

Exchange::Exchange(Conversation& conversation, GuestSide& guest, BodySource& upload, OriginSide& origin,
                   const policy::Facts& facts)
    : conversation_(conversation),
      guest_(guest),
      origin_(origin),
      facts_(facts),
      upload_(upload, origin_),
      download_(origin_, guest) {}

asio::awaitable<Exchange::Result> Exchange::run(const OutgoingRequest& request, OriginLeg::Reached leg,
                                                Attempt attempt) {
  using namespace asio::experimental::awaitable_operators;
  held_whole_ = request.held_whole();
  harmless_twice_ = request.may_be_repeated();
  reused_ = leg == OriginLeg::Reached::kReused;
  last_ = attempt == Attempt::kLast;
  auto sending = send_request(request);
  auto receiving = receive_response(request);
  if (request.head.body.kind == http::BodyFraming::Kind::kNone && fits_in_socket(request.head)) {
    co_await std::move(sending);
    co_await std::move(receiving);
  } else {
    co_await (std::move(sending) && std::move(receiving));
  }
  spend_upload();
  if (to_be_repeated()) {
    co_return refused_ == OriginSide::NoHead::kNeedsHttp1 ? Result::kAgainByHttp1 : Result::kAgain;
  }
  if (!broken_ && sending_ == Sending::kSent && !conversation_.guest_broken()) origin_.keep();
  co_return Result::kOver;
}

bool Exchange::denies_request() const {
  return reason_ == policy::Reason::kH1Framing || reason_ == policy::Reason::kH2Malformed ||
         reason_ == policy::Reason::kLimitBytes;
}

/// What the origin says it has not looked at may always be sent again (RFC 9113 8.7), what met a connection that was
/// just being closed only when it does no harm twice.
bool Exchange::to_be_repeated() const {
  if (last_ || !held_whole_ || !broken_ || response_begun_ || conversation_.interrupted()) return false;
  if (refused_) return true;
  const bool closed_unasked = outcome_ == audit::Outcome::kOriginReset && !origin_.answered();
  return closed_unasked && reused_ && harmless_twice_;
}

policy::Reason Exchange::malformed() const {
  return guest_.speaks_http2() ? policy::Reason::kH2Malformed : policy::Reason::kH1Framing;
}

asio::awaitable<void> Exchange::send_request(const OutgoingRequest& request) {
  progressed(BodyTransfer::Step::kWriting);
  if (!co_await origin_.send_head(request.head)) {
    sending_ = Sending::kFailed;
    upload_.discard();  // the origin may have answered all the same; what it says decides
  }
  co_await send_body(request);
  upload_over_ = true;
}

asio::awaitable<void> Exchange::send_body(const OutgoingRequest& request) {
  if (request.body) {
    progressed(BodyTransfer::Step::kWriting, request.body->size());
    const bool sent = co_await origin_.write_body(*request.body, BodyPart::Next::kEnd) && co_await origin_.end_body({});
    sending_ = sent && sending_ == Sending::kUnderWay ? Sending::kSent : Sending::kFailed;
    progressed(BodyTransfer::Step::kReading);
    co_return;
  }
  auto before = [this](BodyTransfer::Step step, std::size_t octets) { progressed(step, octets); };
  const auto end = co_await upload_.run(before);
  switch (end) {
    case BodyTransfer::End::kComplete:
      if (sending_ == Sending::kUnderWay && !answering_over_) {
        sending_ = Sending::kSent;
        progressed(BodyTransfer::Step::kReading);
      }
      co_return;
    case BodyTransfer::End::kMalformed:
      broke(audit::Outcome::kDenied, malformed());
      break;
    case BodyTransfer::End::kSinkBroken:
      sending_ = Sending::kFailed;
      co_return;  // receive_response() finds out what the origin has to say
    case BodyTransfer::End::kSourceBroken:
      if (!answering_over_) broke(audit::Outcome::kGuestReset);  // a body cut short is no request
      break;
  }
  sending_ = Sending::kFailed;
  conversation_.interrupt_origin(Errc::kIo);  // ends the wait for a response, too
}

asio::awaitable<void> Exchange::receive_response(const OutgoingRequest& request) {
  const auto head = co_await read_final_head(request);
  if (head) {
    auto answering = head->status == kSwitchingProtocols ? tunnel(*head) : relay(*head);
    co_await std::move(answering);
  }
  if (broken_ && !response_begun_ && !to_be_repeated()) co_await answer_failure(request);
  answering_over_ = true;
  if (upload_over_) co_return;
  // What is cut off is cut off for both directions: no more is taken from a guest that is over its limit.
  if (broken_ && after_ == After::kReset && !to_be_repeated()) co_return conversation_.interrupt(Errc::kIo);
  // Nobody reads the rest of the request any more: it is taken from the guest for a moment, so that the response is not
  // lost to a RST (RFC 9112 9.6), and thrown away.
  upload_.discard();
  conversation_.interrupt_origin(Errc::kIo);
  conversation_.expect_within(Conversation::kFarewell);
}

asio::awaitable<std::optional<http::ResponseHead>> Exchange::read_final_head(const OutgoingRequest& request) {
  for (int interim = 0; interim <= kMaxInterim; ++interim) {
    auto read = co_await origin_.read_head();
    if (const auto* why = std::get_if<OriginSide::NoHead>(&read)) {
      no_head(*why);
      co_return std::nullopt;
    }
    auto& head = std::get<http::ResponseHead>(read);
    if (!head.interim()) co_return std::move(head);
    if (head.status == kSwitchingProtocols) {
      // An origin that agrees before it has the whole handshake cannot have read it.
      if (sending_ != Sending::kSent || !accepts_websocket(head, request.head)) break;
      co_return std::move(head);
    }
    // 100 was answered by us before the body was read, and who asks for a WebSocket takes the first head for the
    // answer.
    const bool for_guest = head.status != kContinue && request.head.tunnel == http::RequestHead::Tunnel::kNone;
    if (for_guest && !co_await guest_.send_interim(head)) {
      broke(audit::Outcome::kGuestReset);
      co_return std::nullopt;
    }
  }
  broke(audit::Outcome::kDenied, policy::Reason::kOriginProtocol);
  co_return std::nullopt;
}

void Exchange::no_head(OriginSide::NoHead why) {
  switch (why) {
    case OriginSide::NoHead::kMalformed:
      return broke(audit::Outcome::kDenied, policy::Reason::kOriginProtocol);
    case OriginSide::NoHead::kUnsearchable:
      return broke(audit::Outcome::kDenied, policy::Reason::kSecretReflected);
    case OriginSide::NoHead::kRefused:
    case OriginSide::NoHead::kNeedsHttp1:
      refused_ = why;
      break;
    case OriginSide::NoHead::kBroken:
      break;
  }
  broke(audit::Outcome::kOriginReset);
}

asio::awaitable<void> Exchange::relay(const http::ResponseHead& head) {
  conversation_.worker().metrics().http_response(head.status);
  response_begun_ = true;
  progressed(BodyTransfer::Step::kWriting);
  const auto read = sending_ == Sending::kSent ? RequestRead::kWhole : RequestRead::kNotWhole;
  if (!co_await guest_.send_head(head, read, origin_.next_part())) co_return broke(audit::Outcome::kGuestReset);
  auto before = [this](BodyTransfer::Step step, std::size_t) { progressed(step); };
  const auto end = co_await download_.run(before);
  if (end != BodyTransfer::End::kMalformed && guest_has_all(head)) {
    if (!broken_) after_ = guest_.after_response();
    co_return;
  }
  switch (end) {
    case BodyTransfer::End::kComplete:
      break;
    case BodyTransfer::End::kMalformed:
      co_return broke(audit::Outcome::kDenied, policy::Reason::kOriginProtocol);
    case BodyTransfer::End::kSourceBroken:
      co_return broke(audit::Outcome::kOriginReset);
    case BodyTransfer::End::kSinkBroken:
      co_return broke(audit::Outcome::kGuestReset);
  }
  if (!broken_) after_ = guest_.after_response();
}

/// It counted the octets and left, without waiting for the END_STREAM behind them: nothing was broken off.
bool Exchange::guest_has_all(const http::ResponseHead& head) const {
  const bool counted = head.body.kind == http::BodyFraming::Kind::kLength && head.body.length > 0;
  const bool left = guest_.speaks_http2() && conversation_.guest_broken();
  return counted && left && download_.passed_on() == head.body.length;
}

/// Octets both ways from here on, until both sides have ended.
asio::awaitable<void> Exchange::tunnel(const http::ResponseHead& head) {
  using namespace asio::experimental::awaitable_operators;
  conversation_.worker().metrics().http_response(head.status);
  response_begun_ = true;
  if (!co_await guest_.send_interim(head)) co_return broke(audit::Outcome::kGuestReset);
  guest_.become_tunnel();
  origin_.become_tunnel();
  BodyTransfer up(guest_, origin_);
  BodyTransfer down(origin_, guest_);
  auto upwards = carry(up, audit::Outcome::kGuestReset, audit::Outcome::kOriginReset);
  auto downwards = carry(down, audit::Outcome::kOriginReset, audit::Outcome::kGuestReset);
  co_await (std::move(upwards) && std::move(downwards));
  if (!broken_) after_ = guest_.after_response();
}

/// One direction of a tunnel. When it breaks, the other has nobody to speak to.
asio::awaitable<void> Exchange::carry(BodyTransfer& transfer, audit::Outcome source_broke, audit::Outcome sink_broke) {
  auto before = [this](BodyTransfer::Step step, std::size_t) { progressed(step); };
  const auto end = co_await transfer.run(before);
  if (end == BodyTransfer::End::kComplete) co_return;
  broke(end == BodyTransfer::End::kSinkBroken ? sink_broke : source_broke);
  conversation_.interrupt(Errc::kIo);
}

/// No final response has begun: it can be told. A guest that broke the connection off is told nothing.
asio::awaitable<void> Exchange::answer_failure(const OutgoingRequest& request) {
  if (outcome_ == audit::Outcome::kGuestReset || conversation_.interrupted()) co_return;
  const bool late = outcome_ == audit::Outcome::kTimeout;
  const policy::Reason reason =
      reason_.value_or(late ? policy::Reason::kOriginTimeout : policy::Reason::kOriginConnect);
  const unsigned status = denies_request() ? status_of(reason) : late ? kGatewayTimeout : kBadGateway;
  conversation_.worker().metrics().http_response(status);
  const http::Answer answer = failure_answer(request.dialect, facts_, reason, status);
  if (!co_await guest_.send_answer(answer, RequestRead::kNotWhole)) co_return broke(audit::Outcome::kGuestReset);
  after_ = guest_.after_response();
}

/// False: the guest has sent as much as it may. With what is `coming`, because the last octets complete a request.
bool Exchange::spend_upload(std::size_t coming) {
  const std::uint64_t all = bytes_up() + coming;
  if (all <= spent_) return true;
  const std::uint64_t more = all - std::exchange(spent_, all);
  return conversation_.decisions().guest().upload().spend(more, Monotonic::now());
}

/// The first thing that broke is what happened; what follows from it is not.
void Exchange::broke(audit::Outcome outcome, std::optional<policy::Reason> reason) {
  if (broken_) return;
  broken_ = true;
  outcome_ = outcome;
  if (outcome == audit::Outcome::kOriginReset && conversation_.guest_broken()) outcome_ = audit::Outcome::kGuestReset;
  if (conversation_.interrupted() == Errc::kTimeout || conversation_.origin_late()) outcome_ = audit::Outcome::kTimeout;
  reason_ = reason;
  if (outcome_ == audit::Outcome::kTimeout && conversation_.origin_late()) reason_ = policy::Reason::kOriginTimeout;
  after_ = After::kReset;
}

/// One deadline for both directions: whoever moves last says for how long nothing may move. While there is no response
/// yet, what the guest can still be told is that the origin was late.
void Exchange::progressed(BodyTransfer::Step step, std::size_t coming) {
  if (!spend_upload(coming)) {
    broke(audit::Outcome::kDenied, policy::Reason::kLimitBytes);
    conversation_.interrupt_origin(Errc::kDenied);
  }
  if (answering_over_) return;
  const auto& deadlines = conversation_.worker().config().deadlines;
  if (step == BodyTransfer::Step::kWriting) return conversation_.expect_within(deadlines.stalled());
  if (response_begun_ || sending_ == Sending::kUnderWay) return conversation_.expect_within(deadlines.idle);
  conversation_.expect_origin_within(deadlines.idle);
}

}  // namespace enforcer::proxy
