// Requests are served one after the other, pipelined ones too: the next head is read when the response before it is
// complete, so an answer of ours is never taken for the answer to another request.
#include "proxy/http1_session.h"

#include "base/give_back.h"
#include "proxy/http1_guest_side.h"
#include "proxy/served_request.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

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

class Http1Session {
 public:
  /// `guest` outlives it.
  Http1Session(HttpGuest& guest, std::vector<std::uint8_t> received) : guest_(guest), received_(std::move(received)) {}

  /// What becomes of the connection; kNextRequest: serve_next() may be called once more.
  [[nodiscard]] After after() const { return after_; }

  /// Sets the deadline for the next request. False: nothing of it is there. A connection may wait for its first octet
  /// for long, and holds no buffer meanwhile.
  bool expect_next() {
    const auto& deadlines = connection().worker().config().deadlines;
    if (!first_) connection().expect_within(received_.empty() ? deadlines.idle : deadlines.request_head);
    if (!received_.empty()) return true;
    give_back(received_);
    return false;
  }

  /// False: there was none, which was dealt with.
  asio::awaitable<bool> serve_next() {
    auto head = co_await read_head();
    if (!head) co_return false;
    co_await serve(*std::move(head));
    first_ = false;
    connection().facts().request.reset();
    connection().decisions().settled();
    co_return true;
  }

 private:
  [[nodiscard]] GuestConnection& connection() { return guest_.connection(); }

  asio::awaitable<bool> read_more() {
    const std::size_t before = received_.size();
    received_.resize(before + net::kHeadReadSize);
    const auto count = co_await guest_.stream().read_some(std::span(received_).subspan(before));
    received_.resize(before + count.value_or(0));
    if (!count) after_ = After::kReset;
    co_return count.value_or(0) > 0;
  }

  /// The next request head; nothing when there is none, which was dealt with.
  asio::awaitable<std::optional<http::RequestHead>> read_head() {
    http::RequestHeadReader reader;
    while (true) {
      auto outcome = reader.read(received_);
      if (auto* head = std::get_if<http::RequestHead>(&outcome)) {
        received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(reader.head_size()));
        connection().session().said_what_it_wants();
        co_return std::move(*head);
      }
      if (const auto* malformed = std::get_if<http::HeadMalformed>(&outcome)) {
        co_await refuse(reason_of(malformed->fault));
        co_return std::nullopt;
      }
      if (std::holds_alternative<http::HeadTooLarge>(outcome)) {
        co_await refuse(policy::Reason::kLimitHead);
        co_return std::nullopt;
      }
      const bool begins = received_.empty();
      if (!co_await read_more()) {
        head_never_came();
        co_return std::nullopt;
      }
      if (begins && !first_) connection().expect_within(connection().worker().config().deadlines.request_head);
    }
  }

  /// Between two requests a connection may end in any way; a head that was begun may not.
  void head_never_came() {
    const bool late = connection().interrupted() == Errc::kTimeout;
    if (late && (first_ || !received_.empty())) {
      connection().deny(policy::Reason::kHelloTimeout);
      return;
    }
    connection().session().closed_as(late || after_ == After::kNextRequest ? metrics::ConnectionResult::kCompleted
                                                                           : metrics::ConnectionResult::kReset);
    if (after_ == After::kNextRequest) after_ = received_.empty() ? After::kGoodbye : After::kReset;
  }

  asio::awaitable<void> serve(http::RequestHead head) {
    // The connection's own decision stands for its first request.
    if (!first_ && !connection().decisions().guest().take_decision(Monotonic::now())) {
      after_ = After::kReset;
      co_return;
    }
    Http1GuestSide side(guest_.stream(), received_, head.version, head.connection, head.body);
    ServedRequest request(connection(), side, connection().facts(), guest_.transport());
    after_ = co_await request.serve(std::move(head));
  }

  asio::awaitable<void> refuse(policy::Reason reason) {
    Http1GuestSide side(guest_.stream(), received_, http::Version::kHttp11, http::Connection::kClose, {});
    ServedRequest request(connection(), side, connection().facts(), guest_.transport());
    after_ = co_await request.refuse(reason);
  }

  HttpGuest& guest_;
  std::vector<std::uint8_t> received_;
  After after_ = After::kNextRequest;
  bool first_ = true;
};

}  // namespace

asio::awaitable<void> serve_http1(HttpGuest guest, std::vector<std::uint8_t> received) {
  Http1Session session(guest, std::move(received));
  while (session.after() == After::kNextRequest) {
    if (!session.expect_next()) (void)co_await guest.stream().readable();
    if (!co_await session.serve_next()) break;
  }
  if (session.after() != After::kReset) co_await guest.connection().say_goodbye(guest.stream());
}

}  // namespace enforcer::proxy
