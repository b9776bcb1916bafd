// One conversation with a guest's init.
#include "guest_stage.h"

namespace enforcer::enforcerd {
namespace {

namespace asio = boost::asio;
using hostproto::Frame;
using hostproto::FrameType;

const std::string kPem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// Sends one frame and gives the channel back.
asio::awaitable<Result<>> send_and_leave(std::shared_ptr<GuestChannels> channels, Frame frame) {
  auto opened = co_await channels->open();
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

}  // namespace

TEST_CASE("a_booting_guest_is_told_whom_to_trust_once_it_has_echoed_the_hello") {
  GuestStage stage;
  stage.channels->set_trust(kPem);
  auto greeting = stage.begin(stage.channels->greet(soon()));
  const Frame hello = stage.hear();
  CHECK(hello.type == FrameType::kHello);
  CHECK(stage.hear(std::chrono::milliseconds(100)).type == FrameType{});  // it may not have booted yet
  stage.say(FrameType::kHello, "");
  stage.say(FrameType::kHello, hello.payload);
  const Frame trust = stage.hear();
  CHECK(trust.type == FrameType::kTrust);
  CHECK(trust.payload == kPem);
  stage.expect_clock();
  CHECK(GuestStage::end(std::move(greeting)).has_value());
}

TEST_CASE("a_command_comes_behind_the_certificate_in_every_conversation") {
  GuestStage stage;
  stage.channels->set_trust(kPem);
  for (int i = 0; i < 2; ++i) {
    auto command = stage.begin(send_and_leave(stage.channels, {FrameType::kExec, "{}"}));
    stage.answer_hello();
    CHECK(stage.hear().payload == kPem);
    if (i == 0) stage.expect_clock();  // once: the guest may set its clock as it likes
    CHECK(stage.hear().type == FrameType::kExec);
    CHECK(GuestStage::end(std::move(command)).has_value());
  }
}

TEST_CASE("without_a_certificate_nothing_is_said_of_it") {
  GuestStage stage;
  auto greeting = stage.begin(stage.channels->greet(soon()));
  stage.answer_hello();
  stage.expect_clock();
  CHECK(GuestStage::end(std::move(greeting)).has_value());
  auto command = stage.begin(send_and_leave(stage.channels, {FrameType::kExec, "{}"}));
  stage.answer_hello();
  CHECK(stage.hear().type == FrameType::kExec);
  CHECK(GuestStage::end(std::move(command)).has_value());
}

TEST_CASE("a_command_waits_for_the_guest_as_long_as_it_was_told_and_then_leaves_the_channel") {
  GuestStage stage(1, std::chrono::milliseconds(300));
  const auto began = std::chrono::steady_clock::now();
  auto late = stage.begin(send_and_leave(stage.channels, {FrameType::kExec, "{}"}));
  CHECK(stage.hear().type == FrameType::kHello);  // and is not answered
  const auto refused = GuestStage::end(std::move(late));
  CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(300));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::kUnavailable);
  CHECK(refused.error().message.starts_with("the guest does not answer: "));
  auto next = stage.begin(send_and_leave(stage.channels, {FrameType::kExec, "{}"}));
  stage.answer_hello();
  stage.expect_clock();
  CHECK(stage.hear().type == FrameType::kExec);
  CHECK(GuestStage::end(std::move(next)).has_value());
}

TEST_CASE("a_command_waits_longer_than_a_guest_takes_to_learn_whom_to_trust") {
  GuestStage stage;  // with the patience that is built in
  auto command = stage.begin(send_and_leave(stage.channels, {FrameType::kExec, "{}"}));
  const Frame hello = stage.hear();
  CHECK(hello.type == FrameType::kHello);
  CHECK(command.wait_for(std::chrono::milliseconds(1500)) == std::future_status::timeout);
  stage.say(FrameType::kHello, hello.payload);
  stage.expect_clock();
  CHECK(stage.hear().type == FrameType::kExec);
  CHECK(GuestStage::end(std::move(command)).has_value());
  CHECK(hostproto::kHelloPatience == std::chrono::seconds(40));
}

TEST_CASE("a_greeting_gives_way_to_a_command_and_a_command_to_nobody") {
  GuestStage stage;
  stage.channels->set_trust(kPem);
  auto greeting = stage.begin(stage.channels->greet(soon()));
  CHECK(stage.hear().type == FrameType::kHello);  // and is not answered
  auto opening = stage.begin(stage.channels->open());
  CHECK(GuestStage::end(std::move(greeting)).error().code == Errc::kUnavailable);
  stage.answer_hello();
  CHECK(stage.hear().payload == kPem);
  stage.expect_clock();
  auto opened = GuestStage::end(std::move(opening));
  REQUIRE(opened.has_value());
  const auto second = GuestStage::end(stage.begin(stage.channels->open()));
  CHECK(second.error().code == Errc::kConflict);
  CHECK(GuestStage::end(stage.begin(leave(*std::move(opened)))).has_value());
}

TEST_CASE("a_guest_that_runs_on_is_told_the_time_between_two_frames_of_a_command") {
  GuestStage stage;
  auto opening = stage.begin(stage.channels->open());
  stage.answer_hello();
  stage.expect_clock();
  auto opened = GuestStage::end(std::move(opening));
  REQUIRE(opened.has_value());
  control::ExecChannel& command = **opened;
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->freeze(); })));
  CHECK(GuestStage::end(stage.begin(command.send({FrameType::kStdin, "before"}))).has_value());
  CHECK(stage.hear().payload == "before");
  stage.expect_silence();
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->thaw(); })));
  stage.expect_clock();
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->keep_time(); })));
  CHECK(GuestStage::end(stage.begin(command.send({FrameType::kStdin, "after"}))).has_value());
  CHECK(stage.hear().payload == "after");  // and no second one
  stage.expect_silence();
  CHECK(GuestStage::end(stage.begin(leave(*std::move(opened)))).has_value());
}

TEST_CASE("a_full_channel_is_told_the_time_behind_the_frame_that_fills_it") {
  GuestStage stage;
  auto opening = stage.begin(stage.channels->open());
  stage.answer_hello();
  stage.expect_clock();
  auto opened = GuestStage::end(std::move(opening));
  REQUIRE(opened.has_value());
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->freeze(); })));
  auto sent = stage.begin(send_many(**opened, 32));  // 2 MiB, more than a socket holds
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->thaw(); })));
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
  CHECK(GuestStage::end(std::move(sent)).has_value());
  CHECK(GuestStage::end(stage.begin(leave(*std::move(opened)))).has_value());
}

TEST_CASE("a_guest_without_a_command_is_greeted_to_be_told_the_time") {
  GuestStage stage;
  auto greeting = stage.begin(stage.channels->greet(soon()));
  stage.answer_hello();
  stage.expect_clock();
  CHECK(GuestStage::end(std::move(greeting)).has_value());
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->freeze(); })));
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->keep_time(); })));
  stage.expect_silence();  // the control: one that stands still is not
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->thaw(); })));
  stage.answer_hello();
  stage.expect_clock();
}

}  // namespace enforcer::enforcerd
