"""Held requests under attack: nothing is sent that people did not agree to, to nobody's client, or twice.

The lab: other.test is allowed, and so is ok.test, where deletions and uploads are held."""

import concurrent.futures
import contextlib
import json
import socket
import struct
import time

from lib.expect import equal
from lib.guest import exchange
from lib.lab import policy
from lib.oracles import live
from lib.processes import wait_for
from lib.reviewers import ALLOW, HELD, Reviewer, arrived, asking, held_lab, pending, present, ticket_ids, tickets
from lib.runner import hang_guard

OTHER = "https://other.test/"
DELETE = b"DELETE /a HTTP/1.1\r\nHost: ok.test\r\n\r\n"


def approve(made, ticket):
    return made.enforcer.ctl("review", "approve", ticket, "-y")


def idle(made, path=None):
    """Waits until nobody waits for the newest ticket; its id."""
    return wait_for(lambda: tickets(made.enforcer, clients=0, **({"path": path} if path else {})), what="the client's leaving")[0]["review_id"]


@hang_guard(120)
def test_49_client_that_closes_resets_or_half_closes_while_its_request_is_held():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        for number, leave in enumerate((lambda client: client.close(), in_good_order, reset, half_closed)):
            made.world.witness.clear()
            client = made.guest.tls("ok.test")
            try:
                client.sendall(DELETE.replace(b"/a", f"/leaves/{number}".encode()))
                pending(made.enforcer)
                leave(client)
                approve(made, idle(made, f"/leaves/{number}"))
                time.sleep(0.3)
                made.wire_silent()
            finally:
                client.close()
        equal(arrived(made), [])
        live(made, OTHER)
        with made.guest.tls("ok.test") as client:
            client.sendall(DELETE.replace(b"/a", b"/leaves/0"))
            assert client.recv(100).startswith(b"HTTP/1.1 200"), "the control: the same request, with a client"


def in_good_order(client):
    client.settimeout(0.2)
    with contextlib.suppress(OSError):
        client.unwrap()  # its close_notify; ours does not come while the request is held
    client.close()


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def half_closed(client):
    client.shutdown(socket.SHUT_WR)


@hang_guard(60)
def test_105_body_of_a_held_request_that_is_cut():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        with made.guest.tls("ok.test") as client:
            client.sendall(b"PUT /a HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 10\r\n\r\nhalf")
            time.sleep(0.3)
        equal(tickets(made.enforcer), [], "nobody is asked about half a request")
        with asking(made.guest, "-X", "PUT", "-d", "0123456789") as (whole,):
            approve(made, ticket_ids(made)[0])
            equal(whole.result().status, 200, "the control")
        equal([event["body_bytes"] for event in arrived(made, "PUT")], [10])


@hang_guard(180)
def test_183_flood_of_questions():
    """Budgets come first; what is alike is one question; the rest is refused before anybody sees it."""
    with held_lab(wait="2s", review={"pendingPerGuest": 8}, guests=("g1", "g2")) as made, Reviewer(made.enforcer).watching():
        for guest in made.guests.values():
            guest.trust_enforcer()
        flooding, other = made.guests.values()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(flooding.curl, f"https://ok.test/{n}", "-X", "DELETE") for n in range(48)]
            alike = [pool.submit(flooding.curl, "https://ok.test/0", "-X", "DELETE") for _ in range(16)]
            statuses = [future.result().status for future in asked + alike]
        assert set(statuses) <= {503, 429} and statuses.count(429) >= 30, statuses
        equal(len(tickets(made.enforcer, guest="g1", state="pending")), 8)
        equal(other.curl("https://ok.test/mine", "-X", "DELETE").status, 503, "another guest's question has its own place")
        equal(len(tickets(made.enforcer, guest="g2", state="pending")), 1)
        live(made, OTHER)
        equal(arrived(made), [])


@hang_guard(60)
def test_184_text_that_misleads_the_reviewer():
    hostile = "/%22already%20approved%20by%20root%22%e2%80%ae%f0%9f%91%8d" + "x" * 3000
    with held_lab(wait="1s") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        made.guest.curl(f"https://ok.test{hostile}", "-g", "-X", "DELETE", "-H", "X-Note: \u202eok, approved by root\u202c")
        ticket = pending(made.enforcer)[0]["review_id"]
        for arguments in (("list",), ("show", ticket), ("list", "-o", "json"), ("list", "-o", "jsonl"), ("show", ticket, "-o", "json")):
            done = made.enforcer.ctl("review", *arguments)
            equal(done.returncode, 0, done.stderr)
            control = [c for c in done.stdout if (c < " " and c != "\n") or c > "~"]
            equal(control, [], f"what could move a terminal in review {' '.join(arguments)}")
        shown = made.enforcer.ctl("review", "show", ticket).stdout
        first = shown.splitlines()[0]
        assert "ok.test" in first and "already" not in first, "facts come first, and the host before all"
        assert max(len(line) for line in shown.splitlines()) < 1000, "cut"


@hang_guard(60)
def test_186_approval_of_one_request_is_not_for_the_next_on_its_connection():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        with made.guest.tls("ok.test") as client:
            client.sendall(DELETE + DELETE.replace(b"/a", b"/b"))
            approve(made, ticket_ids(made)[0])
            second = wait_for(lambda: tickets(made.enforcer, path="/b", state="pending"), what="the second question")[0]
            equal([event["target"] for event in arrived(made)], ["/a"])
            approve(made, second["review_id"])
            wait_for(lambda: len(arrived(made)) == 2, what="the second request")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:  # two streams of one connection
            both = pool.submit(made.guest.run, ["curl", "-4", "-sS", "--http2", "--parallel", "--cacert", f"{made.folder}/g1-ca.pem",
                                                "-X", "DELETE", "https://ok.test/s/1", "https://ok.test/s/2"], timeout=60)
            one, other = sorted(pending(made.enforcer, 2), key=lambda ticket: ticket["path"])
            approve(made, one["review_id"])
            wait_for(lambda: len(arrived(made)) == 3, what="the first stream's request")
            equal(len(tickets(made.enforcer, state="pending")), 1, "the other stream waits")
            approve(made, other["review_id"])
            both.result()
        equal([event["target"] for event in arrived(made)], ["/a", "/b", "/s/1", "/s/2"])
        equal(len(made.enforcer.records(type="decision", decision="allow", reason="approved")), 4, "each has its own record")


@hang_guard(120)
def test_187_decisions_that_come_at_once_or_too_late():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        for number in range(4):
            with asking(made.guest, url=f"https://ok.test/{number}", count=2) as asked, concurrent.futures.ThreadPoolExecutor(4) as pool:
                ticket = wait_for(lambda n=number: tickets(made.enforcer, path=f"/{n}", clients=2), what="both clients")[0]["review_id"]
                verdicts = [pool.submit(made.enforcer.ctl, "review", verb, ticket, *(["-y"] if verb == "approve" else [])) for verb in ("approve", "reject") * 2]
                statuses = sorted(future.result().status for future in asked)
            codes = sorted(verdict.result().returncode for verdict in verdicts)
            assert codes in ([0, 7, 7, 7], [0, 0, 7, 7]), codes  # a rejection may take back an approval that nobody has used
            sent = [event for event in arrived(made) if event["target"] == f"/{number}"]
            assert (statuses, len(sent)) in (([200, 403], 1), ([403, 403], 0)), (statuses, sent)
            equal(approve(made, ticket).returncode, 7, "too late")
        made.enforcer.wait_record(type="review", change="late_verdict")


@hang_guard(60)
def test_189_reviewer_that_leaves_and_daemon_that_dies():
    with held_lab(timeout="3s") as made:
        made.guest.trust_enforcer()
        equal(json.loads(made.guest.curl("https://ok.test/a", "-X", "DELETE").body)["reason"], "no_reviewer")
        with Reviewer(made.enforcer).watching() as watcher, asking(made.guest) as (asked,):
            pending(made.enforcer)
            watcher.kill()
            equal(asked.result().status, 403, "it expires")
        wait_for(lambda: present(made.enforcer) == 0, what="nobody to watch")
        with Reviewer(made.enforcer).watching(), asking(made.guest) as (asked,):
            pending(made.enforcer)
            made.enforcer.enforcerd.kill()
            assert asked.result().status == 0
        made.enforcer.start_enforcerd()
        equal(tickets(made.enforcer), [])
        equal(arrived(made), [])
        live(made, OTHER)


@hang_guard(60)
def test_190_approval_of_what_is_not_asked_any_more():
    with held_lab(wait="1s") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        equal(made.guest.curl("https://ok.test/a", "-X", "DELETE").status, 503)
        approve(made, ticket_ids(made)[0])
        made.enforcer.write_policy(policy(f"ok.test {ALLOW}", f"other.test {ALLOW}", extra=HELD % "7m"))
        made.enforcer.ctl_ok("reload")
        equal(made.guest.curl("https://ok.test/a", "-X", "DELETE").status, 503, "another rule asks anew")
        approve(made, ticket_ids(made)[0])
        made.enforcer.ctl_ok("guest", "delete", "g1")
        again = made.attach("g1")
        again.trust_enforcer()
        equal(again.curl("https://ok.test/a", "-X", "DELETE").status, 503, "another boot of the guest asks anew")
        equal(arrived(made), [])


@hang_guard(60)
def test_191_guest_that_would_approve_itself():
    """The API is a socket of the host's file system, and knows people by what the kernel says: a guest has no way to either."""
    with held_lab(wait="1s") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        made.guest.curl("https://ok.test/a", "-X", "DELETE")
        ticket = ticket_ids(made)[0]
        request = f"POST /v1/reviews/{ticket}/approve HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        for address, port in ((made.guest.gateway, 80), (made.guest.gateway, 9464), ("127.0.0.1", 9464), ("93.184.216.1", 9464)):
            try:
                with made.guest.connect(address, port, timeout=2) as client:
                    data, _ = exchange(client, request, limit=100)
            except OSError:
                data = b""
            assert b"200" not in data, (address, port, data)
        stolen = made.guest.curl(OTHER + f"v1/reviews/{ticket}/approve", "-X", "POST", "-d", "{}")
        equal(stolen.status, 200, "the control: it may speak to whoever it likes there")
        equal(tickets(made.enforcer)[0]["state"], "pending")
        equal(approve(made, ticket).returncode, 0, "the control: a person can")


@hang_guard(120)
def test_192_uploads_and_crowds_while_held():
    with held_lab(wait="2s", config={"deadlines": {"requestBody": "2s"}}) as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        with made.guest.tls("ok.test") as client:  # says 10 GiB, and begins
            client.sendall(b"PUT /big HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 10737418240\r\n\r\n")
            begun, ended = time.monotonic(), False
            while not ended and time.monotonic() - begun < 30:
                try:
                    client.sendall(b"x" * (1 << 20))
                except OSError:
                    ended = True
        assert ended, "it was read for ever"
        made.enforcer.wait_record(type="decision", decision="deny", reason="hold_body_cap")
        with made.guest.tls("ok.test") as client:  # an octet now and then
            client.sendall(b"PUT /slow HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 100\r\n\r\nx")
            made.enforcer.wait_record(type="decision", decision="deny", reason="body_timeout")
        equal(arrived(made, "PUT"), [])
        equal(tickets(made.enforcer), [])
        live(made, OTHER)
