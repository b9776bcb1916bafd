// The daemon's end of a guest's exec channels; the guest's end is played by the test.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "../temporary_folder.h"
#include "audit/log.h"
#include "config/config.h"
#include "enforcerd/guest_channels.h"
#include "proxy/worker.h"

namespace enforcer::enforcerd {

/// A worker on a thread of its own with the channels of one guest, and the other ends of their streams.
class GuestStage {
 public:
  explicit GuestStage(std::size_t count = 1, std::chrono::milliseconds patience = hostproto::kHelloPatience) {
    log_ = audit::Log::open({.path = folder_.file("audit.jsonl")}).value();
    worker_ = proxy::Worker::make(config_, *log_).value();
    std::vector<Fd> sockets;
    for (std::size_t i = 0; i < count; ++i) {
      int ends[2];
      REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
      guest_.emplace_back(Fd(ends[0]), hostproto::FrameReader());
      sockets.emplace_back(ends[1]);
    }
    channels = std::make_shared<GuestChannels>(*worker_, std::move(sockets), patience);
    thread_ = std::thread([this] { worker_->run(); });
  }
  ~GuestStage() {
    worker_->stop();
    thread_.join();
  }
  GuestStage(const GuestStage&) = delete;
  GuestStage& operator=(const GuestStage&) = delete;

  /// Begins it on the worker's thread.
  template <class T>
  std::future<T> begin(boost::asio::awaitable<T> step) {
    return boost::asio::co_spawn(worker_->io(), std::move(step), boost::asio::use_future);
  }
  /// Its outcome, within ten seconds.
  template <class T>
  static T end(std::future<T> step) {
    REQUIRE(step.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    return step.get();
  }

  /// The channel that is heard and spoken to from now on.
  void turn_to(std::size_t channel) { at_ = channel; }
  /// The next frame that reaches the guest; one of type 0 when none comes within `patience`.
  hostproto::Frame hear(std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    auto& [guest, reader] = guest_.at(at_);
    const Deadline deadline = Deadline::after(patience);
    while (true) {
      if (auto frame = reader.next()) return *std::move(frame);
      if (deadline.passed()) return {};
      pollfd waiting{guest.get(), POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      char buffer[4096];
      const ssize_t size = read(guest.get(), buffer, sizeof buffer);
      REQUIRE(size > 0);
      REQUIRE(reader.feed(as_bytes({buffer, static_cast<std::size_t>(size)})).has_value());
    }
  }
  void say(hostproto::FrameType type, std::string_view payload) const {
    const std::string bytes = hostproto::encode_frame(type, payload);
    CHECK(write(guest_.at(at_).first.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  /// Nothing more reaches the guest for now.
  void expect_silence() { CHECK(hear(std::chrono::milliseconds(100)).type == hostproto::FrameType{}); }
  /// The guest is told the time, which is now.
  void expect_clock() {
    const hostproto::Frame clock = hear();
    REQUIRE(clock.type == hostproto::FrameType::kClock);
    const auto time = hostproto::decode_clock(clock.payload);
    REQUIRE(time.has_value());
    CHECK(std::chrono::abs(WallClock::now() - *time) < std::chrono::seconds(20));
  }
  /// Takes a hello and echoes it.
  void answer_hello() {
    const hostproto::Frame hello = hear();
    REQUIRE(hello.type == hostproto::FrameType::kHello);
    say(hostproto::FrameType::kHello, hello.payload);
  }

  std::shared_ptr<GuestChannels> channels;

 private:
  TemporaryFolder folder_;
  config::Config config_;
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<proxy::Worker> worker_;
  std::vector<std::pair<Fd, hostproto::FrameReader>> guest_;
  std::size_t at_ = 0;
  std::thread thread_;
};

inline Deadline soon() {
  return Deadline::after(std::chrono::seconds(10));
}

/// On the worker's thread, where a channel belongs.
inline boost::asio::awaitable<Result<>> leave(std::unique_ptr<control::ExecChannel> channel) {
  channel.reset();
  co_return Result<>{};
}

template <class Step>
boost::asio::awaitable<bool> on_the_thread(Step step) {
  step();
  co_return true;
}

}  // namespace enforcer::enforcerd
