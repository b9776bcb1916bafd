#include "enforcerctl/live_loop.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace enforcer::ctl {
namespace {

/// Until an ESC with nothing behind it was the key: terminals send the rest of a sequence at once.
constexpr auto kEscapeWait = std::chrono::milliseconds(50);

}  // namespace

void LiveLoop::run() {
  while (!over_) {
    refresh();
    terminal_.draw(render(terminal_.size()));
    wait();
  }
}

void LiveLoop::wait() {
  std::array<pollfd, 3> entries{pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                pollfd{.fd = terminal_.signals(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = stream(), .events = POLLIN, .revents = 0}};
  const auto most = keys_.undecided() ? kEscapeWait : patience();
  const int ready = poll(entries.data(), entries.size(), static_cast<int>(most.count()));
  if (ready == 0 && keys_.undecided()) press(keys_.settle());
  if (entries[1].revents != 0 && terminal_.take_signal() == LiveTerminal::Signal::kEnd) over_ = true;
  // Lines before keys: a key is about what the screen is going to show.
  if (entries[2].revents != 0) take_lines();
  if (entries[0].revents != 0) take_keys();
}

void LiveLoop::take_keys() {
  std::array<char, 256> buffer;
  const ssize_t size = read(STDIN_FILENO, buffer.data(), buffer.size());
  if (size > 0) {
    press(keys_.feed({buffer.data(), static_cast<std::size_t>(size)}));
  } else if (size == 0 || errno != EINTR) {
    over_ = true;
  }
}

}  // namespace enforcer::ctl
