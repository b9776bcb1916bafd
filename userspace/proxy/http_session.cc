// A request goes through here from top to bottom:
//
//   read_head      strictly; what is malformed is answered and ends the connection
//   understand     authority, facts, for AWS the form in the body
//   decide         policy, then the credential's value
//   reach, send    the record, the origin, the exchange
//
// Requests are served one after the other, pipelined ones too: the next head is read when the response before it is
// complete, so an answer of ours is never taken for the answer to another request.
#include "proxy/http_session.h"

#include "credentials/injection.h"
#include "http/field_rules.h"
#include "policy/aws_call.h"
#include "policy/credential_spec.h"
#include "proxy/conversation.h"
#include "proxy/exchange.h"
#include "proxy/http_denial.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;
using Transport = policy::RequestFacts::Transport;

namespace {

/// A body that must be read before the decision (AWS query protocol: the action is a field of the form). A template in
/// a CreateStack is up to 51,200 octets, three times that when percent-encoded.
constexpr std::size_t kMaxDecidedBody = std::size_t{1} << 20;

policy::Reason reason_of(http::HeadFault fault) {
  switch (fault) {
    case http::HeadFault::kHost:
      return policy::Reason::kHostInvalid;
    case http::HeadFault::kAuthority:
      return policy::Reason::kAuthorityMismatch;
    case http::HeadFault::kFraming:
      return policy::Reason::kH1Framing;
    case http::HeadFault::kSyntax:
    case http::HeadFault::kPath:
      break;
  }
  return policy::Reason::kH1Malformed;
}

policy::RequestFacts facts_of(const http::RequestHead& head, Transport transport) {
  policy::RequestFacts facts{
      .transport = transport, .method = head.method, .path = head.path.path, .query = head.path.query};
  facts.fields.reserve(head.fields.size());
  for (const http::HeaderField& field : head.fields) {
    facts.fields.push_back({http::comparable_name(field.name), field.value});
  }
  return facts;
}

class HttpSession {
 public:
  HttpSession(Conversation& conversation, net::ByteStream& guest, policy::Facts facts, Transport transport,
              std::vector<std::uint8_t> received)
      : conversation_(conversation),
        guest_(guest),
        facts_(std::move(facts)),
        transport_(transport),
        received_(std::move(received)),
        origin_(conversation) {
    facts_.layer = policy::Layer::kHttp;
  }

  asio::awaitable<void> run() {
    while (after_ == After::kNextRequest) {
      auto head = co_await read_head();
      if (!head) break;
      co_await serve(*std::move(head));
      first_ = false;
    }
    origin_.drop();
    if (after_ != After::kReset) co_await conversation_.say_goodbye(guest_);
  }

 private:
  // ---- reading

  asio::awaitable<bool> read_more() {
    const std::size_t before = received_.size();
    received_.resize(before + net::kHeadReadSize);
    const auto count = co_await guest_.read_some(std::span(received_).subspan(before));
    received_.resize(before + count.value_or(0));
    if (!count) after_ = After::kReset;
    co_return count.value_or(0) > 0;
  }

  /// The next request head; nothing when there is none, which was dealt with.
  asio::awaitable<std::optional<http::RequestHead>> read_head() {
    const auto& deadlines = conversation_.worker().config().deadlines;
    if (!first_) conversation_.expect_within(received_.empty() ? deadlines.idle : deadlines.request_head);
    http::RequestHeadReader reader;
    while (true) {
      auto outcome = reader.read(received_);
      if (auto* head = std::get_if<http::RequestHead>(&outcome)) {
        received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(reader.head_size()));
        conversation_.session().said_what_it_wants();
        co_return std::move(*head);
      }
      if (const auto* malformed = std::get_if<http::HeadMalformed>(&outcome)) {
        co_await refuse(reason_of(malformed->fault), http::Connection::kClose);
        co_return std::nullopt;
      }
      if (std::holds_alternative<http::HeadTooLarge>(outcome)) {
        co_await refuse(policy::Reason::kLimitHead, http::Connection::kClose);
        co_return std::nullopt;
      }
      const bool begins = received_.empty();
      if (!co_await read_more()) {
        head_never_came();
        co_return std::nullopt;
      }
      if (begins && !first_) conversation_.expect_within(deadlines.request_head);
    }
  }

  /// Between two requests a connection may end in any way; a head that was begun may not.
  void head_never_came() {
    const bool late = conversation_.interrupted() == Errc::kTimeout;
    if (late && (first_ || !received_.empty())) {
      facts_.request.reset();
      conversation_.deny(facts_, policy::Reason::kHelloTimeout);
      return;
    }
    conversation_.session().closed_as(late || after_ == After::kNextRequest ? metrics::ConnectionResult::kCompleted
                                                                            : metrics::ConnectionResult::kReset);
    if (after_ == After::kNextRequest) after_ = received_.empty() ? After::kGoodbye : After::kReset;
  }

  // ---- one request

  asio::awaitable<void> serve(http::RequestHead head) {
    Guest& guest = conversation_.session().guest();
    // The connection's own decision stands for its first request.
    if (!first_ && !guest.take_decision(Monotonic::now())) {
      after_ = After::kReset;
      co_return;
    }
    facts_.request = facts_of(head, transport_);
    facts_.now = WallClock::now();
    raw_host_ = head.authority.host_text();
    if (!guest.take_request(Monotonic::now())) co_return co_await refuse_request(head, policy::Reason::kLimitRequests);
    if (const auto reason = wrong_authority(head)) co_return co_await refuse_request(head, *reason);
    OutgoingRequest request{.head = std::move(head), .body = std::nullopt};
    if (!co_await read_aws_call(request)) co_return;

    const policy::Decision decision = conversation_.session().decide(facts_);
    if (!decision.allowed()) co_return co_await refuse_request(request.head, decision);
    if (!co_await add_credential(request.head, decision)) co_return;
    co_await send(std::move(request), decision);
  }

  /// Invariant 4: Host must be the name that the address was issued for, or the address itself where that was dialled.
  [[nodiscard]] std::optional<policy::Reason> wrong_authority(const http::RequestHead& head) const {
    using Scheme = http::RequestHead::Scheme;
    if (head.tunnel != http::RequestHead::Tunnel::kNone) return policy::Reason::kUpgrade;
    const bool same_host =
        facts_.host ? head.authority.name() != nullptr && *head.authority.name() == *facts_.host
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
  asio::awaitable<bool> read_aws_call(OutgoingRequest& request) {
    if (!policy::asks_about_aws(conversation_.session().policy_in_force(), facts_)) co_return true;
    std::string form;
    if (policy::aws_call_in_body(*facts_.request)) {
      if (!co_await read_whole_body(request)) co_return false;
      form = as_text(*request.body);
    }
    facts_.request->aws = policy::read_aws_call(facts_, form);
    co_return true;
  }

  asio::awaitable<bool> read_whole_body(OutgoingRequest& request) {
    if (!co_await invite_body(request.head)) co_return false;
    std::vector<std::uint8_t> body;
    http::BodyReader reader(request.head.body);
    while (true) {
      const auto progress = reader.next(received_);
      body.insert(body.end(), progress.data.begin(), progress.data.end());
      received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(progress.consumed));
      if (progress.state == http::BodyReader::State::kComplete) break;
      const bool malformed = progress.state == http::BodyReader::State::kMalformed;
      if (malformed || body.size() > kMaxDecidedBody) {
        co_await refuse(malformed ? policy::Reason::kH1Framing : policy::Reason::kLimitBody, http::Connection::kClose);
        co_return false;
      }
      if (progress.consumed == 0 && !co_await read_more()) {
        after_ = After::kReset;
        co_return false;
      }
    }
    request.head.body = {http::BodyFraming::Kind::kLength, body.size()};
    request.body = std::move(body);
    co_return true;
  }

  /// Every response before this one is complete, so the invitation cannot be taken for one of theirs; later clients
  /// would send their body after a moment without it (RFC 9110 10.1.1).
  asio::awaitable<bool> invite_body(http::RequestHead& head) {
    if (!head.expects_continue) co_return true;
    head.expects_continue = false;  // answered here: the origin must not answer it a second time
    const auto told = co_await guest_.write_all(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
    if (!told) after_ = After::kReset;
    co_return told.has_value();
  }

  /// Invariant 6: `decision` names a credential only for a host it is bound to, over TLS. False: refused.
  asio::awaitable<bool> add_credential(http::RequestHead& head, const policy::Decision& decision) {
    if (decision.credential == nullptr) co_return true;
    Worker& worker = conversation_.worker();
    const policy::CredentialSpec& spec = *decision.credential;
    const auto* binding = spec.binding_for(*facts_.host, facts_.port);
    const auto start = Monotonic::now();
    conversation_.expect_within(worker.config().deadlines.origin_connect * 2);
    const auto secret = co_await worker.secret_of(spec, Deadline::after(worker.config().deadlines.origin_connect));
    worker.metrics().overhead(metrics::Stage::kCredential, Monotonic::now() - start);
    const bool injected =
        secret && binding != nullptr && transport_ == Transport::kTls && credentials::inject(*binding, **secret, head);
    worker.metrics().credential_injected(
        spec.name, injected ? metrics::InjectionResult::kInjected : metrics::InjectionResult::kUnavailable);
    if (injected) co_return true;
    co_await refuse_request(head,
                            {.reason = policy::Reason::kCredentialUnavailable, .rule = decision.rule, .would = {}});
    co_return false;
  }

  asio::awaitable<void> send(OutgoingRequest request, const policy::Decision& decision) {
    auto leg = co_await origin_.reach(facts_, decision);
    if (leg == OriginLeg::Reached::kDenied) co_return co_await answer_denied(after_body(request.head));
    if (leg == OriginLeg::Reached::kFailed) co_return co_await answer_failed(after_body(request.head));
    if (!co_await invite_body(request.head)) co_return;
    while (true) {
      Exchange exchange(conversation_, guest_, received_, origin_, facts_);
      const bool over = co_await exchange.run(request, leg);
      if (over) co_return settle(exchange, decision);
      leg = co_await origin_.reach_again(facts_, decision);
      if (leg == OriginLeg::Reached::kDenied) co_return co_await answer_denied(http::Connection::kClose);
      if (leg == OriginLeg::Reached::kFailed) co_return co_await answer_failed(http::Connection::kClose);
    }
  }

  void settle(const Exchange& exchange, const policy::Decision& decision) {
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

  // ---- refusing

  /// A denied request whose body is still to come, or what a client takes for a tunnel, leaves a connection that cannot
  /// go on.
  [[nodiscard]] static http::Connection after_body(const http::RequestHead& head) {
    const bool over =
        head.body.kind == http::BodyFraming::Kind::kNone && head.tunnel == http::RequestHead::Tunnel::kNone;
    return over ? head.connection : http::Connection::kClose;
  }

  asio::awaitable<void> refuse_request(const http::RequestHead& head, policy::Decision denial) {
    conversation_.deny(facts_, denial, {.host = raw_host_});
    co_await answer_denied(after_body(head));
  }
  asio::awaitable<void> refuse_request(const http::RequestHead& head, policy::Reason reason) {
    co_await refuse_request(head, policy::Decision{.reason = reason, .would = {}});
  }

  /// What is no request.
  asio::awaitable<void> refuse(policy::Reason reason, http::Connection connection) {
    facts_.request.reset();
    conversation_.deny(facts_, reason);
    co_await answer_denied(connection);
  }

  asio::awaitable<void> answer_denied(http::Connection connection) {
    const policy::Decision& denial = conversation_.denial();
    conversation_.worker().metrics().http_response(status_of(denial.reason));
    co_await answer(denial_answer(facts_, denial, conversation_.denial_id(), connection), connection);
  }

  asio::awaitable<void> answer_failed(http::Connection connection) {
    constexpr unsigned status = 502;
    conversation_.worker().metrics().http_response(status);
    co_await answer(failure_answer(facts_, origin_.failure(), status, connection), connection);
  }

  asio::awaitable<void> answer(std::string text, http::Connection connection) {
    conversation_.expect_within(Conversation::kFarewell);
    const auto written = co_await guest_.write_all(as_bytes(text));
    if (!written) {
      after_ = After::kReset;
    } else if (connection == http::Connection::kClose) {
      after_ = After::kGoodbye;
    }
  }

  Conversation& conversation_;
  net::ByteStream& guest_;
  policy::Facts facts_;
  const Transport transport_;
  std::vector<std::uint8_t> received_;
  OriginLeg origin_;
  std::string raw_host_;
  After after_ = After::kNextRequest;
  bool first_ = true;
};

}  // namespace

asio::awaitable<void> serve_http(Conversation& conversation, net::ByteStream& guest, policy::Facts facts,
                                 Transport transport, std::vector<std::uint8_t> received) {
  HttpSession session(conversation, guest, std::move(facts), transport, std::move(received));
  co_await session.run();
}

}  // namespace enforcer::proxy
