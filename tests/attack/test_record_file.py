"""The audit log as a file: when it cannot be written, when it is rotated, and in other hands.

The lab: ok.test passes through, mitm.test is intercepted, both are allowed over clear HTTP too; tcp.test:7 is plain TCP."""

import contextlib
import json
import os
import re
import threading

from lib.audit_log import audit_bytes, audit_files, numbered, printable, small_filesystem
from lib.expect import equal
from lib.frames import RST
from lib.guest import exchange, read_response
from lib.lab import RULE, Lab, policy
from lib.oracles import ask_clear, is_refusal, served
from lib.processes import Process, wait_for
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name
from lib.world import DNS_IPV4

NAMES = ("ok.test", "ok.test:80", f"mitm.test {RULE}", f"mitm.test:80 {RULE}", "tcp.test:7 tcp")
EAGER = {"limits": {"dnsPerSecond": 10_000, "decisionsPerMinute": 1_000_000, "requestsPerMinute": 1_000_000}}


def lab(*allow, config=None, **options):
    return Lab(policy(*(allow or NAMES)), config={**EAGER, **(config or {})}, **options)


@hang_guard(180)
def test_175_disk_full_of_denials():
    size, files = 64 << 10, 3
    with lab(config={"audit": {"maxBytes": f"{size >> 10}Ki", "maxFiles": files}},
             start=False) as made, small_filesystem(made.enforcer.audit_folder, "1m"):
        made.enforcer.start()
        guest, other = made.attach("g1"), made.attach("g2")
        for each in (guest, other):
            each.trust_enforcer()
        # What one guest writes is bounded, whatever it asks for.
        for number in range(1200):
            guest.query(f"n{number}-{'x' * 50}.evil.test")
        wait_for(lambda: len(audit_files(made)) == files, what="the log to have rotated")
        sizes = [os.path.getsize(path) for path in audit_files(made)]
        assert len(sizes) <= files and max(sizes) <= size + (16 << 10), sizes
        equal(other.curl("https://mitm.test/").status, 200)
    with lab(start=False) as made, small_filesystem(made.enforcer.audit_folder, "256k"):
        made.enforcer.start()
        guest, other = made.attach("g1"), made.attach("g2")
        for each in (guest, other):
            each.trust_enforcer()
        # One live connection, whose next request comes when nothing can be written.
        filler = f"{made.enforcer.audit_folder}/filler"
        request = b"GET / HTTP/1.1\r\nHost: mitm.test\r\n\r\n"
        with guest.tls("mitm.test") as living:
            living.sendall(request)
            equal(read_response(living)[0], 200)
            with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            errors = lambda: made.enforcer.metric("enforcer_denied_total", reason="audit_unavailable")

            def tls():
                with guest.connect("ok.test", 443) as client:
                    return exchange(client, client_hello(server_name("ok.test")), limit=1)[0].startswith(b"\x16")

            def tcp():
                with contextlib.suppress(ConnectionError), guest.connect("tcp.test", 7) as client:
                    client.sendall(b"x")
                    return client.recv(1) == b"x"
                return False

            def clear():
                return ask_clear(made, b"GET / HTTP/1.1\r\nHost: mitm.test\r\nConnection: close\r\n\r\n")[0][9:12] == b"200"
            ways = {"passing through": tls, "clear HTTP": clear,
                    "intercepted": lambda: guest.curl("https://mitm.test/").status == 200, "plain TCP": tcp,
                    "the other guest": lambda: other.curl("https://mitm.test/").status == 200}
            # The page that the log had begun may still take a few records.
            wait_for(lambda: not any([way() for way in ways.values()]), 30, "no record to be written any more")
            made.world.witness.clear()
            for what, way in ways.items():
                counted = errors()
                assert not way(), f"{what}: allowed without a record"
                wait_for(lambda: errors() > counted, what=f"{what}: the denial to be counted as such")
            living.sendall(request)
            answer = living.recv(1 << 16)
            assert is_refusal(answer) or answer.startswith(b"HTTP/1.1 5") or not answer, answer
            equal(guest.query("evil.test").rcode, "NXDOMAIN")
            # An allowed name may be looked up (the record of an allow comes after its address was checked); nothing is connected to.
            seen = [packet for packet in made.world.witness.silence() if DNS_IPV4 not in (packet.source, packet.destination) and
                    not packet.flags & RST]
            equal(seen, [], "packets on the world's link")
            equal(set(made.world.dns_queries()) - {"ok.test", "mitm.test", "tcp.test"}, set(), "names asked of the world")
        assert made.enforcer.metric("enforcer_audit_write_errors_total") > 0
        os.unlink(filler)
        wait_for(lambda: guest.curl("https://mitm.test/").status == 200, 10, "service after the disk has room again")
        gaps = wait_for(lambda: made.enforcer.records(type="event", event="audit_gap"), what="the gap on record")
        assert sum(gap.get("count", 1) for gap in gaps) > 0, gaps
        numbered([json.loads(line) for line in audit_bytes(made).splitlines() if line])
        equal(verified(made), [], "the chain over the gap")
        served(made)


def whole_records(made):
    """Every record of every file, in order of the files."""
    return [json.loads(line) for line in audit_bytes(made).splitlines() if line]


def verified(made):
    """What `audit verify` finds."""
    done = made.enforcer.ctl("audit", "verify", "-o", "json")
    found = json.loads(done.stdout)["findings"]
    equal(done.returncode, 3 if found else 0, "exit code")
    return found


def rewrite(path, data):
    """In place: the daemon has it open."""
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(data)


@hang_guard(180)
def test_182_readers_rotation_and_what_an_administrator_does_to_the_file():
    """Order and completeness by number, and by the hash chain: what is done to the file is found."""
    with lab(config={"audit": {"maxBytes": "64Ki", "maxFiles": 1000}}) as made:
        path = made.enforcer.audit_path
        stop, asked = threading.Event(), []

        def asking():
            while not stop.is_set():
                made.guest.query(f"n{len(asked)}-{'x' * 40}.evil.test")
                asked.append(1)
        ctl = [made.enforcer.program("enforcerctl"), "--config", made.enforcer.config_path]
        follower = Process([*ctl, "log", "-f", "-o", "json"], f"{made.folder}/follow.log", made.host)
        thread = threading.Thread(target=asking, daemon=True)
        thread.start()
        try:
            # A reader that reads while it is written and rotated: each record once, in order, none torn.
            for _ in range(8):
                lines = made.enforcer.ctl_ok("log", "-o", "json").splitlines()
                numbered([json.loads(line) for line in lines])
            wait_for(lambda: len(audit_files(made)) >= 4, 60, "the log to have rotated")
        finally:
            stop.set()
            thread.join(20)
        made.guest.query("last.evil.test")
        wait_for(lambda: "last.evil.test" in follower.output(), what="the follower to have everything")
        follower.kill()
        followed = [json.loads(line) for line in follower.output().splitlines()]
        numbered(followed)
        equal([r["seq"] for r in followed], [r["seq"] for r in whole_records(made)], "what was followed, and what is in the files")
        equal(sum(1 for r in followed if r.get("host", "").startswith("n")), len(asked), "one record each")
        # Tampered with, while nothing is written; each beside the log as it was. In a file that was begun just now the line inserted
        # would be its own neighbour, and either of the two may be called the second.
        lines, more = [], 0
        while len(lines) < 8:
            more += 1
            made.guest.query(f"more{more}.evil.test")
            wait_for(lambda: verified(made) == [], 10, "the head file to be there")
            with open(path, "rb") as file:
                kept = file.read()
            lines = kept.splitlines(keepends=True)
        index = len(lines) // 2
        edited = lines[index].replace(b'"type":"', b'"type":"x', 1)
        for fault, changed in (("changed", [*lines[:index], edited, *lines[index + 1:]]),
                               ("removed", [*lines[:index], *lines[index + 1:]]),
                               ("inserted", [*lines[:index], lines[1], *lines[index:]]),
                               ("reordered", [*lines[:index], lines[index + 1], lines[index], *lines[index + 2:]])):
            rewrite(path, b"".join(changed))
            found = verified(made)
            equal([(each["fault"], each["file"], each["line"]) for each in found], [(fault, path, index + 1)], f"what was {fault}")
            rewrite(path, kept)
            equal(verified(made), [], f"the log after what was {fault} was mended")
        # Open for appending, by one process.
        for fd in os.listdir(f"/proc/{made.enforcer.enforcerd.pid}/fd"):
            if os.readlink(f"/proc/{made.enforcer.enforcerd.pid}/fd/{fd}") == path:
                with open(f"/proc/{made.enforcer.enforcerd.pid}/fdinfo/{fd}") as file:
                    flags = int(re.search(r"flags:\s+(\d+)", file.read()).group(1), 8)
                assert flags & os.O_APPEND, f"flags {flags:o}"
                break
        else:
            raise AssertionError("the daemon does not hold the file")

        def next_record(what):
            """The numbers go on, whatever happened."""
            last = highest[0]
            name = f"{what}.evil.test"
            made.guest.query(name)

            def found():
                # Readable although lines of the file are not ours.
                return [r for line in audit_bytes(made).splitlines() if name.encode() in line for r in [json.loads(line)]]
            record = wait_for(found, what=f"the record after {what}")[0]
            assert record["seq"] > last, f"{what}: {record['seq']} after {last}"
            highest[0] = record["seq"]
        highest = [whole_records(made)[-1]["seq"]]
        # Moved, deleted and emptied while it is written.
        os.rename(path, f"{made.folder}/moved")
        wait_for(lambda: made.guest.query("x.evil.test") and os.path.exists(path), what="a new file after the move")
        next_record("moved")
        os.unlink(path)
        wait_for(lambda: made.guest.query("y.evil.test") and os.path.exists(path), what="a new file after the deletion")
        next_record("deleted")
        os.truncate(path, 0)
        next_record("emptied")
        # Killed in the middle of writing, again and again; and with half a line at its end.
        for number in range(4):
            stop, asked = threading.Event(), []

            def hurried():
                with contextlib.suppress(Exception):
                    while not stop.is_set():
                        made.guest.query(f"k{number}-{len(asked)}.evil.test", timeout=1)
                        asked.append(1)
            thread = threading.Thread(target=hurried, daemon=True)
            thread.start()
            wait_for(lambda: len(asked) > 20, what="questions")
            made.enforcer.enforcerd.kill()
            stop.set()
            thread.join(20)
            if number % 2:
                with open(path, "ab") as file:
                    file.write(b'{"schema_version":1,"seq":99999,"ti')
            made.enforcer.start_enforcerd()
            next_record(f"killed-{number}")
        numbers = [int(n) for n in re.findall(rb'(?m)^\{"schema_version":1,"seq":(\d+),"time"', audit_bytes(made))]
        equal(numbers, sorted(set(numbers)), "numbers after all that, each once")
        printable(audit_bytes(made), "the audit log")
        # What was moved, deleted and emptied is known to be missing; what was killed in the middle is accounted for.
        equal({each["fault"] for each in verified(made)}, {"removed"}, "what is found after all that")
        # Something else in its place: no start, and nothing is allowed.
        made.enforcer.enforcerd.stop()
        os.rename(path, f"{made.folder}/kept")
        for what, way in (("a link", lambda: os.symlink(f"{made.folder}/kept", path)), ("a folder", lambda: os.mkdir(path)),
                          ("a FIFO", lambda: os.mkfifo(path))):
            way()
            made.enforcer.start_enforcerd(wait=False)
            equal(made.enforcer.enforcerd.wait(20), 1, f"a start with {what} in its place")
            os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        os.rename(f"{made.folder}/kept", path)
        made.enforcer.start_enforcerd()
        next_record("back")
        served(made)
