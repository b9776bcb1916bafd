"""Frames byte by byte, right or wrong on purpose. A frame is bytes; addresses are text. links.py sends them, drops.py tells what must
become of them."""

import itertools
import socket
import struct

FAMILIES = (4, 6)
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
BROADCAST = b"\xff" * 6
PLACE = {4: "93.184.216.34", 6: "2600:9000::34"}  # ok.test: it exists and is served
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}

free_ports = itertools.cycle(range(20_000, 30_000))  # source ports that the guest's kernel does not give away by itself


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ethernet(destination, source, kind, payload):
    return destination + source + struct.pack("!H", kind) + payload


def tagged(frame, *tags):
    """The frame with VLAN tags (EtherType, VID), the outermost first."""
    return frame[:12] + b"".join(struct.pack("!HH", kind, number) for kind, number in tags) + frame[12:]


def llc(frame, header=b"\xaa\xaa\x03", organisation=b"\0\0\0", length=None):
    """The same payload in an 802.3 frame with LLC, and with SNAP unless the header is another protocol's."""
    snap = organisation + frame[12:14] if header == b"\xaa\xaa\x03" else b""
    body = header + snap + frame[14:]
    return frame[:12] + struct.pack("!H", len(body) if length is None else length) + body


def arp(operation, sender_mac, sender, target_mac, target, head=b"\0\1\x08\0\6\4"):
    return head + struct.pack("!H", operation) + sender_mac + packed(sender) + target_mac + packed(target)


def ipv4(source, destination, protocol, payload, ttl=64, options=b"", fragment=0x4000, length=None, first=None, spoil=0):
    """fragment: flags and offset. first: the first octet, when it is to be a lie. spoil: added to the right checksum."""
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words if first is None else first, 0,
                       words * 4 + len(payload) if length is None else length, 4711, fragment, ttl, protocol, 0,
                       packed(source), packed(destination)) + options
    return head[:10] + struct.pack("!H", checksum(head) + spoil & 0xFFFF) + head[12:] + payload


def ipv6(source, destination, protocol, payload, ttl=64, length=None, first=0x60):
    head = struct.pack("!BxxxHBB", first, len(payload) if length is None else length, protocol, ttl)
    return head + packed(source) + packed(destination) + payload


def extension(following, body=b"\0" * 6):
    """An IPv6 extension header with a length field; body fills it up to a multiple of eight octets."""
    return bytes([following, (len(body) + 2) // 8 - 1]) + body


def fragment_header(following, offset=0, more=False, identifier=4711):
    return struct.pack("!BxHI", following, offset << 3 | more, identifier)


def _transport(source, destination, protocol, data, at, spoil):
    """data with its checksum at this offset, over the pseudo-header of the family."""
    pseudo = packed(source) + packed(destination) + struct.pack("!II" if ":" in source else "!HH", *(
        (len(data), protocol) if ":" in source else (protocol, len(data))))
    return data[:at] + struct.pack("!H", checksum(pseudo + data) + spoil & 0xFFFF) + data[at + 2:]


def tcp(source, destination, port=443, sport=None, flags=SYN, seq=1, ack=0, options=b"", payload=b"", spoil=0):
    words = 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", sport or next(free_ports), port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, words << 4, flags, 64_240, 0, 0)
    return _transport(source, destination, TCP, head + options + payload, 16, spoil)


def udp(source, destination, port, payload=b"anybody there?", sport=None, length=None, spoil=0):
    size = 8 + len(payload) if length is None else length
    return _transport(source, destination, UDP, struct.pack("!HHHH", sport or next(free_ports), port, size, 0) + payload, 6, spoil)


def icmp(kind, code=0, body=b"\0" * 4):
    data = struct.pack("!BBH", kind, code, 0) + body
    return data[:2] + struct.pack("!H", checksum(data)) + data[4:]


def icmpv6(source, destination, kind, code=0, body=b"\0" * 4, spoil=0):
    return _transport(source, destination, ICMPV6, struct.pack("!BBH", kind, code, 0) + body, 2, spoil)


def link_option(kind, address):
    """The one option of neighbour discovery: a link-layer address, 1 of the source, 2 of the target."""
    return bytes([kind, 1]) + address


def group_mac(address):
    """The Ethernet group that an IP multicast address is sent to."""
    octets = packed(address)
    return b"\x33\x33" + octets[-4:] if ":" in address else b"\x01\0\x5e" + bytes([octets[1] & 0x7F]) + octets[2:]


def answers_syn(frame, port):
    found = transport_of(frame)
    return found is not None and found[0] == TCP and struct.unpack_from("!H", found[1], 2)[0] == port and found[1][13] & 0x12 == 0x12


def transport_of(frame):
    """(protocol, what IP carries); None for what is not IP."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == IPV4:
        return frame[23], frame[14 + (frame[14] & 15) * 4:]
    return (frame[20], frame[54:]) if kind == IPV6 else None
