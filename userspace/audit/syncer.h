// Syncer: a thread that calls Log::sync() once a second, so that no worker ever waits for a disk.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "audit/log.h"

namespace enforcer::audit {

class Syncer {
 public:
  /// Starts the thread. `log` outlives this.
  explicit Syncer(Log& log);
  /// Syncs a last time and ends the thread.
  ~Syncer() = default;

 private:
  void run(std::stop_token stop);

  Log& log_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace enforcer::audit
