// ReviewFeeds: who watches the desk through the control API. Changes come from any thread and are read on the home
// thread; nobody waits for a watcher: one that takes nothing while kLongest changes come is cut off.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>

#include "control/api.h"
#include "review/desk.h"

namespace enforcer::enforcerd {

class ReviewFeeds final : public review::Observer {
 public:
  explicit ReviewFeeds(boost::asio::io_context& home) : home_(home) {}

  /// Any thread.
  void changed(const review::Ticket& ticket, review::Change change, const review::Reviewer* who) override;

  /// A new watcher, who attends the desk while it lives. Home thread; both outlive it.
  [[nodiscard]] std::unique_ptr<control::ReviewFeed> open(review::Desk& desk);

  [[nodiscard]] std::size_t size() const { return feeds_.size(); }  ///< home thread

  static constexpr std::size_t kLongest = 1024;

 private:
  class Feed;
  void wake_all();

  boost::asio::io_context& home_;
  std::mutex mutex_;       ///< guards feeds_ and what waits in each
  std::set<Feed*> feeds_;  ///< changed on the home thread only
};

}  // namespace enforcer::enforcerd
