"""What a flood of one guest costs: another guest its steady rate of legal requests, before and meanwhile, and enforcerd its means."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import socket
import ssl
import threading
import time

from lib.expect import equal
from lib.guest import read_response

# A guard against starvation and nothing finer: the flood, the daemons, the measuring and other tests share two noisy processors.
FLOOR = 0.05
_WINDOWS = 5
_PR_SET_PDEATHSIG = 1


def rate(lab, guest, seconds=1.0, host="mitm.test"):
    """Requests per second, one after the other, each on a connection of its own; every one must succeed."""
    guest.trust_enforcer()
    context = ssl.create_default_context(cafile=guest._certificate)
    address = guest.resolve(host)
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    begun, done, taken = time.monotonic(), 0, 0.0
    while taken < seconds:
        with context.wrap_socket(guest.connect(address, 443), server_hostname=host) as client:
            client.sendall(request)
            equal(read_response(client)[0], 200, f"the legal flow of {guest.name}")
        done, taken = done + 1, time.monotonic() - begun
    return done / taken


@contextlib.contextmanager
def flood(action, times):
    """Another process does action(number) meanwhile, at most so many times."""
    def run():
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in range(times):
            action(number)
        signal.pause()
    running = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    running.start()
    try:
        yield
        assert running.is_alive(), "the flood ended by an error"
    finally:
        running.kill()
        running.join()


def not_starved(lab, guest, before):
    """The guest's rate now, beside what it was before: printed, and above the floor."""
    now = 0.0
    for _ in range(_WINDOWS):  # starvation would last; a hiccup of the machine does not
        now = max(now, rate(lab, guest))
        if now >= FLOOR * before:
            break
    print(f"second guest: {100 * now / before:.0f} % of before")
    assert now >= FLOOR * before, f"second guest: {now:.0f} requests a second, {before:.0f} before"


def live_of(guest):
    equal(guest.curl("https://mitm.test/").status, 200, f"the legal flow of {guest.name}")


def descriptors(lab):
    """That enforcerd has open."""
    return len(os.listdir(f"/proc/{lab.enforcer.enforcerd.pid}/fd"))


def processor_seconds(lab):
    """That enforcerd has used."""
    with open(f"/proc/{lab.enforcer.enforcerd.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(lab):
    """Bytes of enforcerd's memory."""
    return int(lab.enforcer.enforcerd.status()["VmRSS"].split()[0]) << 10


def small_quarantine():
    """Before a lab is made: the sanitizer's own store of freed memory would be most of what grows."""
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4:thread_local_quarantine_size_kb=64"


class Flood:
    """Connections and datagrams from the guest, to names' addresses and to literals, as fast as one thread can."""

    def __init__(self, guest, addresses):
        self._guest, self._addresses = guest, addresses
        self._stop = threading.Event()
        self.connected = 0
        self.attempts = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            for address in self._addresses:
                with self._guest.socket_towards(address, timeout=0.05) as client:
                    if client.connect_ex((address, 443)) == 0:
                        self.connected += 1
                with self._guest.socket_towards(address, socket.SOCK_DGRAM) as udp:
                    udp.sendto(b"x" * 20, (address, 53))
                self.attempts += 1

    def stop(self):
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
