"""Clear HTTP/1.1 on ports a rule names: decided by Host, for every request."""

import json
import socket
import struct
import time

from lib.expect import equal
from lib.guest import exchange, read_response
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.serving import Serving, read_head


def get(host, path="/", more=""):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


def test_plain_http_by_host():
    with Lab(policy("ok.test:80")) as lab:
        reply = lab.guest.curl("http://ok.test/hello")
        equal((reply.status, reply.body), (200, b"hello from ok.test\n"))
        lab.enforcer.wait_record(type="decision", decision="allow", layer="http", host="ok.test", method="GET", path="/hello")


def test_request_for_another_host_is_answered_421_with_the_decision_id():
    with Lab(policy("ok.test:80", "other.test:80")) as lab:
        with lab.guest.connect("ok.test", 80) as client:
            client.sendall(get("other.test"))
            status, headers, body = read_response(client)
        equal((status, headers["content-type"]), (421, "application/problem+json"))
        problem = json.loads(body)
        equal(problem["reason"], "authority_mismatch")
        assert problem["decision_id"] in headers["enforcer-decision"], headers
        record = lab.enforcer.wait_record(type="decision", decision="deny", layer="http", reason="authority_mismatch")
        equal(record["decision_id"], problem["decision_id"])
        lab.wire_silent()
        equal(lab.guest.curl("http://other.test/").status, 200)


def test_second_request_with_other_host_is_denied():
    """Behind an answer of the origin only a reset is unambiguous: a 421 could be taken for the answer to the first request."""
    with Lab(policy("ok.test:80", "other.test:80")) as lab:
        with lab.guest.connect("ok.test", 80) as client:
            client.sendall(get("ok.test", "/one"))
            equal(read_response(client)[0], 200)
            client.sendall(get("ok.test", "/two"))
            equal(read_response(client)[0], 200)
            data, how = exchange(client, get("other.test", "/three"))
        assert how == "reset" or b" 421 " in data.split(b"\r\n")[0], (data, how)
        lab.enforcer.wait_record(type="decision", decision="deny", layer="http", reason="authority_mismatch")
        equal([e["target"] for e in lab.world.events(event="request")], ["/one", "/two"], "what the origin saw")
        equal(lab.world.connections("other.test", 80), [])


def test_every_request_has_its_own_decision():
    with Lab(policy("ok.test:80")) as lab:
        with lab.guest.connect("ok.test", 80) as client:
            for number in range(3):
                client.sendall(get("ok.test", f"/{number}"))
                equal(read_response(client)[0], 200)
        decisions = wait_for(lambda: (r := lab.enforcer.records(type="decision", layer="http")) and len(r) == 3 and r,
                             what="three decisions")
        equal(len({r["decision_id"] for r in decisions}), 3)


def test_pipelined_requests_are_decided_one_by_one():
    with Lab(policy("ok.test:80")) as lab:
        with lab.guest.connect("ok.test", 80) as client:
            data, how = exchange(client, get("ok.test", "/bytes/3000") + get("ok.test", "/x", "Connection: close\r\n"))
        equal((data.count(b"HTTP/1.1 200"), how), (2, "end"))
        with lab.guest.connect("ok.test", 80) as client:
            data, _ = exchange(client, get("ok.test", "/z") + get("no.test", "/y", "Connection: close\r\n"))
        lab.enforcer.wait_record(type="decision", decision="deny", layer="http")
        assert "/y" not in [e["target"] for e in lab.world.events(event="request")]


def test_request_bodies_arrive_unchanged():
    with Lab(policy("ok.test:80")) as lab:
        sent = lab.guest.curl("http://ok.test/", "--data-binary", "x" * 100000)
        equal(json.loads(sent.body)["bytes"], 100000)
        sent = lab.guest.curl("http://ok.test/", "-H", "Transfer-Encoding: chunked", "--data-binary", "y" * 100000)
        equal(json.loads(sent.body)["bytes"], 100000)


def test_host_with_a_head_that_never_ends_is_cut_off():
    with Lab(policy("ok.test:80"), config={"deadlines": {"classify": "2s", "requestHead": "2s"}}) as lab:
        with lab.guest.connect("ok.test", 80) as client:
            begun = time.monotonic()
            client.sendall(b"GET / HTTP/1.1\r\nHost: ok.test\r\nX: ")
            data, how = exchange(client, b"y" * 1000)
        assert how != "timeout" and time.monotonic() - begun < 6, how
        lab.wire_silent()


def test_upgrade_is_denied():
    with Lab(policy("ok.test:80")) as lab:
        with lab.guest.connect("ok.test", 80) as client:
            client.sendall(get("ok.test", "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"))
            equal(read_response(client)[0], 403)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="upgrade")
        lab.wire_silent()


def segments_with_data(client):
    return struct.unpack_from("I", client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 152)[0]  # tcpi_data_segs_in


def test_head_and_body_that_came_together_leave_together():
    with Lab(policy("ok.test:80")) as lab:
        with lab.guest.connect("ok.test", 80) as client:
            whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"  # which the origin writes at once
            client.sendall(get("ok.test", f"/raw/{whole.hex()}"))
            equal(read_response(client)[2], b"hello")
            equal(segments_with_data(client), 1)
        with lab.guest.connect("ok.test", 80) as client:
            client.sendall(get("ok.test", "/drip/5"))
            equal(len(read_response(client)[2]), 40)
            assert segments_with_data(client) > 1, "five pieces, a tenth of a second apart"


class Odd(Serving):
    """At ws.test. What it says of a path leaves it in one segment: head and body together."""

    SAID = {
        b"/whole": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"/no-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n",
        b"/second-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\nhello\r\n0\r\n\r\n",
    }

    def __init__(self, lab):
        super().__init__(lab.world.netns, lab.world.records["ws.test"][0], 80)

    def serve(self, client):
        while True:
            client.sendall(self.SAID[read_head(client).split(b" ")[1]])


def test_head_whose_body_is_malformed_never_looks_whole():
    with Lab(policy("ws.test:80")) as lab, Odd(lab):
        for number, path in enumerate(("/no-chunk", "/second-chunk"), 1):
            reply = lab.guest.curl(f"http://ws.test{path}")
            assert reply.exit_code != 0 or reply.status == 502, f"{path} looks whole: {reply.talk}"
            wait_for(lambda: len(lab.enforcer.records(type="end", reason="upstream_proto", outcome="denied")) == number, what=f"its end: {path}")
            reply = lab.guest.curl("http://ws.test/whole")
            equal((reply.exit_code, reply.status, reply.body), (0, 200, b"hello"), "the control")


class OneAnswer(Serving):
    """An origin that answers each connection once, and is gone with the `with`."""

    def serve(self, client):
        read_head(client)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


def test_request_that_reached_nobody_has_no_address_of_the_request_before():
    address = "93.184.216.55"
    with Lab(policy("web.test:80")) as lab:
        with lab.guest.connect("web.test", 80) as client:
            with OneAnswer(lab.world.netns, address, 80):
                client.sendall(get("web.test"))
                equal(read_response(client)[0], 200)
            client.sendall(get("web.test"))
            equal(read_response(client)[0], 502)
        first, second = wait_for(lambda: (r := lab.enforcer.records(type="end")) and len(r) >= 2 and r[:2], what="two ends")
        equal((first["outcome"], first["dialled_ip"]), ("completed", address))
        equal((second["outcome"], second["reason"], second.get("dialled_ip")), ("origin_failed", "origin_connect", None))
