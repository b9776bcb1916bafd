"""The programs that a run of the tests waits for: ended, and waited for, when somebody interrupts it.

SIGINT, SIGTERM and SIGHUP, from a terminal or by the process id alone, end what runs, let nothing more begin, and then raise
KeyboardInterrupt in the main thread. A Python test is told by SIGINT, upon which its own clean-up runs; SIGKILL comes later, for what
does not end by itself.
"""

import contextlib
import os
import signal
import subprocess
import threading

END_SECONDS = 45  # a lab's clean-up on a busy machine takes a few

_lock = threading.RLock()  # the handler runs in the middle of whatever the main thread does
_running = {}  # child: how it is sent a signal
_ended = False


class Ended(Exception):
    """Nothing begins any more: this run was interrupted."""


def interrupted():
    return _ended


@contextlib.contextmanager
def started(argv, send=os.killpg, **options):
    """The Popen of a program, in a process group of its own; killed at the end if it still runs. send: os.kill where the program itself
    ends what it started. options: as for Popen."""
    with _lock:
        if _ended:
            raise Ended
        child = subprocess.Popen(argv, process_group=0, **options)
        _running[child] = send
    try:
        yield child
    finally:
        with _lock:
            _running.pop(child, None)
        if child.poll() is None or _ended:  # what it started may be deaf to SIGINT
            _signal(child, os.killpg, signal.SIGKILL)
            child.wait()


def run(argv, seconds, **options):
    """Its exit status, or in words that it did not end within so many seconds. options: as for Popen."""
    with started(argv, **options) as child:
        try:
            return child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return f"did not end within {seconds} s"


def end_when_interrupted():
    """From now on; called by the main thread."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


def _interrupt(number, _frame):
    global _ended
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # what follows is the clean-up
    with _lock:
        _ended = True
        for child, send in _running.items():
            _signal(child, send, signal.SIGINT)
    killer = threading.Timer(END_SECONDS, _kill)
    killer.daemon = True
    killer.start()
    raise KeyboardInterrupt(signal.Signals(number).name)


def _kill():
    with _lock:
        for child in _running:
            _signal(child, os.killpg, signal.SIGKILL)


def _signal(child, send, number):
    with contextlib.suppress(ProcessLookupError):
        send(child.pid, number)
