// Fd: the one owner of a file descriptor.
#pragma once

#include <utility>

namespace enforcer {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}  ///< takes ownership; a negative number is "none"
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }  ///< the caller closes it
  void reset();                                                   ///< closes it now

 private:
  int fd_ = -1;
};

}  // namespace enforcer
