"""An HTTP/2 origin of the world, whose answers are the test's own. It is strict with what it is sent (python3-h2 says what breaks a
rule), remembers every request as decoded, and may itself break any rule.

What it answers depends on the path: answer(). A test that wants something else derives from it, or says more by `Request.connection`."""

import collections
import contextlib
import hashlib
import json
import select
import socket
import ssl
import threading
import time

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (ConnectionTerminated, DataReceived, RemoteSettingsChanged, RequestReceived, SettingsAcknowledged, StreamEnded,
                       StreamReset, TrailersReceived)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from lib import http2_frames as frames
from lib.origin import blob
from lib.processes import wait_for
from lib.serving import Serving, read_head


class Request:
    def __init__(self, connection, stream, fields):
        self.connection, self.stream, self.fields = connection, stream, fields
        self.digest, self.size = hashlib.md5(), 0
        self.ended, self.reset, self.trailers = False, None, None
        self.end_came_with = None  # octets of the DATA frame that said so, or "head"

    def field(self, name):
        """All values of a field, in order, as one text; None: it is not there."""
        values = [value for key, value in self.fields if key == name]
        return ", ".join(values) if values else None

    method = property(lambda self: self.field(":method"))
    path = property(lambda self: self.field(":path"))
    authority = property(lambda self: self.field(":authority"))

    def __repr__(self):
        return f"<{self.method} {self.path} on {self.connection.number}/{self.stream}: ended {self.ended}, reset {self.reset}>"


class Connection:
    """One thread reads and writes; others ask it to by do()."""

    def __init__(self, origin, client, number):
        self.origin, self.client, self.number = origin, client, number
        self.requests, self.settings, self.acknowledged = {}, {}, 0
        self.fault = self.goaway = self.protocol = None  # what the peer did wrong; its GOAWAY's error
        self.closed = False
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="latin-1", validate_outbound_headers=False,
                                               normalize_outbound_headers=False))
        self._outgoing, self._unsent, self._actions = {}, bytearray(), collections.deque()
        self._wake, self._woken = socket.socketpair()

    # ---- for answers, on this thread

    def head(self, stream, fields, end=False):
        self.h2.send_headers(stream, fields, end_stream=end)

    def respond(self, request, body=b"", status=200, fields=(), trailers=(), end=True):
        self.head(request.stream, [(":status", str(status)), *fields], end=end and not body and not trailers)
        if body or trailers or not end:
            self.more(request, body, trailers, end)

    def more(self, request, body, trailers=(), end=True):
        """A piece of a body that has begun; what the peer's windows do not let pass now goes later."""
        self._outgoing.setdefault(request.stream, []).append([memoryview(body), list(trailers), end])

    def raw(self, *octets):
        """Exactly these, after what was said before."""
        self._unsent += self.h2.data_to_send() + b"".join(octets)

    def raw_head(self, stream, fields, flags=0, kind=frames.HEADERS, first=b""):
        """A head that no library would write, in as many frames as it needs; the table of header fields stays in step."""
        coded = first + self.h2.encoder.encode(fields)
        self.raw(frames.head(stream, coded, bool(flags & frames.END_STREAM), flags & ~frames.END_STREAM & ~frames.END_HEADERS, kind))

    # ---- for tests, on theirs

    def do(self, action):
        """action() is called soon, by the connection's own thread."""
        self._actions.append(action)
        with contextlib.suppress(OSError):
            self._wake.send(b"x")

    # ---- the loop

    def run(self):
        self.h2.local_settings = Settings(client=False, initial_values=self.origin.settings)
        self.h2.initiate_connection()
        self.client.setblocking(False)
        self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while self._turn():
                pass
        except ValueError:  # the test has closed it
            pass
        except ProtocolError as error:
            self.fault = f"{type(error).__name__}: {error}"
            with contextlib.suppress(OSError):
                self._write()
        finally:
            self.closed = True

    def _turn(self):
        self._write()
        if not (isinstance(self.client, ssl.SSLSocket) and self.client.pending()):
            reading, _, _ = select.select([self.client, self._woken], [self.client] if self._unsent else [], [])
            if self._woken in reading:
                self._woken.recv(4096)
        while self._actions:
            self._answer(self._actions.popleft())
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            data = self.client.recv(1 << 16)
            if not data:
                return False
            for event in self.h2.receive_data(data):
                self._happened(event)
        return True

    def _write(self):
        for stream in list(self._outgoing):
            self._answer(lambda stream=stream: self._pump(stream))
        self._unsent += self.h2.data_to_send()
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while self._unsent:
                del self._unsent[:self.client.send(bytes(self._unsent))]

    def _pump(self, stream):
        pieces = self._outgoing[stream]
        while pieces:
            body, trailers, end = pieces[0]
            size = min(len(body), self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            last = size == len(body)
            if size or (last and end and not trailers):
                self.h2.send_data(stream, bytes(body[:size]), end_stream=last and end and not trailers)
            if not last:
                pieces[0][0] = body[size:]
                if not size:
                    return
                continue
            if trailers:
                self.h2.send_headers(stream, trailers, end_stream=True)
            pieces.pop(0)
        del self._outgoing[stream]

    def _answer(self, action):
        """What the peer has reset meanwhile needs none."""
        try:
            action()
        except ProtocolError:
            for stream, request in self.requests.items():
                if request.reset is not None:
                    self._outgoing.pop(stream, None)

    def _happened(self, event):
        request = self.requests.get(getattr(event, "stream_id", None))
        if isinstance(event, RequestReceived):
            request = self.requests[event.stream_id] = Request(self, event.stream_id, list(event.headers))
            request.end_came_with = "head" if event.stream_ended else None
            self.origin.requests.append(request)
            self._answer(lambda: self.origin.begun(self, request))
        elif isinstance(event, DataReceived):
            request.digest.update(event.data)
            request.size += len(event.data)
            request.end_came_with = len(event.data) if event.stream_ended else None
            if event.flow_controlled_length:
                self.h2.increment_flow_control_window(event.flow_controlled_length)
                if self.origin.reads(request) and not event.stream_ended:
                    self.h2.increment_flow_control_window(event.flow_controlled_length, event.stream_id)
            self._answer(lambda: self.origin.came(self, request, event.data))
        elif isinstance(event, TrailersReceived):
            request.trailers = list(event.headers)
        elif isinstance(event, StreamEnded):
            request.ended = True
            self._answer(lambda: self.origin.answer(self, request))
        elif isinstance(event, StreamReset):
            request.reset = int(event.error_code)
            self._outgoing.pop(event.stream_id, None)
        elif isinstance(event, RemoteSettingsChanged):
            self.settings.update({int(code): changed.new_value for code, changed in event.changed_settings.items()})
        elif isinstance(event, SettingsAcknowledged):
            self.acknowledged += 1
        elif isinstance(event, ConnectionTerminated):
            self.goaway = int(event.error_code)


class Http2Origin(Serving):
    """host: a name of the world; certificate for this and further `names`. protocols: what ALPN accepts; clear: by prior knowledge."""

    def __init__(self, lab, host="h2.test", port=None, names=(), clear=False, protocols=("h2",), settings=None):
        self.requests, self.connections, self.protocols = [], [], list(protocols)
        self.settings = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.MAX_CONCURRENT_STREAMS: 100, **(settings or {})}
        self.context, self.once = None, set()
        if not clear:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*lab.world.authority.issue([host, *names])[:2])
            self.context.set_alpn_protocols(self.protocols)
        super().__init__(lab.world.netns, lab.world.records[host][0], port or (80 if clear else 443))

    def serve(self, client):
        if self.context:
            client = self.context.wrap_socket(client, server_side=True)
            self.clients.append(client)
            if client.selected_alpn_protocol() == "http/1.1":
                return self.serve_http1(client)
        connection = Connection(self, client, len(self.connections))
        connection.protocol = client.selected_alpn_protocol() if self.context else None
        self.connections.append(connection)
        try:
            connection.run()
        finally:
            connection.closed = True
            client.close()

    def paths(self):
        return [request.path for request in self.requests]

    def request(self, path, seconds=20):
        """The last request for this path; waits for it."""
        return wait_for(lambda: [r for r in self.requests if r.path == path], seconds, f"a request for {path} at the origin")[-1]

    # ---- what a test may replace; on the connection's thread

    def serve_http1(self, client):
        """A connection on which that was agreed on, where `protocols` have it."""
        with client:
            read_head(client)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nby HTTP/1")

    def begun(self, connection, request):
        """The head of a request is here."""
        if request.field("expect"):
            connection.head(request.stream, [(":status", "100")])
        if request.path.startswith("/echo"):  # sends back what comes, as it comes
            connection.respond(request, fields=[("content-type", request.field("content-type") or "text/plain")], end=False)

    def came(self, connection, request, data):
        """A piece of its body."""
        if request.path.startswith("/echo"):
            connection.more(request, data, end=False)

    def reads(self, request):
        """Does the window of the request's body open again?"""
        return not request.path.startswith("/deaf")

    def answer(self, connection, request):
        """A request is here as a whole."""
        path = request.path
        if path.startswith("/bytes/"):
            connection.respond(request, blob(int(path.split("/")[2])) if request.method != "HEAD" else b"",
                               fields=[("content-length", path.split("/")[2])])
        elif path.startswith("/echo"):
            connection.more(request, b"", [("grpc-status", "0")])
        elif path.startswith("/held"):  # begins, and goes on when finish() says so
            connection.respond(request, b"first\n", end=False)
        elif path.startswith("/never"):
            pass
        elif path.startswith("/drip/"):  # /drip/N: N pieces, ten a second
            threading.Thread(target=self._drip, args=(connection, request, int(path.split("/")[2])), daemon=True).start()
        elif path.startswith("/trailers"):
            connection.respond(request, b"hi", fields=[("trailer", "x-sum")], trailers=[("x-sum", "abc"), ("x-more", "d")])
        elif path.startswith("/hints"):
            connection.head(request.stream, [(":status", "103"), ("link", "</x>")])
            connection.respond(request, b"hi")
        elif path == "/old":
            connection.h2.reset_stream(request.stream, frames.HTTP_1_1_REQUIRED)
        elif path == "/none":
            connection.h2.reset_stream(request.stream, frames.REFUSED_STREAM)
        elif path.startswith("/refused") and path not in self.once:
            self.once.add(path)
            connection.h2.reset_stream(request.stream, frames.REFUSED_STREAM)
        elif path.startswith("/goaway") and path not in self.once:  # has not looked at it
            self.once.add(path)
            connection.raw(frames.goaway(max(request.stream - 2, 0)))
        elif path.startswith("/last"):  # answers, and takes no more
            connection.respond(request, b"last\n")
            connection.raw(frames.goaway(request.stream))
        elif path.startswith("/head"):
            connection.respond(request, json.dumps(request.fields).encode())
        elif path.startswith("/endless"):  # as much as its head says, and no END_STREAM behind it
            connection.respond(request, b"all of it\n", fields=[("content-length", "10")], end=False)
        elif path.startswith("/slow"):  # the head at once, and no end
            connection.respond(request, end=False)
        elif request.method in ("POST", "PUT"):
            connection.respond(request, json.dumps({"bytes": request.size, "md5": request.digest.hexdigest()}).encode())
        else:
            body = f"hello from {request.authority}\n".encode()
            connection.respond(request, b"" if request.method == "HEAD" else body, fields=[("content-length", str(len(body)))])

    def finish(self, request, body=b"second\n"):
        request.connection.do(lambda: request.connection.more(request, body))

    def _drip(self, connection, request, pieces):
        connection.do(lambda: connection.respond(request, end=False))
        for _ in range(pieces):
            connection.do(lambda: connection.more(request, b"dripped\n", end=False))
            time.sleep(0.1)
            if connection.closed or request.reset is not None:
                return
        connection.do(lambda: connection.more(request, b""))
