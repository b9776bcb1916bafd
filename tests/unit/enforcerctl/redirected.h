// Standard input and output of the test program itself, for verbs that use them as they are.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/fd.h"

namespace enforcer::ctl::testing {

/// Puts something else in the place of this process's standard input and output for a while.
class Redirected {
 public:
  Redirected(const std::string& in, const std::string& out) : in_(dup(0)), out_(dup(1)) {
    const Fd from(open(in.c_str(), O_RDONLY | O_CLOEXEC));
    const Fd to(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    dup2(from.get(), 0);
    dup2(to.get(), 1);
  }
  ~Redirected() {
    dup2(in_.get(), 0);
    dup2(out_.get(), 1);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  Fd in_, out_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace enforcer::ctl::testing
