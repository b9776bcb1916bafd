// Command: one running program of the helper, from fork to the end of its process group.
//
// It is over when the program itself has ended, whatever it has left behind: a grandchild that keeps the pipe open is
// killed with the group. (One that left the group with setsid(2) lives on, without anybody waiting for it.)
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/secret.h"

namespace enforcer::credentials {

class Command {
 public:
  /// `input`: what it reads on standard input; empty: /dev/null. kUnavailable with the reason when the program cannot
  /// be started. Called in a process with one thread.
  static Result<std::unique_ptr<Command>> start(const std::vector<std::string>& argv, std::string_view input,
                                                Deadline deadline);

  /// Kills the group, should it still run.
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  [[nodiscard]] int out() const { return out_.get(); }      ///< its standard output; -1: at its end
  [[nodiscard]] int err() const { return err_.get(); }      ///< its standard error; -1: at its end
  [[nodiscard]] int ended() const { return ended_.get(); }  ///< readable when the program has ended
  [[nodiscard]] Deadline deadline() const { return deadline_; }

  /// Takes what the pipes hold.
  void read();
  /// It printed more than a value may have.
  [[nodiscard]] bool printed_too_much() const { return output_size_ == output_.bytes().size(); }

  struct Exit {
    int code = -1;  ///< of exit(2); -1: killed by `signal`
    int signal = 0;
  };
  /// Kills what is left of the group, takes the last output and the program's status. Once.
  Exit finish();

  [[nodiscard]] std::string_view output() const { return {output_.bytes().data(), output_size_}; }
  /// What it wrote to standard error: the first 4 KiB, as it came.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  Command(LockedBuffer output, Deadline deadline) : output_(std::move(output)), deadline_(deadline) {}

  pid_t pid_ = -1;  ///< and the number of its group
  Fd ended_;
  Fd out_;
  Fd err_;
  LockedBuffer output_;
  std::size_t output_size_ = 0;
  std::string complaint_;
  Deadline deadline_;
};

}  // namespace enforcer::credentials
