"""A connection that has not said yet what it wants: what happens around it, and its first words when they come."""

import contextlib
import signal
import socket
import time

from lib.expect import equal
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.tls_hello import client_hello, server_name

HELLO = client_hello(server_name("ok.test"))
GET = b"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n"
SILENT = {"deadlines": {"classify": "60s"}}
RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")  # and empty SETTINGS
PING = bytes.fromhex("0000080600000000000000000000000000")


def wait_for_open(lab, count):
    wait_for(lambda: lab.enforcer.metric("enforcer_connections_active") == count, what=f"{count} open connections")


def begun(guest, first=b""):
    """A connection of whose first words only these have come."""
    client = guest.connect("ok.test", 443)
    client.sendall(first)
    return client


@contextlib.contextmanager
def standing_still(process):
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


def test_first_words_are_decided_on_by_the_policy_of_their_moment():
    with Lab(policy("ok.test"), config=SILENT) as lab:
        for others, ends in (((), b"\x15"), (("ok.test",), b"\x16")):  # an alert; the origin's answer
            lab.enforcer.write_policy(policy("ok.test"))
            lab.enforcer.ctl_ok("reload")
            with begun(lab.guest) as nothing, begun(lab.guest, HELLO[:50]) as half:
                wait_for_open(lab, 2)
                lab.enforcer.write_policy(policy("other.test", *others))
                lab.enforcer.ctl_ok("reload")
                for client, rest in ((nothing, HELLO), (half, HELLO[50:])):
                    client.sendall(rest)
                    equal(client.recv(1), ends)
            wait_for_open(lab, 0)
        equal(len(lab.world.connections("ok.test")), 2)


def test_silent_connections_end_with_their_guest_and_with_the_daemon():
    with Lab(policy("ok.test"), config=SILENT, guests=("g1", "g2")) as lab, contextlib.ExitStack() as held:
        one, two = lab.guests.values()
        of_one = [held.enter_context(begun(one, HELLO[:n])) for n in (0, 1, 2, 3, 50)]
        of_two = [held.enter_context(begun(two, HELLO[:n])) for n in (0, 3)]
        wait_for_open(lab, 7)
        lab.enforcer.ctl_ok("guest", "detach", "g1")
        wait_for_open(lab, 2)
        of_two[1].sendall(HELLO[3:])  # the control: those of the other guest live
        equal(of_two[1].recv(1), b"\x16")
        lab.enforcer.enforcerd.stop()
        equal(exchange(of_two[0], b""), (b"", "reset"))
        for client in of_one:  # whose link is gone: nothing more can reach them
            client.close()


def test_guest_that_leaves_before_it_has_said_all_is_denied_nothing():
    with Lab(policy("ok.test"), config=SILENT) as lab:
        for first in (b"", HELLO[:1], HELLO[:3], HELLO[:-1]):
            for leave in ("close", "reset", "end"):
                with begun(lab.guest, first) as client:
                    wait_for_open(lab, 1)
                    if leave == "reset":
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                    if leave == "end":
                        client.shutdown(socket.SHUT_WR)
                        equal(exchange(client, b""), (b"", "reset"), f"{first} and an end")
                wait_for_open(lab, 0)
        equal(lab.enforcer.records(type="decision", decision="deny"), [])
        equal(lab.world.connections("ok.test"), [])


def test_words_and_an_end_at_once_are_answered():
    with Lab(policy("ok.test", "ok.test:80")) as lab:
        for port, words, answer in ((443, HELLO, b"\x16"), (80, GET, b"H")):
            with lab.guest.connect("ok.test", port) as client:
                client.sendall(words)
                client.shutdown(socket.SHUT_WR)
                equal(client.recv(1), answer, f"port {port}")


def test_guest_that_has_left_when_its_words_are_read_reaches_nobody():
    """Words and a reset come while enforcerd stands still, so that it learns of both at once."""
    with Lab(policy("ok.test", "ok.test:80")) as lab:
        address = lab.guest.resolve("ok.test")
        for port, words in ((443, HELLO), (80, GET)):
            for leaves in (True, False):
                before = len(lab.world.connections("ok.test", port))
                with standing_still(lab.enforcer.enforcerd), lab.guest.connect(address, port) as client:
                    client.sendall(words)
                    if leaves:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                        client.close()
                    else:
                        lab.enforcer.enforcerd.signal(signal.SIGCONT)
                        assert client.recv(1), "the control: who stays is answered"
                wait_for_open(lab, 0)
                equal(len(lab.world.connections("ok.test", port)) - before, 0 if leaves else 1, f"port {port}, leaves: {leaves}")


def test_clear_http_whose_first_request_never_comes_is_cut_off_in_time():
    with Lab(policy("ok.test:80"), config={"deadlines": {"classify": "2s", "requestHead": "60s", "idle": "60s"}}) as lab:
        for begins, more in ((GET[:-2], b""), (PREFACE, PING)):
            with lab.guest.connect("ok.test", 80) as client:
                client.sendall(begins)
                client.settimeout(0.1)
                ended, most = False, time.monotonic() + 20
                while not ended and time.monotonic() < most:
                    try:
                        client.sendall(more)
                        ended = client.recv(1 << 14) == b""
                        time.sleep(0.1)
                    except TimeoutError:
                        pass
                    except (ConnectionResetError, BrokenPipeError):
                        ended = True
                assert ended, begins
            wait_for_open(lab, 0)
        with lab.guest.connect("ok.test", 80) as client:  # the control: in time, and alive for longer than that
            client.sendall(GET)
            equal(client.recv(1), b"H")


def test_more_connections_than_are_accepted_at_once_are_all_served():
    """They come while enforcerd stands still, so that it finds them all together."""
    with Lab(policy("ok.test"), config={"limits": {"halfOpen": 400}}) as lab, contextlib.ExitStack() as held:
        address = lab.guest.resolve("ok.test")
        clients = []
        with standing_still(lab.enforcer.enforcerd):
            for _ in range(200):
                clients.append(held.enter_context(lab.guest.connect(address, 443)))
                clients[-1].sendall(HELLO)
        for number, client in enumerate(clients):
            equal(client.recv(1), b"\x16", f"connection {number}")
