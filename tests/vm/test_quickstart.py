"""The quickstart itself, end to end, as a newcomer runs it."""

import os
import subprocess
import time

from lib.expect import equal
from lib.lab import REPOSITORY
from lib.runner import hang_guard, left_to_all


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


@hang_guard(600)
def test_quickstart_runs_twice_shows_the_main_job_and_leaves_nothing_behind():
    for _ in range(2):
        begun = time.monotonic()
        shown = quickstart(seconds=300)
        assert time.monotonic() - begun < 120, "two minutes after the build"
        assert "git push main" not in shown, "the agent's part, which nobody asked for"


@left_to_all
@hang_guard(1800)
def test_quickstart_with_an_agent_goes_through_the_outage_with_its_tools_and_builds_its_image_once():
    for built in (None, "the guest image agent is there"):
        shown = quickstart("--agent", seconds=900)
        for step in ("git clone", "git push agent/smaller", "python3: DeleteStack", "node: DeleteStackSet", "git push main"):
            assert f"\n  {step} " in shown, f"{step} is not in\n{shown}"
        assert built is None or built in shown, f"built again:\n{shown}"


def test_quickstart_knows_one_option():
    done = subprocess.run([f"{REPOSITORY}/deploy/quickstart", "--agents"], capture_output=True, text=True, timeout=30)
    equal((done.returncode, done.stdout, done.stderr), (2, "", "usage: deploy/quickstart [--agent]\n"))
