"""What sends back what it was sent: `-m lib.echo_server SPEC.json` (https_program.py). A hostile origin, or one that is too helpful.

The credential of a request is what stands in Authorization (of Basic: the password), in X-Api-Key or under `key` in the query; SPEC has no
secret. Where it comes back depends on the path, whose first two parts are:
  /spelled/SPELLING   in a body, in one of SPELLINGS           /encoded/CODINGS     a body encoded although nobody asked: "gzip", "gzip,br"
  /split/N            chunks of N octets, one record each      /counted/N           the same with Content-Length
  /closed/N           the same until the connection ends       /field /reason /name a header field, the reason, a field's name
  /trailer            a trailer behind chunks                  /early               a field of 103
  /cookie             Set-Cookie                               /redirect/HOST       307 to HOST, with the secret in Location
  /range/CODING       206, of a piece of the encoded body      /events/NAME         events; the second comes after /release/NAME
  /bomb/N             gzip of N MiB of zeros                   anything else        the head of the request as a body
The log has a line for each request: {"event": "request", "method", "target", "fields", "body"}."""

import base64
import collections
import contextlib
import gzip
import json
import threading
import time
import urllib.parse
import zlib

import brotli
import zstandard

from lib.https_program import Server
from lib.origin import blob

FILLER = base64.b64encode(blob(1500))  # of 64 signs: no coding leaves what is between as it was
_CODINGS = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.ZstdCompressor().compress, "deflate": zlib.compress,
            "identity": bytes, "x-odd": bytes}


def _base64(shift):
    return lambda secret: base64.b64encode(b"x" * shift + secret + b"y" * 7)


SPELLINGS = {
    "plain": bytes, "upper": bytes.upper, "reversed": lambda secret: secret[::-1],
    "base64-0": _base64(0), "base64-1": _base64(1), "base64-2": _base64(2),
    "base64url": lambda secret: base64.urlsafe_b64encode(secret).rstrip(b"="),
    "basic": lambda secret: base64.b64encode(b"x-access-token:" + secret),
    "hex": lambda secret: secret.hex().encode(), "HEX": lambda secret: secret.hex().upper().encode(),
    "percent": lambda secret: urllib.parse.quote(secret, safe="").encode(),
    "percent-all": lambda secret: b"".join(b"%%%02X" % octet for octet in secret),
    "percent-lower": lambda secret: b"".join(b"%%%02x" % octet for octet in secret),
    "json": lambda secret: json.dumps(secret.decode()).encode(),
    "json-slash": lambda secret: json.dumps(secret.decode()).replace("/", "\\/").encode(),
}


def seen(request):
    """The credential that a request carries, wherever it does."""
    scheme, _, value = request.field("authorization").partition(" ")
    if scheme.lower() == "basic":
        return base64.b64decode(value).partition(b":")[2]
    query = dict(urllib.parse.parse_qsl(request.query))
    return (value or request.field("x-api-key") or query.get("key", "none")).encode()


class Echo(Server):
    def __init__(self, spec):
        self.gates = collections.defaultdict(threading.Event)
        super().__init__(spec)

    def serve(self, request, exchange):
        self.note(event="request", method=request.method, target=request.target, fields=request.fields,
                  body=request.body[:4096].decode("latin-1"))
        _, kind, *more = request.path.split("/")
        getattr(self, f"_{kind}", self._head)(request, exchange, *more[:1])

    def _head(self, request, exchange, *_):
        lines = [f"{request.method} {request.target} HTTP/1.1", *[f"{name}: {value}" for name, value in request.fields], ""]
        exchange.reply(200, "\r\n".join(lines).encode("latin-1") + request.body, [("Content-Type", "message/http")])

    def _spelled(self, request, exchange, spelling):
        exchange.reply(200, b"before " + SPELLINGS[spelling](seen(request)) + b" behind")

    def _encoded(self, request, exchange, codings):
        body = FILLER + seen(request) + FILLER
        for coding in codings.split(","):
            body = _CODINGS[coding](body)
        exchange.reply(200, body, [("Content-Encoding", codings.replace(",", ", ")), ("ETag", '"strong"')])

    def _bomb(self, _request, exchange, mebibytes):
        exchange.head(200, [("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")])
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        for _ in range(int(mebibytes)):
            if data := packer.compress(bytes(1 << 20)):
                exchange.chunk(data)
        exchange.chunk(packer.flush())
        exchange.chunk(b"")

    def _split(self, request, exchange, size):
        exchange.head(200, [("Transfer-Encoding", "chunked")])
        for piece in _pieces(request, size):
            exchange.chunk(piece)
        exchange.chunk(b"")

    def _counted(self, request, exchange, size):
        pieces = _pieces(request, size)
        exchange.head(200, [("Content-Length", str(sum(map(len, pieces))))])
        for piece in pieces:
            exchange.wfile.write(piece)

    def _closed(self, request, exchange, size):
        exchange.head(200, [("Connection", "close")])
        exchange.close_connection = True
        for piece in _pieces(request, size):
            exchange.wfile.write(piece)
        with contextlib.suppress(OSError):  # with close_notify: without it the body would be one that was cut off
            exchange.connection.unwrap()

    def _field(self, request, exchange, *_):
        secret = seen(request).decode()
        exchange.reply(200, b"in a field\n", [("X-Seen", secret), ("Link", f"<https://echo.test/?k={secret}>")])

    def _says(self, request, exchange, name):
        exchange.reply(200, FILLER + seen(request) + FILLER, [(name, "gzip")])

    def _name(self, request, exchange, *_):
        exchange.reply(200, b"in a name\n", [(seen(request).decode(), "1")])

    def _reason(self, request, exchange, *_):
        exchange.head(200, [("Content-Length", "12")], reason=f"Hello {seen(request).decode()}")
        exchange.wfile.write(b"in a reason\n")

    def _early(self, request, exchange, *_):
        exchange.head(103, [("Link", f"</{seen(request).decode()}>")])
        exchange.reply(200, b"early\n")

    def _trailer(self, request, exchange, *_):
        exchange.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Seen")])
        exchange.chunk(b"a body\n")
        exchange.wfile.write(b"0\r\nX-Seen: " + seen(request) + b"\r\n\r\n")

    def _cookie(self, _request, exchange, *_):
        exchange.reply(200, b"a cookie\n", [("Set-Cookie", "session=of-the-identity; Secure"), ("Set-Cookie", "second=2")])

    def _redirect(self, request, exchange, host):
        exchange.reply(307, b"", [("Location", f"https://{host}/head?k={seen(request).decode()}")])

    def _range(self, request, exchange, coding):
        whole = _CODINGS[coding](FILLER + seen(request) + FILLER)
        piece = whole[1:-1]
        exchange.reply(206, piece, [("Content-Encoding", coding), ("Content-Range", f"bytes 1-{len(whole) - 2}/{len(whole)}")])

    def _events(self, request, exchange, name):
        exchange.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        exchange.chunk(b"data: " + seen(request) + b"\n\n")
        self.gates[name].wait(60)
        exchange.chunk(b"data: " + seen(request)[:10])
        time.sleep(0.05)
        exchange.chunk(seen(request)[10:] + b"\n\n")
        exchange.chunk(b"")

    def _release(self, _request, exchange, name):
        self.gates[name].set()
        exchange.reply(200, b"released\n")


def _pieces(request, size):
    body = b"before " + seen(request) + b" between " + SPELLINGS["base64-1"](seen(request)) + b" behind"
    return [body[start:start + int(size)] for start in range(0, len(body), int(size))]


if __name__ == "__main__":
    Echo.main()
