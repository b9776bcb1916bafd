"""The quickstart itself, end to end, as a newcomer runs it."""

import subprocess
import time

from lib.expect import equal
from lib.lab import REPOSITORY
from lib.quickstart import quickstart
from lib.runner import hang_guard

ALONE = "it builds where the other tests run from, and has two minutes"


@hang_guard(600)
def test_quickstart_runs_twice_shows_the_main_job_and_leaves_nothing_behind():
    for _ in range(2):
        begun = time.monotonic()
        shown = quickstart(seconds=300)
        assert time.monotonic() - begun < 120, "two minutes after the build"
        assert "git push main" not in shown, "the agent's part, which nobody asked for"


def test_quickstart_knows_one_option():
    done = subprocess.run([f"{REPOSITORY}/deploy/quickstart", "--agents"], capture_output=True, text=True, timeout=30)
    equal((done.returncode, done.stdout, done.stderr), (2, "", "usage: deploy/quickstart [--agent]\n"))
