#include "enforcerd/review_feeds.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

namespace enforcer::enforcerd {

namespace asio = boost::asio;

class ReviewFeeds::Feed final : public control::ReviewFeed {
 public:
  Feed(ReviewFeeds& feeds, review::Desk& desk) : feeds_(feeds), wake_(feeds.home_), presence_(desk.attend()) {
    {
      const std::lock_guard lock(feeds_.mutex_);
      feeds_.feeds_.insert(this);
    }
    // Only now: a change between the two comes twice, not never.
    for (review::Ticket& ticket : desk.tickets()) {
      if (!review::is_end(ticket.state)) {
        standing_.push_front({.change = "standing", .by = std::nullopt, .ticket = std::move(ticket)});
      }
    }
  }
  ~Feed() override {
    const std::lock_guard lock(feeds_.mutex_);
    feeds_.feeds_.erase(this);
  }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  asio::awaitable<Result<control::ReviewNews>> next() override {
    if (!standing_.empty()) {
      control::ReviewNews news = std::move(standing_.front());
      standing_.pop_front();
      co_return news;
    }
    while (true) {
      wake_.expires_at(std::chrono::steady_clock::time_point::max());
      {
        const std::lock_guard lock(feeds_.mutex_);
        if (behind_) co_return fail(Errc::kUnavailable, "the watcher takes too little");
        if (!waiting_.empty()) {
          control::ReviewNews news = std::move(waiting_.front());
          waiting_.pop_front();
          co_return news;
        }
      }
      // What comes from here on wakes us through the home thread, which is busy with us until the wait has begun.
      co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  /// With the mutex held.
  void add(control::ReviewNews news) {
    if (behind_) return;
    behind_ = waiting_.size() == kLongest;
    if (behind_) {
      waiting_.clear();
    } else {
      waiting_.push_back(std::move(news));
    }
  }

  void wake() { wake_.cancel(); }

 private:
  ReviewFeeds& feeds_;
  std::deque<control::ReviewNews> standing_;  ///< oldest first
  std::deque<control::ReviewNews> waiting_;   ///< guarded by the mutex of feeds_
  bool behind_ = false;                       ///< likewise
  asio::steady_timer wake_;
  std::unique_ptr<review::Desk::Presence> presence_;
};

void ReviewFeeds::changed(const review::Ticket& ticket, review::Change change, const review::Reviewer* who) {
  const std::lock_guard lock(mutex_);
  if (feeds_.empty()) return;
  for (Feed* feed : feeds_) {
    feed->add({.change = std::string(review::label(change)),
               .by = who == nullptr ? std::nullopt : std::optional(*who),
               .ticket = ticket});
  }
  asio::post(home_, [this] { wake_all(); });
}

void ReviewFeeds::wake_all() {
  for (Feed* feed : feeds_) feed->wake();
}

std::unique_ptr<control::ReviewFeed> ReviewFeeds::open(review::Desk& desk) {
  return std::make_unique<Feed>(*this, desk);
}

}  // namespace enforcer::enforcerd
