"""The quickstart itself, end to end, as a newcomer runs it."""

import os
import signal
import subprocess
import tempfile
import time

from lib.expect import equal
from lib.lab import REPOSITORY
from lib.processes import wait_for
from lib.quickstart import leftovers, quickstart
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


@hang_guard(300)
def test_quickstart_that_is_told_to_end_again_and_again_cleans_up_all_the_same():
    for shown in ("a world and Prometheus", "booting a microVM", "in the guest"):
        with tempfile.TemporaryFile("w+") as printed:
            run = subprocess.Popen([f"{REPOSITORY}/deploy/quickstart"], stdout=printed, stderr=printed)

            def far_enough():
                return shown in os.pread(printed.fileno(), 1 << 20, 0).decode() or run.poll() is not None
            wait_for(far_enough, 120, shown)
            while run.poll() is None:
                run.send_signal(signal.SIGTERM)
                time.sleep(0.05)
            printed.seek(0)
            print(printed.read())
        equal(run.returncode, 128 + signal.SIGTERM, "exit status")
        equal(leftovers(), [], "left behind")
