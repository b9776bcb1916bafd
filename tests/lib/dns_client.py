"""Just enough of a DNS client: builds one query, octet by octet where it is to be wrong, and takes the answer apart."""

import dataclasses
import random
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "OPT": 41, "SVCB": 64,
         "HTTPS": 65, "ANY": 255}
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


@dataclasses.dataclass
class Answer:
    rcode: str
    addresses: list
    soa_minimum: int | None
    ede_code: int | None
    ede_text: str
    identifier: int
    records: int


def labels(*parts):
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def record(owner, kind, data, ttl=0, class_=1):
    return owner + struct.pack("!HHIH", kind, class_, ttl, len(data)) + data


def opt(data=b"", payload=1232, flags=0):
    return record(b"\0", 41, data, flags, payload)


def option(code, data):
    return struct.pack("!HH", code, len(data)) + data


def query_bytes(name, kind="A", identifier=None, flags=0x0100, questions=1, edns=True):
    identifier = random.getrandbits(16) if identifier is None else identifier
    question = labels(*[label.encode() for label in name.rstrip(".").split(".") if label]) + struct.pack("!HH", TYPES.get(kind, kind), 1)
    more = opt() if edns else b""
    return struct.pack("!HHHHHH", identifier, flags, questions, 0, 0, int(edns)) + question * questions + more


def message(name, *records, counts=(1, 0, 0, 0), kind=1, class_=1, flags=0x0100, identifier=0x1234):
    """A query of this wire name, whatever the counts say is behind it."""
    return struct.pack("!HHHHHH", identifier, flags, *counts) + name + struct.pack("!HH", kind, class_) + b"".join(records)


def parse(message):
    identifier, flags, questions, answers, authorities, additional = struct.unpack_from("!6H", message)
    at = 12
    for _ in range(questions):
        at = _skip_name(message, at) + 4
    answer = Answer(RCODES.get(flags & 15, str(flags & 15)), [], None, None, "", identifier, answers)
    for _ in range(answers + authorities + additional):
        at = _skip_name(message, at)
        kind, _, _, length = struct.unpack_from("!HHIH", message, at)
        at += 10
        data = message[at:at + length]
        at += length
        if kind in (TYPES["A"], TYPES["AAAA"]):
            answer.addresses.append(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, data))
        elif kind == TYPES["SOA"]:
            answer.soa_minimum = struct.unpack("!I", data[-4:])[0]
        elif kind == TYPES["OPT"]:
            _extended_error(data, answer)
    return answer


def _extended_error(options, answer):
    while options:
        code, length = struct.unpack_from("!HH", options)
        if code == 15:
            answer.ede_code = struct.unpack_from("!H", options, 4)[0]
            answer.ede_text = options[6:4 + length].decode()
        options = options[4 + length:]


def _skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1


def over_tcp(guest, message, server=None):
    """The answer to one message over TCP; None: the connection ended without one."""
    with guest.connect(server or guest.name_server, 53) as client, client.makefile("rb") as reader:
        try:
            client.sendall(struct.pack("!H", len(message)) + message)
            size = reader.read(2)
            return parse(reader.read(int.from_bytes(size, "big"))) if size else None
        except ConnectionResetError:
            return None


def over_both(guest, message):
    """The answers to one message over UDP and over TCP."""
    return [guest.query("", message=message), over_tcp(guest, message)]
