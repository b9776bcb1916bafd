"""Small expectations that several tests share. Each raises AssertionError with what was seen instead."""

import contextlib
import socket
import time


class Skip(Exception):
    """The test cannot run here; the message says why. Skips are printed and counted."""


def equal(actual, expected, what="value"):
    assert actual == expected, f"{what}: expected {expected!r}, got {actual!r}"


def refused_at_once(guest, address, port, within=8):
    """A connection to this address is reset, and soon. Both moments of refusing count: instead of and after the handshake."""
    begun = time.monotonic()
    try:
        with guest.connect(address, port, timeout=15) as client:
            data = client.recv(1)
        outcome = f"answered {data!r}" if data else "closed in good order"
    except (ConnectionRefusedError, ConnectionResetError):
        outcome = None
    except TimeoutError:
        outcome = "silence"
    assert outcome is None, f"{address}:{port}: expected a reset, got {outcome}"
    taken = time.monotonic() - begun
    assert taken < within, f"{address}:{port}: reset only after {taken:.2f} s"


def unreachable_at_once(guest, address, port, within=8):
    """A datagram is answered with ICMP administratively prohibited (EHOSTUNREACH on a connected socket)."""
    with guest.socket_towards(address, socket.SOCK_DGRAM, timeout=15) as udp:
        udp.connect((address, port))
        begun = time.monotonic()
        udp.send(b"anybody there?")
        try:
            udp.recv(1)
            raise AssertionError(f"{address}:{port}: an answer")
        except OSError as error:
            assert not isinstance(error, TimeoutError), f"{address}:{port}: silence"
    assert time.monotonic() - begun < within


@contextlib.contextmanager
def raises(kind):
    try:
        yield
    except kind:
        return
    raise AssertionError(f"expected {kind.__name__}, and nothing was raised")
