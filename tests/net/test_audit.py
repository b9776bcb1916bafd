"""The audit log: what is decided is written first, and what cannot be written is not allowed."""

import contextlib
import json
import os
import ssl

from lib.audit_log import audit_files, small_filesystem
from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.tls_hello import client_hello, server_name


def test_decision_and_end_records_tell_the_whole_story():
    with Lab(policy("ok.test")) as lab:
        # Read to the end: a client that closes with something unread (curl and its session tickets) sends RST instead.
        trust = ssl.create_default_context(cafile=lab.world.authority.certificate)
        with trust.wrap_socket(lab.guest.connect("ok.test", 443), server_hostname="ok.test") as client:
            answer, how = exchange(client, b"GET /hello HTTP/1.1\r\nHost: ok.test\r\nConnection: close\r\n\r\n")
        equal((answer[:12], how), (b"HTTP/1.1 200", "end"))
        end = lab.enforcer.wait_record(type="end")
        decision = lab.enforcer.records(type="decision", decision_id=end["decision_id"])[0]
        expected = {"guest": "g1", "layer": "tls", "decision": "allow", "policy": "p", "rule": "allow-0", "host": "ok.test",
                    "sni": "ok.test", "port": 443}
        equal({key: decision.get(key) for key in expected}, expected)
        equal((end["outcome"], end["dialled_ip"] in lab.world.records["ok.test"]), ("completed", True))
        assert end["bytes_up"] > 200 and end["bytes_down"] > 500, end
        assert decision["seq"] < end["seq"] and decision["time"] <= end["time"]


def test_identical_denials_within_a_second_fold_into_one_with_a_count():
    with Lab(policy("ok.test")) as lab:
        for _ in range(20):
            refused_at_once(lab.guest, "93.184.216.35", 443)
        total = lambda: sum(r.get("count", 1) for r in lab.enforcer.records(type="decision", decision="deny", layer="l4"))
        wait_for(lambda: total() == 20, what="20 denials in the log")
        assert len(lab.enforcer.records(type="decision", decision="deny", layer="l4")) < 20


def test_audit_unavailable_denies_and_recovers():
    with Lab(policy("ok.test"), start=False) as lab, small_filesystem(lab.enforcer.audit_folder, "256k"):
        lab.enforcer.start()
        guest = lab.attach("g1")
        equal(guest.curl("https://ok.test/").status, 200)
        filler = f"{lab.enforcer.audit_folder}/filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

        def denied():  # the page that the log had begun may still take a few records
            before = len(lab.world.connections("ok.test"))
            with guest.connect("ok.test", 443) as client:
                data, how = exchange(client, client_hello(server_name("ok.test")), limit=1)
            after = len(lab.world.connections("ok.test"))
            return not data.startswith(b"\x16") and before == after
        wait_for(denied, 10, "a connection to be denied for want of an audit log")
        for _ in range(5):
            assert denied()
        assert lab.enforcer.metric("enforcer_audit_write_errors_total") > 0
        assert lab.enforcer.metric("enforcer_denied_total", reason="audit_unavailable") > 0
        os.unlink(filler)
        wait_for(lambda: guest.curl("https://ok.test/").status == 200, 10, "service after the disk has room again")
        for line in open(lab.enforcer.audit_path):
            json.loads(line)


def test_log_rotates_by_size_and_sequence_numbers_go_on():
    with Lab(policy("ok.test"), config={"audit": {"maxBytes": "64Ki", "maxFiles": 4}, "limits": {"dnsPerSecond": 10000}}, start=False) as lab:
        lab.enforcer.start()
        guest = lab.attach("g1")
        for number in range(400):
            guest.query(f"n{number}-{'x' * 40}.other.test")
            if number % 40 == 39:  # a file is too large by one write at most, so none may be large
                wait_for(lambda: any(f"n{number}-" in r.get("host", "") for r in lab.enforcer.records()), what="the records")
        wait_for(lambda: len(audit_files(lab)) > 1, what="a rotated file")
        files = audit_files(lab)
        assert len(files) <= 4, files
        assert all(os.path.getsize(path) <= 80 << 10 for path in files)
        numbers = [r["seq"] for r in lab.enforcer.records()]
        equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "sequence numbers")
        last = numbers[-1]
        lab.enforcer.enforcerd.stop()
        lab.enforcer.start_enforcerd()
        guest.query("after.other.test")
        assert lab.enforcer.wait_record(host="after.other.test")["seq"] > last


def test_guest_text_never_reaches_the_log_unescaped():
    with Lab(policy("ok.test:80", "ok.test")) as lab:
        address = lab.guest.resolve("ok.test")
        hostile = b"x\x1b]0;owned\x07\xe2\x80\xae\"}\r"
        with lab.guest.connect(address, 443) as client:
            exchange(client, client_hello(server_name(hostile)))
        with lab.guest.connect(address, 80) as client:
            exchange(client, b"GET /a?token=S3CR3T&b=1 HTTP/1.1\r\nHost: ok.test\r\nConnection: close\r\n\r\n")
        with lab.guest.connect(address, 80) as client:
            exchange(client, b"GET / HTTP/1.1\r\nHost: " + hostile.replace(b"\r", b"") + b"\r\n\r\n")
        lab.enforcer.wait_record(type="decision", reason="name_invalid")
        lab.enforcer.wait_record(type="decision", layer="http", decision="allow")
        with open(lab.enforcer.audit_path, "rb") as file:
            raw = file.read()
        assert all(byte == 10 or 32 <= byte < 127 for byte in raw), "bytes outside printable ASCII"
        assert b"S3CR3T" not in raw, "query values are elided"
        for line in raw.splitlines():
            json.loads(line)
        shown = lab.enforcer.ctl_ok("log", "--last", "20")
        assert "\x1b" not in shown and "\u202e" not in shown


def test_killed_guest_and_origin_ends_are_recorded_with_their_outcome():
    with Lab(policy("ok.test")) as lab:
        client = lab.guest.start(["curl", "-sSN", "--cacert", lab.world.authority.certificate, "https://ok.test/drip/300"], "drip")
        wait_for(lambda: "dripped" in client.output(), what="the download to begin")
        client.kill()
        record = lab.enforcer.wait_record(type="end")
        assert record["outcome"] in ("guest_reset", "completed"), record
