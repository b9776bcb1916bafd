"""Who interrupts a run of the tests ends what it has started, at once."""

import os
import signal
import subprocess
import sys

from lib.expect import equal
from lib.processes import wait_for
from lib.runner import TESTS

# A run that waits for a program with a child of its own, in a thread and with another program to come, as tests/run does.
RUN = """
import concurrent.futures
from lib import children
children.end_when_interrupted()
try:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for done in pool.map(lambda _: children.run(["sh", "-c", "sleep 600 & echo $$ $!; wait"], 600), range(2)):
            print("ended by itself")
except KeyboardInterrupt as interrupt:
    print("interrupted by", interrupt, children.interrupted())
"""


def test_interrupted_run_ends_its_programs_and_begins_no_other():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        run = subprocess.Popen([sys.executable, "-u", "-c", RUN], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "PYTHONPATH": TESTS})
        started = [int(pid) for pid in run.stdout.readline().split()]
        equal([os.path.exists(f"/proc/{pid}") for pid in started], [True, True], "both run")
        run.send_signal(number)
        printed, _ = run.communicate(timeout=30)
        equal(printed.splitlines(), [f"interrupted by {number.name} True"], "what it says, and that nothing else began")
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in started), 10, "both to be gone")
