// Secret: bytes that must not leave by accident (invariant 6). It cannot be copied, printed, compared or logged; the
// one way to its bytes is reveal(), which is easy to search for. The memory is locked, left out of core files, and
// wiped.
//
// Each secret has pages of its own: locking, the core filter and wiping work on pages, a page is never shared with
// something that outlives the secret, and what lies behind the end of the last page is no memory of ours. A daemon
// holds tens of secrets, so 4 KiB for each is cheap; RLIMIT_MEMLOCK (8 MiB by default) is enough for about 2000.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"

namespace enforcer {

/// Overwrites memory in a way that no optimisation removes.
void wipe(std::span<char> bytes);

/// Memory that a secret may be read into: never swapped, not in core files, zeros in a forked child, wiped in the end.
class LockedBuffer {
 public:
  /// Zeros. kUnavailable: no locked memory left (RLIMIT_MEMLOCK).
  static Result<LockedBuffer> make(std::size_t size);

  LockedBuffer(LockedBuffer&& other) noexcept;
  LockedBuffer& operator=(LockedBuffer&& other) noexcept;
  LockedBuffer(const LockedBuffer&) = delete;
  LockedBuffer& operator=(const LockedBuffer&) = delete;
  ~LockedBuffer();

  /// Empty after a move.
  [[nodiscard]] std::span<char> bytes() { return bytes_; }
  [[nodiscard]] std::span<const char> bytes() const { return bytes_; }

 private:
  explicit LockedBuffer(std::span<char> bytes) : bytes_(bytes) {}
  void release();
  std::span<char> bytes_;
};

class Secret {
 public:
  /// Takes a copy; the caller wipes its own. kInvalid: empty, or more than kMaxSize bytes. kUnavailable: no locked
  /// memory left (RLIMIT_MEMLOCK).
  static Result<Secret> copy_of(std::string_view bytes);
  static constexpr std::size_t kMaxSize = std::size_t{64} * 1024;

  [[nodiscard]] std::string_view reveal() const { return {memory_.bytes().data(), memory_.bytes().size()}; }

 private:
  explicit Secret(LockedBuffer memory) : memory_(std::move(memory)) {}
  LockedBuffer memory_;
};

}  // namespace enforcer
