"""A guest that does not read while its origin's ServerHello is on the way: what is to end, ends."""

import queue
import socket
import time

from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.serving import Serving
from lib.tls_hello import client_hello, server_name

ORIGIN = "93.184.216.55"
ALERTS = bytes.fromhex("15030300020170") * 500  # unrecognized_name, a warning; less than what is read at once
SERVER_HELLO = bytes.fromhex("160303002a020000260303" + "5a" * 32 + "00c02f00")
SETTLES_SECONDS = 1


class Origin(Serving):
    """Hands its connections to the test, each once its ClientHello is here."""

    def __init__(self, namespace):
        self.arrived = queue.Queue()
        super().__init__(namespace, ORIGIN, 443)

    def serve(self, client):
        client.recv(1 << 14)
        self.arrived.put(client)
        while client.recv(1 << 14):
            pass


def taken(lab, client):
    """Whether enforcerd has read all that this connection of the origin has sent; it gets a second."""
    port = client.getpeername()[1]

    def unread():
        rows = lab.host.run(["ss", "-tnH", "state", "established", f"( sport = :{port} and dst {ORIGIN} )"]).stdout.split()
        return not rows or int(rows[0]) > 0
    end = time.monotonic() + SETTLES_SECONDS
    while unread():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def connected(lab, origin):
    """(the guest's end, which reads nothing, and the origin's)."""
    address = lab.guest.resolve("web.test")
    guest = lab.guest.socket_towards(address)
    guest.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    guest.connect((address, 443))
    guest.sendall(client_hello(server_name("web.test")))
    return guest, origin.arrived.get(timeout=20)


def test_what_was_told_to_end_while_its_hello_waited_does_not_go_on_as_a_relay():
    with Lab(policy("web.test inspect: never"), config={"deadlines": {"tlsHandshake": "5m"}}) as lab, Origin(lab.world.netns) as origin:
        held, fits = [connected(lab, origin)], 0
        while held[0][1].send(ALERTS) and taken(lab, held[0][1]):
            fits += 1
            assert fits < 10_000, "the guest does not read, and everything fits"
        # Around the piece that no longer fits, each piece once has the ServerHello in it.
        for pieces in range(fits - 3, fits + 3):
            held.append(connected(lab, origin))
            for _ in range(pieces):
                held[-1][1].send(ALERTS, socket.MSG_DONTWAIT)
                taken(lab, held[-1][1])
            held[-1][1].send(SERVER_HELLO + ALERTS[:2800], socket.MSG_DONTWAIT)
        assert not taken(lab, held[0][1]), "the control: one of them waits for its guest"
        equal(len(lab.enforcer.records(type="end")), 0, "nothing has ended")
        lab.enforcer.write_policy(policy("ok.test"))
        lab.enforcer.ctl_ok("reload")
        ended = lambda: lab.enforcer.records(type="end", outcome="policy_changed")
        wait_for(lambda: len(ended()) == len(held), 20, f"all {len(held)} to end")
        wait_for(lambda: lab.enforcer.metric("enforcer_connections_active") == 0, 20, "nothing to be open")
        equal(lab.guest.curl("https://ok.test/").status, 200)
        for guest, _ in held:
            guest.close()
