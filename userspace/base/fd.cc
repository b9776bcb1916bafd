#include "base/fd.h"

#include <unistd.h>

namespace enforcer {

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);  // never retried: on Linux the descriptor is gone even after EINTR (close(2))
  fd_ = -1;
}

}  // namespace enforcer
