"""A TCP endpoint inside a guest that its kernel knows nothing of: segments by hand, in any order and with any flags.

A raw IP socket sends and receives them. The guest's own kernel would answer what comes back with RST, so a rule in the guest's
namespace keeps its resets for the endpoints' ports (from FIRST_PORT on, where the kernel takes no ports for its own sockets)."""

import contextlib
import dataclasses
import itertools
import socket
import struct
import time

from lib.frames import ACK, FAMILY, PSH, RST, SYN, tcp

URG = 0x20
FAST_OPEN = 34  # the TCP option, RFC 7413
FIRST_PORT = 61_000
_MARK = 7
_SO_MARK = 36
_QUIET = f"""table inet quiet {{
  chain out {{
    type filter hook output priority 0
    tcp sport >= {FIRST_PORT} tcp flags & rst == rst meta mark != {_MARK} drop
  }}
}}"""
_ports = itertools.count(FIRST_PORT)


@dataclasses.dataclass
class Segment:
    source_port: int
    port: int
    sequence: int
    acknowledgement: int
    flags: int
    window: int
    options: bytes
    payload: bytes


def quiet(guest):
    """The guest's kernel sends no RST for the ports of raw endpoints from now on."""
    guest.netns.run(["nft", "-f", "-"], input=_QUIET, check=True)


def option(kind, data=b""):
    """A TCP option, with what fills it up to whole words."""
    made = bytes([kind, len(data) + 2]) + data
    return made + bytes(-len(made) % 4)


def raw_socket(guest, version):
    """Sends segments, and hears every segment that the guest receives."""
    made = guest.socket(FAMILY[version], socket.SOCK_RAW, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, _SO_MARK, _MARK)
    return made


class Endpoint:
    """One four-tuple, with the sequence number of what it sends next, and of what it has not heard yet."""

    def __init__(self, guest, destination, port):
        self.destination, self.port = destination, port
        self.version = 6 if ":" in destination else 4
        self.source = guest.ipv6 if self.version == 6 else guest.ipv4
        self.source_port = next(_ports)
        self.sequence, self.heard = 1_000_000, 0
        self._socket = raw_socket(guest, self.version)

    def segment(self, flags, payload=b"", sequence=None, acknowledgement=None, options=b""):
        """sequence, acknowledgement: instead of the true ones."""
        if acknowledgement is None:
            acknowledgement = self.heard if flags & ACK else 0
        return tcp(self.source, self.destination, self.port, self.source_port, flags, self.sequence if sequence is None else sequence,
                   acknowledgement, options, payload)

    def transmit(self, segment):
        self._socket.sendto(segment, (self.destination, 0))

    def send(self, flags, payload=b"", **more):
        self.transmit(self.segment(flags, payload, **more))

    def hear(self, seconds=15.0, wanted=lambda segment: True):
        """The next segment for this four-tuple that is wanted; None: none came."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                segment = self._parse(self._socket.recv(1 << 16))
                if segment and wanted(segment):
                    return segment
        return None

    def everything(self, seconds=0.3):
        """What comes within this time."""
        heard = []
        while segment := self.hear(seconds):
            heard.append(segment)
        return heard

    def open(self, payload=b"", options=b""):
        """SYN (with this in it), SYN+ACK, ACK; returns the SYN+ACK."""
        self.send(SYN, payload, options=options)
        answer = self.hear(wanted=lambda segment: segment.flags & SYN)
        assert answer and answer.flags & ACK, f"SYN to {self.destination}:{self.port}: {answer}"
        self.sequence += 1
        self.heard = answer.sequence + 1
        self.send(ACK)
        return answer

    def write(self, payload):
        self.send(PSH | ACK, payload)
        self.sequence += len(payload)

    def read(self, size=1, seconds=15.0):
        """At least so many bytes in order, acknowledged; fewer when a reset or nothing comes."""
        received = b""
        while len(received) < size:
            segment = self.hear(seconds, lambda segment: segment.flags & RST or segment.payload)
            if segment is None or segment.flags & RST:
                break
            if segment.sequence == self.heard:
                received += segment.payload
                self.heard += len(segment.payload)
                self.send(ACK)
        return received

    def is_reset(self, seconds=15.0):
        return self.hear(seconds, lambda segment: segment.flags & RST) is not None

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _parse(self, packet):
        if self.version == 4:
            if socket.inet_ntoa(packet[12:16]) != self.destination:
                return None
            packet = packet[(packet[0] & 15) * 4:]
        source_port, port, sequence, acknowledgement, offset, flags, window = struct.unpack_from("!HHIIBBH", packet)
        if (source_port, port) != (self.port, self.source_port):
            return None
        header = (offset >> 4) * 4
        return Segment(source_port, port, sequence, acknowledgement, flags, window, packet[20:header], packet[header:])

