#include "proxy/relay.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "net/socket.h"

namespace enforcer::proxy {
namespace {

// Bytes. A turn leaves in the caches what the ends look at next, so it is short: with sixteen relays, splices of a
// whole pipe move a third fewer octets a second (tests/bench/README.md). A relay whose last turn no other relay's
// followed moves whole pipes.
constexpr std::size_t kWholePipe = 1024 * 1024;  // as hostd sizes them
constexpr std::size_t kHalfPipe = kWholePipe / 2;
// A turn ends after as many bytes as so many full splices have, or after kStepsPerTurn.
constexpr std::uint64_t kFullSplicesPerTurn = 2;
constexpr int kStepsPerTurn = 16;

// Bytes. Behind a piece as large as that there is mostly more.
constexpr std::size_t kLargePiece = 64 * 1024;

bool would_block() {
  return errno == EAGAIN || errno == EINTR;
}

}  // namespace

RelayLoop::RelayLoop(boost::asio::io_context& io, net::Poller& poller, net::TimerWheel& wheel,
                     std::chrono::nanoseconds idle, std::chrono::nanoseconds stalled)
    : io_(io), poller_(poller), wheel_(wheel), idle_(idle), stalled_(stalled) {}

RelayLoop::~RelayLoop() {
  while (!relays_.empty()) relays_.front().interrupt(Errc::kDenied);
}

Relay& RelayLoop::adopt(std::unique_ptr<RelayObserver> observer, net::AsyncSocket& guest, net::AsyncSocket& origin,
                        std::uint64_t bytes_up, std::uint64_t bytes_down) {
  Relay& relay = relays_.emplace_front(*this, std::move(observer), bytes_up, bytes_down);
  relay.self_ = relays_.begin();
  relay.flows_[Relay::kGuest].readable = guest.may_have_more();
  relay.flows_[Relay::kOrigin].readable = origin.may_have_more();
  relay.broken_ = {guest.broken(), origin.broken()};
  relay.ends_[Relay::kGuest].room_watched = guest.room_watched();
  relay.ends_[Relay::kOrigin].room_watched = origin.room_watched();
  relay.ends_[Relay::kGuest].socket = guest.transfer_to(relay.ends_[Relay::kGuest]);
  relay.ends_[Relay::kOrigin].socket = origin.transfer_to(relay.ends_[Relay::kOrigin]);
  wheel_.schedule(relay, Deadline::after(stalled_));
  return relay;
}

void RelayLoop::run_again(Relay& relay) {
  if (relay.again_) return;
  relay.again_ = true;
  again_.push_back(&relay);
  if (again_.size() > 1) return;
  boost::asio::post(io_, [this] {
    std::vector<Relay*> round;
    round.swap(again_);
    for (std::size_t i = 0; i < round.size(); ++i) {
      round[i]->again_ = false;
      round[i]->pump();  // may end this relay, never another one
    }
  });
}

void RelayLoop::forget(Relay& relay) {
  if (last_turn_ == &relay) last_turn_ = nullptr;  // a new relay may get the same address
  std::erase(again_, &relay);
  relays_.erase(relay.self_);
}

Relay::Relay(RelayLoop& loop, std::unique_ptr<RelayObserver> observer, std::uint64_t bytes_up, std::uint64_t bytes_down)
    : loop_(loop), observer_(std::move(observer)) {
  for (End& end : ends_) end.relay = this;
  flows_[kGuest].delivered = bytes_up;
  flows_[kOrigin].delivered = bytes_down;
}

Relay::~Relay() = default;

void Relay::start() {
  if (flows_[kGuest].readable || flows_[kOrigin].readable) pump();
}

void Relay::End::ready(std::uint32_t events) {
  Relay& owner = *relay;
  const Side side = this == &owner.ends_[kGuest] ? kGuest : kOrigin;
  const Side other = side == kGuest ? kOrigin : kGuest;
  if (events & EPOLLERR) owner.broken_[side] = true;
  // An error shows in the next read or write, so both directions try.
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) owner.flows_[side].readable = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) owner.flows_[other].writable = true;
  owner.pump();
}

void Relay::pump() {
  const auto delivered = [this] { return flows_[kGuest].delivered + flows_[kOrigin].delivered; };
  const bool turn_after_turn = std::exchange(loop_.last_turn_, this) == this;
  const std::size_t most = turn_after_turn ? kWholePipe : kHalfPipe;
  const std::uint64_t end_of_turn = delivered() + kFullSplicesPerTurn * most;
  for (int step = 0; step < kStepsPerTurn && delivered() < end_of_turn; ++step) {
    const std::uint64_t before = flows_[kGuest].delivered;
    const Step up = move(flows_[kGuest], kGuest, kOrigin, most);
    const std::uint64_t sent = flows_[kGuest].delivered - before;
    if (sent > 0 && !observer_->relayed_up(sent)) return finish(RelayEnd::kOverBudget);
    const Step down = up <= Step::kMoved ? move(flows_[kOrigin], kOrigin, kGuest, most) : up;
    if (down == Step::kGuestBroke) return finish(RelayEnd::kGuestReset);
    if (down == Step::kOriginBroke) return finish(RelayEnd::kOriginReset);
    if (flows_[kGuest].closed && flows_[kOrigin].closed) return finish(RelayEnd::kDone);
    if (up == Step::kBlocked) send_kept(flows_[kGuest], kOrigin);
    if (down == Step::kBlocked) send_kept(flows_[kOrigin], kGuest);
    if (up == Step::kBlocked && down == Step::kBlocked) {
      // A reset shows in no read while what was read before cannot be delivered.
      if (broken_[kGuest]) return finish(RelayEnd::kGuestReset);
      if (broken_[kOrigin]) return finish(RelayEnd::kOriginReset);
      return;
    }
    const auto now = Monotonic::now();
    if (up == Step::kMoved) flows_[kGuest].moved = now;
    if (down == Step::kMoved) flows_[kOrigin].moved = now;
  }
  loop_.run_again(*this);
}

Relay::Step Relay::move(Flow& flow, int from, int to, std::size_t most) {
  if (flow.closed) return Step::kBlocked;
  if (!flow.left_over.empty()) return flush_left_over(flow, to);

  Step filled = Step::kBlocked;
  if (flow.readable && !flow.ended) {
    if (!flow.pipe.read_end.valid()) flow.pipe = loop_.pipes_.lend(observer_->pipes_lent());
    if (!flow.pipe.read_end.valid()) return copy(flow, from, to);
    filled = fill_pipe(flow, from, most);
    if (filled > Step::kMoved) return filled;
  }
  const Step drained = flow.in_pipe > 0 ? drain_pipe(flow, to) : Step::kBlocked;
  if (drained > Step::kMoved) return drained;
  if (flow.in_pipe == 0) {
    release_pipe(flow);
    if (flow.ended) {
      // Where the other direction is over, closing the socket says it.
      if (!flows_[to].closed) shutdown(ends_[to].socket.get(), SHUT_WR);
      flow.closed = true;
      return Step::kMoved;
    }
  }
  return filled == Step::kMoved || drained == Step::kMoved ? Step::kMoved : Step::kBlocked;
}

Relay::Step Relay::fill_pipe(Flow& flow, int from, std::size_t most) {
  // With bytes in the pipe already, EAGAIN would not tell an empty socket from a full pipe: fill only an empty one.
  if (flow.in_pipe > 0) return Step::kBlocked;
  const ssize_t count = splice(ends_[from].socket.get(), nullptr, flow.pipe.write_end.get(), nullptr, most,
                               SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (count < 0) {
    if (!would_block()) return broke(from);
    flow.readable = errno == EINTR;
    return Step::kBlocked;
  }
  if (count == 0) flow.ended = true;
  flow.in_pipe = static_cast<std::uint32_t>(count);
  flow.more_expected = flow.in_pipe >= kLargePiece;
  return Step::kMoved;
}

Relay::Step Relay::drain_pipe(Flow& flow, int to) {
  if (!flow.writable) return Step::kBlocked;
  const ssize_t count = splice(flow.pipe.read_end.get(), nullptr, ends_[to].socket.get(), nullptr, flow.in_pipe,
                               SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (flow.more_expected ? SPLICE_F_MORE : 0U));
  if (count < 0) return not_taken(flow, to);
  flow.in_pipe -= static_cast<std::uint32_t>(count);
  flow.delivered += static_cast<std::uint64_t>(count);
  return Step::kMoved;
}

Relay::Step Relay::copy(Flow& flow, int from, int to) {
  const ssize_t count = recv(ends_[from].socket.get(), loop_.buffer_.data(), RelayLoop::kBuffer, MSG_DONTWAIT);
  if (count < 0) {
    if (!would_block()) return broke(from);
    flow.readable = errno == EINTR;
    return Step::kBlocked;
  }
  if (count == 0) {
    flow.ended = true;
    shutdown(ends_[to].socket.get(), SHUT_WR);
    flow.closed = true;
    return Step::kMoved;
  }
  const auto size = static_cast<std::size_t>(count);
  const ssize_t accepted = send(ends_[to].socket.get(), loop_.buffer_.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (accepted < 0 && !would_block()) return broke(to);
  const auto passed = static_cast<std::size_t>(std::max<ssize_t>(accepted, 0));
  flow.delivered += passed;
  if (passed == size) return Step::kMoved;
  flow.left_over.assign(loop_.buffer_.data() + passed, size - passed);
  const Step waiting = no_room(flow, to);
  return waiting == Step::kBlocked ? Step::kMoved : waiting;
}

Relay::Step Relay::flush_left_over(Flow& flow, int to) {
  if (!flow.writable) return Step::kBlocked;
  const ssize_t count =
      send(ends_[to].socket.get(), flow.left_over.data(), flow.left_over.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0) return not_taken(flow, to);
  flow.left_over.erase(0, static_cast<std::size_t>(count));
  flow.delivered += static_cast<std::uint64_t>(count);
  if (flow.left_over.empty()) flow.left_over.shrink_to_fit();
  return Step::kMoved;
}

/// What a write to the receiver failed with.
Relay::Step Relay::not_taken(Flow& flow, int to) {
  if (!would_block()) return broke(to);
  return errno == EINTR ? Step::kBlocked : no_room(flow, to);
}

/// The receiver takes no more for now: an edge tells when it does.
Relay::Step Relay::no_room(Flow& flow, int to) {
  flow.writable = false;
  End& receiver = ends_[to];
  if (!std::exchange(receiver.room_watched, true) && !loop_.poller_.watch_room(receiver.socket.get())) return broke(to);
  return Step::kBlocked;
}

/// Nothing follows for now: what the receiver's socket kept for a full packet leaves.
void Relay::send_kept(Flow& flow, int to) {
  if (!flow.pending() && std::exchange(flow.more_expected, false)) net::send_at_once(ends_[to].socket.get());
}

void Relay::release_pipe(Flow& flow) {
  if (flow.pipe.read_end.valid()) loop_.pipes_.give_back(std::move(flow.pipe), observer_->pipes_lent());
}

void Relay::finish(RelayEnd end) {
  // A reset would drop it, and it counts as delivered.
  if (flows_[kGuest].more_expected) net::send_at_once(ends_[kOrigin].socket.get());
  if (flows_[kOrigin].more_expected) net::send_at_once(ends_[kGuest].socket.get());
  for (Flow& flow : flows_) {
    if (flow.in_pipe > 0) {
      loop_.pipes_.give_back_full(std::move(flow.pipe), flow.in_pipe, loop_.buffer_, observer_->pipes_lent());
    } else {
      release_pipe(flow);
    }
  }
  for (End& side : ends_) {
    if (!side.socket.valid()) continue;
    if (end == RelayEnd::kDone) {
      net::finish_on_close(side.socket.get());
    } else {
      net::reset_on_close(side.socket.get());
    }
    loop_.poller_.forget(side.socket.get());
  }
  observer_->relay_ended(end, flows_[kGuest].delivered, flows_[kOrigin].delivered);
  loop_.forget(*this);
}

void Relay::expired() {
  // Activity does not touch the wheel: the deadline is looked at when it comes, and moved if bytes flowed meanwhile.
  const auto now = Monotonic::now();
  const auto stood_still = observer_->stood_still();
  const auto quiet = now - std::max({flows_[kGuest].moved, flows_[kOrigin].moved, stood_still});
  if (quiet >= loop_.idle_) return finish(RelayEnd::kIdle);
  for (const Flow& flow : flows_) {
    if (flow.pending() && now - std::max(flow.moved, stood_still) >= loop_.stalled_) return finish(RelayEnd::kIdle);
  }
  loop_.wheel_.schedule(*this, Deadline::after(std::min(loop_.idle_ - quiet, loop_.stalled_)));
}

}  // namespace enforcer::proxy
