"""A machine that boots slowly, as one does beside many others."""

import concurrent.futures
import os
import signal

from lib.expect import equal
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.vm_lab import run, vm_lab

LEFT_TO_ALL = "a machine that boots for longer than other answers take"

LONGER_THAN_AN_ANSWER = 35  # seconds; the tool's Tool::kPatience is 30


@hang_guard(300)
def test_run_waits_for_a_machine_that_boots_slowly():
    """QEMU stands still while it boots."""
    with vm_lab() as lab, concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(run, lab, "--name", "slow", "--", "echo", "up")
        pid = wait_for(lambda: lab.enforcer.qemu("slow"), 60, "QEMU to start")
        os.kill(pid, signal.SIGSTOP)
        try:
            concurrent.futures.wait([asked], LONGER_THAN_AN_ANSWER)
            assert not asked.done(), asked.result()
        finally:
            os.kill(pid, signal.SIGCONT)
        done = asked.result()
        equal((done.returncode, done.stdout), (0, "up\n"), done.stderr)
