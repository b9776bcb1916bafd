// A terminal that remembers what it was told.
#pragma once

#include <string>

#include "enforcerctl/terminal.h"
#include "enforcerctl/verbs.h"

namespace enforcer::ctl::testing {

class CapturedTerminal : public Terminal {
 public:
  void out(std::string_view text) override { said += text; }
  void err(std::string_view text) override { talked += text; }
  [[nodiscard]] bool watched() const override { return false; }
  [[nodiscard]] bool coloured() const override { return false; }
  [[nodiscard]] std::size_t width() const override { return 100; }

  std::string said;
  std::string talked;
};

struct Ran {
  int status = -1;
  std::string out;
  std::string err;
};

inline Ran run(const std::vector<std::string>& arguments) {
  CapturedTerminal terminal;
  Ran ran;
  ran.status = run_tool(arguments, terminal);
  ran.out = std::move(terminal.said);
  ran.err = std::move(terminal.talked);
  return ran;
}

}  // namespace enforcer::ctl::testing
