"""From HTTP/2 to HTTP/1.1: what is one request to the guest must be one request, and the same one, to an origin that reads lines.

The lab: h1.test speaks HTTP/1.1 only, keeps every octet, and does not forgive. Guests speak HTTP/2."""

import contextlib
import json
import re

from lib import http2_frames as h2
from lib.expect import equal
from lib.http1_capture import Http1Capture
from lib.http2_client import speak
from lib.lab import RULE, Lab, policy
from lib.oracles import denies, live
from lib.origin import blob
from lib.processes import wait_for
from lib.runner import hang_guard

HOST = "h1.test"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h1.test\r\n\r\n"


@contextlib.contextmanager
def lab(*allow, **options):
    with Lab(policy(*(allow or (f"h1.test {RULE}",))), **options) as made, Http1Capture(made) as origin:
        for guest in made.guests.values():
            guest.trust_enforcer()
        yield made, origin


@hang_guard(300)
def test_128_text_that_would_be_another_request():
    line = "\r\nX-Evil: a\r\n\r\n" + SMUGGLED.decode()
    bad = [[(":path", "/a" + line)], [(":path", "/a HTTP/1.1" + line)], [(":path", "/a b")], [(":method", "GET /x")],
           [(":method", "GET /smuggled HTTP/1.1\r\n\r\nGET")], [(":method", "POST\nGET")],
           [(":authority", "h1.test" + line)], [(":authority", "h1.test\r\nX-Evil: a")], [(":scheme", "https" + line)],
           [("x", "a" + line)], [("x", "a\nX-Evil: b")], [("x", "a\rX-Evil: b")], [("x", "a\0")],
           [("x: a\r\nx-evil", "b")], [("x\r\nx-evil", "b")], [("x-evil: a", "b")], [("x y", "b")], [("cookie", "a=b\r\nX-Evil: a")],
           [("transfer-encoding", "chunked")], [("transfer-encoding", "identity")], [("Transfer-Encoding", "chunked")],
           [("transfer-encoding", "chunked\r\n\r\n")], [("connection", "transfer-encoding")], [("connection", "close")],
           [("content-length", "0")], [("content-length", "5"), ("content-length", str(len(SMUGGLED)))], [("content-length", "0\r\nx: y")],
           [("content-length", "+5")], [("content-length", f"{len(SMUGGLED)}, 0")], [("upgrade", "websocket")], [("host", "evil.test")],
           [("http2-settings", "a\r\n")], [("te", "chunked")], [("expect", "100-continue\r\nX-Evil: a")]]
    with lab() as (made, origin):
        good = 0
        for number, more in enumerate(bad):
            with speak(made.guest, HOST) as client:
                equal(client.ask("POST", "/before", body=b"a").status, 200)
                names = {name for name, _ in more if name.startswith(":")}
                fields = [*more, *[field for field in client.pseudo("POST", f"/bad/{number}") if field[0] not in names]]
                fields.sort(key=lambda field: not field[0].startswith(":"))
                try:
                    with denies(made, "h2_proto"):
                        stream = client.open(fields, end=False)
                        client.write(stream, SMUGGLED)
                        client.answer(stream)
                except AssertionError as error:
                    raise AssertionError(f"{more}: {error}") from error
                assert stream.status is None and (stream.reset == h2.PROTOCOL_ERROR or client.goaway), (more, stream, client.goaway)
                good += 1
                if not client.ended and not client.goaway:
                    equal(client.ask("POST", "/after", body=b"a").status, 200)
                    good += 1
        origin.exactly(good)
        equal(set(origin.targets()), {"/before", "/after"})
        everything = b"".join(origin.heads + origin.bodies).lower()
        assert b"evil" not in everything and b"smuggled" not in everything, everything
        live(made, "https://h1.test/")


@hang_guard(150)
def test_128_body_is_the_body_whatever_is_in_it():
    chunk = b"0\r\n\r\n" + SMUGGLED
    bodies = [b"", SMUGGLED, chunk, b"\r\n\r\n" + SMUGGLED, b"5\r\nhello\r\n" + chunk, b"\0" * 100, chunk * 3000, blob(2_000_000)]
    with lab() as (made, origin), speak(made.guest, HOST) as client:
        expected = []
        for body in bodies:
            for fields in ((), (("content-length", str(len(body))),)):
                stream = client.ask("POST", f"/{len(expected)}", *fields, body=body)
                equal(stream.status, 200)
                expected.append(body)
        stream = client.request("POST", "/pieces", end=False)  # in frames that would look like lines
        for piece in (b"0", b"\r\n", b"\r\n", SMUGGLED, b"", b"\r\n0\r\n\r\n"):
            client.write(stream, piece, end=False)
            client.ping()
        client.write(stream, b"")
        equal(client.answer(stream).status, 200)
        equal(client.ask().status, 200)
        origin.exactly(len(expected) + 2)
        by_target = dict(zip(origin.targets(), origin.bodies))
        for number, body in enumerate(expected):
            assert by_target[f"/{number}"] == body, (number, body[:100], by_target[f"/{number}"][:100])
        equal(by_target["/pieces"], b"0\r\n\r\n" + SMUGGLED + b"\r\n0\r\n\r\n")


@hang_guard(120)
def test_128_body_that_is_cut_short_is_no_request():
    with lab() as (made, origin):
        begun = 0

        def allowed():
            return len(made.enforcer.records(type="decision", decision="allow", path="/cut"))
        for what, fields, body in (("half of what was said", [("content-length", "100")], SMUGGLED), ("no end", [], SMUGGLED),
                                   ("no end of a chunk", [], b"0\r\n\r\n" + SMUGGLED)):
            for way in ("the stream is reset", "the connection is gone", "the stream ends"):
                if way == "the stream ends" and not fields:
                    continue
                with speak(made.guest, HOST) as client:
                    stream = client.request("POST", "/cut", *fields, body=body, end=False)
                    begun += 1
                    wait_for(lambda: allowed() == begun, what="the upload to begin")
                    if way == "the stream is reset":
                        client.send(h2.reset(stream.number))
                        equal(client.ask(path="/whole").status, 200, what)
                    elif way == "the stream ends":
                        client.write(stream, b"")
                        client.answer(stream)
                        assert stream.status is None and stream.reset is not None, stream
        wait_for(lambda: made.enforcer.metric("enforcer_connections_active") == 0, what="the end of all connections")
        origin.exactly(3)
        equal(set(origin.targets()), {"/whole"})
        wait_for(lambda: len(made.enforcer.records(type="end", layer="http", outcome="guest_reset")) == 6, what="the end of all cut uploads")
        live(made, "https://h1.test/")


def test_128_what_arrives_is_what_was_decided():
    """Fields that only one of the two versions knows, and values that must not split or join on the way."""
    rule = ('h1.test http: [{methods: [GET], paths: ["/public/**"]}, {methods: [POST], paths: ["/form"], headers: {X-Role: "user"}}]')
    with lab(rule) as (made, origin), speak(made.guest, HOST) as client:
        sent = [("cookie", "a=b"), ("x-one", "1"), ("cookie", "c=d; e=f"), ("x-one", "2"), ("te", "trailers"), ("priority", "u=1"),
                ("http2-settings", "AAMAAABk"), ("cookie", "g=h"), ("x-forwarded-host", "evil.test"), ("host", "h1.test:443")]
        equal(client.ask(path="/public/%61/./b/../c?x=%2F").status, 200)
        stream = client.answer(client.open(client.pseudo(path="/public/fields") + sent))
        equal(stream.status, 200)
        equal(origin.targets(), ["/public/a/c?x=%2F", "/public/fields"])
        equal(origin.field(1, b"cookie"), [b"a=b; c=d; e=f; g=h"], "one field, as HTTP/1.1 wants it")
        equal(origin.field(1, b"host"), [b"h1.test"])
        equal(b", ".join(origin.field(1, b"x-one")), b"1, 2")
        for name in (b"http2-settings", b"upgrade", b"x-forwarded-host"):
            assert not origin.field(1, name), (name, origin.heads[1])
        for method, path, fields, reason in (
                ("GET", "/admin", [], "request"), ("GET", "/public/../admin", [], "request"), ("DELETE", "/public/a", [], "request"),
                ("GET", "/public/%2e%2e/admin", [], "request"), ("POST", "/form", [], "request"),
                ("POST", "/form", [("x-role", "admin")], "request"), ("POST", "/form", [("x-role", "user,admin")], "request"),
                ("POST", "/form", [("x-role", "user"), ("x-role", "admin")], "request"),
                ("GET", "/public/a", [("x-http-method-override", "DELETE")], None)):
            if reason:
                with denies(made, reason):
                    stream = client.ask(method, path, *fields)
                equal((stream.status, json.loads(stream.data)["reason"]), (403, reason), (method, path, fields))
            else:
                equal(client.ask(method, path, *fields).status, 200)
        equal(client.ask("POST", "/form", ("x-role", "user"), body=b"").status, 200, "the control: what the rule wants")
        assert b"override" not in origin.heads[2].lower(), origin.heads[2]
        origin.exactly(4)


@hang_guard(120)
def test_128_many_streams_are_as_many_requests():
    """Side by side, and answers come back to who asked: an origin's connection serves one stream at a time."""
    with lab() as (made, origin), speak(made.guest, HOST) as client:
        client.settled()
        for round_ in range(5):
            streams = {path: client.request("POST", path, body=path.rpartition("/")[2].encode() * 50)
                       for path in (f"/{round_}/{number}" for number in range(60))}
            for path, stream in streams.items():
                client.answer(stream)
                equal((stream.status, stream.data.split(b" ")[1].decode()), (200, path), "whose answer it is")
        origin.exactly(300)
        for target, body in zip(origin.targets(), origin.bodies):
            equal(body, target.rpartition("/")[2].encode() * 50, target)
        decisions = made.enforcer.records(type="decision", decision="allow", layer="http", method="POST")
        equal(len({record["decision_id"] for record in decisions}), 300)
        ends = wait_for(lambda: (e := made.enforcer.records(type="end", layer="http")) and len(e) == 300 and e, what="the ends of all")
        equal({end["decision_id"] for end in ends}, {record["decision_id"] for record in decisions})


@hang_guard(120)
def test_128_answers_of_lines_stay_what_they_are():
    """An HTTP/1.1 origin's framing, trailers and second answers become nothing else in HTTP/2."""
    def raw(text):
        return "/raw/" + text.hex()
    second = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"
    with Lab(policy(f"mitm.test {RULE}")) as made:
        made.guest.trust_enforcer()
        with speak(made.guest, "mitm.test") as client:
            ok = b"HTTP/1.1 200 OK\r\n"
            stream = client.ask(path=raw(
                ok + b"Transfer-Encoding: chunked\r\nConnection: X-A\r\nX-A: b\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\nSet-Cookie: a=b\r\n"
                b"Set-Cookie: c=d\r\nAlt-Svc: h3=\":443\"\r\n\r\n2;x=y\r\nhi\r\n0\r\nX-Late: z\r\n\r\n"))
            equal((stream.status, bytes(stream.data), stream.ended), (200, b"hi", True))
            names = [name for name, _ in stream.fields]
            assert not {"transfer-encoding", "connection", "keep-alive", "upgrade", "x-a", "alt-svc"} & set(names), names
            equal([value for name, value in stream.fields if name == "set-cookie"], ["a=b", "c=d"])
            assert all(re.fullmatch(r":?[a-z0-9-]+", name) for name in names), names
            stream = client.ask(path=raw(ok + b"Content-Length: 2\r\n\r\nhi" + second))
            equal((stream.status, bytes(stream.data)), (200, b"hi"))
            stream = client.ask(path=raw(ok + b"\r\nuntil the end"))
            equal((stream.status, bytes(stream.data), stream.ended), (200, b"until the end", True))
            for text in (ok + b"Content-Length: 10\r\n\r\nhalf", ok + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                         ok + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"):
                stream = client.ask(path=raw(text))
                assert stream.reset is not None and not stream.ended, f"an answer cut short looks whole: {stream}"
            for text in (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/2 200\r\n\r\n", ok + b"X: a\nB: c\r\n\r\n",
                         ok + b":status: 200\r\n\r\n", ok + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", b"SSH-2.0-x\r\n\r\n",
                         h2.settings() * 3):
                stream = client.ask(path=raw(text))
                equal((stream.status, json.loads(stream.data)["reason"]), (502, "upstream_proto"), text)
            equal(client.ask().status, 200)
        live(made)
