"""The quickstart itself, end to end, as a newcomer runs it."""

import os
import subprocess
import time

from lib.expect import equal
from lib.lab import REPOSITORY
from lib.runner import hang_guard


def leftovers():
    found = [name for name in os.listdir("/run/netns") if "quickstart" in name] if os.path.isdir("/run/netns") else []
    return found + [path for path in ("/run/enforcer/quickstart", "/sys/fs/bpf/enforcer/quickstart", "/tmp/enforcer-quickstart",
                                      "/var/lib/enforcer/quickstart") if os.path.exists(path)]


@hang_guard(600)
def test_quickstart_runs_twice_shows_the_main_job_and_leaves_nothing_behind():
    for _ in range(2):
        begun = time.monotonic()
        done = subprocess.run([f"{REPOSITORY}/deploy/quickstart"], capture_output=True, text=True, timeout=300)
        print(done.stdout, done.stderr)
        equal(done.returncode, 0, "exit status")
        assert done.stdout.rstrip().splitlines()[-1].startswith("Enforcer works"), done.stdout[-300:]
        assert time.monotonic() - begun < 120, "two minutes after the build"
        equal(leftovers(), [], "left behind")
