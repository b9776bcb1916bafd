#include "net/async_socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

namespace enforcer::net {

AsyncSocket::AsyncSocket(asio::io_context& io, Poller& poller, Fd socket)
    : io_(io), poller_(poller), socket_(std::move(socket)) {}

Result<std::unique_ptr<AsyncSocket>> AsyncSocket::make(asio::io_context& io, Poller& poller, Fd socket) {
  const int fd = socket.get();
  std::unique_ptr<AsyncSocket> made(new AsyncSocket(io, poller, std::move(socket)));
  TRY_VOID(poller.add(fd, *made));
  return made;
}

std::unique_ptr<AsyncSocket> AsyncSocket::adopt(asio::io_context& io, Poller& poller, Fd socket, Poller::Edges edges,
                                                std::uint32_t events) {
  const int fd = socket.get();
  std::unique_ptr<AsyncSocket> made(new AsyncSocket(io, poller, std::move(socket)));
  made->readable_ = false;
  made->room_watched_ = edges == Poller::Edges::kReadingAndRoom;
  made->note(events);
  poller.transfer(fd, *made);
  return made;
}

AsyncSocket::~AsyncSocket() {
  if (socket_.valid()) poller_.forget(socket_.get());
}

Result<> AsyncSocket::watch_room() {
  if (room_watched_) return {};
  TRY_VOID(poller_.watch_room(socket_.get()));
  room_watched_ = true;
  return {};
}

void AsyncSocket::note(std::uint32_t events) {
  constexpr std::uint32_t kEnds = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & (kEnds | EPOLLPRI)) != 0) short_reads_tell_ = false;
  if ((events & (kEnds | EPOLLPRI | EPOLLIN)) != 0) readable_ = true;
  if ((events & EPOLLERR) != 0) broken_ = true;
  if ((events & kEnds) != 0) ended_ = true;
}

std::optional<Result<std::size_t>> AsyncSocket::try_read(std::span<std::uint8_t> buffer) {
  return receive(buffer, 0);
}

std::optional<Result<std::size_t>> AsyncSocket::try_peek(std::span<std::uint8_t> buffer) {
  return receive(buffer, MSG_PEEK);
}

std::optional<Result<std::size_t>> AsyncSocket::receive(std::span<std::uint8_t> buffer, int flags) {
  if (interrupted_) return fail(*interrupted_, "interrupted");
  if (!readable_) return std::nullopt;
  while (true) {
    const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), flags);
    if (count >= 0) {
      // epoll(7), question 9: a read that gives less than it could has emptied the socket.
      const bool emptied = static_cast<std::size_t>(count) < buffer.size() && (flags & MSG_PEEK) == 0;
      if (emptied && short_reads_tell_) readable_ = false;
      return static_cast<std::size_t>(count);
    }
    if (errno == EAGAIN) {
      readable_ = false;
      return std::nullopt;
    }
    if (errno != EINTR) return fail_errno("recv");
  }
}

asio::awaitable<Result<std::size_t>> AsyncSocket::read_some(std::span<std::uint8_t> buffer) {
  while (true) {
    if (auto done = try_read(buffer)) {
      if (owes_turn()) co_await turn();
      co_return *std::move(done);
    }
    if (auto waited = co_await wait(kRead); !waited) co_return std::unexpected(std::move(waited).error());
  }
}

Result<std::size_t> AsyncSocket::try_write(Bytes bytes) {
  if (interrupted_) return fail(*interrupted_, "interrupted");
  while (true) {
    const ssize_t count = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN) return std::size_t{0};
    if (errno != EINTR) return fail_errno("send");
  }
}

asio::awaitable<Result<>> AsyncSocket::write_all(Bytes bytes) {
  while (!bytes.empty()) {
    auto count = try_write(bytes);
    if (!count) co_return std::unexpected(std::move(count).error());
    bytes = bytes.subspan(*count);
    if (*count > 0) continue;
    if (auto waited = co_await wait(kWrite); !waited) co_return waited;
  }
  co_return Result<>{};
}

asio::awaitable<void> AsyncSocket::turn() {
  reads_in_a_row_ = 0;
  auto posted = asio::post(io_, asio::use_awaitable);
  co_await std::move(posted);
}

asio::awaitable<Result<>> AsyncSocket::readable() {
  return readable_ ? at_once() : wait(kRead);
}

asio::awaitable<Result<>> AsyncSocket::readable_or_writable() {
  if (readable_) co_return Result<>{};
  if (auto watched = watch_room(); !watched) co_return watched;
  reader_takes_writable_ = true;
  auto waited = co_await wait(kRead);
  reader_takes_writable_ = false;
  co_return waited;
}

asio::awaitable<Result<>> AsyncSocket::wait(Direction direction) {
  if (direction == kRead) reads_in_a_row_ = 0;
  if (!interrupted_) {
    if (auto watched = direction == kWrite ? watch_room() : Result<>{}; !watched) co_return watched;
    ENFORCER_CHECK(!waiters_[direction]);
    // A named object: see userspace/DECISIONS.md on temporaries in co_await expressions.
    auto suspended = asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this, direction](auto&& handler) { waiters_[direction].emplace(std::forward<decltype(handler)>(handler)); },
        asio::use_awaitable);
    co_await std::move(suspended);
  }
  if (interrupted_) co_return fail(*interrupted_, "interrupted");
  co_return Result<>{};
}

void AsyncSocket::resume(Direction direction) {
  if (!waiters_[direction]) return;
  Waiter waiter = std::move(*waiters_[direction]);
  waiters_[direction].reset();
  std::move(waiter)();
}

void AsyncSocket::ready(std::uint32_t events) {
  const bool was_broken = broken_;
  const bool was_ended = ended_;
  note(events);
  if (observer_ != nullptr && broken_ && !was_broken) observer_->peer_reset();
  if (observer_ != nullptr && ended_ && !was_ended) observer_->peer_ended();
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  const bool writable = broken || (events & EPOLLOUT) != 0;
  const bool wake_reader = reader_takes_writable_ && writable && !waiters_[kWrite];
  const bool readable = broken || wake_reader || (events & (EPOLLIN | EPOLLRDHUP)) != 0;
  // Resuming may destroy this object: the second direction is resumed through its own, already moved waiter.
  std::optional<Waiter> writer;
  if (writable && waiters_[kWrite]) {
    writer.emplace(std::move(*waiters_[kWrite]));
    waiters_[kWrite].reset();
  }
  if (readable) {
    AsyncSocket& reader = partner_ != nullptr && !waiters_[kRead] ? *partner_ : *this;
    reader.resume(kRead);
  }
  if (writer) std::move (*writer)();
}

void AsyncSocket::interrupt(Errc why) {
  if (!interrupted_) interrupted_ = why;
  for (auto& waiter : waiters_) {
    if (!waiter) continue;
    asio::post(io_, std::move(*waiter));
    waiter.reset();
  }
}

void AsyncSocket::end_writing() {
  ::shutdown(socket_.get(), SHUT_WR);
}

Fd AsyncSocket::transfer_to(PollTarget& target) {
  poller_.transfer(socket_.get(), target);
  return std::move(socket_);
}

}  // namespace enforcer::net
