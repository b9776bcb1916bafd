"""HTTP/2 frames and header blocks byte by byte, also ones that no honest peer sends (RFC 9113, RFC 7541)."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ALTSVC, ORIGIN, PRIORITY_UPDATE, UNKNOWN = 0xA, 0xC, 0x10, 0xFA
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 0x20  # flags
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM,
 CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY, HTTP_1_1_REQUIRED) = range(14)
WINDOW = 65535  # of every stream and connection that says nothing else
MAX_WINDOW = (1 << 31) - 1
FRAME = 16384   # the most that a peer must take at once


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    """length: what the frame says, instead of the truth."""
    size = len(payload) if length is None else length
    return struct.pack("!I", size)[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


def settings(values=(), flags=0):
    """values: {identifier: number}, or pairs, which may repeat."""
    pairs = values.items() if isinstance(values, dict) else values
    return frame(SETTINGS, flags, 0, b"".join(struct.pack("!HI", *pair) for pair in pairs))


def number(*values):
    return b"".join(struct.pack("!I", value) for value in values)


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, number(code))


def window_update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, number(size))


def goaway(last, code=NO_ERROR, text=b""):
    return frame(GOAWAY, 0, 0, number(last, code) + text)


def integer(value, bits=7, first=0):
    """HPACK's: in the last `bits` of an octet that begins like `first`, and further ones."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    made, value = [first | limit], value - limit
    while value >= 128:
        made.append(value % 128 + 128)
        value //= 128
    return bytes([*made, value])


def octets(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def literal(name, value, first=0x00):
    """A field that no table knows, and none remembers (first=0x40: they do)."""
    name, value = octets(name), octets(value)
    return bytes([first]) + integer(len(name)) + name + integer(len(value)) + value


def block(fields):
    """A header block that depends on nothing before it, and leaves nothing behind."""
    return b"".join(literal(name, value) for name, value in fields)


def head(stream, coded, end=True, more=0, kind=HEADERS):
    """HEADERS (with `more` flags) and as many CONTINUATIONs as the coded block needs."""
    pieces = [coded[at:at + FRAME] for at in range(0, len(coded), FRAME)] or [b""]
    made = []
    for place, piece in enumerate(pieces):
        flags = END_HEADERS if place == len(pieces) - 1 else 0
        if place == 0:
            flags |= more | (END_STREAM if end else 0)
        made.append(frame(CONTINUATION if place else kind, flags, stream, piece))
    return b"".join(made)


def data(stream, payload, end=True):
    """DATA in frames of the usual size."""
    pieces = [payload[at:at + FRAME] for at in range(0, len(payload), FRAME)] or [b""]
    return b"".join(frame(DATA, END_STREAM if end and place == len(pieces) - 1 else 0, stream, piece)
                    for place, piece in enumerate(pieces))
