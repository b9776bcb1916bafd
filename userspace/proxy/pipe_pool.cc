#include "proxy/pipe_pool.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace enforcer::proxy {

Pipe PipePool::lend(int& lent_to_guest) {
  if (free_.empty() || lent_to_guest >= std::min(kPerGuest, std::max(1, total_ / 2))) return {};
  Pipe pipe = std::move(free_.back());
  free_.pop_back();
  ++lent_to_guest;
  return pipe;
}

void PipePool::give_back(Pipe pipe, int& lent_to_guest) {
  --lent_to_guest;
  free_.push_back(std::move(pipe));
}

void PipePool::give_back_full(Pipe pipe, std::size_t bytes, std::span<char> scratch, int& lent_to_guest) {
  while (bytes > 0) {
    const ssize_t count = read(pipe.read_end.get(), scratch.data(), std::min(bytes, scratch.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {  // it does not hold what it should: nobody may get it again
      --lent_to_guest;
      --total_;
      return;
    }
    bytes -= static_cast<std::size_t>(count);
  }
  give_back(std::move(pipe), lent_to_guest);
}

void PipePool::add(Pipe pipe) {
  ++total_;
  free_.push_back(std::move(pipe));
}

}  // namespace enforcer::proxy
