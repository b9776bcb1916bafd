"""The guest's interface as a hostile root uses it: four ways to send whole frames past the guest's own network stack.

    link = RawLink(lab)
    dropped(lab, "ip_opts", [link.tcp(4, options=b"\\x01" * 4)], link)         # DROP(ip_opts), the frame counted exactly
    assert link.syn_answered(4)                                               # the control: the same SYN without options

What is not said of a frame is what a legal packet of this guest to ok.test's address would have.
"""

import contextlib
import ctypes
import fcntl
import itertools
import mmap
import socket
import struct

from lib.frames import (ARP, BROADCAST, ICMPV6, IPV4, IPV6, PLACE, TCP, UDP, answers_syn, arp, ethernet, free_ports, group_mac, icmpv6,
                        ipv4, ipv6, tcp, udp)
from lib.processes import wait_for

_SOL_PACKET, _PACKET_TX_RING, _PACKET_QDISC_BYPASS = 263, 13, 20
_ETH_P_ALL = 0x0003
_AT_ONCE = 256  # frames between two looks at whether they arrived: the kernel's queue in between holds 1000
_libc = ctypes.CDLL(None, use_errno=True)


class RawLink:
    """The guest's interface as a packet socket sees it: sends frames, and looks at what comes."""

    def __init__(self, lab, guest=None, interface="eth0"):
        self.lab, self.guest = lab, guest or lab.guest
        self.socket = self.guest.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((interface, 0))
        self.mac = self.socket.getsockname()[4]
        self.gateway_mac = b"\x06" + self.mac[1:]
        self.address = {4: self.guest.ipv4, 6: self.guest.ipv6}
        self.gateway = {4: self.guest.gateway, 6: self.guest.gateway_ipv6}
        self.interface = interface
        self._prepare()

    def _prepare(self):
        pass

    def transmit(self, frame):
        self.socket.send(frame)

    def send(self, frames):
        """Sends them one by one, never more than the kernel keeps for a busy processor."""
        base = self._arrived() if len(frames) > _AT_ONCE else 0
        for number, frame in enumerate(frames, 1):
            self.transmit(frame)
            if number % _AT_ONCE == 0:
                wait_for(lambda: self._arrived() >= base + number, 30, f"{number} frames to arrive")

    def _arrived(self):
        counted = self.lab.enforcer.metrics()
        return sum(counted[f'enforcer_datapath_packets_total{{verdict="{v}"}}'] for v in ("steered", "neighbour", "rejected", "dropped"))

    def frame(self, payload, kind=None, source=None, destination=None):
        """An Ethernet frame; kind: by the version of the packet inside."""
        kind = {4: IPV4, 6: IPV6}[payload[0] >> 4] if kind is None else kind
        return ethernet(destination or self.gateway_mac, source or self.mac, kind, payload)

    def ip(self, version, protocol, payload, source=None, destination=None, **more):
        """A frame with this as the payload of IP."""
        make = ipv4 if version == 4 else ipv6
        return self.frame(make(source or self.address[version], destination or PLACE[version], protocol, payload, **more))

    def tcp(self, version, port=443, source=None, destination=None, ip=None, **more):
        """ip: arguments of the IP header."""
        ends = source or self.address[version], destination or PLACE[version]
        return self.ip(version, TCP, tcp(*ends, port, **more), *ends, **(ip or {}))

    def udp(self, version, port, source=None, destination=None, ip=None, **more):
        ends = source or self.address[version], destination or PLACE[version]
        return self.ip(version, UDP, udp(*ends, port, **more), *ends, **(ip or {}))

    def icmpv6(self, kind, body, code=0, source=None, destination=None, to=None, ttl=255, spoil=0):
        """to: the MAC address, that of the destination's group unless said otherwise."""
        ends = source or self.address[6], destination or self.gateway[6]
        to = to or (group_mac(ends[1]) if ends[1].startswith("ff") else None)
        return self.frame(ipv6(*ends, ICMPV6, icmpv6(*ends, kind, code, body, spoil), ttl), destination=to)

    def arp(self, operation=1, sender_mac=None, sender=None, target_mac=bytes(6), target=None, to=BROADCAST, **more):
        """The guest's own question for its gateway, unless said otherwise."""
        body = arp(operation, sender_mac or self.mac, sender or self.address[4], target_mac, target or self.gateway[4], **more)
        return self.frame(body, ARP, destination=to)

    def to_group(self, frame, address):
        """The same frame, addressed to the Ethernet group of a multicast address, or to all for a broadcast."""
        return (BROADCAST if address.endswith("255") else group_mac(address)) + frame[6:]

    @contextlib.contextmanager
    def listening(self, outgoing=False):
        """A function that returns the frames that came in for the guest (or went out, too) since it was called last."""
        with self.guest.socket(socket.AF_PACKET, socket.SOCK_RAW) as ear:
            ear.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE
            ear.setsockopt(_SOL_PACKET, 23, int(not outgoing))  # PACKET_IGNORE_OUTGOING
            ear.bind((self.interface, _ETH_P_ALL))
            ear.setblocking(False)

            def heard():
                frames = []
                with contextlib.suppress(BlockingIOError):
                    while True:
                        frames.append(ear.recv(1 << 16))
                return frames
            yield heard

    def syn_answered(self, version, port=443, seconds=15, **more):
        """A legal SYN is answered by SYN+ACK: the control of what is dropped for something else than its SYN."""
        sport = next(free_ports)
        with self.listening() as heard:
            self.transmit(self.tcp(version, port, sport=sport, **more))
            return wait_for(lambda: any(answers_syn(f, sport) for f in heard()), seconds, f"SYN+ACK by IPv{version}")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class BypassLink(RawLink):
    """Past the guest's own queueing discipline, and with it past every program on the egress of the guest's end."""

    def _prepare(self):
        self.socket.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)


class RingLink(RawLink):
    """Through a ring of pages shared with the kernel: all of the frame but its Ethernet header is outside the linear area."""

    _SIZE, _FRAME, _DATA = 1 << 16, 1 << 11, 32  # bytes of the ring; of a slot; where a slot's data begins (struct tpacket_hdr)

    def _prepare(self):
        slots = self._SIZE // self._FRAME
        self.socket.setsockopt(_SOL_PACKET, _PACKET_TX_RING, struct.pack("IIII", self._SIZE, 1, self._FRAME, slots))
        self._ring = mmap.mmap(self.socket.fileno(), self._SIZE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._next = itertools.cycle(range(0, self._SIZE, self._FRAME))

    def transmit(self, frame):
        slot = next(self._next)
        wait_for(lambda: struct.unpack_from("L", self._ring, slot)[0] == 0, what="a free slot of the ring")
        self._ring[slot + self._DATA:slot + self._DATA + len(frame)] = frame
        struct.pack_into("LI", self._ring, slot, 1, len(frame))  # TP_STATUS_SEND_REQUEST
        self.socket.send(b"")

    def close(self):
        self._ring.close()
        super().close()


class XdpLink(RawLink):
    """Through an AF_XDP socket in copy mode: the kernel's network stack of the guest never sees the frame."""

    _AF_XDP, _SOL_XDP = 44, 283
    _MMAP_OFFSETS, _TX_RING, _UMEM_REG, _FILL_RING, _COMPLETION_RING = 1, 3, 4, 5, 6
    _SLOTS, _SLOT = 64, 2048
    _TX_OFFSET, _COMPLETION_OFFSET = 0x80000000, 0x180000000

    def _prepare(self):
        self._xdp = xdp = self.guest.socket(self._AF_XDP, socket.SOCK_RAW)
        self._memory = mmap.mmap(-1, self._SLOTS * self._SLOT)
        place = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        xdp.setsockopt(self._SOL_XDP, self._UMEM_REG, struct.pack("QQIIII", place, self._SLOTS * self._SLOT, self._SLOT, 0, 0, 0))
        for ring in (self._FILL_RING, self._COMPLETION_RING, self._TX_RING):
            xdp.setsockopt(self._SOL_XDP, ring, struct.pack("I", self._SLOTS))
        # Per ring (rx, tx, fill, completion): where producer, consumer, descriptors and flags are.
        offsets = struct.unpack("16Q", xdp.getsockopt(self._SOL_XDP, self._MMAP_OFFSETS, 128))
        self._tx_at, self._done_at = offsets[4:8], offsets[12:16]
        self._tx = mmap.mmap(xdp.fileno(), self._tx_at[2] + self._SLOTS * 16, mmap.MAP_SHARED | 0x8000, offset=self._TX_OFFSET)
        self._done = mmap.mmap(xdp.fileno(), self._done_at[2] + self._SLOTS * 8, mmap.MAP_SHARED | 0x8000, offset=self._COMPLETION_OFFSET)
        index = socket_index(self.guest.netns, self.interface)
        address = struct.pack("HHIII", self._AF_XDP, 1 << 1, index, 0, 0)  # XDP_COPY, queue 0
        _check(_libc.bind(xdp.fileno(), address, len(address)), "bind of AF_XDP")

    def transmit(self, frame):
        number = struct.unpack_from("I", self._tx, self._tx_at[0])[0]
        slot = number % self._SLOTS
        self._memory[slot * self._SLOT:slot * self._SLOT + len(frame)] = frame
        struct.pack_into("QII", self._tx, self._tx_at[2] + slot * 16, slot * self._SLOT, len(frame), 0)
        struct.pack_into("I", self._tx, self._tx_at[0], number + 1)

        def gone():
            with contextlib.suppress(BlockingIOError):
                self._xdp.send(b"")
            produced = struct.unpack_from("I", self._done, self._done_at[0])[0]
            struct.pack_into("I", self._done, self._done_at[1], produced)
            return produced == number + 1 & 0xFFFFFFFF
        wait_for(gone, what="AF_XDP to send a frame", interval=0.001)

    def close(self):
        self._xdp.close()
        self._tx.close()
        self._done.close()
        super().close()


def _check(status, what):
    if status < 0:
        raise OSError(ctypes.get_errno(), what)
    return status


def socket_index(namespace, interface):
    with namespace.entered():
        return socket.if_nametoindex(interface)


def set_offloads(guest, on, interface="eth0"):
    """Checksums, scatter/gather, segmentation: left to the device (on), or done before it gets the packet."""
    with guest.socket(kind=socket.SOCK_DGRAM) as control:
        # ETHTOOL_STXCSUM, _SSG, _STSO, _SGSO; what a later one needs is switched on first.
        for command in (0x17, 0x19, 0x1F, 0x24) if on else (0x24, 0x1F, 0x19, 0x17):
            value = ctypes.create_string_buffer(struct.pack("II", command, int(on)))
            request = struct.pack("16sP", interface.encode(), ctypes.addressof(value)) + bytes(16)
            fcntl.ioctl(control, 0x8946, request)  # SIOCETHTOOL
