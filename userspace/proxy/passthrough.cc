#include "proxy/passthrough.h"

#include "proxy/classifier.h"
#include "proxy/guest_connection.h"
#include "proxy/intercept.h"
#include "proxy/worker.h"
#include "tls/alert.h"
#include "tls/server_flight.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

/// A hello of either side mostly fits.
constexpr std::size_t kFlightBuffer = 4096;

/// Both directions until the ServerHello is complete; the counts are what was forwarded.
class Watch {
 public:
  Watch(GuestConnection& conversation, const tls::ClientHello& hello) : conversation_(conversation), flight_(hello) {}

  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  std::optional<policy::Reason> fault;  ///< why it ended, when it was not just a closed socket

  /// True: settled, everything inspected was forwarded. `pending` is what the guest sent behind its hello.
  asio::awaitable<bool> run(std::vector<std::uint8_t> pending) {
    pending_ = std::move(pending);
    if (!pending_.empty() && !co_await forward_client(pending_)) co_return false;
    conversation_.guest().wake_also(&conversation_.origin());
    // What settles the flight may be seen and not forwarded: whoever was told to end while it waited is no relay.
    bool whole = true;
    while (whole && !flight_.settled()) {
      const auto [from_guest, from_origin] = read_both();
      if (from_guest) whole = co_await take_from_guest(*from_guest);
      if (from_origin && whole) whole = co_await take_from_origin(*from_origin);
      if (!from_guest && !from_origin) whole = (co_await conversation_.origin().readable()).has_value();
    }
    conversation_.guest().wake_also(nullptr);
    co_return whole;
  }

 private:
  using Read = std::optional<Result<std::size_t>>;

  std::pair<Read, Read> read_both() {
    Read from_guest = guest_ended_ ? Read{} : conversation_.guest().try_read(guest_buffer_);
    return {std::move(from_guest), conversation_.origin().try_read(origin_buffer_)};
  }

  asio::awaitable<bool> take_from_guest(const Result<std::size_t>& count) {
    if (!count) co_return false;
    if (*count == 0) {
      guest_ended_ = true;
      conversation_.origin().end_writing();
      co_return true;
    }
    const Bytes arrived = Bytes(guest_buffer_).first(*count);
    pending_.insert(pending_.end(), arrived.begin(), arrived.end());
    co_return co_await forward_client(arrived);
  }

  asio::awaitable<bool> take_from_origin(const Result<std::size_t>& count) {
    if (!count || *count == 0) co_return false;
    const Bytes arrived = Bytes(origin_buffer_).first(*count);
    if (flight_.server_bytes(arrived) == tls::FlightVerdict::kClose) {
      fault = policy::Reason::kOriginProtocol;
      co_return false;
    }
    if (!co_await conversation_.guest().write_all(arrived)) co_return false;
    bytes_down += arrived.size();
    if (flight_.settled() && !pending_.empty()) co_return co_await send_pending();
    co_return true;
  }

  asio::awaitable<bool> forward_client(Bytes arrived) {
    const tls::FlightVerdict verdict = flight_.client_bytes(arrived);
    if (verdict == tls::FlightVerdict::kHold) co_return true;
    if (verdict == tls::FlightVerdict::kClose) {
      fault = policy::Reason::kTlsMalformed;
      co_return false;
    }
    co_return co_await send_pending();
  }

  asio::awaitable<bool> send_pending() {
    if (!co_await conversation_.origin().write_all(pending_)) co_return false;
    bytes_up += pending_.size();
    pending_.clear();
    co_return true;
  }

  GuestConnection& conversation_;
  tls::ServerFlight flight_;
  std::vector<std::uint8_t> pending_;
  std::vector<std::uint8_t> guest_buffer_ = std::vector<std::uint8_t>(kFlightBuffer);
  std::vector<std::uint8_t> origin_buffer_ = std::vector<std::uint8_t>(kFlightBuffer);
  bool guest_ended_ = false;
};

asio::awaitable<void> pass_through(GuestConnection& conversation, const tls::ClientHello& hello,
                                   std::vector<std::uint8_t> received, std::size_t hello_size) {
  conversation.expect_within(conversation.worker().config().deadlines.tls_handshake);
  if (!co_await conversation.origin().write_all(Bytes(received).first(hello_size))) {
    conversation.ended({.outcome = audit::Outcome::kOriginReset}, metrics::ConnectionResult::kReset);
    co_return;
  }
  Watch watch(conversation, hello);
  watch.bytes_up = hello_size;
  received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(hello_size));
  if (co_await watch.run(std::move(received))) {
    conversation.become_relay(watch.bytes_up, watch.bytes_down);
    co_return;
  }
  const auto outcome = watch.fault                   ? audit::Outcome::kDenied
                       : conversation.guest_broken() ? audit::Outcome::kGuestReset
                                                     : audit::Outcome::kOriginReset;
  if (watch.fault == policy::Reason::kOriginProtocol) {
    conversation.worker().metrics().origin_error(metrics::OriginError::kProtocol);
  }
  conversation.ended(
      {.outcome = outcome, .reason = watch.fault, .bytes_up = watch.bytes_up, .bytes_down = watch.bytes_down},
      metrics::ConnectionResult::kReset);
}

}  // namespace

asio::awaitable<std::unique_ptr<tls::Stream>> serve_tls(GuestConnection& conversation, AllowedHello allowed,
                                                        std::vector<std::uint8_t> received) {
  const Seen seen = allowed.seen();
  const policy::Decision& decision = allowed.decision;
  if (decision.handling == policy::Handling::kIntercept) {
    co_return co_await intercept(conversation, seen, std::move(received));
  }
  switch (co_await conversation.reach_origin(conversation.facts(), decision, seen)) {
    case GuestConnection::Reached::kDenied:
      conversation.answer_at_once(tls::fatal_alert(tls::AlertDescription::kAccessDenied));
      co_return nullptr;
    case GuestConnection::Reached::kFailed:
      co_return nullptr;
    case GuestConnection::Reached::kConnected:
      break;
  }
  co_await pass_through(conversation, allowed.hello, std::move(received), allowed.size);
  co_return nullptr;
}

}  // namespace enforcer::proxy
