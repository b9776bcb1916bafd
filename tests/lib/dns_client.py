"""Just enough of a DNS client: builds one query, takes the answer apart."""

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


def query_bytes(name, kind="A", identifier=None, flags=0x0100, questions=1, edns=True):
    identifier = random.getrandbits(16) if identifier is None else identifier
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label) + b"\0"
    question = labels + struct.pack("!HH", TYPES.get(kind, kind), 1)
    option = b"\0" + struct.pack("!HHIH", TYPES["OPT"], 1232, 0, 0) if edns else b""
    return struct.pack("!HHHHHH", identifier, flags, questions, 0, 0, int(edns)) + question * questions + option


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
