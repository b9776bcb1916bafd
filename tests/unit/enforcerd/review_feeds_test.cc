// Watchers of a real desk.
#include "enforcerd/review_feeds.h"

#include <doctest/doctest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <thread>

#include "../control/sample_ticket.h"
#include "review/fingerprint.h"

using namespace enforcer;
using namespace enforcer::enforcerd;

namespace {

namespace asio = boost::asio;

struct WatchedDesk {
  asio::io_context home{1};
  ReviewFeeds feeds{home};
  review::Desk desk{review::DeskLimits{.pending_per_guest = 4096}, feeds};
  policy::RuleInfo rule{.policy = "agent",
                        .rule = "destroy",
                        .action = policy::Action::kReview,
                        .review = policy::ReviewTerms{.text = "rule destroy"}};

  std::expected<review::Desk::Hold, review::Desk::Refusal> ask(std::string path) {
    review::Question question = *control::testing::SampleTicket{.path = std::move(path)}.make().question;
    question.rule = &rule;
    question.fingerprint = review::fingerprint_of(question.epoch, question.facts, {}, rule.review->text);
    return desk.hold(std::move(question), [] {});
  }
  review::Desk::Hold hold(std::string path) {
    auto held = ask(std::move(path));
    REQUIRE(held.has_value());
    return *std::move(held);
  }

  /// The next `count` changes, or fewer when the feed ends before.
  std::vector<std::string> hear(control::ReviewFeed& feed, std::size_t count) {
    std::vector<std::string> heard;
    bool over = false;
    auto listen = [&]() -> asio::awaitable<void> {
      while (heard.size() < count) {
        const auto news = co_await feed.next();
        if (!news) {
          heard.push_back(news.error().message);
          break;
        }
        heard.push_back(news->change + " " + news->ticket.question->facts.request->path);
      }
      over = true;
    };
    asio::co_spawn(home, listen, asio::detached);
    home.restart();
    const Deadline deadline = Deadline::after(std::chrono::seconds(10));
    while (!over && !deadline.passed()) home.run_one_for(std::chrono::milliseconds(50));
    CHECK(over);
    return heard;
  }
};

}  // namespace

TEST_CASE("a_watcher_hears_what_stands_and_then_what_changes_and_is_who_may_be_asked") {
  WatchedDesk watched;
  const auto nobody = watched.ask("/x");
  REQUIRE_FALSE(nobody.has_value());
  CHECK(nobody.error() == review::Desk::Refusal::kNoReviewer);
  auto first = watched.feeds.open(watched.desk);
  const auto a = watched.hold("/a");
  const auto b = watched.hold("/b");
  CHECK(watched.hear(*first, 2) == std::vector<std::string>{"asked /a", "asked /b"});
  auto second = watched.feeds.open(watched.desk);
  CHECK(watched.hear(*second, 2) == std::vector<std::string>{"standing /a", "standing /b"});
  const review::Reviewer who{.uid = 4711, .name = "bob"};
  const std::string id(a.ticket().id.text());
  std::thread elsewhere([&] { REQUIRE(watched.desk.reject(id, who, "no").has_value()); });
  CHECK(watched.hear(*first, 1) == std::vector<std::string>{"rejected /a"});
  elsewhere.join();
  CHECK(watched.hear(*second, 1) == std::vector<std::string>{"rejected /a"});
  // What has ended is not told to those who come after.
  auto third = watched.feeds.open(watched.desk);
  CHECK(watched.hear(*third, 1) == std::vector<std::string>{"standing /b"});
  first.reset();
  second.reset();
  third.reset();
  CHECK_FALSE(watched.ask("/x").has_value());
}

TEST_CASE("a_watcher_that_takes_nothing_is_cut_off_and_the_others_are_not") {
  WatchedDesk watched;
  auto slow = watched.feeds.open(watched.desk);
  auto quick = watched.feeds.open(watched.desk);
  std::vector<review::Desk::Hold> holds;
  for (std::size_t i = 0; i < ReviewFeeds::kLongest; ++i) holds.push_back(watched.hold("/" + std::to_string(i)));
  CHECK(watched.hear(*quick, ReviewFeeds::kLongest).size() == ReviewFeeds::kLongest);
  holds.push_back(watched.hold("/one-more"));
  CHECK(watched.hear(*slow, 1) == std::vector<std::string>{"the watcher takes too little"});
  CHECK(watched.hear(*quick, 1) == std::vector<std::string>{"asked /one-more"});
}
