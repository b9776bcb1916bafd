"""An HTTP/2 client that may say anything: it sends what it is told to, remembers all that comes back, and takes offence at nothing."""

import collections
import select
import socket
import ssl
import struct
import time

from hpack import Decoder

from lib import http2_frames as h2
from lib.expect import equal
from lib.processes import Timeout

_CHUNK = 16384


class Stream:
    def __init__(self, number, window):
        self.number, self.window = number, window  # how much the peer takes of us
        self.interim, self.fields, self.trailers = [], None, None
        self.data, self.sent = bytearray(), 0  # of the bodies
        self.ended, self.reset = False, None
        self.end_came_with = None  # octets of the DATA frame that said so; "head" or "trailers"

    @property
    def status(self):
        """Of the final response; None: there is none."""
        return int(self.field(":status")) if self.fields else None

    def field(self, name, fields=None):
        """The value of a field that is there once; None: it is not there."""
        values = [value for key, value in (self.fields if fields is None else fields) or [] if key == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None

    @property
    def over(self):
        return self.ended or self.reset is not None

    def __repr__(self):
        end = f"trailers {self.trailers}, ended {self.ended}, reset {self.reset}"
        return f"stream {self.number}: {self.fields} {bytes(self.data[:300])} {end}"


class Http2Client:
    def __init__(self, connection, host, settings=None, replenish=True):
        """connection: a socket, TLS or not, on which nothing has been said. replenish: what is read of a
        stream is given back to it at once."""
        self.socket, self.host, self.replenish = connection, host, replenish
        self.scheme = "https" if isinstance(connection, ssl.SSLSocket) else "http"
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.streams, self.kinds, self.settings = {}, collections.Counter(), {}
        self.goaway = self.ended = None  # (last stream, error); "end" or "reset"
        self.window, self.resets = h2.WINDOW, 0
        self._decoder = Decoder(max_header_list_size=1 << 24)
        self._decoder.max_allowed_table_size = 1 << 16
        self._received, self._block, self._next = b"", None, 1
        self._pings, self._pong = 0, b""
        self._unsent, self._offered, self._deaf = bytearray(), b"", False  # deaf: the peer takes nothing any more
        self.send(h2.PREFACE, h2.settings(settings or {h2.INITIAL_WINDOW_SIZE: 1 << 20}), h2.window_update(0, h2.MAX_WINDOW - h2.WINDOW))

    # ---- what is said

    def send(self, *pieces):
        """Sends these octets, and takes what comes meanwhile. False: the connection is over. (A head and what continues it belong into
        one call: what we answer by ourselves goes between calls.)"""
        end = time.monotonic() + 60
        self._unsent += b"".join(pieces)
        while self._unsent and not self.ended:
            self._take()
            if self._unsent:
                assert time.monotonic() < end, "nothing is taken from this client for a minute"
                select.select([self.socket], [self.socket], [], 1)
        return not self.ended

    def _flush(self):
        """As much as is taken now. TLS wants to be offered the same octets again when it could not take them."""
        try:
            while self._unsent and not self._deaf:
                self._offered = self._offered or bytes(self._unsent[:_CHUNK])
                count = self.socket.send(self._offered)
                del self._unsent[:count]
                self._offered = b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except (OSError, ValueError):
            self._deaf = True  # what it says last is still to be read
        if self._deaf:
            self._unsent.clear()

    def pseudo(self, method="GET", path="/", authority=None, scheme=None):
        return [(":method", method), (":scheme", self.scheme if scheme is None else scheme),
                (":authority", self.host if authority is None else authority), (":path", path)]

    def open(self, fields, end=True, coded=None):
        """A stream that begins with exactly these fields (coded: with this header block)."""
        stream = self.claim()
        self.send(h2.head(stream.number, h2.block(fields) if coded is None else coded, end))
        return stream

    def claim(self):
        """The next stream, of which nothing has been said yet."""
        stream = self.streams[self._next] = Stream(self._next, self.settings.get(h2.INITIAL_WINDOW_SIZE, h2.WINDOW))
        self._next += 2
        return stream

    def request(self, method="GET", path="/", *fields, body=None, end=True, **pseudo):
        """A legal request; body=None: none. end=False: it goes on."""
        stream = self.open(self.pseudo(method, path, **pseudo) + list(fields), end and body is None)
        if body is not None:
            self.write(stream, body, end)
        return stream

    def write(self, stream, body, end=True, seconds=60):
        """Of a body, as the windows let it; False: somebody did not want the rest of it."""
        view = memoryview(body)
        while view or end:
            room = min(len(view), stream.window, self.window, h2.FRAME)
            if not room and view:
                self.wait(lambda: self.ended or stream.over or min(stream.window, self.window) > 0, "a window to open", seconds)
            if self.ended or stream.over:
                return False
            if not room and view:
                continue
            last = end and room == len(view)
            self.send(h2.frame(h2.DATA, h2.END_STREAM if last else 0, stream.number, bytes(view[:room])))
            stream.window, self.window, stream.sent, view = stream.window - room, self.window - room, stream.sent + room, view[room:]
            if last:
                return True
        return True

    def answer(self, stream, seconds=30):
        """Waits until the stream, or all of the connection, is over."""
        self.wait(lambda: stream.over or self.ended, f"the end of stream {stream.number}", seconds)
        return stream

    def ask(self, method="GET", path="/", *fields, **more):
        return self.answer(self.request(method, path, *fields, **more))

    # ---- what is heard

    def wait(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while not (value := condition()):
            left = end - time.monotonic()
            if left < 0:
                raise Timeout(f"waited {seconds:g} s for {what}: {list(self.streams.values())[-3:]}")
            assert not self.ended, f"the connection ended ({self.ended}, GOAWAY {self.goaway}) before {what}"
            self._await(min(left, 1))
            self._take()
        return value

    def drain(self, seconds=20):
        """Everything until the peer ends the connection, or nothing more comes."""
        end = time.monotonic() + seconds
        while not self.ended and time.monotonic() < end:
            self._await(0.5)
            self._take()
        return self.ended

    def settled(self):
        """The peer's settings are here, and ours have been taken."""
        self.wait(lambda: self.settings and self.kinds[h2.SETTINGS] >= 2, "the peer's settings")
        return self

    def ping(self, seconds=30):
        """The peer has read everything until here."""
        self._pings += 1
        asked = self._pings.to_bytes(8, "big")
        self.send(h2.frame(h2.PING, payload=asked))
        self.wait(lambda: self._pong == asked, "the answer to a ping", seconds)

    def _await(self, seconds):
        if not (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()):
            select.select([self.socket], [], [], seconds)

    def _take(self):
        """What has come, without waiting, and what is to be sent."""
        try:
            while not self.ended:
                self._flush()
                piece = self.socket.recv(1 << 16)
                if not piece:
                    self.ended = "end"
                self._received += piece
                self._unsent += self._parse()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.ended = "end"
        except OSError:
            self.ended = "reset"

    def _parse(self):
        replies = b""
        while len(self._received) >= 9:
            size = int.from_bytes(self._received[:3], "big")
            if len(self._received) < 9 + size:
                break
            kind, flags, number = struct.unpack("!BBI", self._received[3:9])
            payload, self._received = self._received[9:9 + size], self._received[9 + size:]
            self.kinds[kind] += 1
            replies += self._frame(kind, flags, number & h2.MAX_WINDOW, payload) or b""
        return replies

    def _frame(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == h2.SETTINGS and not flags & h2.ACK:
            for identifier, value in struct.iter_unpack("!HI", payload):
                if identifier == h2.INITIAL_WINDOW_SIZE:
                    for each in self.streams.values():
                        each.window += value - self.settings.get(identifier, h2.WINDOW)
                self.settings[identifier] = value
            return h2.settings(flags=h2.ACK)
        if kind == h2.PING:
            if not flags & h2.ACK:
                return h2.frame(h2.PING, h2.ACK, 0, payload)
            self._pong = payload
        if kind == h2.GOAWAY:
            self.goaway = struct.unpack("!II", payload[:8])
        elif kind == h2.WINDOW_UPDATE:
            if stream:
                stream.window += int.from_bytes(payload, "big")
            elif not number:
                self.window += int.from_bytes(payload, "big")
        elif kind == h2.RST_STREAM:
            self.resets += 1
            if stream:
                stream.reset = int.from_bytes(payload, "big")
        elif kind == h2.HEADERS:
            payload = payload[1:len(payload) - payload[0]] if flags & h2.PADDED else payload
            self._block = [number, flags, payload[5:] if flags & h2.WITH_PRIORITY else payload]
        elif kind == h2.CONTINUATION:
            self._block[1] |= flags & h2.END_HEADERS
            self._block[2] += payload
        elif kind == h2.DATA:
            return self._data(stream, flags, number, payload)
        if self._block and self._block[1] & h2.END_HEADERS:
            self._head(*self._block)
            self._block = None
        return b""

    def _head(self, number, flags, coded):
        fields = [(name, value) for name, value in self._decoder.decode(coded)]
        stream = self.streams.get(number)
        if stream is None:
            return
        if flags & h2.END_STREAM:
            stream.end_came_with = "trailers" if stream.fields is not None else "head"
        if stream.fields is not None:
            stream.trailers = fields
        elif dict(fields)[":status"].startswith("1"):
            stream.interim.append(fields)
        else:
            stream.fields = fields
        stream.ended = stream.ended or bool(flags & h2.END_STREAM)

    def _data(self, stream, flags, number, payload):
        size = len(payload)
        payload = payload[1:size - payload[0]] if flags & h2.PADDED else payload
        if stream:
            stream.data += payload
            stream.end_came_with = len(payload) if flags & h2.END_STREAM else None
            stream.ended = stream.ended or bool(flags & h2.END_STREAM)
        if not (self.replenish and size):
            return b""
        again = h2.window_update(0, size) if number else b""
        return again + (h2.window_update(number, size) if stream and not stream.over else b"")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def speak(guest, host, port=None, clear=False, authority=None, **options):
    """A connection of a guest to a name (trust_enforcer() first): by TLS that offers HTTP/2 only, or by prior knowledge."""
    if clear:
        return Http2Client(guest.connect(host, port or 80), authority or host, **options)
    connection = guest.tls(host, port or 443, protocols=["h2"])
    equal(connection.selected_alpn_protocol(), "h2", "the protocol of the connection")
    return Http2Client(connection, authority or host, **options)
