// Signal: one coroutine waits until another says that something has changed. What is said while nobody waits is kept,
// once. Belongs to one worker; the waiter is resumed by the loop, never from inside notify().
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

namespace enforcer::net {

class Signal {
 public:
  explicit Signal(boost::asio::io_context& io) : io_(io) {}
  ~Signal() { notify(); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void notify() {
    if (!waiter_) {
      pending_ = true;
      return;
    }
    boost::asio::post(io_, std::move(*waiter_));
    waiter_.reset();
  }

  /// One coroutine at a time.
  boost::asio::awaitable<void> wait() {
    if (std::exchange(pending_, false)) co_return;
    // A named object: see userspace/DECISIONS.md on temporaries in co_await expressions.
    auto suspended = boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        [this](auto&& handler) { waiter_.emplace(std::forward<decltype(handler)>(handler)); },
        boost::asio::use_awaitable);
    co_await std::move(suspended);
  }

 private:
  using Waiter = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;

  boost::asio::io_context& io_;
  std::optional<Waiter> waiter_;
  bool pending_ = false;
};

}  // namespace enforcer::net
