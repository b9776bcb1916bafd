// Where the tool writes: data on standard output, talk on standard error. Verbs get a Terminal, so that tests see what
// they say.
#pragma once

#include <string>
#include <string_view>

namespace enforcer::ctl {

class Terminal {
 public:
  virtual ~Terminal() = default;
  virtual void out(std::string_view text) = 0;  ///< data
  virtual void err(std::string_view text) = 0;  ///< talk
  /// Whether a person watches standard error: progress is for them only.
  [[nodiscard]] virtual bool watched() const = 0;
  /// Whether standard output may carry colour: a terminal that TERM does not call dumb, and NO_COLOR is not set
  /// (no-color.org).
  [[nodiscard]] virtual bool coloured() const = 0;
  /// Characters in a line; 100 where nobody says.
  [[nodiscard]] virtual std::size_t width() const = 0;
};

/// The process's own. A reader that went away (`| head`) ends the process quietly, as it does for every filter.
class ProcessTerminal : public Terminal {
 public:
  ProcessTerminal();
  void out(std::string_view text) override;
  void err(std::string_view text) override;
  [[nodiscard]] bool watched() const override { return watched_; }
  [[nodiscard]] bool coloured() const override { return coloured_; }
  [[nodiscard]] std::size_t width() const override;

 private:
  bool watched_;
  bool coloured_;
};

/// The text with every line's bytes outside printable ASCII as \xNN; newlines stay. For JSON that somebody else made:
/// ours is printable already, so this changes only what could harm a terminal.
[[nodiscard]] std::string printable_lines(std::string_view text);

enum class Colour { kRed, kGreen, kYellow };
[[nodiscard]] std::string paint(const Terminal& terminal, Colour colour, std::string_view text);

}  // namespace enforcer::ctl
