// What follows from a change of a ticket: records, metrics, and word to people.
#include "enforcerd/review_observer.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../temporary_folder.h"
#include "enforcerd/review_notifier.h"

namespace enforcer::enforcerd {
namespace {

namespace asio = boost::asio;
using metrics::ReviewOutcome;
using nlohmann::json;
using review::Change;

/// A log in a folder of its own.
class KeptLog {
 public:
  KeptLog() {
    auto opened = audit::Log::open({.path = path()});
    REQUIRE(opened.has_value());
    log_ = *std::move(opened);
  }
  audit::Log& log() { return *log_; }
  [[nodiscard]] std::string path() const { return folder_.file("audit.jsonl"); }
  [[nodiscard]] std::vector<json> records() const {
    std::vector<json> all;
    std::ifstream file(path());
    for (std::string line; std::getline(file, line);) all.push_back(json::parse(line));
    return all;
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<audit::Log> log_;
};

/// While it lives, no file of this process can grow.
class FullDisk {
 public:
  FullDisk() {
    before_ = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit_) == 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = limit_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit limit_{};
  void (*before_)(int) = nullptr;
};

const policy::RuleInfo& asking_rule() {
  static const policy::RuleInfo rule{.policy = "agents",
                                     .rule = "stacks",
                                     .place = "agents.yaml:7",
                                     .action = policy::Action::kReview,
                                     .review = policy::ReviewTerms{.approvals = 2, .text = "rule"}};
  return rule;
}

review::Question asked(std::string_view path) {
  review::Question question{.guest = *GuestName::parse("agent-1"), .slot = Slot{3}, .epoch = Epoch{7}};
  question.facts = {.layer = policy::Layer::kHttp, .host = *HostName::parse("api.hold.test"), .port = kHttpsPort};
  question.facts.request = std::make_shared<const policy::RequestFacts>(
      policy::RequestFacts{.method = "DELETE", .path = std::string(path), .query = "token=s3cret"});
  question.rule = &asking_rule();
  question.action = "DELETE " + std::string(path);
  question.fingerprint = review::fingerprint_of(question.epoch, question.facts, {}, "rule");
  return question;
}

const review::Reviewer kFirst{.uid = 1001, .name = "alice"};
const review::Reviewer kSecond{.uid = 1002, .name = "bob"};

std::uint64_t outcomes(const ReviewObserver& observer, ReviewOutcome outcome) {
  return observer.counts().outcomes[static_cast<std::size_t>(outcome)];
}

}  // namespace

TEST_CASE("every change of a ticket is a record, with who and what was said") {
  KeptLog kept;
  std::vector<std::string> told;
  ReviewObserver observer(kept.log(), [&](std::string line) { told.push_back(std::move(line)); });
  review::Desk desk({}, observer);
  const auto somebody = desk.attend();
  auto held = desk.hold(asked("/v1/stacks/a"), [] {});
  REQUIRE(held);
  const std::string id(held->ticket().id.text());
  REQUIRE(desk.approve(id, kFirst, "looks \x1b fine"));
  for (int i = 0; i < 20; ++i) REQUIRE_FALSE(desk.approve(id, kFirst, "again"));  // one record
  REQUIRE(desk.approve(id, kSecond, ""));
  CHECK(held->turn() == review::Desk::Hold::Turn::kSend);

  const auto records = kept.records();
  std::vector<std::string> changes;
  for (const json& record : records) {
    CHECK(record["type"] == "review");
    CHECK(record["review_id"] == id);
    CHECK(record["guest"] == "agent-1");
    CHECK(record["path"] == "/v1/stacks/a?token=*");
    CHECK(record["action"] == "DELETE /v1/stacks/a");
    CHECK(record["rule"] == "stacks");
    CHECK(record["approvals_needed"] == 2);
    changes.push_back(record["change"]);
  }
  CHECK(changes == std::vector<std::string>{"asked", "approval", "refused_verdict", "approved", "sent"});
  CHECK_FALSE(records[0].contains("by"));
  CHECK(records[1]["by"] == "alice");
  CHECK(records[1]["by_uid"] == 1001);
  CHECK(records[1]["comment"] == R"(looks \x1b fine)");
  CHECK(records[1]["approvals"] == 1);
  CHECK(records[2]["by"] == "alice");
  CHECK(records[3]["approvals"] == 2);
  CHECK_FALSE(records[4].contains("by"));

  REQUIRE(told.size() == 1);  // one line for a ticket
  CHECK(json::parse(told[0])["review_id"] == id);
  CHECK(json::parse(told[0])["state"] == "pending");
}

TEST_CASE("a ticket counts once, by how it stopped pending") {
  KeptLog kept;
  ReviewObserver observer(kept.log(), {});
  review::Desk desk({}, observer);
  const auto somebody = desk.attend();
  const auto open = [&](std::string_view path) {
    auto held = desk.hold(asked(path), [] {});
    REQUIRE(held);
    return std::string(held->ticket().id.text());
  };
  const std::string approved = open("/approved");
  REQUIRE(desk.approve(approved, kFirst, ""));
  CHECK(outcomes(observer, ReviewOutcome::kApproved) == 0);
  REQUIRE(desk.approve(approved, kSecond, ""));
  REQUIRE(desk.reject(open("/rejected"), kFirst, ""));
  CHECK(observer.counts().wait.counts()[0] == 2);
  open("/expired");
  desk.expire(Monotonic::now() + std::chrono::hours(1));  // and the approval that nobody came for
  open("/withdrawn");
  desk.withdraw_all();
  for (std::size_t i = 0; i < metrics::kReviewOutcomeCount; ++i) CHECK(observer.counts().outcomes[i] == 1);
  CHECK(observer.counts().wait.counts()[0] == 2);  // verdicts of people only
}

TEST_CASE("a log that cannot be written does not stop the desk") {
  KeptLog kept;
  ReviewObserver observer(kept.log(), {});
  review::Desk desk({}, observer);
  const auto somebody = desk.attend();
  const std::uint64_t errors_before = kept.log().write_errors();
  {
    const FullDisk full;
    auto held = desk.hold(asked("/a"), [] {});
    REQUIRE(held);
    CHECK(desk.reject(held->ticket().id.text(), kFirst, ""));
    CHECK(held->turn() == review::Desk::Hold::Turn::kRejected);
  }
  CHECK(kept.log().write_errors() == errors_before + 2);
  CHECK(kept.records().empty());
  const auto held = desk.hold(asked("/b"), [] {});  // control: the same log, with room again
  CHECK(kept.records().back()["change"] == "asked");
}

TEST_CASE("few commands run at once, some wait, the rest is counted") {
  asio::io_context io;
  std::vector<std::string> begun;
  std::size_t running = 0;
  std::size_t most = 0;
  asio::steady_timer gate(io, std::chrono::seconds(60));
  ReviewNotifier notifier(io, [&](std::string line) -> asio::awaitable<Result<>> {
    begun.push_back(line);
    most = std::max(most, ++running);
    boost::system::error_code cut;
    co_await gate.async_wait(asio::redirect_error(asio::use_awaitable, cut));
    --running;
    if (line == "1") co_return fail(Errc::kUnavailable, "its command ended with exit code 3");
    co_return Result<>();
  });
  const std::size_t all = ReviewNotifier::kAtOnce + ReviewNotifier::kWaiting;
  for (std::size_t i = 0; i < all; ++i) notifier.notify(std::to_string(i));
  while (io.poll_one() > 0) {
  }
  CHECK(begun.size() == ReviewNotifier::kAtOnce);
  CHECK(notifier.failures() == 0);
  notifier.notify("one too many");
  while (io.poll_one() > 0) {
  }
  CHECK(notifier.failures() == 1);
  gate.expires_after(std::chrono::seconds(0));
  io.run();
  CHECK(begun.size() == all);
  CHECK(most == ReviewNotifier::kAtOnce);
  CHECK(notifier.failures() == 2);  // and the command that failed
}

}  // namespace enforcer::enforcerd
