// ReviewNotifier: tells people that a request is held, by the command of `review.notify`: one run and one line of JSON
// for each ticket (review/ticket_json.h). Nobody waits for it, and it never keeps the helper, which also gets
// credentials, busy by itself: few run at once, some wait, and what is beyond is counted and not told.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "base/result.h"

namespace enforcer::enforcerd {

class ReviewNotifier {
 public:
  static constexpr std::size_t kAtOnce = 2;
  static constexpr std::size_t kWaiting = 64;

  /// Gives one line to the command; until it has ended.
  using Tell = std::function<boost::asio::awaitable<Result<>>(std::string line)>;

  /// `io`: the loop on which `tell` is called. It does not run any more when this goes.
  ReviewNotifier(boost::asio::io_context& io, Tell tell) : io_(io), tell_(std::move(tell)) {}
  ReviewNotifier(const ReviewNotifier&) = delete;
  ReviewNotifier& operator=(const ReviewNotifier&) = delete;

  /// At once, from any thread. What goes wrong is logged and counted.
  void notify(std::string line);

  [[nodiscard]] std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  void begin_next();
  boost::asio::awaitable<void> run(std::string line);
  void failed(std::string_view why);

  boost::asio::io_context& io_;
  const Tell tell_;
  std::deque<std::string> waiting_;  ///< on the loop's thread, as all below
  std::size_t running_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
};

}  // namespace enforcer::enforcerd
