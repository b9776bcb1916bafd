"""A witness on the world's link: every packet that crosses it, seen by a packet socket (the oracle "WIRE0")."""

import dataclasses
import socket
import struct
import time

_ETH_P_ALL = 0x0003
_ETH_P_IP, _ETH_P_IPV6 = 0x0800, 0x86DD
_SO_RCVBUFFORCE = 33
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_NEIGHBOUR_AND_MULTICAST = {130, 131, 132, 133, 134, 135, 136, 137, 143}  # ICMPv6 of the link itself


@dataclasses.dataclass
class Seen:
    protocol: str
    source: str
    destination: str
    destination_port: int
    length: int
    flags: int = 0  # of TCP

    @property
    def is_syn(self):
        return self.protocol == "tcp" and self.flags & 0x12 == 0x02


class Witness:
    def __init__(self, namespace, interface):
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        self._socket.bind((interface, 0))
        self._socket.setblocking(False)

    def clear(self):
        """Forgets what was seen so far."""
        self.packets()

    def packets(self):
        """IP packets seen since the last call, neighbour discovery apart."""
        seen = []
        while True:
            try:
                frame = self._socket.recv(1 << 16)
            except BlockingIOError:
                break
            packet = _parse(frame)
            if packet:
                seen.append(packet)
        _, dropped = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        if dropped:
            raise RuntimeError(f"the witness missed {dropped} packets")
        return seen

    def silence(self, seconds=0.3):
        """Packets that cross within this time, and those since the last look: [] is WIRE0."""
        time.sleep(seconds)
        return self.packets()

    def close(self):
        self._socket.close()


def _parse(frame):
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == _ETH_P_IP:
        header = (frame[14] & 15) * 4
        protocol, source, destination = frame[23], frame[26:30], frame[30:34]
        family, payload = socket.AF_INET, frame[14 + header:]
    elif kind == _ETH_P_IPV6:
        protocol, source, destination = frame[20], frame[22:38], frame[38:54]
        family, payload = socket.AF_INET6, frame[54:]
        if protocol == 58 and payload[0] in _NEIGHBOUR_AND_MULTICAST or protocol == 0:
            return None
    else:
        return None
    name = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6"}.get(protocol, str(protocol))
    ports = protocol in (6, 17) and len(payload) >= 4
    return Seen(name, socket.inet_ntop(family, source), socket.inet_ntop(family, destination),
                struct.unpack_from("!H", payload, 2)[0] if ports else 0, len(frame),
                payload[13] if protocol == 6 and len(payload) > 13 else 0)
