#include "proxy/clear_http.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "http/problem.h"
#include "http/request_head.h"
#include "net/socket.h"
#include "proxy/conversation.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kBuffer = 16 * 1024;

/// A request that is answered by us: the status and why.
struct Refusal {
  unsigned status;
  policy::Reason reason;
};

Refusal refusal_of(const http::HeadMalformed& malformed) {
  switch (malformed.fault) {
    case http::HeadFault::kHost:
      return {400, policy::Reason::kHostInvalid};
    case http::HeadFault::kAuthority:
      return {421, policy::Reason::kAuthorityMismatch};
    case http::HeadFault::kFraming:
      return {400, policy::Reason::kH1Framing};
    case http::HeadFault::kSyntax:
    case http::HeadFault::kPath:
      break;
  }
  return {400, policy::Reason::kH1Malformed};
}

/// One connection's exchange: requests are read, decided and forwarded one after another, responses flow beside them.
class ClearHttp {
 public:
  ClearHttp(Conversation& conversation, policy::Facts facts, std::vector<std::uint8_t> received)
      : conversation_(conversation), facts_(std::move(facts)), received_(std::move(received)) {
    facts_.layer = policy::Layer::kHttp;
  }

  asio::awaitable<void> run() {
    const auto first = co_await read_head();
    if (!first || !co_await decide_first(*first)) co_return;
    using namespace asio::experimental::awaitable_operators;
    auto requests = forward_requests(*first);
    auto responses = forward_responses();
    co_await (std::move(requests) && std::move(responses));
    finish();
  }

 private:
  /// The next request head; nothing when there is none any more, which was dealt with.
  asio::awaitable<std::optional<http::RequestHead>> read_head() {
    http::RequestHeadReader reader;
    while (true) {
      auto outcome = reader.read(received_);
      if (auto* head = std::get_if<http::RequestHead>(&outcome)) {
        const auto size = static_cast<std::ptrdiff_t>(reader.head_size());
        received_.erase(received_.begin(), received_.begin() + size);
        co_return std::move(*head);
      }
      if (const auto* malformed = std::get_if<http::HeadMalformed>(&outcome)) {
        co_await refuse(refusal_of(*malformed), {});
        co_return std::nullopt;
      }
      if (std::holds_alternative<http::HeadTooLarge>(outcome)) {
        co_await refuse({431, policy::Reason::kLimitHead}, {});
        co_return std::nullopt;
      }
      if (co_await conversation_.read_guest(received_)) continue;
      if (conversation_.why() == Errc::kTimeout) co_await refuse({408, policy::Reason::kHelloTimeout}, {});
      co_return std::nullopt;
    }
  }

  /// Invariant 4: Host must be the name that the address was issued for, or the address itself where that was dialled.
  [[nodiscard]] std::optional<Refusal> check_authority(const http::RequestHead& head) const {
    if (head.tunnel != http::RequestHead::Tunnel::kNone) return Refusal{403, policy::Reason::kUpgrade};
    const bool same_host =
        facts_.host ? head.authority.name() != nullptr && *head.authority.name() == *facts_.host
                    : head.authority.address() != nullptr && *head.authority.address() == *facts_.destination;
    if (!same_host && !facts_.host && head.authority.name() != nullptr) {
      return Refusal{421, policy::Reason::kAddressNotIssued};
    }
    if (!same_host || head.authority.port.value_or(kHttpPort) != facts_.port) {
      return Refusal{421, policy::Reason::kAuthorityMismatch};
    }
    return std::nullopt;
  }

  /// Decides one request; nothing: it was refused. Called for each of them.
  asio::awaitable<std::optional<policy::Decision>> decide(const http::RequestHead& head) {
    facts_.method = head.method;
    facts_.path = head.path.path;
    facts_.now = WallClock::now();
    if (const auto refusal = check_authority(head)) {
      co_await refuse(*refusal, head.authority.host_text());
      co_return std::nullopt;
    }
    policy::Decision decision = conversation_.session().decide(facts_);
    if (decision.allowed()) co_return decision;
    conversation_.deny(facts_, decision);
    co_await answer_denied(403);
    co_return std::nullopt;
  }

  asio::awaitable<bool> decide_first(const http::RequestHead& head) {
    const auto decision = co_await decide(head);
    if (!decision) co_return false;
    switch (co_await conversation_.reach_origin(facts_, *decision, {})) {
      case Conversation::Reached::kConnected:
        break;
      case Conversation::Reached::kDenied:
        co_await answer_denied(403);
        co_return false;
      case Conversation::Reached::kFailed:
        co_await answer_failed();
        co_return false;
    }
    if (!head.expects_continue) co_return true;
    // Only here is it certain that no response of an earlier request is on its way to the guest; later clients send
    // their body after a moment without it (RFC 9110 10.1.1).
    const auto told = co_await conversation_.guest().write_all(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
    co_return told.has_value();
  }

  /// A later request on the same connection: a decision and records of its own.
  asio::awaitable<bool> decide_next(const http::RequestHead& head) {
    if (!conversation_.session().guest().take_decision(Monotonic::now())) co_return false;
    const auto decision = co_await decide(head);
    if (!decision) co_return false;
    conversation_.session().end(audit::Outcome::kCompleted, std::nullopt, bytes_up_, bytes_down_);
    bytes_up_ = bytes_down_ = 0;
    co_return co_await conversation_.session().allow(facts_, *decision, {});
  }

  asio::awaitable<void> forward_requests(http::RequestHead head) {
    const Deadlines& deadlines = conversation_.worker().config().deadlines;
    while (true) {
      conversation_.expect_within(deadlines.idle);
      head.expects_continue = false;  // answered here, or not at all: the origin must not answer it a second time
      const std::string serialised = http::serialise(head);
      if (!co_await send_up(as_bytes(serialised)) || !co_await forward_body(head.body)) break;
      if (head.connection == http::RequestHead::Connection::kClose) {
        conversation_.origin().shutdown_write();
        co_return;
      }
      const auto next = co_await read_head();
      if (!next) {
        // The guest said all it had to say: the responses may still come.
        if (!conversation_.session().closing() && conversation_.why() == Errc::kIo) {
          conversation_.origin().shutdown_write();
          co_return;
        }
        break;
      }
      answered_before_ = true;
      if (!co_await decide_next(*next)) break;
      head = *next;
    }
    conversation_.interrupt(Errc::kDenied);  // ends the responses too: RST on both sides
  }

  asio::awaitable<bool> forward_body(const http::BodyFraming& framing) {
    http::BodyReader body(framing);
    while (true) {
      const auto progress = body.feed(received_);
      if (progress.consumed > 0) {
        if (!co_await send_up(Bytes(received_).first(progress.consumed))) co_return false;
        received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(progress.consumed));
      }
      if (progress.state == http::BodyReader::State::kComplete) co_return true;
      if (progress.state == http::BodyReader::State::kMalformed) {
        conversation_.deny(facts_, policy::Reason::kH1Framing);
        co_return false;
      }
      if (!co_await conversation_.read_guest(received_)) co_return false;  // a body cut short is no request
    }
  }

  asio::awaitable<bool> send_up(Bytes bytes) {
    const auto sent = co_await conversation_.origin().write_all(bytes);
    if (sent) bytes_up_ += bytes.size();
    co_return sent.has_value();
  }

  asio::awaitable<void> forward_responses() {
    std::vector<std::uint8_t> buffer(kBuffer);
    const Deadlines& deadlines = conversation_.worker().config().deadlines;
    while (true) {
      const auto count = co_await conversation_.origin().read_some(buffer);
      if (!count) break;
      if (*count == 0) {
        complete_ = true;
        conversation_.guest().shutdown_write();
        break;
      }
      conversation_.expect_within(deadlines.idle);
      if (!co_await conversation_.guest().write_all(Bytes(buffer).first(*count))) break;
      bytes_down_ += *count;
    }
    // With the origin gone no further request can be answered.
    if (complete_) {
      conversation_.expect_within(std::chrono::seconds(2));
    } else {
      conversation_.interrupt(Errc::kIo);
    }
  }

  void finish() {
    if (complete_) net::finish_on_close(conversation_.guest().fd());
    conversation_.ended(complete_ ? audit::Outcome::kCompleted : audit::Outcome::kOriginReset,
                        complete_ ? metrics::ConnectionResult::kCompleted : metrics::ConnectionResult::kReset,
                        std::nullopt, bytes_up_, bytes_down_);
  }

  asio::awaitable<void> refuse(Refusal refusal, std::string raw_host) {
    conversation_.deny(facts_, policy::Decision{.reason = refusal.reason}, {.host = raw_host});
    co_await answer_denied(refusal.status);
  }

  /// Tells the guest why, unless a response may be on its way to it: then only RST is unambiguous.
  asio::awaitable<void> answer_denied(unsigned status) {
    if (answered_before_) co_return;
    const policy::Decision& denial = conversation_.denial();
    const std::string rule = denial.rule != nullptr ? denial.rule->policy + "/" + denial.rule->rule : std::string();
    const std::string answer = http::make_denial_response(
        status, {.title = "Denied by policy",
                 .detail = policy::description(denial.reason),
                 .decision_id = conversation_.denial_id().text(),
                 .rule = rule,
                 .reason = policy::label(denial.reason),
                 .host = facts_.host ? std::string_view(facts_.host->text()) : std::string_view(),
                 .method = facts_.method,
                 .path = facts_.path,
                 .hint = denial.rule != nullptr ? std::string_view(denial.rule->note) : std::string_view()});
    co_await conversation_.answer_and_finish(as_bytes(answer));
  }

  asio::awaitable<void> answer_failed() {
    const std::string answer = http::make_denial_response(
        502, {.title = "Origin unreachable",
              .detail = "The request is allowed, but its origin could not be reached.",
              .host = facts_.host ? std::string_view(facts_.host->text()) : std::string_view(),
              .method = facts_.method,
              .path = facts_.path});
    co_await conversation_.answer_and_finish(as_bytes(answer));
  }

  using Deadlines = config::Deadlines;

  Conversation& conversation_;
  policy::Facts facts_;
  std::vector<std::uint8_t> received_;
  std::uint64_t bytes_up_ = 0;
  std::uint64_t bytes_down_ = 0;
  bool answered_before_ = false;  ///< an earlier request was forwarded, so a response may be on its way
  bool complete_ = false;         ///< the origin ended its stream in good order
};

}  // namespace

asio::awaitable<void> serve_clear_http(Conversation& conversation, policy::Facts facts,
                                       std::vector<std::uint8_t> received) {
  ClearHttp exchange(conversation, std::move(facts), std::move(received));
  co_await exchange.run();
}

}  // namespace enforcer::proxy
