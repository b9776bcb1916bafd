#include "proxy/conversation.h"

#include <sys/socket.h>

#include <array>

#include "net/socket.h"
#include "proxy/worker.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

Conversation::Conversation(std::unique_ptr<LiveSession> session, std::unique_ptr<net::AsyncSocket> guest)
    : session_(std::move(session)), guest_(std::move(guest)) {
  session_->handled_by(this);
  guest_->when_broken([this] {
    guest_broken_ = true;
    interrupt_origin(Errc::kIo);
  });
}

Conversation::~Conversation() {
  if (session_) session_->handled_by(static_cast<Interruptible*>(nullptr));
}

void Conversation::expect_within(std::chrono::nanoseconds duration) {
  expecting_ = Expecting::kAnybody;
  worker().wheel().schedule(*this, Deadline::after(duration));
}

void Conversation::expect_origin_within(std::chrono::nanoseconds duration) {
  expecting_ = Expecting::kOrigin;
  worker().wheel().schedule(*this, Deadline::after(duration));
}

void Conversation::expired() {
  if (expecting_ == Expecting::kOrigin) return interrupt_origin(Errc::kTimeout);
  interrupt(Errc::kTimeout);
}

void Conversation::interrupt(Errc why) {
  if (!interrupted_) interrupted_ = why;
  if (guest_) guest_->interrupt(why);
  interrupt_origin(why);
}

void Conversation::interrupt_origin(Errc why) {
  if (origin_) origin_->interrupt(why);
  if (connecting_ != nullptr) connecting_->interrupt(why);
}

asio::awaitable<bool> Conversation::read_guest(std::vector<std::uint8_t>& buffer) {
  const std::size_t before = buffer.size();
  buffer.resize(before + net::kHeadReadSize);
  const std::span<std::uint8_t> room(buffer.data() + before, net::kHeadReadSize);
  const auto count = co_await guest_->read_some(room);
  buffer.resize(before + count.value_or(0));
  if (!count) why_ = count.error().code;
  if (count && *count == 0) why_ = Errc::kIo;
  co_return count.value_or(0) > 0;
}

asio::awaitable<OriginAddresses> Conversation::find(const policy::Facts& facts, const policy::Decision& decision) {
  const auto limit = worker().config().deadlines.origin_connect;
  expect_origin_within(limit);
  co_return co_await find_origin(*session_, facts, decision, Deadline::after(limit));
}

Conversation::Reached Conversation::forbid(const policy::Facts& facts, const Forbidden& denial, const Seen& seen) {
  worker().metrics().origin_error(metrics::OriginError::kAddress);
  deny(facts, denial, seen);
  return Reached::kDenied;
}

asio::awaitable<Conversation::Reached> Conversation::reach_origin(const policy::Facts& facts,
                                                                  const policy::Decision& decision, const Seen& seen) {
  auto found = co_await find(facts, decision);
  if (const auto* denial = std::get_if<Forbidden>(&found)) co_return forbid(facts, *denial, seen);
  if (!co_await session_->allow(facts, decision, seen)) {
    denied_unrecorded();
    co_return Reached::kDenied;
  }
  co_return co_await connect(facts, found);
}

asio::awaitable<Conversation::Reached> Conversation::reach_origin_again(const policy::Facts& facts,
                                                                        const policy::Decision& decision) {
  auto found = co_await find(facts, decision);
  const auto* denial = std::get_if<Forbidden>(&found);
  if (denial == nullptr) co_return co_await connect(facts, found);
  ended({.outcome = audit::Outcome::kDenied, .reason = denial->reason}, metrics::ConnectionResult::kDenied);
  co_return forbid(facts, *denial, {});
}

asio::awaitable<Conversation::Reached> Conversation::connect(const policy::Facts& facts, OriginAddresses& found) {
  const auto fail_with = [this](policy::Reason reason, metrics::OriginError error) {
    failure_ = reason;
    worker().metrics().origin_error(error);
    ended({.outcome = audit::Outcome::kOriginFailed, .reason = reason}, metrics::ConnectionResult::kFailed);
    return Reached::kFailed;
  };
  if (const auto* failure = std::get_if<Unresolved>(&found)) {
    co_return fail_with(policy::Reason::kOriginResolve, failure->error);
  }
  net::ConnectRace race(worker().io(), worker().poller(), worker().wheel());
  if (interrupted_ || guest_broken_) race.interrupt(interrupted_.value_or(Errc::kIo));
  connecting_ = &race;
  auto connected = co_await race.run(std::get<Candidates>(found), facts.port);
  connecting_ = nullptr;
  if (guest_broken_) {
    ended({.outcome = audit::Outcome::kGuestReset}, metrics::ConnectionResult::kReset);
    co_return Reached::kFailed;
  }
  if (!connected) {
    const bool late = connected.error().code == Errc::kTimeout;
    co_return fail_with(policy::Reason::kOriginConnect,
                        late ? metrics::OriginError::kTimeout : metrics::OriginError::kConnect);
  }
  worker().metrics().origin_connected(connected->took);
  origin_ = std::move(connected->socket);
  net::reset_on_close(origin_->fd());
  if (interrupted_) origin_->interrupt(*interrupted_);
  session_->dialled(connected->address);
  co_return Reached::kConnected;
}

DecisionId Conversation::deny(const policy::Facts& facts, const policy::Decision& denial, const Seen& seen) {
  denial_ = denial;
  denial_id_ = session_->deny(facts, denial, seen);
  return denial_id_;
}

DecisionId Conversation::deny(const policy::Facts& facts, policy::Reason reason, const Seen& seen) {
  return deny(facts, policy::Decision{.reason = reason}, seen);
}

void Conversation::become_relay(std::uint64_t bytes_up, std::uint64_t bytes_down) {
  cancel();
  LiveSession& session = *session_;
  session.guest().upload().spend(bytes_up, Monotonic::now());
  session.handled_by(static_cast<Interruptible*>(nullptr));
  const auto relay = worker().relays().adopt(std::move(session_), *guest_, *origin_, bytes_up, bytes_down);
  if (relay) session.handled_by(**relay);
}

void Conversation::answer_at_once(Bytes answer) {
  // The guest's receive window is open at this point of a handshake; what does not fit is lost to the RST, which is an
  // answer too.
  [[maybe_unused]] const ssize_t sent = send(guest_->fd(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void Conversation::denied_unrecorded() {
  denial_ = {.reason = policy::Reason::kAuditUnavailable, .would = {}};
  denial_id_ = session_->denied_id();
}

asio::awaitable<void> Conversation::say_goodbye(net::ByteStream& guest) {
  expect_within(kFarewell);
  guest.end_writing();
  // close(2) with unread bytes would send RST and may take the answer back from the guest (RFC 9112 9.6): read until it
  // is done.
  std::array<std::uint8_t, net::kHeadReadSize> unread;
  while (true) {
    const auto count = co_await guest.read_some(unread);
    if (!count) co_return;
    if (*count == 0) break;
  }
  net::finish_on_close(guest_->fd());
}

void Conversation::ended(const Ending& ending, metrics::ConnectionResult result) {
  session_->closed_as(result);
  session_->end(ending);
}

}  // namespace enforcer::proxy
