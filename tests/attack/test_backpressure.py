"""Back-pressure: one side writes, the other does not read, and nothing in between holds more than its buffers.

The lab: tcp.test is relayed without looking, ok.test passes through, mitm.test is intercepted and served in clear."""

import contextlib
import socket
import ssl
import struct
import threading
import time

from lib.expect import equal
from lib.lab import RULE, Lab, policy
from lib.load import descriptors, flood, live_of, not_starved, rate, resident, small_quarantine
from lib.oracles import served, settled
from lib.origin import BLOCK, blob
from lib.processes import Timeout, wait_for
from lib.runner import hang_guard

NAMES = ("ok.test", f"mitm.test {RULE}", f"mitm.test:80 {RULE}", "tcp.test:7 tcp", "tcp.test:25 tcp")


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


# Opaque, passed through, intercepted, clear: (host, port, TLS?)
DOORS = [("tcp.test", 9000, False), ("ok.test", 9443, True), ("mitm.test", 9443, True), ("mitm.test", 8080, False)]
DOOR_RULES = ("tcp.test:9000 tcp", "ok.test:9443", f"mitm.test:9443 {RULE}", f"mitm.test:8080 {RULE}")
ENDLESS = 10 << 30
HELD = 128 << 20  # more than the kernel holds of one direction of one connection: four sockets (net.ipv4.tcp_rmem) and a pipe


class Firehose:
    """Servers of the world that answer GET without end, and never read what is PUT."""

    def __init__(self, made):
        self.sent, self.sockets = {}, []  # bytes taken from it, by connection
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*made.world.authority.issue(["ok.test", "mitm.test"])[:2])
        for host, port, secure in DOORS:
            listener = made.world.netns.socket()
            listener.bind((made.world.records[host][0], port))
            listener.listen(64)
            self.sockets.append(listener)
            threading.Thread(target=self._accept, args=(listener, secure), daemon=True).start()

    def _accept(self, listener, secure):
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client, secure), daemon=True).start()

    def _serve(self, client, secure):
        with contextlib.suppress(OSError):
            if secure:
                client = self.context.wrap_socket(client, server_side=True)
            self.sockets.append(client)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            if head.startswith(b"PUT"):
                return
            self.sent[client] = 0
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % ENDLESS)
            while True:
                client.sendall(BLOCK)
                self.sent[client] += len(BLOCK)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
            each.close()


def begun(made, door, request):
    """A connection through a door with a tiny receive buffer, and with this request sent."""
    host, port, secure = door
    client = made.guest.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing is a reset
    client.connect((made.guest.resolve(host), port))
    if secure:
        context = ssl.create_default_context(cafile=made.guest._certificate)
        context.load_verify_locations(made.world.authority.certificate)
        client = context.wrap_socket(client, server_hostname=host)
    client.sendall(request % f"{host}:{port}".encode())
    return client


def downloads(made, rounds):
    """Of which nobody reads a byte."""
    return [begun(made, door, b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n") for _ in range(rounds) for door in DOORS]


def uploads(made, rounds):
    """Written until nothing has been taken for a second: (connection, bytes)."""
    request = b"PUT / HTTP/1.1\r\nHost: %%b\r\nContent-Length: %d\r\n\r\n" % ENDLESS
    sent = {begun(made, door, request): 0 for _ in range(rounds) for door in DOORS}
    moved = time.monotonic()
    while time.monotonic() - moved < 1:
        for client in sent:
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
                sent[client] += client.send(BLOCK)
                moved = time.monotonic()
            assert sent[client] < HELD, "more was taken than buffers hold"
        time.sleep(0.002)
    return sent


def stalled(hose, count):
    """So many downloads are under way, and nothing moves any more."""
    def still():
        before = dict(hose.sent)
        time.sleep(1)
        return len(before) == count and all(before.values()) and before == hose.sent
    wait_for(still, 60, "downloads to stand still")
    assert 0 < min(hose.sent.values()) and max(hose.sent.values()) < HELD, hose.sent.values()


def intact(client):
    """What was held back for a client that did not read comes unchanged when it does."""
    data = b""
    while len(data) < 1 << 20:
        data += client.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and body == blob(len(body)), "the bytes of a download"


def as_before(made, fds, memory):
    wait_for(lambda: descriptors(made) <= fds + 8, what="descriptors as before")
    with contextlib.suppress(Timeout):
        wait_for(lambda: resident(made) < memory + (48 << 20))
    after = resident(made)
    assert after < memory + (48 << 20), f"memory: {memory >> 20} MiB before, {after >> 20} MiB afterwards"


@hang_guard(180)
def test_51_one_side_that_does_not_read():
    small_quarantine()
    with lab(*NAMES, *DOOR_RULES, guests=("g1", "g2")) as made, Firehose(made) as hose:
        served(made)
        two = made.guests["g2"]
        before = rate(made, two)
        settled(made)
        fds, memory = descriptors(made), resident(made)
        readers = downloads(made, 3)
        stalled(hose, len(readers))
        writers = uploads(made, 3)
        print(f"held for one connection: down {max(hose.sent.values()) >> 10} KiB, up {max(writers.values()) >> 10} KiB")
        print(f"memory: {memory >> 20} MiB before, {resident(made) >> 20} MiB meanwhile")
        assert resident(made) < memory + (64 << 20), f"memory: {memory >> 20} MiB before, {resident(made) >> 20} MiB meanwhile"
        assert descriptors(made) <= fds + 2 * (len(readers) + len(writers)) + 8, "two sockets a connection, and no pipes of its own"
        live_of(two)
        with flood(lambda _: readers[0].recv(1 << 16), 100_000):  # and one that reads as fast as it can
            not_starved(made, two, before)
        for client in readers[4:8]:
            intact(client)
        for client in readers:
            client.close()
        active = lambda: made.enforcer.metric("enforcer_connections_active")
        wait_for(lambda: active() == len(writers), what="the end of the downloads that were reset")
        for client in writers:
            client.close()
        wait_for(lambda: not active(), what="the end of the uploads that were reset")
        as_before(made, fds, memory)
        served(made)


@hang_guard(150)
def test_51_side_that_does_not_read_for_ever():
    """Nobody holds on to it for longer than the deadline of idle connections."""
    small_quarantine()
    with lab(*NAMES, *DOOR_RULES, config={"deadlines": {"idle": "15s"}}) as made, Firehose(made) as hose:
        served(made)
        settled(made)
        fds, memory = descriptors(made), resident(made)
        readers, writers = downloads(made, 1), uploads(made, 1)
        assert made.enforcer.metric("enforcer_connections_active") > 0, "the control: they were under way"
        settled(made)
        equal(len(hose.sent), len(readers))
        as_before(made, fds, memory)
        for client in [*readers, *writers]:
            client.close()
        served(made)
