"""An HTTP/1.1 origin that keeps every octet it is sent, and is as strict as a reader can be about where one request ends."""

import contextlib
import re
import ssl
import threading

from lib.processes import Timeout, wait_for
from lib.serving import Serving, read_head

_LINE = rb"[A-Z]+ /[!-~]* HTTP/1\.1"
_FIELD = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*"


class Http1Capture(Serving):
    """heads, bodies: of each request, in order. faults: what was no request."""

    def __init__(self, lab, host="h1.test", port=443):
        self.heads, self.bodies, self.faults, self.taps = [], [], [], []
        self.lock = threading.Lock()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*lab.world.authority.issue([host])[:2])
        self.context.set_alpn_protocols(["http/1.1"])
        super().__init__(lab.world.netns, lab.world.records[host][0], port)

    def serve(self, client):
        client = _Tapped(self.context.wrap_socket(client, server_side=True))
        self.clients.append(client.socket)
        self.taps.append(client)
        with client.socket, client:
            while True:
                head = read_head(client)
                fields = self._fields(head)
                if fields is None:
                    return
                body = self._body(client, fields)
                if body is None:
                    return
                client.unread.clear()
                with self.lock:
                    self.bodies.append(body)
                    self.heads.append(head)
                client.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))

    def _fields(self, head):
        line, *lines = head[:-4].split(b"\r\n")
        if not re.fullmatch(_LINE, line) or not all(re.fullmatch(_FIELD, each) for each in lines):
            self.faults.append(head)
            return None
        return [(name.lower(), value.strip()) for name, _, value in (each.partition(b":") for each in lines)]

    def _body(self, client, fields):
        lengths = [value for name, value in fields if name == b"content-length"]
        codings = [value for name, value in fields if name == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]) or not all(value.isdigit() for value in lengths):
            self.faults.append(fields)
            return None
        if not codings:
            return client.exactly(int(lengths[0]) if lengths else 0)
        body = b""
        while size := int(client.line(), 16):
            body += client.exactly(size)
            assert client.exactly(2) == b"\r\n"
        if client.line():
            self.faults.append(b"a trailer")
            return None
        return body

    def targets(self):
        return [head.split(b" ")[1].decode("latin-1") for head in self.heads]

    def field(self, number, name):
        """All values of a field of a request, in order."""
        return [value for key, value in self._fields(self.heads[number]) if key == name]

    def exactly(self, count):
        """So many requests have come, and not an octet beyond them, but for requests cut short whose connection was, too."""
        wait_for(lambda: len(self.heads) >= count, what=f"{count} requests at the origin")

        def beyond():
            return [bytes(tap.unread) for tap in self.taps if tap.unread and not tap.over]
        with contextlib.suppress(Timeout):
            wait_for(lambda: not beyond(), 5)
        assert len(self.heads) == count and not self.faults and not beyond(), (self.heads, self.faults, beyond())


class _Tapped:
    def __init__(self, connection):
        self.over = False
        self.socket, self.unread = connection, bytearray()  # unread: of a request that is not whole yet

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True

    def recv(self, size):
        data = self.socket.recv(size)
        self.unread += data
        return data

    def exactly(self, size):
        data = b""
        while len(data) < size:
            piece = self.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def line(self):
        data = b""
        while not data.endswith(b"\r\n"):
            data += self.exactly(1)
        return data[:-2]
