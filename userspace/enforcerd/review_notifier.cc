#include "enforcerd/review_notifier.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;

void ReviewNotifier::notify(std::string line) {
  asio::post(io_, [this, line = std::move(line)]() mutable {
    if (waiting_.size() >= kWaiting) return failed("too many held requests wait to be told");
    waiting_.push_back(std::move(line));
    begin_next();
  });
}

void ReviewNotifier::begin_next() {
  while (running_ < kAtOnce && !waiting_.empty()) {
    ++running_;
    asio::co_spawn(io_, run(std::move(waiting_.front())), asio::detached);
    waiting_.pop_front();
  }
}

asio::awaitable<void> ReviewNotifier::run(std::string line) {
  if (const auto told = co_await tell_(std::move(line)); !told) failed(told.error().message);
  --running_;
  begin_next();
}

void ReviewNotifier::failed(std::string_view why) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  log_warning("review.notify: {}", why);
}

}  // namespace enforcer::enforcerd
