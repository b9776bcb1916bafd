// The daemon's end of the exec channel; the guest's end is played by the test.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>
#include <thread>

#include "audit/log.h"
#include "config/config.h"
#include "enforcerd/guest_channels.h"
#include "proxy/worker.h"

namespace enforcer::enforcerd {
namespace {

namespace asio = boost::asio;
using hostproto::Frame;
using hostproto::FrameType;

const std::string kPem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// A worker on a thread of its own with one channel, and the other end of its stream.
class Stage {
 public:
  Stage() {
    std::string pattern = "/tmp/enforcer-unit-enforcerd-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    log_ = audit::Log::open({.path = folder_ + "/audit.jsonl"}).value();
    worker_ = proxy::Worker::make(config_, *log_).value();
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    guest_ = Fd(ends[0]);
    channel = std::make_shared<GuestChannel>(*worker_, Fd(ends[1]));
    thread_ = std::thread([this] { worker_->run(); });
  }
  ~Stage() {
    worker_->stop();
    thread_.join();
    std::filesystem::remove_all(folder_);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Begins it on the worker's thread.
  template <class T>
  std::future<T> begin(asio::awaitable<T> step) {
    return asio::co_spawn(worker_->io(), std::move(step), asio::use_future);
  }
  /// Its outcome, within ten seconds.
  template <class T>
  static T end(std::future<T> step) {
    REQUIRE(step.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    return step.get();
  }

  /// The next frame that reaches the guest; one of type 0 when none comes within `patience`.
  Frame hear(std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    const Deadline deadline = Deadline::after(patience);
    while (true) {
      if (auto frame = reader_.next()) return *std::move(frame);
      if (deadline.passed()) return {};
      pollfd waiting{guest_.get(), POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      char buffer[4096];
      const ssize_t size = read(guest_.get(), buffer, sizeof buffer);
      REQUIRE(size > 0);
      REQUIRE(reader_.feed(as_bytes({buffer, static_cast<std::size_t>(size)})).has_value());
    }
  }
  void say(FrameType type, std::string_view payload) const {
    const std::string bytes = hostproto::encode_frame(type, payload);
    CHECK(write(guest_.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  /// Nothing more reaches the guest for now.
  void expect_silence() { CHECK(hear(std::chrono::milliseconds(100)).type == FrameType{}); }
  /// The guest is told the time, which is now.
  void expect_clock() {
    const Frame clock = hear();
    REQUIRE(clock.type == FrameType::kClock);
    const auto time = hostproto::decode_clock(clock.payload);
    REQUIRE(time.has_value());
    CHECK(std::chrono::abs(WallClock::now() - *time) < std::chrono::seconds(20));
  }
  /// Takes a hello and echoes it.
  void answer_hello() {
    const Frame hello = hear();
    REQUIRE(hello.type == FrameType::kHello);
    say(FrameType::kHello, hello.payload);
  }

  std::shared_ptr<GuestChannel> channel;

 private:
  std::string folder_;
  config::Config config_;
  std::unique_ptr<audit::Log> log_;
  std::unique_ptr<proxy::Worker> worker_;
  Fd guest_;
  hostproto::FrameReader reader_;
  std::thread thread_;
};

Deadline soon() {
  return Deadline::after(std::chrono::seconds(10));
}

/// On the worker's thread, where a channel belongs.
asio::awaitable<Result<>> leave(std::unique_ptr<control::ExecChannel> channel) {
  channel.reset();
  co_return Result<>{};
}

/// Sends one frame and gives the channel back.
asio::awaitable<Result<>> send_and_leave(std::shared_ptr<GuestChannel> channel, Frame frame) {
  auto opened = co_await channel->open();
  if (!opened) co_return std::unexpected(opened.error());
  co_return co_await (*opened)->send(std::move(frame));
}

asio::awaitable<Result<>> send_many(control::ExecChannel& channel, int frames) {
  for (int i = 0; i < frames; ++i) {
    auto sent = co_await channel.send({FrameType::kStdin, std::string(hostproto::kMaxFramePayload, 'x')});
    if (!sent) co_return sent;
  }
  co_return Result<>{};
}

template <class Step>
asio::awaitable<bool> on_the_thread(Step step) {
  step();
  co_return true;
}

}  // namespace

TEST_CASE("a_booting_guest_is_told_whom_to_trust_once_it_has_echoed_the_hello") {
  Stage stage;
  stage.channel->set_trust(kPem);
  auto greeting = stage.begin(stage.channel->greet(soon()));
  const Frame hello = stage.hear();
  CHECK(hello.type == FrameType::kHello);
  CHECK(stage.hear(std::chrono::milliseconds(100)).type == FrameType{});  // it may not have booted yet
  stage.say(FrameType::kHello, "");
  stage.say(FrameType::kHello, hello.payload);
  const Frame trust = stage.hear();
  CHECK(trust.type == FrameType::kTrust);
  CHECK(trust.payload == kPem);
  stage.expect_clock();
  CHECK(Stage::end(std::move(greeting)).has_value());
}

TEST_CASE("a_command_comes_behind_the_certificate_in_every_conversation") {
  Stage stage;
  stage.channel->set_trust(kPem);
  for (int i = 0; i < 2; ++i) {
    auto command = stage.begin(send_and_leave(stage.channel, {FrameType::kExec, "{}"}));
    stage.answer_hello();
    CHECK(stage.hear().payload == kPem);
    if (i == 0) stage.expect_clock();  // once: the guest may set its clock as it likes
    CHECK(stage.hear().type == FrameType::kExec);
    CHECK(Stage::end(std::move(command)).has_value());
  }
}

TEST_CASE("without_a_certificate_nothing_is_said_of_it") {
  Stage stage;
  auto greeting = stage.begin(stage.channel->greet(soon()));
  stage.answer_hello();
  stage.expect_clock();
  CHECK(Stage::end(std::move(greeting)).has_value());
  auto command = stage.begin(send_and_leave(stage.channel, {FrameType::kExec, "{}"}));
  stage.answer_hello();
  CHECK(stage.hear().type == FrameType::kExec);
  CHECK(Stage::end(std::move(command)).has_value());
}

TEST_CASE("a_greeting_gives_way_to_a_command_and_a_command_to_nobody") {
  Stage stage;
  stage.channel->set_trust(kPem);
  auto greeting = stage.begin(stage.channel->greet(soon()));
  CHECK(stage.hear().type == FrameType::kHello);  // and is not answered
  auto opening = stage.begin(stage.channel->open());
  CHECK(Stage::end(std::move(greeting)).error().code == Errc::kUnavailable);
  stage.answer_hello();
  CHECK(stage.hear().payload == kPem);
  stage.expect_clock();
  auto opened = Stage::end(std::move(opening));
  REQUIRE(opened.has_value());
  const auto second = Stage::end(stage.begin(stage.channel->open()));
  CHECK(second.error().code == Errc::kConflict);
  CHECK(Stage::end(stage.begin(leave(*std::move(opened)))).has_value());
}

TEST_CASE("a_guest_that_runs_on_is_told_the_time_between_two_frames_of_a_command") {
  Stage stage;
  auto opening = stage.begin(stage.channel->open());
  stage.answer_hello();
  stage.expect_clock();
  auto opened = Stage::end(std::move(opening));
  REQUIRE(opened.has_value());
  control::ExecChannel& command = **opened;
  Stage::end(stage.begin(on_the_thread([&] { stage.channel->freeze(); })));
  CHECK(Stage::end(stage.begin(command.send({FrameType::kStdin, "before"}))).has_value());
  CHECK(stage.hear().payload == "before");
  stage.expect_silence();
  Stage::end(stage.begin(on_the_thread([&] { stage.channel->thaw(); })));
  stage.expect_clock();
  Stage::end(stage.begin(on_the_thread([&] { stage.channel->keep_time(); })));
  CHECK(Stage::end(stage.begin(command.send({FrameType::kStdin, "after"}))).has_value());
  CHECK(stage.hear().payload == "after");  // and no second one
  stage.expect_silence();
  CHECK(Stage::end(stage.begin(leave(*std::move(opened)))).has_value());
}

TEST_CASE("a_full_channel_is_told_the_time_behind_the_frame_that_fills_it") {
  Stage stage;
  auto opening = stage.begin(stage.channel->open());
  stage.answer_hello();
  stage.expect_clock();
  auto opened = Stage::end(std::move(opening));
  REQUIRE(opened.has_value());
  Stage::end(stage.begin(on_the_thread([&] { stage.channel->freeze(); })));
  auto sent = stage.begin(send_many(**opened, 32));  // 2 MiB, more than a socket holds
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  Stage::end(stage.begin(on_the_thread([&] { stage.channel->thaw(); })));
  int clocks = 0;
  for (int frames = 0; frames < 32;) {
    const Frame frame = stage.hear();
    REQUIRE((frame.type == FrameType::kStdin || frame.type == FrameType::kClock));
    if (frame.type == FrameType::kClock) {
      ++clocks;
    } else {
      CHECK(frame.payload.size() == hostproto::kMaxFramePayload);
      ++frames;
    }
  }
  CHECK(clocks == 1);
  CHECK(Stage::end(std::move(sent)).has_value());
  CHECK(Stage::end(stage.begin(leave(*std::move(opened)))).has_value());
}

TEST_CASE("a_guest_without_a_command_is_greeted_to_be_told_the_time") {
  Stage stage;
  auto greeting = stage.begin(stage.channel->greet(soon()));
  stage.answer_hello();
  stage.expect_clock();
  CHECK(Stage::end(std::move(greeting)).has_value());
  Stage::end(stage.begin(on_the_thread([&] { stage.channel->freeze(); })));
  Stage::end(stage.begin(on_the_thread([&] { stage.channel->keep_time(); })));
  stage.expect_silence();  // the control: one that stands still is not
  Stage::end(stage.begin(on_the_thread([&] { stage.channel->thaw(); })));
  stage.answer_hello();
  stage.expect_clock();
}

}  // namespace enforcer::enforcerd
