// The exec channels of one guest together.
#include "guest_stage.h"

namespace enforcer::enforcerd {
namespace {

using hostproto::FrameType;
using Opened = Result<std::unique_ptr<control::ExecChannel>>;

/// A command on the given channel of the guest, which the pool is expected to choose.
std::unique_ptr<control::ExecChannel> open_on(GuestStage& stage, std::size_t channel) {
  auto opening = stage.begin(stage.channels->open());
  stage.turn_to(channel);
  const auto hello = stage.hear();
  REQUIRE(hello.type == FrameType::kHello);
  stage.say(FrameType::kHello, hello.payload);
  Opened opened = GuestStage::end(std::move(opening));
  REQUIRE(opened.has_value());
  return *std::move(opened);
}

std::size_t commands_of(GuestStage& stage) {
  std::size_t commands = 0;
  GuestStage::end(stage.begin(on_the_thread([&] { commands = stage.channels->commands(); })));
  return commands;
}

void end_of(GuestStage& stage, std::unique_ptr<control::ExecChannel> command) {
  CHECK(GuestStage::end(stage.begin(leave(std::move(command)))).has_value());
}

}  // namespace

TEST_CASE("every_channel_takes_a_command_and_one_more_is_refused") {
  GuestStage stage(hostproto::kExecChannels);
  std::vector<std::unique_ptr<control::ExecChannel>> commands;
  for (std::size_t i = 0; i < hostproto::kExecChannels; ++i) {
    commands.push_back(open_on(stage, i));
    CHECK(commands_of(stage) == i + 1);
  }
  const Opened refused = GuestStage::end(stage.begin(stage.channels->open()));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::kConflict);
  CHECK(refused.error().message == "four commands run in the guest already");

  end_of(stage, std::move(commands[2]));  // the control: one that is given back is used again
  CHECK(commands_of(stage) == 3);
  commands[2] = open_on(stage, 2);
  CHECK(stage.channels->commands_begun() == 5);
  for (auto& command : commands) end_of(stage, std::move(command));
  CHECK(commands_of(stage) == 0);
}

TEST_CASE("a_command_that_the_guest_does_not_answer_has_not_begun") {
  GuestStage stage(2);
  auto opening = stage.begin(stage.channels->open());
  REQUIRE(stage.hear().type == FrameType::kHello);  // and is not answered
  CHECK(commands_of(stage) == 1);
  CHECK(stage.channels->commands_begun() == 0);
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->close(); })));
  const Opened failed = GuestStage::end(std::move(opening));
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == Errc::kUnavailable);
  CHECK(commands_of(stage) == 0);
  CHECK(stage.channels->commands_begun() == 0);
  auto second = open_on(stage, 0);  // the control: one that is answered
  CHECK(stage.channels->commands_begun() == 1);
  end_of(stage, std::move(second));
}

TEST_CASE("what_a_command_says_stays_on_its_channel") {
  GuestStage stage(2);
  auto first = open_on(stage, 0);
  stage.expect_clock();
  auto second = open_on(stage, 1);
  for (const std::size_t channel : {1U, 0U}) {
    control::ExecChannel& command = channel == 0 ? *first : *second;
    stage.turn_to(channel);
    CHECK(GuestStage::end(stage.begin(command.send({FrameType::kStdin, std::to_string(channel)}))).has_value());
    CHECK(stage.hear().payload == std::to_string(channel));
    stage.say(FrameType::kStdout, "from " + std::to_string(channel));
    const auto heard = GuestStage::end(stage.begin(command.receive()));
    REQUIRE(heard.has_value());
    CHECK(heard->payload == "from " + std::to_string(channel));
  }
  end_of(stage, std::move(first));
  end_of(stage, std::move(second));
}

TEST_CASE("one_channel_tells_that_the_guest_has_booted_and_then_all_are_greeted") {
  GuestStage stage(3);
  auto greeting = stage.begin(stage.channels->greet(soon()));
  const auto hello = stage.hear();
  CHECK(hello.type == FrameType::kHello);
  for (const std::size_t other : {1U, 2U}) {
    stage.turn_to(other);
    stage.expect_silence();
  }
  stage.turn_to(0);
  stage.say(FrameType::kHello, hello.payload);
  CHECK(GuestStage::end(std::move(greeting)).has_value());
  stage.expect_clock();
  for (const std::size_t other : {1U, 2U}) {
    stage.turn_to(other);
    stage.answer_hello();
    stage.expect_silence();  // the time was told
  }
}

TEST_CASE("a_command_takes_a_channel_that_is_being_greeted_when_no_other_is_free") {
  GuestStage stage(2);
  auto greeting = stage.begin(stage.channels->greet(soon()));
  stage.answer_hello();
  CHECK(GuestStage::end(std::move(greeting)).has_value());
  stage.expect_clock();
  stage.turn_to(1);
  CHECK(stage.hear().type == FrameType::kHello);  // and is not answered
  auto first = open_on(stage, 0);
  auto second = open_on(stage, 1);
  CHECK(commands_of(stage) == 2);
  end_of(stage, std::move(first));
  end_of(stage, std::move(second));
}

TEST_CASE("a_guest_that_runs_on_is_told_the_time_once_whatever_its_channels_do") {
  GuestStage stage(3);
  auto busy = open_on(stage, 0);
  stage.expect_clock();
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->freeze(); })));
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->keep_time(); })));
  stage.expect_silence();
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->thaw(); })));
  stage.expect_clock();
  for (int i = 0; i < 2; ++i) GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->keep_time(); })));
  for (const std::size_t channel : {0U, 1U, 2U}) {
    stage.turn_to(channel);
    stage.expect_silence();
  }
  end_of(stage, std::move(busy));
}

TEST_CASE("the_end_of_a_guest_ends_every_conversation") {
  GuestStage stage(2);
  auto first = open_on(stage, 0);
  auto second = open_on(stage, 1);
  auto first_hears = stage.begin(first->receive());
  auto second_hears = stage.begin(second->receive());
  GuestStage::end(stage.begin(on_the_thread([&] { stage.channels->close(); })));
  CHECK(GuestStage::end(std::move(first_hears)).error().code == Errc::kUnavailable);
  CHECK(GuestStage::end(std::move(second_hears)).error().code == Errc::kUnavailable);
  end_of(stage, std::move(first));
  end_of(stage, std::move(second));
}

}  // namespace enforcer::enforcerd
