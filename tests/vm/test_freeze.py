"""A microVM that is paused and runs on: no time passes in it, what it has under way goes on, and nobody leaves it standing still."""

import contextlib
import hashlib
import json
import subprocess
import time

from lib.expect import equal
from lib.lab import policy
from lib.origin import blob
from lib.processes import wait_for
from lib.reviewers import Reviewer, pending
from lib.runner import hang_guard
from lib.vm_lab import create, run, shown, vm_lab

AT = ("--guest", "g1", "--")
SLACK = 4  # seconds that a loaded machine may add to an answer


def in_guest(lab, script):
    done = run(lab, *AT, "sh", "-c", script)
    equal(done.returncode, 0, f"exit status of {script!r}: {done.stderr}")
    return done.stdout.strip()


def uptime(lab):
    return float(in_guest(lab, "cut -d' ' -f1 /proc/uptime"))


def expect_right_clock(lab):
    before = time.time()
    there = int(in_guest(lab, "date +%s"))
    assert before - SLACK <= there <= time.time() + SLACK, f"the guest says {there}, and it is {before}"


def pause(lab, *arguments):
    lab.enforcer.ctl_ok("guest", "pause", "g1", *arguments)


def resume(lab):
    return lab.enforcer.ctl("guest", "resume", "g1")


@contextlib.contextmanager
def running(lab, script):
    """A command in the guest, under way: its process, with text."""
    process = subprocess.Popen(lab.enforcer.host.command([
        lab.enforcer.program("enforcerctl"), "--config", lab.enforcer.config_path, "run", *AT, "sh", "-c", script]),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def thaws_by_hostd(lab):
    with open(f"{lab.enforcer.folder}/hostd.log", errors="replace") as file:
        return file.read().count("guest g1 runs on")


@hang_guard(300)
def test_no_time_passes_in_a_paused_guest_and_its_clock_is_right_afterwards():
    with vm_lab() as lab:
        create(lab, "g1")
        began, before = time.monotonic(), uptime(lab)
        pause(lab)
        paused = shown(lab, "g1")
        equal(paused["state"], "paused")
        assert paused["paused_since"].startswith("20"), paused
        equal([lab.enforcer.metric("enforcer_guests", state=state) for state in ("paused", "running")], [1, 0])
        assert "paused since 20" in lab.enforcer.ctl_ok("guest", "list")
        refused = run(lab, *AT, "true")
        assert refused.returncode == 125 and "paused" in refused.stderr, refused
        time.sleep(10)
        equal(resume(lab).stdout.split()[:2], ["g1", "running"])
        after = uptime(lab)
        elapsed = time.monotonic() - began
        assert before <= after < before + elapsed - 9, f"{after - before} s passed in the guest, {elapsed} outside"
        expect_right_clock(lab)
        now = shown(lab, "g1")
        equal((now["state"], now["paused_since"]), ("running", ""))
        equal([len(lab.enforcer.records(type="event", event=event, guest="g1")) for event in ("guest_frozen", "guest_thawed")], [1, 1])
        expect_right_clock(lab)


@hang_guard(300)
def test_command_under_way_goes_on_and_is_told_the_time():
    with vm_lab() as lab:
        create(lab, "g1")
        with running(lab, "echo here; sleep 5; date +%s") as command:
            equal(command.stdout.readline(), "here\n")
            pause(lab)
            time.sleep(12)  # its sleep does not end meanwhile
            equal(command.poll(), None)
            resumed = time.time()
            equal(resume(lab).returncode, 0)
            told = int(command.stdout.readline())
            assert resumed - SLACK <= told <= time.time() + SLACK, f"the guest says {told}, it ran again at {resumed}"
            equal(command.wait(timeout=30), 0)


@hang_guard(300)
def test_time_limits_of_the_guest_do_not_run_while_it_is_paused():
    with vm_lab("ok.test:443") as lab:
        create(lab, "g1")
        fetch = "curl -sSk -m 10 https://ok.test/drip/150 | sha256sum"  # 15 s for the origin
        with running(lab, fetch) as control:
            assert "timed out" in control.communicate(timeout=60)[1], "the control: without a pause it takes too long"
        began = len(lab.world.connections("ok.test"))
        with running(lab, fetch) as command:
            wait_for(lambda: len(lab.world.connections("ok.test")) > began, 20, "the download to begin")
            time.sleep(1)
            pause(lab)
            time.sleep(16)
            equal(resume(lab).returncode, 0)
            out, err = command.communicate(timeout=60)
            equal((out.split()[0], err), (hashlib.sha256(b"dripped\n" * 150).hexdigest(), ""))


@hang_guard(300)
def test_receiver_that_stands_still_is_not_given_up():
    """More bytes wait for the guest than kernels hold, for longer than `stalled` (ten seconds here), passed through and intercepted."""
    size = 48 << 20
    with vm_lab("ok.test:443", 'other.test http: [{paths: ["/**"]}]', deadlines={"idle": "60s"}) as lab:
        create(lab, "g1")
        fetch = f"curl -sS --limit-rate 6M %s/bytes/{size} | sha256sum"
        script = f"({fetch % '-k https://ok.test'}) & ({fetch % 'https://other.test'}); wait"
        with running(lab, script) as command:
            for host in ("ok.test", "other.test"):
                wait_for(lambda: lab.world.connections(host), 20, f"the download from {host} to begin")
            time.sleep(1)
            pause(lab)
            time.sleep(15)
            equal(resume(lab).returncode, 0)
            out, err = command.communicate(timeout=120)
            equal((sorted(line.split()[0] for line in out.splitlines()), err), ([hashlib.sha256(blob(size)).hexdigest()] * 2, ""))


@hang_guard(300)
def test_pause_ends_by_itself():
    with vm_lab() as lab:
        create(lab, "g1")
        pause(lab, "--for", "3s")
        began = time.monotonic()
        wait_for(lambda: shown(lab, "g1")["state"] == "running", 20, "g1 to run again")
        assert time.monotonic() - began > 1.5, "it did not stand still for its time"
        expect_right_clock(lab)
        pause(lab, "--for", "3s")
        pause(lab, "--for", "10m")  # the later of both counts
        time.sleep(6)
        equal(shown(lab, "g1")["state"], "paused")
        equal(resume(lab).returncode, 0)
        equal(resume(lab).returncode, 0, "one that runs is resumed")
        pause(lab)
        lab.enforcer.ctl_ok("guest", "delete", "g1")
        equal(shown(lab, "g1"), None)


@hang_guard(300)
def test_guest_is_not_left_paused_when_enforcerd_is_killed():
    with vm_lab() as lab:
        create(lab, "g1")
        pause(lab)
        time.sleep(8)
        lab.enforcer.enforcerd.kill()
        wait_for(lambda: thaws_by_hostd(lab), 20, "hostd to thaw it, without any enforcerd")
        lab.enforcer.start_enforcerd()
        wait_for(lambda: (guest := shown(lab, "g1")) and guest["state"] == "running", 30, "g1 to be back")
        expect_right_clock(lab)


@hang_guard(300)
def test_guest_is_not_left_paused_when_hostd_is_killed_or_stopped():
    with vm_lab() as lab:
        create(lab, "g1")
        for end in (lab.enforcer.hostd.kill, None):
            pause(lab)
            time.sleep(8)
            if end:
                end()
                equal(shown(lab, "g1")["state"], "paused", "nobody can thaw it now")
            else:
                thaws = thaws_by_hostd(lab)
                lab.enforcer.hostd.stop()
                equal(thaws_by_hostd(lab), thaws + 1, "times that it was thawed")
            lab.enforcer.start_hostd()
            wait_for(lambda: shown(lab, "g1")["state"] == "running", 30, "g1 to run again")
            expect_right_clock(lab)
            assert uptime(lab) > 0


@hang_guard(300)
def test_what_is_no_microvm_cannot_be_paused():
    with vm_lab() as lab:
        subprocess.run(["ip", "netns", "add", f"{lab.prefix}box"], check=True, timeout=30)
        try:
            lab.enforcer.ctl_ok("guest", "attach", "box", "--netns", f"/run/netns/{lab.prefix}box")
            for verb in ("pause", "resume"):
                refused = lab.enforcer.ctl("guest", verb, "box")
                assert refused.returncode != 0 and "only a microVM can be paused" in refused.stderr, refused
            equal([guest["state"] for guest in json.loads(lab.enforcer.ctl_ok("-o", "json", "guest", "list"))["guests"]], ["running"])
            missing = lab.enforcer.ctl("guest", "pause", "nobody")
            equal(missing.returncode, 5, "exit status")
        finally:
            lab.enforcer.ctl("guest", "detach", "box")
            subprocess.run(["ip", "netns", "del", f"{lab.prefix}box"], check=False, timeout=30)


@hang_guard(300)
def test_guest_stands_still_while_its_request_is_held():
    rules = """  review:
    - {name: slow-people, to: [ok.test], http: [{methods: [DELETE]}], timeout: 2m%s}
"""
    ask = "curl -sSk -m 8 -o /dev/null -w '%%{http_code}' -X DELETE https://ok.test/%s"
    with vm_lab("ok.test:443", review={"clientWait": "60s"}) as lab, Reviewer(lab.enforcer).watching():
        create(lab, "g1")
        for name, pauses in (("runs", ""), ("stands", ", onHold: pause")):
            lab.enforcer.write_policy(policy('ok.test http: [{paths: ["/**"]}]', extra=rules % pauses))
            lab.enforcer.ctl_ok("reload")
            with running(lab, ask % name) as command:
                ticket = pending(lab.enforcer)[0]
                if pauses:
                    wait_for(lambda: shown(lab, "g1")["state"] == "paused", what="the guest to stand still")
                time.sleep(12)
                if not pauses:  # the control: people who are slow meet a client that has gone
                    out, err = command.communicate(timeout=60)
                    assert "timed out" in err, (out, err)
                    lab.enforcer.ctl_ok("review", "reject", ticket["review_id"])
                    continue
                lab.enforcer.ctl_ok("review", "approve", ticket["review_id"], "-y")
                out, err = command.communicate(timeout=60)
                equal((out, err), ("200", ""))
        wait_for(lambda: shown(lab, "g1")["state"] == "running", what="the guest to run on")
        equal([event["target"] for event in lab.world.events(event="request") if event["method"] == "DELETE"], ["/stands"])
