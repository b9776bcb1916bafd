// Admission: what happens to a connection before a byte of it is read. Whose is it, may that guest have one more, and
// can any rule match at all? Whoever fails here is reset at once and costs no coroutine.
#pragma once

#include "base/fd.h"

namespace enforcer::proxy {

class Worker;

/// Takes an accepted connection: starts its session, or denies it.
void admit(Worker& worker, Fd socket);

}  // namespace enforcer::proxy
