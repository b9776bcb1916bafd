// A child process that reads files and says their SHA-256. A root file system is some hundred megabytes: 0.2 s where
// the processor has instructions for it and the file is in memory, several seconds where it is not. hostd's one thread
// watches guests meanwhile, and cannot have a second one: it forks.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace enforcer::host {

class DigestChild {
 public:
  /// `files`: open for reading (borrowed until this returns), at most kMaxFiles.
  static Result<DigestChild> start(std::vector<int> files);
  static constexpr std::size_t kMaxFiles = 8;

  DigestChild(DigestChild&& other) noexcept;
  DigestChild& operator=(DigestChild&&) = delete;
  ~DigestChild();  ///< ends it

  /// Readable when finish() need not wait.
  [[nodiscard]] int ready() const { return answers_.get(); }

  /// Waits for its end: one answer for each file, 64 hex digits. kIo: the file cannot be read, or the child was killed.
  [[nodiscard]] std::vector<Result<std::string>> finish();

 private:
  DigestChild(pid_t pid, Fd answers, std::size_t files) : pid_(pid), answers_(std::move(answers)), files_(files) {}
  void reap();

  pid_t pid_;
  Fd answers_;
  std::size_t files_;
};

}  // namespace enforcer::host
