#include "proxy/passthrough.h"

#include "proxy/guest_connection.h"
#include "proxy/intercept.h"
#include "proxy/worker.h"
#include "tls/alert.h"
#include "tls/client_hello.h"
#include "tls/server_flight.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

/// A hello of either side mostly fits.
constexpr std::size_t kFlightBuffer = 4096;

/// Reads until the hello is complete; nothing: it never will be, and that was dealt with.
asio::awaitable<std::optional<tls::ClientHello>> read_hello(GuestConnection& conversation,
                                                            std::vector<std::uint8_t>& received,
                                                            tls::ClientHelloReader& reader) {
  Bytes arrived = received;
  while (true) {
    auto outcome = reader.feed(arrived);
    if (auto* hello = std::get_if<tls::ClientHello>(&outcome)) co_return std::move(*hello);
    if (std::holds_alternative<tls::NotTls>(outcome)) {
      conversation.deny(policy::Reason::kProtoUnknown);
      co_return std::nullopt;
    }
    if (std::holds_alternative<tls::Malformed>(outcome)) {
      conversation.deny(policy::Reason::kTlsMalformed);
      conversation.answer_at_once(tls::fatal_alert(tls::AlertDescription::kDecodeError));
      co_return std::nullopt;
    }
    const std::size_t before = received.size();
    if (!co_await conversation.read_guest(received)) {
      if (conversation.why() == Errc::kTimeout) {
        conversation.deny(policy::Reason::kHelloTimeout);
      } else {
        conversation.session().closed_as(metrics::ConnectionResult::kReset);
      }
      co_return std::nullopt;
    }
    arrived = Bytes(received).subspan(before);
  }
}

/// Invariant 4: the server name must be the name that the dialled address was issued for. The reason why not, or
/// nothing.
std::optional<policy::Reason> mismatch(const tls::ClientHello& hello, const policy::Facts& facts) {
  if (!hello.server_name) return policy::Reason::kTlsNoSni;
  const auto name = HostName::parse(*hello.server_name);
  if (!name) return policy::Reason::kNameInvalid;
  if (!facts.host) return policy::Reason::kAddressNotIssued;
  if (*name != *facts.host) return policy::Reason::kAuthorityMismatch;
  return std::nullopt;
}

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

asio::awaitable<std::unique_ptr<tls::Stream>> serve_tls(GuestConnection& conversation,
                                                        std::vector<std::uint8_t> received,
                                                        Monotonic::time_point start) {
  tls::ClientHelloReader reader;
  policy::Facts& facts = conversation.facts();
  facts.layer = policy::Layer::kTls;
  LiveSession& session = conversation.session();
  const auto hello = co_await read_hello(conversation, received, reader);
  if (!hello) {
    session.classified(metrics::Protocol::kTls);
    co_return nullptr;
  }
  session.said_what_it_wants();
  conversation.worker().metrics().overhead(metrics::Stage::kClassify, Monotonic::now() - start);

  const Seen seen{.sni = hello->server_name ? std::string_view(*hello->server_name) : std::string_view()};
  const auto mismatched = mismatch(*hello, facts);
  facts.ech = hello->ech;
  const policy::Decision decision = mismatched ? policy::Decision{.reason = *mismatched} : session.decide(facts);
  session.classified(decision.handling == policy::Handling::kIntercept ? metrics::Protocol::kHttps
                                                                       : metrics::Protocol::kTls);
  if (!decision.allowed()) {
    conversation.deny(facts, decision, seen);
    conversation.answer_at_once(tls::fatal_alert(tls::AlertDescription::kAccessDenied));
    co_return nullptr;
  }
  if (!conversation.notice_leaving(seen)) co_return nullptr;
  if (decision.handling == policy::Handling::kIntercept) {
    co_return co_await intercept(conversation, seen, std::move(received));
  }
  switch (co_await conversation.reach_origin(facts, decision, seen)) {
    case GuestConnection::Reached::kDenied:
      conversation.answer_at_once(tls::fatal_alert(tls::AlertDescription::kAccessDenied));
      co_return nullptr;
    case GuestConnection::Reached::kFailed:
      co_return nullptr;
    case GuestConnection::Reached::kConnected:
      break;
  }
  co_await pass_through(conversation, *hello, std::move(received), reader.wire_size());
  co_return nullptr;
}

}  // namespace enforcer::proxy
