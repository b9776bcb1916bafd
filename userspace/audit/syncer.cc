#include "audit/syncer.h"

#include <pthread.h>

#include <chrono>

#include "base/log.h"

namespace enforcer::audit {

Syncer::Syncer(Log& log) : log_(log), thread_([this](std::stop_token stop) { run(stop); }) {
  pthread_setname_np(thread_.native_handle(), "audit-sync");
}

void Syncer::run(std::stop_token stop) {
  std::string last_failure;
  while (true) {
    const bool last_round = stop.stop_requested();
    const Result<> synced = log_.sync();
    const std::string failure = synced ? "" : synced.error().message;
    if (!failure.empty() && failure != last_failure) log_error("audit: {}", failure);
    last_failure = failure;
    if (last_round) return;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
  }
}

}  // namespace enforcer::audit
