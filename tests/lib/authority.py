"""The world's other DNS server, whose answers are the test's own, true or not. With OWN_DNS as a lab's configuration it is the one that
enforcerd asks."""

import contextlib
import socket
import struct
import threading

from lib.dns_client import record
from lib.frames import packed

AUTHORITY = "93.184.216.60"
OWN_DNS = {"workers": 1, "dns": {"servers": [f"{AUTHORITY}:53"]}}  # each worker has its own answers


class Authority:
    """answer(name, kind, query, peer) gives the datagrams that go back to the peer; queries are kept."""

    def __init__(self, lab, answer):
        lab.world.netns.ip(f"addr add {AUTHORITY}/24 dev to-host")
        self.answer, self.asked, self.world = answer, [], lab.world
        self.socket = self.bound(AUTHORITY)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def bound(self, address, port=53):
        made = self.world.netns.socket(kind=socket.SOCK_DGRAM)
        made.bind((address, port))
        made.settimeout(0.1)
        return made

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.socket.close()

    def serve(self):
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                query, peer = self.socket.recvfrom(4096)
                name, at = [], 12
                while query[at]:
                    name.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
                    at += 1 + query[at]
                kind = int.from_bytes(query[at + 1:at + 3], "big")
                self.asked.append((".".join(name), kind, query, peer))
                for datagram in self.answer(".".join(name), kind, query, peer):
                    self.socket.sendto(datagram, peer)


def reply(query, *answers, identifier=None, question=None, more=b"", counts=(0, 0)):
    """A response to a query with these answer records, and with `more` behind them."""
    identifier = query[:2] if identifier is None else identifier
    end = query.index(b"\0", 12) + 5
    return (identifier + struct.pack("!HHHHH", 0x8580, 1, len(answers), *counts) + (question or query[12:end]) + b"".join(answers) + more)


def addresses(query, kind, listed, ttl=0):
    """A true answer: those of these addresses that are of the kind asked for."""
    return reply(query, *[record(b"\xc0\x0c", kind, packed(address), ttl) for address in listed if (":" in address) == (kind == 28)])


def as_the_world_says(lab, query, name, kind):
    """What the world's own DNS would answer; any name that it does not know is served by the origin of wild.test."""
    return addresses(query, kind, lab.world.records.get(name, lab.world.records["a.wild.test"]))
