#include "enforcerctl/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/ascii.h"

namespace enforcer::ctl {
namespace {

/// All of it, or the process is over: a tool whose output is lost must not say it succeeded.
void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      // 141: what a shell reports for a filter that SIGPIPE ended.
      if (fd == STDOUT_FILENO) std::_Exit(errno == EPIPE ? 141 : 1);
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool is_plain(char c) {
  return c == '\n' || ascii::is_printable(c);
}

}  // namespace

ProcessTerminal::ProcessTerminal() : watched_(isatty(STDERR_FILENO) == 1) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  const bool wanted = no_color == nullptr || *no_color == '\0';
  const bool able = kind == nullptr || std::string_view(kind) != "dumb";
  coloured_ = isatty(STDOUT_FILENO) == 1 && wanted && able;
}

void ProcessTerminal::out(std::string_view text) {
  write_all(STDOUT_FILENO, text);
}

void ProcessTerminal::err(std::string_view text) {
  write_all(STDERR_FILENO, text);
}

std::size_t ProcessTerminal::width() const {
  constexpr std::size_t kUsual = 100;
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

std::string printable_lines(std::string_view text) {
  if (std::ranges::all_of(text, is_plain)) return std::string(text);
  std::string out;
  for (const char c : text) {
    if (is_plain(c)) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string paint(const Terminal& terminal, Colour colour, std::string_view text) {
  if (!terminal.coloured()) return std::string(text);
  const int code = colour == Colour::kRed ? 31 : colour == Colour::kGreen ? 32 : 33;
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace enforcer::ctl
