// What tests set and look at behind a control server, and the streams that come of it.
#pragma once

#include <doctest/doctest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>

#include "control/api.h"
#include "fake_values.h"
#include "sample_ticket.h"

namespace enforcer::control::testing {

/// What the guest side of an exec does: gets each frame from the client, and may answer with frames.
using Script = std::function<std::vector<hostproto::Frame>(const hostproto::Frame&)>;

/// Everything a test looks at or sets; the daemon's thread holds the mutex while it does.
struct Shared {
  std::mutex mutex;
  std::vector<std::string> calls;
  std::vector<GuestInfo> guests;
  std::vector<CredentialInfo> credentials;
  std::map<std::string, std::string> values;  ///< what was set
  std::optional<AuthorityInfo> authority;     ///< of every guest
  Variables environment;                      ///< likewise
  std::string warning;                        ///< behind a pause and a resume
  Rotation rotation;
  CredentialTest test{.host = "a.test", .port = Port{443}, .path = "/", .status = 200};
  std::optional<Error> error;  ///< what every change answers instead
  LoadAnswer load{.loaded = true, .generation = 2, .problems = {}};
  bool loads_slowly = false;             ///< it takes longer than a second
  std::promise<void>* making = nullptr;  ///< told when a guest begins to be made, which then takes a moment
  std::shared_ptr<const policy::Snapshot> snapshot;
  std::vector<GenerationInfo> generations;
  std::map<std::uint64_t, std::vector<PolicyText>> texts;  ///< by generation; 5 is in force
  std::string audit_path;
  Script script;
  std::vector<hostproto::Frame> frames;  ///< that reached the guest
  int open_channels = 0;
  int most_channels = 4;             ///< of all guests together
  bool boots = true;                 ///< false: a new guest stays "booting"
  bool guest_takes_nothing = false;  ///< send() waits for ever
  std::vector<review::Ticket> tickets;
  std::deque<ReviewNews> news;  ///< what the next watcher is told
  int watchers = 0;
  bool watchers_fall_behind = false;  ///< once they have heard the news

  [[nodiscard]] std::vector<std::string> calls_now() {
    const std::lock_guard lock(mutex);
    return calls;
  }
};

class FakeChannel : public ExecChannel {
 public:
  FakeChannel(Shared& shared, const asio::any_io_executor& executor) : shared_(shared), wake_(executor) {
    wake_.expires_at(std::chrono::steady_clock::time_point::max());
    const std::lock_guard lock(shared_.mutex);
    ++shared_.open_channels;
  }
  ~FakeChannel() override {
    const std::lock_guard lock(shared_.mutex);
    --shared_.open_channels;
  }

  asio::awaitable<Result<>> send(hostproto::Frame frame) override {
    bool stuck = false;
    {
      const std::lock_guard lock(shared_.mutex);
      shared_.frames.push_back(frame);
      stuck = shared_.guest_takes_nothing && frame.type == hostproto::FrameType::kStdin;
      for (auto& answer : shared_.script ? shared_.script(frame) : std::vector<hostproto::Frame>{}) {
        answers_.push_back(std::move(answer));
      }
    }
    wake_.cancel();
    while (stuck && !closed_) co_await wait();
    if (closed_) co_return fail(Errc::kUnavailable, "the guest is gone");
    co_return Result<>{};
  }

  asio::awaitable<Result<hostproto::Frame>> receive() override {
    while (answers_.empty() && !closed_) co_await wait();
    if (closed_) co_return fail(Errc::kUnavailable, "the guest is gone");
    hostproto::Frame frame = std::move(answers_.front());
    answers_.pop_front();
    co_return frame;
  }

  void close() override {
    closed_ = true;
    wake_.cancel();
  }

 private:
  asio::awaitable<void> wait() { co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable)); }

  Shared& shared_;
  asio::steady_timer wake_;
  std::deque<hostproto::Frame> answers_;
  bool closed_ = false;
};

class FakeFeed : public ReviewFeed {
 public:
  FakeFeed(Shared& shared, const asio::any_io_executor& executor) : shared_(shared), pause_(executor) {
    const std::lock_guard lock(shared_.mutex);
    ++shared_.watchers;
  }
  ~FakeFeed() override {
    const std::lock_guard lock(shared_.mutex);
    --shared_.watchers;
  }

  asio::awaitable<Result<ReviewNews>> next() override {
    while (true) {
      {
        const std::lock_guard lock(shared_.mutex);
        if (!shared_.news.empty()) {
          ReviewNews news = std::move(shared_.news.front());
          shared_.news.pop_front();
          co_return news;
        }
        if (shared_.watchers_fall_behind) co_return fail(Errc::kUnavailable, "behind");
      }
      pause_.expires_after(std::chrono::milliseconds(5));
      co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

 private:
  Shared& shared_;
  asio::steady_timer pause_;
};

}  // namespace enforcer::control::testing
