// Confinement: what enforcerd gives up before it reads a byte of a guest or an origin (invariant 8's last line: a
// parser that is taken over finds itself in a process that can do nothing but proxy).
//
// It starts as its own user without capabilities; here it gives up core dumps, being traced, ever gaining a privilege,
// and every system call that a proxy does not need: no execve, ptrace, mount, namespaces, keyrings, io_uring; bpf(2)
// only to look up map elements. A refused call fails with EPERM.
#pragma once

#include "base/result.h"

namespace enforcer::enforcerd {

/// kDenied when running as root or with capabilities: enforcerd refuses to.
Result<> require_no_privileges();

/// Irrevocable. Called once, before any thread starts; threads inherit it. kUnavailable: the kernel has no seccomp.
Result<> confine();

}  // namespace enforcer::enforcerd
