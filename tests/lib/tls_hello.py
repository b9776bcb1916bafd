"""ClientHellos as bytes, well-formed and not, for clients that no TLS library can play."""

import os
import struct


def extension(kind, body):
    return struct.pack("!HH", kind, len(body)) + body


def server_name(*names):
    entries = b"".join(b"\0" + struct.pack("!H", len(name)) + name for name in
                       (name.encode() if isinstance(name, str) else name for name in names))
    return extension(0, struct.pack("!H", len(entries)) + entries)


def encrypted_client_hello():
    """An outer ClientHello's ECH extension (0xfe0d) as a client would send it."""
    return extension(0xFE0D, b"\0" + struct.pack("!HH", 1, 1) + b"\x07" + struct.pack("!H", 32) + os.urandom(32) +
                     struct.pack("!H", 64) + os.urandom(64))


def padding(size):
    return extension(21, bytes(size))


def client_hello(*extensions, record_size=16384):
    """The records of a TLS 1.3 ClientHello with these extensions beside the usual ones."""
    usual = (extension(43, b"\x02\x03\x04") + extension(10, b"\0\x02\0\x1d") + extension(13, b"\0\x02\x04\x03") +
             extension(51, struct.pack("!HHH", 36, 29, 32) + os.urandom(32)))
    everything = b"".join(extensions) + usual
    body = (b"\x03\x03" + os.urandom(32) + b"\x20" + os.urandom(32) + b"\0\x02\x13\x01" + b"\x01\0" +
            struct.pack("!H", len(everything)) + everything)
    message = b"\x01" + struct.pack("!I", len(body))[1:] + body
    pieces = [message[at:at + record_size] for at in range(0, len(message), record_size)]
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(piece)) + piece for piece in pieces)


def is_access_denied(data):
    """A fatal alert access_denied(49), whatever record version it carries."""
    return len(data) >= 7 and data[0] == 0x15 and data[3:7] == b"\x00\x02\x02\x31"
