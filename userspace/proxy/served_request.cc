#include "proxy/served_request.h"

#include "base/secret.h"
#include "http/field_rules.h"
#include "policy/aws_call.h"
#include "policy/git_call.h"
#include "proxy/conversation.h"
#include "proxy/held_request.h"
#include "proxy/http_denial.h"
#include "proxy/pushed_updates.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;
using Transport = policy::RequestFacts::Transport;

namespace {

/// A body that must be read before the decision (AWS query protocol: the action is a field of the form). A template in
/// a CreateStack is up to 51,200 octets, three times that when percent-encoded.
constexpr std::size_t kMaxDecidedBody = std::size_t{1} << 20;
constexpr unsigned kBadGateway = 502;
/// Of one request, to origins that say that they have not looked at it.
constexpr int kMaxAttempts = 3;

policy::RequestFacts facts_of(const http::RequestHead& head, Transport transport) {
  policy::RequestFacts facts{
      .transport = transport, .method = head.method, .path = head.path.path, .query = head.path.query};
  facts.websocket = head.tunnel == http::RequestHead::Tunnel::kWebSocket;
  facts.fields.reserve(head.fields.size());
  for (const http::HeaderField& field : head.fields) {
    facts.fields.push_back({http::comparable_name(field.name), field.value});
  }
  return facts;
}

/// What a credential has put into a head does not stay in memory behind the request.
class WipedSecrets {
 public:
  explicit WipedSecrets(http::RequestHead& head) : head_(head) {}
  ~WipedSecrets() {
    for (http::HeaderField& field : head_.fields) {
      if (field.secret) wipe(field.value);
    }
    if (head_.secret_target && head_.path.query) wipe(*head_.path.query);
  }
  WipedSecrets(const WipedSecrets&) = delete;
  WipedSecrets& operator=(const WipedSecrets&) = delete;

 private:
  http::RequestHead& head_;
};

/// A denied request whose body is still to come, or what a client takes for a tunnel, leaves a connection that cannot
/// go on.
RequestRead how_much_came(const http::RequestHead& head) {
  const bool over = head.body.kind == http::BodyFraming::Kind::kNone && head.tunnel == http::RequestHead::Tunnel::kNone;
  return over ? RequestRead::kWhole : RequestRead::kNotWhole;
}

}  // namespace

ServedRequest::~ServedRequest() {
  conversation_.decisions().guest().release_body(held_);
}

asio::awaitable<After> ServedRequest::serve(http::RequestHead head) {
  Guest& guest = conversation_.decisions().guest();
  facts_.request = std::make_shared<policy::RequestFacts>(facts_of(head, transport_));
  facts_.now = WallClock::now();
  raw_host_ = head.authority.host_text();
  if (http::is_registry_call(head)) dialect_ = Dialect::kRegistry;
  if (guest_.speaks_http2()) {
    if (http::is_grpc(head)) dialect_ = Dialect::kGrpc;
    if (transport_ == Transport::kClear) speak_ = OriginLeg::Speak::kHttp2;
  }
  if (head.tunnel == http::RequestHead::Tunnel::kWebSocket) speak_ = OriginLeg::Speak::kHttp1;
  OutgoingRequest request{.head = std::move(head), .body = std::nullopt, .dialect = dialect_};
  if (!guest.take_request(Monotonic::now())) {
    co_await refuse_request(request.head, policy::Reason::kLimitRequests);
  } else if (const auto reason = wrong_authority(request.head)) {
    co_await refuse_request(request.head, *reason);
  } else if (co_await read_aws_call(request) && co_await read_git_call(request)) {
    std::optional decision = conversation_.decisions().decide(facts_);
    if (decision->action == policy::Action::kReview) decision = co_await ask_people(request, *decision);
    if (decision && !decision->allowed()) {
      co_await refuse_request(request.head, *decision);
    } else if (decision && co_await add_credential(request, *decision)) {
      co_await send(std::move(request), *decision);
    }
  }
  co_return after_;
}

/// An allow, or a denial that is still to be recorded and answered; nothing: it is over.
asio::awaitable<std::optional<policy::Decision>> ServedRequest::ask_people(OutgoingRequest& request,
                                                                           policy::Decision decision) {
  if (const auto refused = HeldRequest(conversation_, facts_, decision).refused_at_once()) co_return *refused;
  if (!request.body && request.head.body.kind != http::BodyFraming::Kind::kNone) {
    const std::size_t most = conversation_.worker().config().review.body_limit;
    if (!co_await read_whole_body(request, most, policy::Reason::kHoldBodyCap)) co_return std::nullopt;
    // A reload may have come before the body did, and the desk has withdrawn what the old policy asked: no new question
    // by that one.
    facts_.now = WallClock::now();
    decision = conversation_.decisions().decide(facts_);
    if (decision.action != policy::Action::kReview) co_return decision;
  }
  HeldRequest held(conversation_, facts_, decision);
  const Bytes body = request.body ? Bytes(*request.body) : Bytes();
  const auto outcome = co_await held.wait(body, raw_host_);
  review_id_ = held.review_id();
  facts_.now = WallClock::now();
  request.times = OutgoingRequest::Times::kOnce;
  if (const auto* decided = std::get_if<policy::Decision>(&outcome)) co_return *decided;
  if (std::holds_alternative<HeldRequest::Unrecorded>(outcome)) {
    co_await answer_denied(RequestRead::kWhole);
  } else {
    after_ = After::kReset;
  }
  co_return std::nullopt;
}

/// Invariant 4: Host must be the name that the address was issued for, or the address itself where that was dialled.
std::optional<policy::Reason> ServedRequest::wrong_authority(const http::RequestHead& head) const {
  using Scheme = http::RequestHead::Scheme;
  const bool opaque =
      head.tunnel != http::RequestHead::Tunnel::kNone && head.tunnel != http::RequestHead::Tunnel::kWebSocket;
  if (opaque) return policy::Reason::kUpgrade;
  const bool same_host = facts_.host
                             ? head.authority.name() != nullptr && *head.authority.name() == *facts_.host
                             : head.authority.address() != nullptr && *head.authority.address() == *facts_.destination;
  if (!same_host && !facts_.host && head.authority.name() != nullptr) return policy::Reason::kAddressNotIssued;
  const bool secure = transport_ == Transport::kTls;
  const Port implied = secure ? kHttpsPort : kHttpPort;
  const bool same_scheme = head.scheme == Scheme::kUnsaid || head.scheme == (secure ? Scheme::kHttps : Scheme::kHttp);
  if (!same_host || !same_scheme || head.authority.port.value_or(implied) != facts_.port) {
    return policy::Reason::kAuthorityMismatch;
  }
  return std::nullopt;
}

/// Where a rule asks what the request wants of AWS: reads the form, if the answer is in there. False: refused.
asio::awaitable<bool> ServedRequest::read_aws_call(OutgoingRequest& request) {
  if (!policy::asks_about_aws(conversation_.decisions().policy_in_force(), facts_)) co_return true;
  std::string form;
  if (policy::aws_call_in_body(*facts_.request)) {
    if (!co_await read_whole_body(request, kMaxDecidedBody, policy::Reason::kLimitBody)) co_return false;
    form = as_text(*request.body);
  }
  policy::add_aws_call(facts_, form);
  co_return true;
}

/// Where a rule asks what the request wants of a git server: reads of a push what says so. False: refused.
asio::awaitable<bool> ServedRequest::read_git_call(OutgoingRequest& request) {
  const auto interest = policy::asks_about_git(conversation_.decisions().policy_in_force(), facts_);
  if (interest == policy::GitInterest::kNothing) co_return true;
  std::optional<std::vector<policy::GitCall::Update>> updates;
  if (!request.body && policy::push_in_body(*facts_.request)) {
    if (!co_await invite_body(request.head)) co_return false;
    conversation_.expect_within(conversation_.worker().config().deadlines.request_body);
    Guest& guest = conversation_.decisions().guest();
    prefixed_ = std::make_unique<PrefixedBody>(guest_, guest);
    PushedUpdates pushed(*prefixed_, guest);
    const auto came = co_await pushed.read(interest);
    if (came == PushedUpdates::Came::kBroken) co_return body_never_came();
    if (came == PushedUpdates::Came::kMalformed) {
      co_await refuse_malformed_body();
      co_return false;
    }
    updates = pushed.take();
  }
  policy::add_git_call(facts_, std::move(updates));
  co_return true;
}

BodySource& ServedRequest::incoming() {
  if (prefixed_) return *prefixed_;
  return guest_;
}

asio::awaitable<void> ServedRequest::refuse_malformed_body() {
  const policy::Reason framing = guest_.speaks_http2() ? policy::Reason::kH2Malformed : policy::Reason::kH1Framing;
  conversation_.deny(facts_, framing, {.host = raw_host_});
  co_await answer_denied(RequestRead::kNotWhole);
}

asio::awaitable<bool> ServedRequest::read_whole_body(OutgoingRequest& request, std::size_t most,
                                                     policy::Reason too_large) {
  if (!co_await invite_body(request.head)) co_return false;
  conversation_.expect_within(conversation_.worker().config().deadlines.request_body);
  std::vector<std::uint8_t> body;
  while (true) {
    const BodyPart part = co_await incoming().read_body();
    if (part.kind == BodyPart::Kind::kEnd) break;
    if (part.kind == BodyPart::Kind::kBroken) co_return body_never_came();
    if (part.kind == BodyPart::Kind::kMalformed) {
      co_await refuse_malformed_body();
      co_return false;
    }
    body.insert(body.end(), part.data.begin(), part.data.end());
    if (body.size() <= most && hold(part.data.size())) continue;
    conversation_.deny(facts_, too_large, {.host = raw_host_});
    co_await answer_denied(RequestRead::kNotWhole);
    co_return false;
  }
  request.head.body = {http::BodyFraming::Kind::kLength, body.size()};
  request.body = std::move(body);
  co_return true;
}

/// False: bodies of this guest that wait for decisions, or for their origins, take as much memory as they may.
bool ServedRequest::hold(std::size_t octets) {
  if (!conversation_.decisions().guest().hold_body(octets)) return false;
  held_ += octets;
  return true;
}

/// Without it nothing could be decided, so the record says denied.
bool ServedRequest::body_never_came() {
  if (conversation_.interrupted() == Errc::kTimeout) {
    conversation_.deny(facts_, policy::Reason::kBodyTimeout, {.host = raw_host_});
  }
  after_ = After::kReset;
  return false;
}

/// Every response before this one is complete, so the invitation cannot be taken for one of theirs; later clients would
/// send their body after a moment without it (RFC 9110 10.1.1).
asio::awaitable<bool> ServedRequest::invite_body(http::RequestHead& head) {
  if (!head.expects_continue) co_return true;
  head.expects_continue = false;  // answered here: the origin must not answer it a second time
  const bool told = co_await guest_.invite_body();
  if (!told) after_ = After::kReset;
  co_return told;
}

/// False: refused.
asio::awaitable<bool> ServedRequest::add_credential(OutgoingRequest& request, const policy::Decision& decision) {
  if (decision.credential == nullptr) co_return true;
  credential_ = std::make_unique<CredentialUse>(conversation_, facts_, decision);
  const bool read = !request.body && credential_->wants_whole_body(request.head);
  if (read && !co_await read_whole_body(request, CredentialUse::kMaxSignedBody, policy::Reason::kLimitBody)) {
    co_return false;
  }
  const auto refused = co_await credential_->add(request);
  if (!refused) co_return true;
  co_await refuse_request(request.head, {.reason = *refused, .rule = decision.rule, .would = {}});
  co_return false;
}

/// False: answered.
asio::awaitable<bool> ServedRequest::reached(OriginLeg::Reached leg, RequestRead read) {
  if (leg == OriginLeg::Reached::kDenied) {
    co_await answer_denied(read);
  } else if (leg == OriginLeg::Reached::kFailed) {
    co_await answer_failed(origin_.failure(), read);
  } else {
    co_return true;
  }
  co_return false;
}

asio::awaitable<void> ServedRequest::send(OutgoingRequest request, const policy::Decision& decision) {
  using Ask = OriginConnection::Ask;
  const WipedSecrets wiped(request.head);
  auto leg = co_await origin_.reach(facts_, decision, speak_, request.may_be_repeated() ? Ask::kPoller : Ask::kSocket);
  if (!co_await reached(leg, how_much_came(request.head))) co_return;
  if (dialect_ == Dialect::kGrpc && origin_.protocol() == tls::ApplicationProtocol::kHttp1) {
    // A call's status comes in trailers, and none would arrive.
    conversation_.ended({.outcome = audit::Outcome::kOriginFailed, .reason = policy::Reason::kOriginProtocol},
                        metrics::ConnectionResult::kFailed);
    co_return co_await answer_failed(policy::Reason::kOriginProtocol, how_much_came(request.head));
  }
  if (!co_await invite_body(request.head)) {
    conversation_.ended({.outcome = audit::Outcome::kGuestReset}, metrics::ConnectionResult::kReset);
    co_return;
  }
  look_for_placeholders(request);
  for (int attempt = 1;; ++attempt) {
    BodySource& body = credential_ ? credential_->upload(incoming()) : incoming();
    BodySource& upload = placeholders_ ? placeholders_->over(body) : body;
    OriginSide& origin = credential_ ? credential_->guard(origin_.side()) : origin_.side();
    Exchange exchange(conversation_, guest_, upload, origin, facts_);
    const auto which = attempt == kMaxAttempts ? Exchange::Attempt::kLast : Exchange::Attempt::kOneOfMore;
    const auto result = co_await exchange.run(request, leg, which);
    if (result == Exchange::Result::kOver) co_return settle(exchange, decision);
    if (result == Exchange::Result::kAgainByHttp1) speak_ = OriginLeg::Speak::kHttp1;
    leg = co_await origin_.reach_again(facts_, decision, speak_);
    if (!co_await reached(leg, RequestRead::kNotWhole)) co_return;
  }
}

void ServedRequest::look_for_placeholders(const OutgoingRequest& request) {
  auto known = conversation_.decisions().view().placeholders(conversation_.worker().config().instance);
  if (known->all().empty()) return;
  placeholders_ = std::make_unique<PlaceholderWatch>(conversation_, facts_, std::move(known));
  placeholders_->look_at(request.head);
  if (request.body) placeholders_->look_at(*request.body);
}

void ServedRequest::settle(const Exchange& exchange, const policy::Decision& decision) {
  after_ = exchange.after();
  const bool well = exchange.outcome() == audit::Outcome::kCompleted;
  conversation_.ended({.outcome = exchange.outcome(),
                       .reason = exchange.reason(),
                       .bytes_up = exchange.bytes_up(),
                       .bytes_down = exchange.bytes_down()},
                      well ? metrics::ConnectionResult::kCompleted : metrics::ConnectionResult::kReset);
  if (exchange.denies_request()) {
    conversation_.deny(facts_, policy::Decision{.reason = *exchange.reason(), .rule = decision.rule, .would = {}});
  }
  if (exchange.reason() == policy::Reason::kOriginProtocol) {
    conversation_.worker().metrics().origin_error(metrics::OriginError::kProtocol);
  }
}

asio::awaitable<void> ServedRequest::refuse_request(const http::RequestHead& head, policy::Decision denial) {
  conversation_.deny(facts_, denial, {.host = raw_host_});
  co_await answer_denied(review_id_.empty() ? how_much_came(head) : RequestRead::kWhole);
}

asio::awaitable<void> ServedRequest::refuse_request(const http::RequestHead& head, policy::Reason reason) {
  co_await refuse_request(head, policy::Decision{.reason = reason, .would = {}});
}

asio::awaitable<After> ServedRequest::refuse(policy::Reason reason) {
  facts_.request.reset();
  conversation_.deny(facts_, reason);
  co_await answer_denied(RequestRead::kNotWhole);
  co_return after_;
}

asio::awaitable<void> ServedRequest::answer_denied(RequestRead read) {
  const policy::Decision& denial = conversation_.denial();
  conversation_.worker().metrics().http_response(status_of(denial.reason));
  co_await answer(denial_answer(dialect_, facts_, denial, conversation_.denial_id(), review_id_), read);
}

asio::awaitable<void> ServedRequest::answer_failed(policy::Reason reason, RequestRead read) {
  if (conversation_.guest_broken()) {
    after_ = After::kReset;
    co_return;
  }
  conversation_.worker().metrics().http_response(kBadGateway);
  co_await answer(failure_answer(dialect_, facts_, reason, kBadGateway), read);
}

asio::awaitable<void> ServedRequest::answer(const http::Answer& answer, RequestRead read) {
  conversation_.expect_within(Conversation::kFarewell);
  after_ = co_await guest_.send_answer(answer, read) ? guest_.after_response() : After::kReset;
}

}  // namespace enforcer::proxy
