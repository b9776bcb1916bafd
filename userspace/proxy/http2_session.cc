#include "proxy/http2_session.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <set>

#include "http/http2_fields.h"
#include "proxy/http2_connection.h"
#include "proxy/http2_guest_stream.h"
#include "proxy/served_request.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;
using Transport = policy::RequestFacts::Transport;

namespace {

class Http2Session final : public Http2Connection {
 public:
  /// `guest` outlives it.
  explicit Http2Session(HttpGuest& guest)
      : Http2Connection(guest.connection().worker(), guest.connection().decisions().view().guest),
        connection_(guest.connection()),
        guest_(guest.stream()),
        transport_(guest.transport()),
        served_(worker().io()) {}

  asio::awaitable<void> run(std::vector<std::uint8_t> received) {
    if (!open(http::Http2Codec::Role::kServer)) {
      connection_.deny(policy::Reason::kInternal);
      co_return;
    }
    co_await exchange_frames(guest_, std::move(received));
    while (running_ > 0) co_await served_.wait();
    report();
  }

 private:
  /// What the connection came to.
  void report() {
    const http::Http2Error fault = codec().fault();
    const bool late = connection_.interrupted() == Errc::kTimeout;
    if (fault != http::Http2Error::kNone) {
      const bool abuse = fault == http::Http2Error::kEnhanceYourCalm;
      connection_.deny(abuse ? policy::Reason::kH2Abuse : policy::Reason::kH2Malformed);
    } else if (!asked_ && late) {
      connection_.deny(policy::Reason::kHelloTimeout);
    } else {
      connection_.session().closed_as(asked_ ? metrics::ConnectionResult::kCompleted
                                             : metrics::ConnectionResult::kReset);
    }
  }

  void head_came(http::StreamId id, http::Http2Fields block, http::Http2End end) override {
    connection_.session().said_what_it_wants();
    Guest& guest = connection_.session().guest();
    // The connection's own decision stands for its first request.
    if (std::exchange(asked_, true) && !guest.take_decision(Monotonic::now())) {
      return codec().reset(id, http::Http2Error::kRefusedStream);
    }
    auto outcome = http::understand_http2_request(std::move(block), end);
    if (std::holds_alternative<http::HeadMalformed>(outcome)) {
      return codec().reset(id, http::Http2Error::kProtocol);  // malformed() follows
    }
    if (!guest.open_stream()) {
      connection_.deny(policy::Reason::kLimitConnections);
      return codec().reset(id, http::Http2Error::kRefusedStream);
    }
    ++running_;
    set_deadline();
    asio::co_spawn(worker().io(), serve(id, std::move(outcome), end), asio::detached);
  }

  asio::awaitable<void> serve(http::StreamId id, http::HeadOutcome outcome, http::Http2End end) {
    co_await serve_stream(id, std::move(outcome), end);
    if (!codec().is_over(id)) answered_.insert(id);
    connection_.session().guest().close_stream();
    --running_;
    set_deadline();
    served_.notify();
  }

  asio::awaitable<void> serve_stream(http::StreamId id, http::HeadOutcome outcome, http::Http2End end) {
    Http2GuestStream stream(*this, connection_.decisions(), id, end);
    if (is_closing()) stream.connection_ended();
    policy::Facts facts = connection_.facts();
    ServedRequest request(stream, stream, facts, transport_);
    auto* head = std::get_if<http::RequestHead>(&outcome);
    auto served = head != nullptr ? request.serve(std::move(*head)) : request.refuse(policy::Reason::kLimitHead);
    co_await std::move(served);
  }

  /// A stream that runs records it as what its own request came to. What a guest that was answered still sends of its
  /// request is nobody's matter.
  void malformed(http::StreamId id) override {
    if (find(id) != nullptr) return Http2Connection::malformed(id);
    if (answered_.contains(id)) return;
    connection_.deny(policy::Reason::kH2Malformed);
  }

  void stream_closed(http::StreamId id, http::Http2Error error) override {
    Http2Connection::stream_closed(id, error);
    answered_.erase(id);
  }

  void read_ended() override { close_streams(http::Http2Error::kCancel); }

  void send_begins() override {
    sending_ = true;
    if (asked_) connection_.expect_within(worker().config().deadlines.stalled());
  }
  void send_ended() override {
    sending_ = false;
    set_deadline();
  }

  /// Each stream has a deadline of its own; the connection has one while it sends, and while there is no stream. Before
  /// the first request it is the one that it began with, whatever else is said meanwhile.
  void set_deadline() {
    if (!asked_ || sending_) return;
    if (running_ > 0) return connection_.cancel();
    connection_.expect_within(worker().config().deadlines.idle);
  }

  GuestConnection& connection_;
  net::ByteStream& guest_;
  const Transport transport_;
  std::size_t running_ = 0;
  bool asked_ = false;                 ///< a request came
  bool sending_ = false;               ///< the guest has not yet taken what is on its way to it
  std::set<http::StreamId> answered_;  ///< and not yet closed
  net::Signal served_;
};

}  // namespace

asio::awaitable<void> serve_http2(HttpGuest guest, std::vector<std::uint8_t> received) {
  Http2Session session(guest);
  co_await session.run(std::move(received));
}

}  // namespace enforcer::proxy
