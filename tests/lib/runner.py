"""Runs test functions: each in a process of its own, with its output in a file, a hang guard, and a line in the report.

    python3 -m lib.runner [--build DIR] [--jobs N] [--folder net] [word...]      words select tests whose name contains one

A test is a function `test_*` of tests/<folder>/test_*.py; its name without `test_` is the behaviour. It may raise Skip, and
`@hang_guard(seconds)` gives it longer than the default. A file may say of its tests

    LEFT_TO_ALL = "what it is"       they take so long that tests/run leaves them out without --all, and says so
    ONE_SANITIZER = "what they do"   no threads of enforcerd do anything in them that others do not have done: tests/run runs them on asan only
    ALONE = "why"                    they run one by one, after the others

Here by itself the first two change nothing.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

from lib import certificates, children
from lib.lab import names_of
from lib.world import TLS_NAMES

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HANG_GUARD_SECONDS = 120
# Leaks are looked for in the unit tests only: LeakSanitizer needs ptrace, which a process under seccomp does not have.
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1",
}
SKIPPED, FAILED = 77, 1


def hang_guard(seconds):
    def mark(function):
        function.hang_guard = seconds
        return function
    return mark


def load(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclasses.dataclass
class Test:
    path: str
    name: str          # of the function
    hang_guard: float
    left_to_all: str   # what the file says under this name in capitals; else empty
    one_sanitizer: str
    alone: str


def discover(folder, words=()):
    """The tests that the words select, in the order of the files."""
    found = []
    for file in sorted(os.listdir(f"{TESTS}/{folder}")):
        if file.startswith("test_") and file.endswith(".py"):
            path = f"{TESTS}/{folder}/{file}"
            module = load(path)
            said = [getattr(module, name, "") for name in ("LEFT_TO_ALL", "ONE_SANITIZER", "ALONE")]
            found += [Test(path, key, getattr(value, "hang_guard", HANG_GUARD_SECONDS), *said)
                      for key, value in vars(module).items() if key.startswith("test_") and callable(value) and
                      (not words or any(word in key or word in file for word in words))]
    return found


def run_here(path, name):
    """The child: one test in this process."""
    from lib.expect import Skip

    def interrupt(*_):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would end the clean-up
        raise KeyboardInterrupt
    # Who starts us in the background may have them ignored, and everything that a test starts would inherit that.
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    try:
        getattr(load(path), name)()
    except Skip as skip:
        print(f"SKIP: {skip}")
        return SKIPPED
    except BaseException:
        traceback.print_exc()
        return FAILED
    return 0


def run_apart(test, build, log):
    """The parent: starts the child, waits, and cleans up what a killed child left. Returns (outcome, seconds, output)."""
    begun = time.monotonic()
    environment = {**os.environ, **SANITIZERS, "ENFORCER_TEST": test.name, "ENFORCER_BUILD": build, "PYTHONPATH": TESTS}
    argv = [sys.executable, "-m", "lib.runner", "--run-here", test.path, test.name]
    with open(log, "w") as output, children.started(argv, os.kill, cwd=TESTS, stdout=output, stderr=output,
                                                    stdin=subprocess.DEVNULL, env=environment) as child:
        try:
            status = child.wait(timeout=test.hang_guard)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGINT)  # the test's own clean-up runs
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=30)
            status = f"did not end within {test.hang_guard} s"
    if children.interrupted():  # nobody will look at what it wrote
        shutil.rmtree(names_of(test.name, build)[1], ignore_errors=True)
    with open(log, errors="replace") as file:
        text = file.read()
    outcome = {0: "pass", SKIPPED: "skip"}.get(status, "fail")
    if isinstance(status, str):
        text += f"\n{status}\n"
    return outcome, time.monotonic() - begun, text


def run_all(tests, build, jobs, logs, report):
    """Runs them; report(name, outcome, seconds, output) is called as each test ends."""
    os.makedirs(logs, exist_ok=True)
    with certificates.share(TLS_NAMES):
        for group, together in (([t for t in tests if not t.alone], jobs), ([t for t in tests if t.alone], 1)):
            with concurrent.futures.ThreadPoolExecutor(together) as pool:
                running = {pool.submit(run_apart, test, build, f"{logs}/{test.name}.log"): test.name for test in group}
                for future in concurrent.futures.as_completed(running):
                    report(running[future], *future.result())


def run_one(folder, name, build, logs):
    """One test by its exact name: (outcome, seconds, output)."""
    (test,) = [test for test in discover(folder) if test.name == name]
    return run_apart(test, build, f"{logs}/{name}.log")


def main():
    parser = argparse.ArgumentParser(description="Runs the tests of one folder.")
    parser.add_argument("--build", default=f"{os.path.dirname(TESTS)}/build/asan")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--folder", default="net")
    parser.add_argument("--run-here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    if options.run_here:
        return run_here(*options.words)
    counts = {"pass": 0, "fail": 0, "skip": 0}

    def report(name, outcome, seconds, output):
        counts[outcome] += 1
        print(f"{outcome:4} {seconds:6.1f} s  {name[5:]}", flush=True)
        if outcome != "pass":
            print(output[-8000:])
    build = os.path.abspath(options.build)
    children.end_when_interrupted()
    with contextlib.suppress(KeyboardInterrupt):
        run_all(discover(options.folder, options.words), build, options.jobs, f"{build}/test-logs/{options.folder}", report)
    print("{pass} passed, {fail} failed, {skip} skipped".format(**counts))
    return 1 if counts["fail"] or children.interrupted() else 0


if __name__ == "__main__":
    sys.exit(main())
