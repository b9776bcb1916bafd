"""Where the bytes of a secret are in the daemon: in locked memory that no core file has, and nowhere else."""

import base64
import json
import os
import re

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.http2_origin import Http2Origin
from lib.lab import Lab, policy

# What is searched is the end: freeing may overwrite the beginning of a copy that nobody wiped.
BEGINNING, END = "S3CR3T-CANARY-0123456789-", "q7Zp2-end-of-the-canary-8Kx"
SECRET = BEGINNING + END
LARGEST = 1 << 30  # the shadow memory of sanitizers is larger, and holds no data

CREDENTIAL = """---
apiVersion: enforcer.dev/v1
kind: Credential
metadata: {name: token}
spec:
  source: {%s}
  inject: [{to: [cred.test], as: bearer}]
"""


def holds(memory, needle, unless_after):
    at = memory.find(needle)
    while at >= 0 and unless_after and memory[at - len(unless_after):at] == unless_after:
        at = memory.find(needle, at + 1)
    return at >= 0


def places(pid, needle, unless_after=b""):
    """The flags (proc(5), VmFlags) of every mapping that holds the needle."""
    found = []
    with open(f"/proc/{pid}/smaps") as file:
        maps = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (r\S+).*?^VmFlags: ([^\n]*)", file.read(), re.MULTILINE | re.DOTALL)
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for begin, end, _, flags in maps:
            begin, end = int(begin, 16), int(end, 16)
            if end - begin > LARGEST:
                continue
            try:
                memory.seek(begin)
                if holds(memory.read(end - begin), needle, unless_after):
                    found.append(set(flags.split()))
            except OSError:  # vvar, and what was unmapped meanwhile
                pass
    return found


def assert_only_locked(pid, copies, unless_after=b""):
    found = places(pid, END.encode(), unless_after)
    equal(len(found), copies, f"mappings that hold the secret: {found}")
    for flags in found:
        assert {"lo", "dd", "wf"} <= flags, f"the secret is in ordinary memory: {flags}"


def helper_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        (child,) = file.read().split()
    return int(child)


def test_invariant_6_a_value_that_was_set_leaves_nothing_in_the_daemons_memory():
    with Lab(policy("ok.test") + CREDENTIAL % "store: true") as lab:
        pid = lab.enforcer.enforcerd.pid
        assert places(pid, b"enforcer.dev/v1"), "the control: the memory is read"
        done = lab.enforcer.ctl("credential", "set", "token", "-", input=SECRET + "\n")
        equal((done.returncode, done.stdout), (0, ""), done.stderr)
        assert_only_locked(pid, 0)
        # Looking whether it is there reads it, into locked memory.
        listed = json.loads(lab.enforcer.ctl_ok("credential", "list", "-o", "json"))["credentials"][0]
        equal((listed["name"], listed["state"], listed["source"]), ("token", "ok", "store"))
        assert_only_locked(pid, 1)
        stored = f"{lab.enforcer.state_dir}/credentials/token"
        equal((os.stat(stored).st_mode & 0o7777, os.stat(stored).st_uid), (0o600, ENFORCERD_UID))
        equal(lab.enforcer.ctl("credential", "delete", "token", "-y").returncode, 0)
        assert_only_locked(pid, 0)
        equal({r["event"] for r in lab.enforcer.records(type="event")} & {"credential_set", "credential_deleted"},
              {"credential_set", "credential_deleted"})


def test_invariant_6_a_secret_of_the_environment_is_taken_out_of_it():
    with Lab(start=False) as lab:
        lab.enforcer.write_policy(policy("ok.test") + CREDENTIAL % "env: BOT_TOKEN")
        os.environ["BOT_TOKEN"] = SECRET
        try:
            lab.enforcer.start()
        finally:
            del os.environ["BOT_TOKEN"]
        pid = lab.enforcer.enforcerd.pid
        listed = json.loads(lab.enforcer.ctl_ok("credential", "list", "-o", "json"))["credentials"][0]
        equal((listed["state"], listed["source"]), ("ok", "env"))
        # Not counted: what the runtime of sanitizers read from /proc/self/environ before there was a main().
        assert_only_locked(pid, 1, unless_after=f"BOT_TOKEN={BEGINNING}".encode())
        assert_only_locked(helper_of(pid), 0, unless_after=f"BOT_TOKEN={BEGINNING}".encode())
        for process in (pid, helper_of(pid)):
            with open(f"/proc/{process}/environ", "rb") as file:
                assert SECRET.encode() not in file.read(), "the environment"


def test_the_helper_is_as_confined_as_a_process_that_starts_programs_can_be():
    with Lab(policy("ok.test")) as lab:
        helper = helper_of(lab.enforcer.enforcerd.pid)
        with open(f"/proc/{helper}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        equal((status["Name"], status["NoNewPrivs"], set(status["Uid"].split())), ("enforcerd-exec", "1", {str(ENFORCERD_UID)}))
        equal({status[key] for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")}, {"0000000000000000"})
        equal(os.stat(f"/proc/{helper}/mem").st_uid, 0, "owner of /proc/PID of a process that is not dumpable")
        links = {os.readlink(f"/proc/{helper}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{helper}/fd")}
        assert len(os.listdir(f"/proc/{helper}/fd")) <= 5, links  # the three, its socket, its signals


def test_invariant_6_what_was_sent_to_origins_stays_in_locked_memory_alone():
    bindings = [{"to": ["cred.test", "h2.test"], "as": "bearer"}, {"to": ["mitm.test"], "as": "query", "name": "key"},
                {"to": ["evil.test"], "as": "basic", "username": "bot"}]
    hosts = ("cred.test", "h2.test", "mitm.test", "evil.test")
    rules = policy(*(f'{host} http: [{{paths: ["/**"]}}], credential: token' for host in hosts))
    with Lab(rules, credentials={"token": {"binding": bindings, "secret": SECRET}}) as lab, Http2Origin(lab) as origin:
        lab.guest.trust_enforcer()
        for _ in range(10):
            for host in hosts:
                lab.guest.curl(f"https://{host}/", "-d", "x" * 3000)
        assert SECRET in str(origin.requests[-1].fields), "the control: it was sent over HTTP/2"
        assert any(f"key={SECRET}" in event["head"] for event in lab.world.events(event="request")), "the control: in a query"
        spoken = base64.b64encode(f"bot:{SECRET}".encode())[-24:-4]
        for needle in (END.encode(), spoken):
            for flags in places(lab.enforcer.enforcerd.pid, needle):
                assert {"lo", "dd", "wf"} <= flags, f"{needle} is in ordinary memory: {flags}"
        assert places(lab.enforcer.enforcerd.pid, END.encode()), "the control: it is found"
