"""What a build says, and how it gives up: one line for each step on standard output, one for the reason on standard error."""

import contextlib
import subprocess
import sys
import time


def stop(message):
    sys.exit(f"vm-images/build: {message}")


def say(message):
    print(message, flush=True)


@contextlib.contextmanager
def step(what):
    """Says what begins, and at its end how long it took. The line is finished by whoever yields text in between, too."""
    began = time.monotonic()
    say(f"{what} ...")
    yield
    say(f"{what}: {time.monotonic() - began:.1f} s")


def output_of(*command):
    """What a program writes; its failure is the end of the build."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        stop(f"{command[0]} failed: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout
