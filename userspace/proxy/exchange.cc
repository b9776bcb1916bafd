#include "proxy/exchange.h"

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <iterator>

#include "base/secret.h"
#include "proxy/conversation.h"
#include "proxy/http_denial.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

/// Interim responses to one request; an origin that sends more has something else in mind.
constexpr int kMaxInterim = 8;
constexpr unsigned kBadGateway = 502;
constexpr std::string_view kIdempotent[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};  // RFC 9110 9.2.2
constexpr unsigned kContinue = 100;
constexpr unsigned kSwitchingProtocols = 101;

using Extras = http::BodyReader::Extras;

}  // namespace

Exchange::Exchange(Conversation& conversation, net::ByteStream& guest, std::vector<std::uint8_t>& guest_received,
                   OriginLeg& origin, const policy::Facts& facts)
    : conversation_(conversation),
      guest_(guest),
      origin_(origin),
      facts_(facts),
      upload_(guest, guest_received, origin.stream()),
      download_(origin.stream(), origin.received(), guest) {}

asio::awaitable<bool> Exchange::run(const OutgoingRequest& request, OriginLeg::Reached leg) {
  using namespace asio::experimental::awaitable_operators;
  // RFC 9110 9.2.2: what is not idempotent may have been done although no answer came.
  const bool harmless_twice = std::ranges::find(kIdempotent, request.head.method) != std::end(kIdempotent);
  const bool held_whole = request.body || request.head.body.kind == http::BodyFraming::Kind::kNone;
  repeatable_ = leg == OriginLeg::Reached::kReused && harmless_twice && held_whole;
  progressed();
  auto sending = send_request(request);
  auto receiving = receive_response(request);
  co_await (std::move(sending) && std::move(receiving));
  spend_upload();
  if (broken_ || sending_ != Sending::kSent || origin_ends_) origin_.drop();
  co_return !to_be_repeated();
}

bool Exchange::denies_request() const {
  return reason_ == policy::Reason::kH1Framing || reason_ == policy::Reason::kLimitBytes;
}

bool Exchange::to_be_repeated() const {
  const bool closed_unasked = broken_ && outcome_ == audit::Outcome::kOriginReset && origin_silent_;
  return repeatable_ && closed_unasked && !conversation_.interrupted();
}

asio::awaitable<void> Exchange::send_request(const OutgoingRequest& request) {
  std::string head = http::serialise(request.head);
  const auto sent = co_await origin_.stream().write_all(as_bytes(head));
  if (sent) head_sent_ = head.size();
  wipe(head);  // a credential may be in it
  if (!sent) {
    sending_ = Sending::kFailed;
    upload_.discard();  // the origin may have answered all the same; what it says decides
  }
  co_await send_body(request);
}

asio::awaitable<void> Exchange::send_body(const OutgoingRequest& request) {
  if (request.body) {
    const auto sent = co_await origin_.stream().write_all(*request.body);
    if (sent) head_sent_ += request.body->size();
    sending_ = sent && sending_ == Sending::kUnderWay ? Sending::kSent : Sending::kFailed;
    co_return;
  }
  const http::BodyFraming& body = request.head.body;
  const BodyTransfer::Framing framing{.in = body, .extras = Extras::kRefused, .out = body};
  auto progress = [this] { progressed(); };
  auto end = co_await upload_.run(framing, progress);
  if (end == BodyTransfer::End::kSinkBroken) {
    upload_.discard();
    sending_ = Sending::kFailed;
    end = BodyTransfer::End::kComplete;  // receive_response() finds out what the origin has to say
  }
  switch (end) {
    case BodyTransfer::End::kComplete:
      if (sending_ == Sending::kUnderWay && !answering_over_) sending_ = Sending::kSent;
      co_return;
    case BodyTransfer::End::kMalformed:
      broke(audit::Outcome::kDenied, policy::Reason::kH1Framing);
      break;
    case BodyTransfer::End::kSourceEnded:
    case BodyTransfer::End::kSourceBroken:
    case BodyTransfer::End::kSinkBroken:
      broke(audit::Outcome::kGuestReset);  // a body cut short is no request
      break;
  }
  sending_ = Sending::kFailed;
  conversation_.interrupt_origin(Errc::kIo);  // ends the wait for a response, too
}

asio::awaitable<void> Exchange::receive_response(const OutgoingRequest& request) {
  const auto head = co_await read_final_head(request);
  if (head) co_await relay(*head, request);
  if (broken_ && !response_begun_ && !to_be_repeated()) co_await answer_failure();
  answering_over_ = true;
  if (sending_ != Sending::kUnderWay) co_return;
  // Nobody reads the rest of the request any more: it is taken from the guest for a moment, so that the response is not
  // lost to a RST (RFC 9112 9.6), and thrown away.
  upload_.discard();
  conversation_.interrupt_origin(Errc::kIo);
  conversation_.expect_within(Conversation::kFarewell);
}

asio::awaitable<std::optional<http::ResponseHead>> Exchange::read_final_head(const OutgoingRequest& request) {
  for (int interim = 0; interim <= kMaxInterim; ++interim) {
    auto head = co_await read_head(request.head.method);
    if (!head || !head->interim()) co_return head;
    if (head->status == kSwitchingProtocols) break;  // nobody asked for it
    if (!co_await pass_interim(*head, request)) co_return std::nullopt;
  }
  broke(audit::Outcome::kDenied, policy::Reason::kOriginProtocol);
  co_return std::nullopt;
}

asio::awaitable<std::optional<http::ResponseHead>> Exchange::read_head(std::string_view method) {
  http::ResponseHeadReader reader(method);
  std::vector<std::uint8_t>& received = origin_.received();
  while (true) {
    auto outcome = reader.read(received);
    if (auto* head = std::get_if<http::ResponseHead>(&outcome)) {
      received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(reader.head_size()));
      co_return std::move(*head);
    }
    if (std::holds_alternative<http::ResponseMalformed>(outcome)) {
      broke(audit::Outcome::kDenied, policy::Reason::kOriginProtocol);
      co_return std::nullopt;
    }
    const std::size_t before = received.size();
    received.resize(before + net::kBodyReadSize);
    const auto count = co_await origin_.stream().read_some(std::span(received).subspan(before));
    received.resize(before + count.value_or(0));
    if (count.value_or(0) == 0) {
      broke(audit::Outcome::kOriginReset);
      co_return std::nullopt;
    }
    origin_silent_ = false;
    progressed();
  }
}

/// RFC 9110 15.2: HTTP/1.0 knows none, and 100 was answered by us before the body was read.
asio::awaitable<bool> Exchange::pass_interim(const http::ResponseHead& head, const OutgoingRequest& request) {
  if (head.status == kContinue || request.head.version == http::Version::kHttp10) co_return true;
  const std::string text = http::serialise(head, http::Version::kHttp11, http::Connection::kKeepAlive);
  co_return co_await answer(as_bytes(text));
}

asio::awaitable<void> Exchange::relay(const http::ResponseHead& head, const OutgoingRequest& request) {
  const http::Version version = request.head.version;
  const http::BodyFraming out = http::framing_towards(head, version);
  const bool ends = request.head.connection == http::Connection::kClose || sending_ != Sending::kSent ||
                    out.kind == http::BodyFraming::Kind::kUntilClose;
  conversation_.worker().metrics().http_response(head.status);
  const std::string text =
      http::serialise(head, version, ends ? http::Connection::kClose : http::Connection::kKeepAlive);
  response_begun_ = true;
  if (!co_await answer(as_bytes(text))) co_return;
  const BodyTransfer::Framing framing{.in = head.body, .extras = Extras::kDropped, .out = out};
  auto progress = [this] { progressed(); };
  switch (co_await download_.run(framing, progress)) {
    case BodyTransfer::End::kComplete:
      break;
    case BodyTransfer::End::kMalformed:
      co_return broke(audit::Outcome::kDenied, policy::Reason::kOriginProtocol);
    case BodyTransfer::End::kSourceEnded:
    case BodyTransfer::End::kSourceBroken:
      co_return broke(audit::Outcome::kOriginReset);
    case BodyTransfer::End::kSinkBroken:
      co_return broke(audit::Outcome::kGuestReset);
  }
  origin_ends_ = head.connection == http::Connection::kClose;
  if (!broken_) after_ = ends ? After::kGoodbye : After::kNextRequest;
}

asio::awaitable<bool> Exchange::answer(Bytes bytes) {
  const auto sent = co_await guest_.write_all(bytes);
  if (!sent) {
    broke(audit::Outcome::kGuestReset);
    co_return false;
  }
  answered_ += bytes.size();
  co_return true;
}

/// No final response has begun: it can be told. A guest that broke the connection off is told nothing.
asio::awaitable<void> Exchange::answer_failure() {
  if (outcome_ == audit::Outcome::kGuestReset || conversation_.interrupted()) co_return;
  const policy::Reason reason = reason_.value_or(policy::Reason::kOriginConnect);
  const unsigned status = denies_request() ? status_of(reason) : kBadGateway;
  conversation_.worker().metrics().http_response(status);
  const std::string text = failure_answer(facts_, reason, status, http::Connection::kClose);
  if (co_await answer(as_bytes(text))) after_ = After::kGoodbye;
}

/// False: the guest has sent as much as it may.
bool Exchange::spend_upload() {
  const std::uint64_t sent = bytes_up() - spent_;
  spent_ += sent;
  return sent == 0 || conversation_.session().guest().upload().spend(sent, Monotonic::now());
}

/// The first thing that broke is what happened; what follows from it is not.
void Exchange::broke(audit::Outcome outcome, std::optional<policy::Reason> reason) {
  if (broken_) return;
  broken_ = true;
  outcome_ = outcome;
  if (outcome == audit::Outcome::kOriginReset && conversation_.guest_broken()) outcome_ = audit::Outcome::kGuestReset;
  if (conversation_.interrupted() == Errc::kTimeout) outcome_ = audit::Outcome::kTimeout;
  reason_ = reason;
  after_ = After::kReset;
}

void Exchange::progressed() {
  if (!spend_upload()) {
    broke(audit::Outcome::kDenied, policy::Reason::kLimitBytes);
    conversation_.interrupt_origin(Errc::kDenied);
  }
  if (!answering_over_) conversation_.expect_within(conversation_.worker().config().deadlines.idle);
}

}  // namespace enforcer::proxy
