// OneCommand: when the guest that `enforcerctl run` made is over. The tool deletes it itself; this is for a tool that
// was killed, or whose connection broke.
#pragma once

#include <cstddef>
#include <optional>

#include "base/deadline.h"

namespace enforcer::enforcerd {

class OneCommand {
 public:
  /// From the moment that the guest runs, or that this daemon finds it running, to its command.
  static constexpr std::chrono::seconds kPatience{120};
  /// From an end that failed to the next try: hostd may be away.
  static constexpr std::chrono::seconds kRetry{10};

  /// To be asked now and then of a guest that has booted. `begun`: commands that ever ran here; `running`: those that
  /// run now, or are about to.
  [[nodiscard]] bool is_over(std::size_t begun, std::size_t running, Monotonic::time_point now) {
    if (now < retry_) return false;
    if (begun > 0 || running > 0) return running == 0;
    if (!until_) until_ = now + kPatience;
    return now >= *until_;
  }

  /// It could not be ended: it is not over before kRetry has passed. How often that happened.
  std::size_t end_failed(Monotonic::time_point now) {
    retry_ = now + kRetry;
    return ++failures_;
  }

 private:
  std::optional<Monotonic::time_point> until_;
  Monotonic::time_point retry_ = Monotonic::time_point::min();
  std::size_t failures_ = 0;
};

}  // namespace enforcer::enforcerd
