"""What HTTPS servers of a test's world have in common that are programs: `python3 -m lib.PROGRAM SPEC.json`. HTTP/1.1,
a thread for each connection.

SPEC is {"address", "port", "certificates": {name: [chain, key]}, "log": file, "faults": file, ...}. The log is JSON Lines. The faults
file, where there is one, is a list of {"path", "host", "delay", "status", "body"}: what comes of requests to a path from now on, of
every host or of this one; "delay" alone is a slow server."""

import contextlib
import http
import json
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Request:
    """As it was sent: target and fields are untouched, the body is without its transfer coding."""

    def __init__(self, method, target, fields, body):
        self.method, self.target, self.fields, self.body = method, target, fields, body
        self.path, _, self.query = target.partition("?")

    def values(self, name):
        return [value.strip() for key, value in self.fields if key.lower() == name]

    def field(self, name):
        """All values as one text; empty: it is not there."""
        return ", ".join(self.values(name))

    @property
    def host(self):
        return self.field("host").partition(":")[0].lower()


class Exchange(BaseHTTPRequestHandler):
    """One connection; `serve` is called for each request."""

    protocol_version = "HTTP/1.1"
    timeout = 120

    def setup(self):
        self.request = self.server.contexts.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self):
        with contextlib.suppress(OSError, EOFError):
            super().handle()

    def finish(self):
        with contextlib.suppress(OSError):
            super().finish()

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self):
        asked = Request(self.command, self.requestline.split(" ")[1], self.headers.items(), self._body())
        for fault in self.server.faults():
            if asked.path == fault["path"] and fault.get("host", asked.host) == asked.host:
                time.sleep(fault.get("delay", 0))
                if "status" in fault:
                    self.server.note(event="fault", host=asked.host, method=asked.method, target=asked.target, status=fault["status"])
                    self.reply(fault["status"], fault.get("body", "").encode())
                    return
        self.server.serve(asked, self)

    def _body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self._exactly(int(self.headers.get("content-length", 0)))
        pieces = []
        while length := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self._exactly(length))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _exactly(self, length):
        data = self.rfile.read(length)
        if len(data) < length:
            raise EOFError
        return data

    def reply(self, status, body=b"", fields=()):
        """A whole response. HEAD gets none of the body."""
        self.head(status, [("Content-Length", str(len(body))), *fields] if status != 204 else fields)
        if body and self.command != "HEAD":
            self.wfile.write(body)

    def head(self, status, fields, reason=None):
        lines = [f"HTTP/1.1 {status} {reason or http.HTTPStatus(status).phrase}", *[f"{name}: {value}" for name, value in fields]]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def chunk(self, data):
        """At once, in a record of its own; empty: the end."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def json(self, status, value, fields=()):
        self.reply(status, json.dumps(value).encode(), [("Content-Type", "application/json"), *fields])

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """serve(request, exchange) of a subclass answers one request."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, spec):
        self.spec = spec
        self.contexts = _by_name(spec["certificates"])
        self.lock = threading.Lock()
        self._log = open(spec["log"], "a", buffering=1)
        super().__init__((spec["address"], spec["port"]), Exchange)
        self.note(event="ready")

    def note(self, **more):
        with self.lock:
            self._log.write(json.dumps({"time": time.time(), **more}) + "\n")

    def faults(self):
        if not os.path.exists(self.spec["faults"]):
            return []
        with open(self.spec["faults"]) as file:
            return json.load(file)

    def handle_error(self, *_):
        """What a peer does to a handshake is its own affair; what fails in here is not."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*_)

    @classmethod
    def main(cls):
        with open(sys.argv[1]) as file:
            spec = json.load(file)
        cls(spec).serve_forever()


def _by_name(certificates):
    contexts = {}
    for name, (chain, key) in certificates.items():
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[name].load_cert_chain(chain, key)
        contexts[name].set_alpn_protocols(["http/1.1"])
    first = next(iter(contexts.values()))

    def choose(connection, name, _):
        connection.context = contexts.get(name, first)
    first.sni_callback = choose
    return first
