// Other people's programs as judges of what we wrote: a command line and what came of it.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace enforcer {

struct ShellAnswer {
  int status = -1;  ///< 127: there is no such program; -1: it ended by a signal
  std::string out;
};

inline ShellAnswer shell(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  ShellAnswer answer;
  std::array<char, 4096> piece;
  while (const std::size_t size = fread(piece.data(), 1, piece.size(), pipe)) answer.out.append(piece.data(), size);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) answer.status = WEXITSTATUS(status);
  return answer;
}

}  // namespace enforcer
