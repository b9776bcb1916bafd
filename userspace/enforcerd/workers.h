// Workers: all workers and their threads. The first one runs on the main thread and is home to everything there is one
// of.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/worker.h"

namespace enforcer::enforcerd {

class Workers {
 public:
  static Result<std::unique_ptr<Workers>> make(const config::Config& config, audit::Log& log);

  [[nodiscard]] proxy::Worker& home() { return *workers_.front(); }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }
  [[nodiscard]] proxy::Worker& at(std::size_t index) { return *workers_.at(index); }

  /// Calls `step(worker)` on each worker's own thread, later.
  template <class Step>
  void on_each(Step step) {
    for (auto& worker : workers_) {
      boost::asio::post(worker->io(), [step, &worker = *worker] { step(worker); });
    }
  }

  /// Everything that was given to on_each() before has happened on every worker.
  boost::asio::awaitable<void> settled();

  /// What every worker counted, each copied on its own thread.
  boost::asio::awaitable<std::vector<metrics::WorkerCounts>> counts();
  /// What each guest did, over all workers, by slot.
  boost::asio::awaitable<std::map<std::uint32_t, proxy::GuestUse>> guest_use();

  /// Runs all of them, the first on the calling thread, until stop().
  void run();
  void stop();

 private:
  std::vector<std::unique_ptr<proxy::Worker>> workers_;
};

}  // namespace enforcer::enforcerd
