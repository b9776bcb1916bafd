"""Canaries: sockets in the gateway namespace and on the host that nobody may reach."""

import select
import socket
import struct

from lib.datapath import gateway
from lib.expect import equal
from lib.frames import packed
from lib.processes import wait_for


def set_canaries(lab, ports=(2222,), more=()):
    """Listeners in the gateway namespace and in the host's, on every address and on more (address, port)."""
    places = [(address, port) for address in ("0.0.0.0", "::") for port in ports] + list(more)
    lab.canary(*places)
    lab.world.start_origin("inside", [{"address": a, "port": p, "kind": "canary"} for a, p in places], gateway(lab))


def silent(lab):
    """CANARY0 and WIRE0."""
    equal(lab.world.events("inside", event="connect") + lab.canary_visits(), [], "visits to canaries")
    lab.wire_silent()


class Canaries:
    """Datagram sockets that nobody may reach; multicast groups are joined on every link of the namespace."""

    def __init__(self, namespace, ports, groups=()):
        self.namespace, self._ports, self.sockets = namespace, ports, {}
        for family in (socket.AF_INET, socket.AF_INET6):
            for port in ports:
                made = namespace.socket(family, socket.SOCK_DGRAM)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                made.bind(("", port))
                made.setblocking(False)
                self.sockets[family, port] = made
        with namespace.entered():
            links = [index for index, name in socket.if_nameindex() if name != "lo"]
        for group in groups:
            for (family, _), made in self.sockets.items():
                for index in links:
                    if ":" in group and family == socket.AF_INET6:
                        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, packed(group) + struct.pack("I", index))
                    elif ":" not in group and family == socket.AF_INET:
                        made.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, packed(group) + struct.pack("4sI", bytes(4), index))

    def visits(self):
        """Datagrams that came, as (port, bytes)."""
        ready, _, _ = select.select(list(self.sockets.values()), [], [], 0)
        return [(made.getsockname()[1], made.recv(2048)) for made in ready]

    def sing(self):
        """The control: each is heard from inside its namespace."""
        for (family, port), made in self.sockets.items():
            with self.namespace.socket(family, socket.SOCK_DGRAM) as caller:
                caller.sendto(b"canary", ("127.0.0.1" if family == socket.AF_INET else "::1", port))
            wait_for(lambda: select.select([made], [], [], 0)[0], what=f"the canary on {port}")
            equal(made.recv(100), b"canary")
        return self

    def __enter__(self):
        return self.sing()

    def __exit__(self, *_):
        for made in self.sockets.values():
            made.close()
