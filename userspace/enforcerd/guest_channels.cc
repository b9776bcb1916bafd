#include "enforcerd/guest_channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "proxy/worker.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kGreetAsideDeadline{10};

}  // namespace

GuestChannels::GuestChannels(proxy::Worker& home, std::vector<Fd> sockets, std::chrono::milliseconds patience)
    : home_(home) {
  ENFORCER_CHECK(!sockets.empty());
  for (Fd& socket : sockets)
    channels_.push_back(std::make_shared<GuestChannel>(home, std::move(socket), pace_, patience));
}

void GuestChannels::set_trust(const std::string& pem) {
  for (const auto& channel : channels_) channel->set_trust(pem);
}

asio::awaitable<Result<>> GuestChannels::greet(Deadline deadline) {
  const auto here = shared_from_this();
  auto greeted = co_await channels_.front()->greet(deadline);
  if (!greeted) co_return greeted;
  for (std::size_t i = 1; i < channels_.size(); ++i) greet_aside(channels_[i]);
  co_return greeted;
}

void GuestChannels::greet_aside(std::shared_ptr<GuestChannel> channel) {
  auto say_hello = [](std::shared_ptr<GuestChannel> to) -> asio::awaitable<void> {
    const auto said = co_await to->greet(Deadline::after(kGreetAsideDeadline));
    static_cast<void>(said);  // a command that has the channel says it, too; the time is told again
  };
  asio::co_spawn(home_.io(), say_hello(std::move(channel)), asio::detached);
}

GuestChannel* GuestChannels::find(GuestChannel::Use use) const {
  const auto found = std::ranges::find(channels_, use, [](const auto& channel) { return channel->use(); });
  return found == channels_.end() ? nullptr : found->get();
}

asio::awaitable<Result<std::unique_ptr<control::ExecChannel>>> GuestChannels::open() {
  GuestChannel* channel = find(GuestChannel::Use::kNone);
  if (channel == nullptr) channel = find(GuestChannel::Use::kGreeting);  // which gives way
  if (channel == nullptr) {
    static_assert(hostproto::kExecChannels == 4);  // the number in the sentence
    co_return fail(Errc::kConflict, "four commands run in the guest already");
  }
  const auto here = shared_from_this();
  const auto kept = channel->shared_from_this();
  auto opened = co_await kept->open();
  if (opened) ++commands_begun_;  // one that the guest did not answer may be tried again
  co_return opened;
}

std::size_t GuestChannels::commands() const {
  return static_cast<std::size_t>(
      std::ranges::count(channels_, GuestChannel::Use::kCommand, [](const auto& channel) { return channel->use(); }));
}

void GuestChannels::thaw() {
  pace_->frozen = false;
  pace_->clock_due = true;
  keep_time();
}

void GuestChannels::keep_time() {
  if (pace_->frozen) return;
  for (const auto& channel : channels_) {
    if (pace_->clock_due) channel->tell_time();
  }
  // Nobody had room for it; a greeting that is under way brings it.
  GuestChannel* idle = find(GuestChannel::Use::kNone);
  if (!pace_->clock_due || idle == nullptr || find(GuestChannel::Use::kGreeting) != nullptr) return;
  greet_aside(idle->shared_from_this());
}

void GuestChannels::close() {
  for (const auto& channel : channels_) channel->close();
}

}  // namespace enforcer::enforcerd
