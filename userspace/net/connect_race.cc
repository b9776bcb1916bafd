#include "net/connect_race.h"

#include <sys/epoll.h>

#include <algorithm>
#include <boost/asio/post.hpp>

namespace enforcer::net {

class ConnectRace::Attempt final : public PollTarget {
 public:
  Attempt(ConnectRace& race, Fd socket, const IpAddress& address)
      : race_(race),
        socket_(std::move(socket)),
        address_(address),
        edges_(is_connected(socket_.get()) ? Poller::Edges::kReading : Poller::Edges::kReadingAndRoom) {}
  ~Attempt() { close(); }

  /// It was connected before anybody waited.
  [[nodiscard]] bool connected_at_once() const { return edges_ == Poller::Edges::kReading; }
  Result<> watch() { return race_.poller_.add(socket_.get(), *this, edges_); }
  void close() {
    if (socket_.valid()) race_.poller_.forget(socket_.get());
    socket_ = Fd();
  }
  [[nodiscard]] int fd() const { return socket_.get(); }
  Winner take() {
    const auto took = Monotonic::now() - start_;
    return Winner{AsyncSocket::adopt(race_.io_, race_.poller_, std::move(socket_), edges_, events_), address_, took};
  }

 private:
  void ready(std::uint32_t events) override {
    events_ |= events;
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) race_.ended(*this, events);
  }

  ConnectRace& race_;
  Fd socket_;
  IpAddress address_;
  Poller::Edges edges_;  ///< where it is not connected yet, room to write says when it is
  Monotonic::time_point start_ = Monotonic::now();
  std::uint32_t events_ = 0;  ///< seen so far
};

std::vector<IpAddress> in_turn(const std::vector<IpAddress>& addresses) {
  std::vector<IpAddress> ipv6;
  std::vector<IpAddress> ipv4;
  for (const IpAddress& address : addresses) (address.is_v4() ? ipv4 : ipv6).push_back(address);
  std::vector<IpAddress> ordered;
  for (std::size_t i = 0; i < std::max(ipv6.size(), ipv4.size()); ++i) {
    if (i < ipv6.size()) ordered.push_back(ipv6[i]);
    if (i < ipv4.size()) ordered.push_back(ipv4[i]);
  }
  return ordered;
}

ConnectRace::ConnectRace(asio::io_context& io, Poller& poller, TimerWheel& wheel)
    : io_(io), poller_(poller), wheel_(wheel) {}

ConnectRace::~ConnectRace() = default;

asio::awaitable<Result<ConnectRace::Winner>> ConnectRace::run(const std::vector<IpAddress>& addresses, Port port,
                                                              FirstWord first) {
  waiting_ = in_turn(addresses);
  if (waiting_.size() > kMaxAttempts) waiting_.resize(kMaxAttempts);
  std::ranges::reverse(waiting_);
  port_ = port;
  first_ = first;
  start_next();
  // Others that are about to connect do so before anybody sends: what then goes to one origin wakes it once.
  if (winner_ != nullptr) {
    auto posted = asio::post(io_, asio::use_awaitable);
    co_await std::move(posted);
  }
  while (!over()) co_await wait();
  cancel();
  if (interrupted_) co_return fail(*interrupted_, "interrupted");
  if (winner_ == nullptr) co_return std::unexpected(std::move(last_));
  co_return winner_->take();
}

bool ConnectRace::over() const {
  return winner_ != nullptr || interrupted_ || (pending_ == 0 && waiting_.empty());
}

void ConnectRace::start_next() {
  while (!over() && !waiting_.empty()) {
    const IpAddress address = waiting_.back();
    waiting_.pop_back();
    auto socket = start_connect({address, port_}, first_);
    if (!socket) {
      last_ = std::move(socket).error();
      continue;
    }
    auto attempt = std::make_unique<Attempt>(*this, *std::move(socket), address);
    if (auto watched = attempt->watch(); !watched) {
      last_ = std::move(watched).error();
      continue;
    }
    attempts_.push_back(std::move(attempt));
    ++pending_;
    if (attempts_.back()->connected_at_once()) {
      winner_ = attempts_.back().get();
      break;
    }
    if (!waiting_.empty()) wheel_.schedule(*this, Deadline::after(kAttemptDelay));
    return;
  }
  if (over()) resume();
}

void ConnectRace::ended(Attempt& attempt, std::uint32_t events) {
  const bool well = (events & (EPOLLERR | EPOLLHUP)) == 0;  // connect(2): then it is writable because it is connected
  if (winner_ == &attempt && !well) winner_ = nullptr;      // before it was handed over
  if (winner_ != nullptr) return;
  if (auto finished = well ? Result<>{} : finish_connect(attempt.fd()); !finished) {
    last_ = std::move(finished).error();
    attempt.close();
    --pending_;
    start_next();
    return;
  }
  winner_ = &attempt;
  resume();
}

asio::awaitable<void> ConnectRace::wait() {
  // A named object: see userspace/DECISIONS.md on temporaries in co_await expressions.
  auto suspended = asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [this](auto&& handler) { waiter_.emplace(std::forward<decltype(handler)>(handler)); }, asio::use_awaitable);
  co_await std::move(suspended);
}

void ConnectRace::resume() {
  if (!waiter_) return;
  Waiter waiter = std::move(*waiter_);
  waiter_.reset();
  asio::post(io_, std::move(waiter));
}

void ConnectRace::interrupt(Errc why) {
  if (!interrupted_) interrupted_ = why;
  resume();
}

}  // namespace enforcer::net
