// GuestChannels: the exec channels of one microVM, so many commands at a time. The first one also tells whether the
// guest has booted; a command gets any that is free.
//
// Thread: worker 0.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "enforcerd/guest_channel.h"
#include "hostproto/exec_frame.h"

namespace enforcer::enforcerd {

class GuestChannels : public std::enable_shared_from_this<GuestChannels> {
 public:
  /// `sockets`: one for each channel, in their order, at least one. `patience`: how long a command waits for the echo
  /// of its hello.
  GuestChannels(proxy::Worker& home, std::vector<Fd> sockets,
                std::chrono::milliseconds patience = hostproto::kHelloPatience);

  /// As GuestChannel::set_trust(), for all.
  void set_trust(const std::string& pem);

  /// Says hello until the guest echoes it: it has booted. What an enforcerd before us left running in it ends, on every
  /// channel. kTimeout, kUnavailable.
  boost::asio::awaitable<Result<>> greet(Deadline deadline);

  /// A conversation of one caller. kConflict while every channel has one.
  boost::asio::awaitable<Result<std::unique_ptr<control::ExecChannel>>> open();

  /// Commands that have a channel now, also one that waits for the guest's answer.
  [[nodiscard]] std::size_t commands() const;
  /// Commands that ever had one on which the guest answered.
  [[nodiscard]] std::size_t commands_begun() const { return commands_begun_; }

  /// The guest stands still: that it takes nothing is no reason to give a conversation up.
  void freeze() { pace_->frozen = true; }
  /// It runs on, and is told the time.
  void thaw();
  /// Tells the time if it is still to be told: now and then, because a channel may be full when the guest runs on.
  void keep_time();

  /// Ends every conversation: the guest is gone.
  void close();

 private:
  [[nodiscard]] GuestChannel* find(GuestChannel::Use use) const;
  void greet_aside(std::shared_ptr<GuestChannel> channel);

  proxy::Worker& home_;
  const std::shared_ptr<GuestPace> pace_ = std::make_shared<GuestPace>();
  std::vector<std::shared_ptr<GuestChannel>> channels_;
  std::size_t commands_begun_ = 0;
};

}  // namespace enforcer::enforcerd
