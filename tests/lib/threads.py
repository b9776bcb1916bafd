"""One thread of a daemon that stands still while the others run: for what can happen between two threads, in an order that the test
chooses.

    with stopped(daemon.pid, idle_threads(daemon.pid)[0]):  ...
"""

import contextlib
import ctypes
import os

# ptrace(2). Seizing sends no signal, so that nothing of the program sees that it is being held.
SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000  # waitpid() for threads of others too
EPOLL_WAIT = "232"  # of x86-64

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, thread):
    if _libc.ptrace(request, thread, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _waits_for_events(pid, thread):
    with open(f"/proc/{pid}/task/{thread}/syscall") as file:
        return file.read().split()[0] == EPOLL_WAIT


def idle_threads(pid):
    """Those that wait for events just now, the first of the process left out. A sanitizer's own thread and those that write the log are
    not among them."""
    threads = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
    return [thread for thread in threads if thread != pid and _waits_for_events(pid, thread)]


@contextlib.contextmanager
def stopped(pid, thread):
    """Stops it where it waits for events, so that it holds no lock. Begun and ended by the same thread of the test; when the test dies,
    the kernel lets the thread go on."""
    for _ in range(1000):
        _ptrace(SEIZE, thread)
        _ptrace(INTERRUPT, thread)
        os.waitpid(thread, WALL)
        if _waits_for_events(pid, thread):
            break
        _ptrace(DETACH, thread)
    else:
        raise AssertionError(f"thread {thread} never waits for events")
    try:
        yield
    finally:
        _ptrace(DETACH, thread)
