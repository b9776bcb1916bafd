"""The quickstart as a newcomer runs it, and what it must not leave behind."""

import os
import subprocess

from lib.expect import equal
from lib.lab import REPOSITORY


def leftovers():
    found = [name for name in os.listdir("/run/netns") if "quickstart" in name] if os.path.isdir("/run/netns") else []
    return found + [path for path in ("/run/enforcer/quickstart", "/sys/fs/bpf/enforcer/quickstart", "/tmp/enforcer-quickstart",
                                      "/var/lib/enforcer/quickstart") if os.path.exists(path)]


def quickstart(*options, seconds):
    """What it printed: it ended well, within so many seconds (a hang guard), and left nothing."""
    done = subprocess.run([f"{REPOSITORY}/deploy/quickstart", *options], capture_output=True, text=True, timeout=seconds)
    print(done.stdout, done.stderr)
    equal(done.returncode, 0, "exit status")
    assert done.stdout.rstrip().splitlines()[-1].startswith("Enforcer works"), done.stdout[-300:]
    equal(leftovers(), [], "left behind")
    return done.stdout
