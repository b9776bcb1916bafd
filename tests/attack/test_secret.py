"""The secret of a credential outside of enforcerd's memory: nowhere.

The lab: ok.test passes through, mitm.test is intercepted, tcp.test:7 is plain TCP; other.test exists and is allowed by nothing."""

import contextlib
import ctypes
import os
import re
import signal
import stat
import subprocess

from lib.control import ENDPOINTS, ControlConnection
from lib.daemons import ENFORCERD_UID
from lib.datapath import pins
from lib.expect import equal
from lib.lab import RULE, Lab, policy
from lib.oracles import denies, served
from lib.processes import in_the_shoes_of, wait_for
from lib.runner import hang_guard
from lib.secret0 import leaks, pieces
from lib.world import SECRET

NAMES = ("ok.test", f"mitm.test {RULE}", "tcp.test:7 tcp")
_libc = ctypes.CDLL(None, use_errno=True)


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


def has_secret(data):
    return leaks(data, needles=pieces)


def tree(pid):
    """The process and its children."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [pid, *[below for child in file.read().split() for below in tree(int(child))]]


@hang_guard(180)
def test_169_the_secret_outside_of_memory():
    binding = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}]}}
    with lab(f"cred.test {RULE}, credential: token", *NAMES, credentials=binding) as made:
        made.guest.trust_enforcer()
        # Used, sent back, asked for wrongly, and named where it does not belong.
        for path in ("/", "/raw/" + (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").hex(), "/drop"):
            reply = made.guest.curl(f"https://cred.test{path}")
            assert not has_secret(reply.body + reply.talk.encode()), (path, reply.talk)
        assert any(SECRET in e["head"] for e in made.world.events(event="request")), "the control: the origin got it"
        with denies(made, "request"):
            equal(made.guest.curl("https://cred.test/", "-X", "DELETE").status, 403)
        made.world.set_addresses("cred.test", ["93.184.216.99"])

        def away():
            made.guest.curl("https://cred.test/drop", timeout=30)  # no connection is kept
            return made.guest.curl("https://cred.test/", timeout=30).status != 200
        wait_for(away, 20, "the origin to be away")
        own = [f"{made.enforcer.credentials}/token.secret"]
        assert has_secret(open(own[0], "rb").read()), "the control: this is how it is found"
        equal(os.stat(own[0]).st_mode & 0o777, 0o600)
        # What the tool says, in every way of saying it.
        said = b""
        for words in (["status"], ["log"], ["log", "-o", "json"], ["credential", "list"], ["credential", "list", "-o", "json"],
                      ["policy", "list", "-o", "json"],
                      ["guest", "list", "-o", "json"], ["explain", "GET https://cred.test/", "--guest", "g1"],
                      ["explain", "cred.test:443", "--guest", "g1", "-o", "json"],
                      ["ca", "export", "g1"], ["reload"], ["version"]):
            done = made.enforcer.ctl(*words)
            said += (done.stdout + done.stderr).encode()
        for method, path in ENDPOINTS:
            if method == "GET" and "follow" not in path:
                with contextlib.closing(ControlConnection(made)) as connection:
                    connection.request(method, path)
                    said += connection.getresponse().read()
        assert b"token" in said, "the control: the credential's name is told"
        equal(has_secret(said), [], "in what the tool and the socket say")
        equal(has_secret(made.enforcer.http("/metrics")[1].encode()), [], "in the metrics")
        # Processes, and everything that is on disk.
        pids = [*tree(made.enforcer.enforcerd.pid), *tree(made.enforcer.hostd.pid)]
        assert len(pids) >= 3, pids
        for pid in pids:
            for name in ("cmdline", "environ", "status", "maps", "limits", "comm"):
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    equal(has_secret(file.read()), [], f"/proc/{pid}/{name}")
        for top in (made.enforcer.run_dir, made.enforcer.state_dir, made.enforcer.audit_folder, made.enforcer.policies,
                    made.enforcer.credentials):
            for folder, _, names in os.walk(top):
                for path in (f"{folder}/{name}" for name in names):
                    if stat.S_ISREG(os.lstat(path).st_mode) and path not in own:
                        with open(path, "rb") as file:
                            equal(has_secret(file.read()), [], path)
        for log in (made.enforcer.enforcerd, made.enforcer.hostd):
            equal(has_secret(log.output().encode()), [], log.log)
        for name in os.listdir(f"{pins(made)}/maps"):
            dump = subprocess.run(["bpftool", "map", "dump", "pinned", f"{pins(made)}/maps/{name}"], capture_output=True, timeout=30)
            values = bytes(int(octet, 16) for octet in re.findall(rb"\b[0-9a-f]{2}\b", dump.stdout))
            equal((has_secret(dump.stdout), has_secret(values)), ([], []), f"map {name}")
        # Its own user cannot look into it, and an end by a signal leaves nothing to look into.
        for pid in tree(made.enforcer.enforcerd.pid):
            for name in ("mem", "environ", "maps", "fd"):
                def look():
                    try:
                        os.listdir(f"/proc/{pid}/fd") if name == "fd" else open(f"/proc/{pid}/{name}", "rb").close()
                        return "read"
                    except PermissionError:
                        return "refused"
                equal(in_the_shoes_of(ENFORCERD_UID, look), "refused", f"/proc/{pid}/{name}")
            equal(in_the_shoes_of(ENFORCERD_UID, lambda: _libc.ptrace(16, pid, 0, 0)), -1, "ptrace")  # PTRACE_ATTACH
        for number in (signal.SIGABRT, signal.SIGQUIT, signal.SIGTRAP, signal.SIGSYS):
            daemon = made.enforcer.enforcerd
            daemon.signal(number)
            _, status = os.waitpid(daemon.pid, 0)
            equal((os.WTERMSIG(status), os.WCOREDUMP(status)), (number, False), "how it ended")
            daemon.popen.wait()
            made.enforcer.start_enforcerd()
        equal([name for name in os.listdir(made.folder) if name.startswith("core")], [])
        made.world.set_addresses("cred.test", ["93.184.216.41"])
        served(made)
