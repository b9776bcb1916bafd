// Something that waits and can be told to end early.
#pragma once

#include "base/result.h"

namespace enforcer::proxy {

class Interruptible {
 public:
  /// Ends the present waits and every later one with `why`. May destroy the object.
  virtual void interrupt(Errc why) = 0;

 protected:
  ~Interruptible() = default;
};

}  // namespace enforcer::proxy
