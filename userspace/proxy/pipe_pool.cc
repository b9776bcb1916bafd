#include "proxy/pipe_pool.h"

#include <utility>

namespace enforcer::proxy {

Pipe PipePool::lend(int& lent_to_guest) {
  if (free_.empty() || lent_to_guest >= kPerGuest) return {};
  Pipe pipe = std::move(free_.back());
  free_.pop_back();
  ++lent_to_guest;
  return pipe;
}

void PipePool::give_back(Pipe pipe, int& lent_to_guest) {
  --lent_to_guest;
  free_.push_back(std::move(pipe));
}

void PipePool::discard(Pipe pipe, int& lent_to_guest) {
  --lent_to_guest;
  pipe = {};
}

}  // namespace enforcer::proxy
