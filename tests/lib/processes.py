"""Long-running processes of a test: started in a namespace, output into a file, ended by pid, never outliving the test.

A process is started through `setpriv --pdeathsig KILL`, so that it dies with the test even when the test is killed; the
wrapping does not fork, so Popen's pid is the program's own.
"""

import contextlib
import json
import os
import signal
import subprocess
import time

NOBODY = 65534


class Timeout(AssertionError):
    """A wait of the test ended without what it waited for."""


def wait_for(condition, seconds=20.0, what="condition", interval=0.02):
    """Calls condition until it returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"waited {seconds:g} s for {what}")
        time.sleep(interval)


class Process:
    def __init__(self, argv, log, namespace=None, user=None, env=None, accounts=None):
        """user: a number; runs with that uid and gid, no other groups and no capabilities. accounts: a folder whose passwd and group it
        sees as those of /etc."""
        self.log = log
        wrapped = ["setpriv", "--pdeathsig", "KILL"]
        if user is not None:
            wrapped += [f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=-all",
                        "--bounding-set=-all", "--no-new-privs"]
        wrapped += ["--", *argv]
        if accounts is not None:
            mounts = " && ".join(f"mount --bind {accounts}/{name} /etc/{name}" for name in ("passwd", "group"))
            wrapped = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", *wrapped]
        if namespace is not None:
            wrapped = namespace.command(wrapped)
        with open(log, "ab") as output:
            self.popen = subprocess.Popen(wrapped, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          env={**os.environ, **(env or {})}, start_new_session=True)
        self.name = os.path.basename(argv[0])

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def output(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        """SIGKILL, and the process is gone on return."""
        if self.alive():
            self.popen.kill()
        self.popen.wait(timeout=10)

    def wait(self, seconds=10):
        try:
            return self.popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Timeout(f"waited {seconds:g} s for {self.name} to end") from None

    def stop(self, seconds=10):
        """SIGTERM, then SIGKILL; returns the exit status."""
        if self.alive():
            self.popen.terminate()
            try:
                self.popen.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                self.popen.send_signal(signal.SIGKILL)
                self.popen.wait(timeout=10)
                return "killed after SIGTERM was ignored"
        return self.popen.returncode

    def status(self):
        """/proc/PID/status as a dict."""
        with open(f"/proc/{self.pid}/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def in_the_shoes_of(uid, action):
    """What action() returns when a process of that user does it: a number or a text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(writing, json.dumps(action()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    return json.loads(text)
