// Listener: takes connections from a transparent listener of the gateway namespace and admits them.
#pragma once

#include <memory>

#include "base/fd.h"
#include "net/poller.h"
#include "net/timer_wheel.h"

namespace enforcer::proxy {

class Worker;

class Listener final : public net::PollTarget, private net::WheelEntry {
 public:
  static Result<std::unique_ptr<Listener>> make(Worker& worker, Fd socket);
  ~Listener() override;

 private:
  Listener(Worker& worker, Fd socket);
  void ready(std::uint32_t events) override;
  void expired() override;
  void accept_waiting();

  Worker& worker_;
  Fd socket_;
};

}  // namespace enforcer::proxy
