"""HTTP/2 origins that answer what nobody asked for, or what is no HTTP/2: nothing of it reaches a guest."""

import contextlib
import json

from lib import http2_frames as h2
from lib.expect import equal
from lib.http2_client import speak
from lib.http2_origin import Http2Origin
from lib.lab import RULE, Lab, policy
from lib.oracles import live, settled
from lib.origin import blob
from lib.processes import wait_for
from lib.runner import hang_guard

HOST = "h2.test"
OK = [(":status", "200")]


def promise(connection, request, host, number=2):
    connection.raw_head(request.stream, [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", "/pushed")],
                        kind=h2.PUSH_PROMISE, first=h2.number(number))
    connection.raw_head(number, OK)
    connection.raw(h2.data(number, b"nobody asked for this"))


def heads(*many, end=False):
    def say(connection, request):
        for fields in many:
            connection.raw_head(request.stream, fields, h2.END_STREAM if end else 0)
    return say


def octets(make):
    return lambda connection, request: connection.raw(make(request.stream))


# What an origin may say instead of a response.
ODD = {
    "no status": heads([("x", "y")], end=True), "two of them": heads(OK + OK, end=True),
    "a status behind a field": heads([("x", "y"), *OK]),
    "no number": heads([(":status", "ok")]), "status 2000": heads([(":status", "2000")]), "status 20": heads([(":status", "20")]),
    "101": heads([(":status", "101")]), "a path": heads([*OK, (":path", "/")]), "upper case": heads([*OK, ("X", "y")]),
    "another line": heads([*OK, ("x", "a\r\nset-cookie: b")]), "NUL": heads([*OK, ("x", "a\0b")]),
    "a name of two words": heads([*OK, ("a b", "c")]), "connection": heads([*OK, ("connection", "close")]),
    "chunks": heads([*OK, ("transfer-encoding", "chunked")]), "a length of letters": heads([*OK, ("content-length", "x")]),
    "two lengths": heads([*OK, ("content-length", "1"), ("content-length", "2")]),
    "a large head": heads([*OK, *[(f"x-{number}", "a" * 1000) for number in range(90)]]),
    "hints without end": heads(*[[(":status", "103"), ("link", "</x>")]] * 50, OK, end=True),
    "a body before the head": octets(lambda stream: h2.data(stream, b"hi")),
    "no such index": octets(lambda stream: h2.head(stream, b"\xff" * 4)),
    "pieces without end": octets(lambda stream: h2.frame(h2.HEADERS, 0, stream) + h2.frame(h2.CONTINUATION, 0, stream) * 5000),
    "a frame too large": octets(lambda stream: h2.frame(h2.DATA, 0, stream, bytes(1 << 16))),
    "HTTP/1.1": octets(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    "a head nobody asked for": octets(lambda _: h2.head(1001, h2.block(OK))),
    "settings in a stream": octets(lambda stream: h2.frame(h2.SETTINGS, 0, stream, bytes(6))),
    "PINGs without end": octets(lambda _: h2.frame(h2.PING, payload=bytes(8)) * 9000),
}


class Hostile(Http2Origin):
    def answer(self, connection, request):
        path = request.path
        if path.startswith("/odd/"):
            return list(ODD.values())[int(path.split("/")[2])](connection, request)
        if path.startswith("/push"):
            promise(connection, request, "evil.test" if "evil" in path else HOST)
            return connection.respond(request, b"what was asked for")
        if path == "/widen":
            text = b"h3=\":443\", h2=\"evil.test:443\""
            connection.raw(h2.frame(h2.ALTSVC, 0, 0, b"\0\x0fhttps://h2.test" + text),
                           h2.frame(h2.ALTSVC, 0, request.stream, b"\0\0" + text),
                           h2.frame(h2.ORIGIN, 0, 0, b"\0\x11https://evil.test"), h2.frame(h2.UNKNOWN, 0, request.stream, b"?"))
            return connection.respond(request, b"hi", fields=[("alt-svc", text.decode()), ("x-kept", "a")],
                                      trailers=[("alt-svc", text.decode()), ("x-sum", "b")])
        if path == "/short":  # less than was said
            return connection.respond(request, b"half", fields=[("content-length", "10")])
        if path == "/long":
            connection.head(request.stream, [*OK, ("content-length", "2")])
            return connection.raw(h2.data(request.stream, b"hi, and more"))
        if path == "/status-in-trailers":
            connection.head(request.stream, OK)
            connection.raw(h2.data(request.stream, b"hi", end=False))
            return connection.raw_head(request.stream, [(":status", "200"), ("x", "y")], h2.END_STREAM)
        if path == "/cut-at-once":
            head = h2.head(request.stream, h2.block([*OK, ("content-length", "10")]))
            return connection.raw(head + h2.data(request.stream, b"begun", end=False) + h2.frame(h2.RST_STREAM, 0, request.stream, bytes(4)))
        if path == "/cut":
            connection.respond(request, b"begun", end=False)
            return connection.do(lambda: connection.h2.reset_stream(request.stream, h2.INTERNAL_ERROR))
        return super().answer(connection, request)


@contextlib.contextmanager
def lab(**options):
    rules = (f"h2.test {RULE}", f"evil.test {RULE}")
    with Lab(policy(*rules), guests=("g1", "g2"), **options) as made, Hostile(made, names=["evil.test"]) as origin:
        for guest in made.guests.values():
            guest.trust_enforcer()
        yield made, origin


@hang_guard(120)
def test_132_answers_that_nobody_asked_for():
    with lab() as (made, origin):
        for path in ("/push", "/push-evil"):
            with speak(made.guest, HOST, settings={h2.ENABLE_PUSH: 1, h2.INITIAL_WINDOW_SIZE: 1 << 20}) as client:
                stream = client.settled().ask(path=path)
                assert stream.status in (None, 502) and b"nobody" not in stream.data, stream
                connection = origin.request(path).connection
                wait_for(lambda: connection.goaway is not None or connection.closed, what="the end of that origin's connection")
                equal(connection.settings[h2.ENABLE_PUSH], 0, "what the origin was told")
                assert connection.goaway not in (None, h2.NO_ERROR), f"GOAWAY {connection.goaway}"
                equal(client.ask(path="/after").status, 200, "the control: a request behind it")
                assert origin.request("/after").connection is not connection
                equal((client.kinds[h2.PUSH_PROMISE], client.goaway), (0, None))
                equal({number % 2 for number in client.streams}, {1})
            assert "/pushed" not in origin.paths()
        equal(made.world.connections("evil.test"), [])
        live(made, "https://h2.test/")


@hang_guard(120)
def test_132_frames_that_lead_elsewhere():
    with lab() as (made, origin):
        with speak(made.guest, HOST) as client:
            for _ in range(3):
                stream = client.settled().ask(path="/widen")
                equal((stream.status, bytes(stream.data), stream.field("x-kept")), (200, b"hi", "a"))
                equal(stream.trailers, [("x-sum", "b")])
                equal((stream.field("alt-svc"), stream.field("alt-svc", stream.trailers)), (None, None))
            usual = {h2.DATA, h2.HEADERS, h2.SETTINGS, h2.WINDOW_UPDATE, h2.PING, h2.RST_STREAM}
            assert set(client.kinds) <= usual, f"frames of these kinds came to the guest: {set(client.kinds)}"
            equal(client.ask(authority="evil.test").status, 421, "nothing is wider than before")
        equal(len(origin.connections), 1)
        reply = made.guest.curl("https://h2.test/widen", "--http1.1")
        assert reply.status == 200 and "alt-svc" not in reply.talk.lower().replace("alt-svc cache", ""), reply.talk
        live(made, "https://h2.test/")


@hang_guard(300)
def test_120_origin_that_speaks_no_http2():
    with lab(config={"deadlines": {"idle": "20s"}}) as (made, origin):
        faults = []
        for number, what in enumerate(ODD):
            with speak(made.guest, HOST) as client:
                held = client.request(path="/held")
                client.wait(lambda: held.data, "a response to begin")
                stream = client.ask(path=f"/odd/{number}")
                if stream.status != 502 or json.loads(stream.data)["reason"] != "upstream_proto":
                    faults.append(f"{what}: {stream}")
                # What the same connection of the origin's still owed may be lost with it, and is never taken for whole.
                origin.finish(origin.request("/held"))
                client.answer(held)
                assert not held.ended or held.data == b"first\nsecond\n", held
                equal(client.ask(path="/after").status, 200, f"the control behind: {what}")
        assert not faults, "\n".join(faults)
        end = made.enforcer.wait_record(type="end", reason="upstream_proto")
        equal(end["outcome"], "denied")
        for path in ("/short", "/long", "/status-in-trailers", "/cut", "/cut-at-once"):
            for options in ([], ["--http1.1"]):
                reply = made.guest.curl(f"https://h2.test{path}", *options)
                assert reply.exit_code != 0 or reply.status == 502, f"{path} {options} looks whole: {reply.talk}"
        equal(made.guest.curl("https://h2.test/bytes/100").body, blob(100), "the control")
        settled(made)
        live(made, "https://h2.test/")
