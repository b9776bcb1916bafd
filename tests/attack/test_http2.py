"""HTTP/2: streams of one connection that want different things, and frames that no honest client sends.

The lab: h2.test speaks HTTP/2 only, by TLS that ends at Enforcer and in clear by prior knowledge; both are allowed."""

import contextlib
import json

from lib import http2_frames as h2
from lib.expect import equal
from lib.guest import exchange, read_response
from lib.http2_client import speak
from lib.http2_origin import Http2Origin
from lib.lab import RULE, Lab, policy
from lib.oracles import denies, is_refusal, live
from lib.processes import wait_for
from lib.runner import hang_guard

HOST = "h2.test"
H2 = (f"h2.test {RULE}", f"h2.test:80 {RULE}")


@contextlib.contextmanager
def lab(*allow, **options):
    """(the lab, its origin by TLS, its origin in clear)"""
    with Lab(policy(*(allow or H2)), **options) as made, Http2Origin(made) as secure, Http2Origin(made, clear=True) as clear:
        for guest in made.guests.values():
            guest.trust_enforcer()
        yield made, secure, clear


def problem_of(stream):
    equal(stream.field("content-type"), "application/problem+json")
    problem = json.loads(stream.data)
    assert problem["decision_id"] in stream.field("enforcer-decision"), stream
    return problem


def is_cut_off(client, stream):
    """No response at all: the stream is reset, or the connection is ended, for breaking a rule."""
    client.answer(stream)
    assert stream.status is None and not stream.ended, stream
    if stream.reset is None:
        client.drain()
        assert client.goaway and client.goaway[1] != h2.NO_ERROR and client.ended, (stream, client.goaway, client.ended)
        return
    equal(stream.reset, h2.PROTOCOL_ERROR, f"why {stream}")


def malformed(made, variants, ways=(False, True)):
    """variants: {what: the stream that says so on a connection}. Each is cut off under its own reason, between good streams."""
    faults = []
    for clear in ways:
        for what, send in variants.items():
            try:
                with speak(made.guest, HOST, clear=clear) as client:
                    equal(client.settled().ask(path="/before").status, 200, "the control before")
                    with denies(made, "h2_proto"):
                        is_cut_off(client, send(client))
                    if not client.ended and not client.goaway:
                        equal(client.ask(path="/after").status, 200, "the control after")
            except AssertionError as error:
                faults.append(f"{what}, {'clear' if clear else 'TLS'}: {error}")
    assert not faults, "\n".join(faults)


def fields(*more, drop=(), **pseudo):
    """A stream with these fields behind (or instead of) those of a legal request."""
    def send(client):
        usual = [field for field in client.pseudo(**pseudo) if field[0] not in drop]
        return client.open(usual + list(more))
    return send


@hang_guard(120)
def test_126_streams_for_another_authority():
    with lab(*H2, f"second.h2.test {RULE}", f"evil.test {RULE}", f"evil.test:80 {RULE}") as (made, secure, clear):
        for in_clear, origin in ((False, secure), (True, clear)):
            with speak(made.guest, HOST, clear=in_clear) as client:
                equal(client.ask(path="/one").status, 200)
                held = client.request(path="/held")
                client.wait(lambda: held.data, "a response to begin")
                with denies(made, "authority_mismatch"):
                    first = client.ask(path="/two", authority="evil.test")
                equal(first.status, 421)
                problem = problem_of(first)
                equal(problem["reason"], "authority_mismatch")
                record = made.enforcer.wait_record(type="decision", decision="deny", decision_id=problem["decision_id"])
                equal((record["layer"], record["method"], record["path"]), ("http", "GET", "/two"))
                for authority in ("second.h2.test", "h2.test:8443", "93.184.216.70", "93.184.216.42", "[2600:9000::35]", "www.h2.test",
                                  "xh2.test"):
                    with denies(made, "authority_mismatch"):
                        stream = client.ask(path="/two", authority=authority)
                    equal((stream.status, problem_of(stream)["reason"]), (421, "authority_mismatch"), authority)
                for authority in ("H2.test", "h2.test.", f"h2.test:{80 if in_clear else 443}"):
                    equal(client.ask(path="/three", authority=authority).status, 200, f"the control: {authority}")
                for authority in ("evil.test@h2.test", "h2.test@evil.test", "h2.test/evil.test", "h2.test:99999", "h2.test evil.test",
                                  "evil.test\0.h2.test", "h2.test, evil.test", ""):
                    with denies(made, "h2_proto"):
                        is_cut_off(client, client.request(path="/four", authority=authority))
                origin.finish(origin.request("/held"))
                equal(bytes(client.answer(held).data), b"first\nsecond\n", "the stream that was under way")
            equal(set(origin.paths()), {"/one", "/held", "/three"})
            equal({request.authority.partition(":")[0] for request in origin.requests}, {HOST}, "whom the origin was asked for")
        for port in (443, 80):
            equal(made.world.connections("evil.test", port), [])
        live(made, "https://h2.test/")


CONNECTION = [("connection", "close"), ("connection", "x-a"), ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"),
              ("upgrade", "websocket"), ("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("te", "gzip"),
              ("te", "trailers, gzip"), ("te", "")]
NAMES = ["X-Upper", "Host", "x a", "x:a", "x\ra", "x\na", "x\r\nx-evil", "x\0", "x\x7f", "x\u00e9", "", " x", "x ", "x(", "x\t"]
VALUES = ["a\r\nx-evil: b", "a\nb", "a\rb", "a\0b", "\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h2.test\r\n\r\n", "\0", "\n"]


@hang_guard(600)
def test_127_fields_that_two_readers_understand_differently():
    variants = {"Host that disagrees": fields(("host", "evil.test")), "Host with another port": fields(("host", "h2.test:8443")),
                "two Hosts": fields(("host", HOST), ("host", HOST)), "Host with no name": fields(("host", "")),
                "no authority at all": fields(drop=[":authority"]),
                "two Hosts alone": fields(("host", "evil.test"), ("host", HOST), drop=[":authority"])}
    for name, value in ((":method", "GET"), (":scheme", "https"), (":authority", HOST), (":authority", "evil.test"), (":path", "/")):
        variants[f"a second {name} {value}"] = fields((name, value))
    for name in (":method", ":scheme", ":path"):
        variants[f"no {name}"] = fields(drop=[name])
    for name, value in ((":status", "200"), (":foo", "bar"), (":", "x"), (":host", HOST), (":Path", "/"), (":path ", "/")):
        variants[f"{name} in a request"] = fields((name, value))
    for name, value in ((":path", "/"), (":authority", HOST), (":method", "GET")):
        variants[f"{name} behind a field"] = fields(("x", "y"), (name, value), drop=[name])
    variants |= {f"{name}: {value}": fields((name, value)) for name, value in CONNECTION}
    variants |= {f"a field named {name!r}": fields((name, "a")) for name in NAMES}
    variants |= {f"a value {value!r}": fields(("x", value)) for value in VALUES}
    with lab() as (made, secure, clear):
        malformed(made, variants, ways=(False,))
        some = ("Host that disagrees", "no authority at all", "a second :path /", ":path behind a field", "connection: close", "no :scheme")
        malformed(made, {what: variants[what] for what in some}, ways=(True,))
        assert set(secure.paths() + clear.paths()) == {"/before", "/after"}, set(secure.paths() + clear.paths())
        with speak(made.guest, HOST) as client:  # the controls: what looks like it and is right
            for send in (fields(("host", HOST)), fields(("host", "H2.TEST:443")), fields(("host", HOST), drop=[":authority"]),
                         fields(("te", "trailers")), fields(("x", "")), fields(("cookie", "a=b"), ("cookie", "c=d"))):
                equal(client.answer(send(client)).status, 200)
        live(made, "https://h2.test/")


@hang_guard(400)
def test_127_requests_that_no_http1_could_carry():
    paths = ["", "a", "*", "https://evil.test/", "evil.test:443", "/a b", "/a\tb", "/\r\nx: y", "/\0", "/\x7f", "/a#b", "/\u00ff",
             "/%zz", "/%", "/a%00b",
             "/public/\\..\\admin", "/public/%5c..%5cadmin", "/public/%2f../admin", "/ HTTP/1.1\r\nHost: evil.test\r\n\r\n"]
    methods = ["", "GET /x", "GET\r\n", "get", "G\0T", "GET\t", " GET", "G\u00c9T", "GET / HTTP/1.1\r\nX:", "(GET)"]
    lengths = ["-1", "+5", "0x5", "5, 5", "", "5 5", "99999999999999999999999", "five"]
    variants = {f"path {path!r}": fields(path=path) for path in paths}
    variants |= {f"method {method!r}": fields(method=method) for method in methods}
    variants |= {f"scheme {scheme!r}": fields(scheme=scheme) for scheme in ("", "ftp", "https\0", "htt ps")}

    def of_length(body, *values):
        return lambda client: client.request("POST", "/x", *[("content-length", value) for value in values], body=body)
    variants |= {f"content-length {value!r}": of_length(b"hello", value) for value in lengths}
    variants |= {"two lengths": of_length(b"hello", "5", "6"), "the same length twice": of_length(b"hello", "5", "5")}
    variants["a length and no body"] = fields(("content-length", "5"), method="POST")

    def with_trailers(*trailers, body=b"hello"):
        def send(client):
            stream = client.request("POST", "/x", body=body, end=False)
            client.send(h2.head(stream.number, h2.block(trailers)))
            return stream
        return send
    variants["trailers"] = with_trailers(("x-sum", "abc"))
    variants["trailers that are a request"] = with_trailers((":method", "GET"), (":path", "/"), (":scheme", "https"), (":authority", HOST))
    variants["trailers that authorize"] = with_trailers(("authorization", "Bearer mine"), body=b"")
    for size, body in ((5, b"hell"), (5, b"hello!"), (0, b"x"), (3, b"hello" * 50_000)):
        variants[f"{len(body)} octets of {size}"] = of_length(body, str(size))
    with lab() as (made, secure, clear):
        malformed(made, variants, ways=(False,))
        some = ("path '/a b'", "method 'GET /x'", "4 octets of 5", "6 octets of 5", "trailers")
        malformed(made, {what: variants[what] for what in some}, ways=(True,))
        whole = {request.path for request in secure.requests + clear.requests if request.ended}
        equal(whole, {"/before", "/after"}, "requests that an origin took for whole")
        with speak(made.guest, HOST) as client:
            for body in (b"", b"hello"):
                stream = client.ask("POST", "/right", ("content-length", str(len(body))), body=body)
                equal((stream.status, json.loads(stream.data)["bytes"]), (200, len(body)), "the control: a length that is right")
        live(made, "https://h2.test/")


@hang_guard(300)
def test_127_frames_out_of_place():
    good = h2.block([(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/inside")])
    frames = {
        "DATA of no stream": h2.frame(h2.DATA, 0, 0, b"x"), "DATA of a stream that never began": h2.frame(h2.DATA, 1, 101, b"x"),
        "HEADERS of no stream": h2.head(0, good), "HEADERS of the origin's streams": h2.head(2, good),
        "CONTINUATION of nothing": h2.frame(h2.CONTINUATION, 4, 3, good),
        "a push from a guest": h2.frame(h2.PUSH_PROMISE, 4, 3, h2.number(2) + good),
        "a head that another frame interrupts": h2.frame(h2.HEADERS, 1, 3, good[:5]) + h2.frame(h2.PING, payload=bytes(8)),
        "a head that another head interrupts": h2.frame(h2.HEADERS, 1, 3, good[:5]) + h2.head(5, good),
        "a reset of a stream that never began": h2.reset(101), "a reset of the wrong size": h2.frame(h2.RST_STREAM, 0, 1, b"xx"),
        "a window of no size": h2.window_update(0, 0), "a window beyond all": h2.window_update(0, h2.MAX_WINDOW) * 2,
        "a PING of the wrong size": h2.frame(h2.PING, payload=b"1234567"), "a PING in a stream": h2.frame(h2.PING, 0, 1, bytes(8)),
        "SETTINGS in a stream": h2.frame(h2.SETTINGS, 0, 1), "SETTINGS of the wrong size": h2.frame(h2.SETTINGS, payload=b"12345"),
        "SETTINGS that both ask and confirm": h2.frame(h2.SETTINGS, h2.ACK, 0, bytes(6)),
        "SETTINGS of push": h2.settings({h2.ENABLE_PUSH: 2}),
        "SETTINGS of a window beyond all": h2.settings({h2.INITIAL_WINDOW_SIZE: 1 << 31}),
        "SETTINGS of frames too small": h2.settings({h2.MAX_FRAME_SIZE: 100}), "GOAWAY in a stream": h2.frame(h2.GOAWAY, 0, 1, bytes(8)),
        "a frame beyond the size": h2.frame(h2.DATA, 0, 1, bytes(1 << 15)),
        "padding beyond the frame": h2.frame(h2.HEADERS, 0xD, 3, b"\xff" + good),
        "a head that nobody can decode": h2.head(3, b"\xff" * 9), "an index of no table": h2.head(3, b"\xfe"),
        "a table beyond its size": h2.head(3, b"\x3f\xe1\xff\x03" + good), "a name that never ends": h2.head(3, b"\x00\x7f\xff\xff\x7fabc"),
        "letters that are none": h2.head(3, b"\x00\x81\xff\x81\xff"), "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: h2.test\r\n\r\n"}
    faults = []
    with lab() as (made, secure, clear):
        for in_clear in (False, True):
            for what, octets in frames.items():
                try:
                    with speak(made.guest, HOST, clear=in_clear) as client:
                        equal(client.settled().ask(path="/before").status, 200)
                        with denies(made, "h2_proto"):
                            client.send(octets)
                            client.drain()
                        assert client.ended and client.goaway and client.goaway[1] != h2.NO_ERROR, (client.ended, client.goaway)
                except AssertionError as error:
                    faults.append(f"{what}, {'clear' if in_clear else 'TLS'}: {error}")
        assert not faults, "\n".join(faults)
        equal(set(secure.paths() + clear.paths()), {"/before"})
        equal([connection.fault for connection in secure.connections + clear.connections if connection.fault], [])
        live(made, "https://h2.test/")


@hang_guard(120)
def test_129_tunnels_inside_http2():
    def connect(*more, authority="h2.test:443"):
        return lambda client: client.open([(":method", "CONNECT"), (":authority", authority), *more], end=False)

    def extended(protocol, method="CONNECT", path="/chat", end=False):
        return lambda client: client.open([(":method", method), (":protocol", protocol), *client.pseudo(path=path)[1:]], end)
    udp = "/.well-known/masque/udp/93.184.216.42/443/"
    with lab(*H2, f"evil.test {RULE}") as (made, secure, clear):
        for in_clear, origin in ((False, secure), (True, clear)):
            with speak(made.guest, HOST, clear=in_clear) as client:
                equal(client.settled().ask(path="/before").status, 200)
                equal(client.settings.get(h2.ENABLE_CONNECT_PROTOCOL, 0), 0, "extended CONNECT is not offered")
                for authority in ("h2.test:443", "h2.test:80", "evil.test:443", "93.184.216.42:443"):
                    with denies(made, "upgrade"):
                        stream = connect(authority=authority)(client)
                        client.write(stream, b"GET /inside HTTP/1.1\r\nHost: h2.test\r\n\r\n", end=False)
                        client.wait(lambda: stream.status, "the answer to CONNECT")
                    equal((stream.status, json.loads(client.answer(stream).data)["reason"]), (403, "upgrade"), authority)
                equal(client.ask(path="/after").status, 200)
            equal(origin.paths(), ["/before", "/after"])
        tunnels = {f"extended CONNECT, {protocol}": extended(protocol, path=path) for protocol, path in (
            ("websocket", "/chat"), ("connect-udp", udp), ("connect-ip", udp), ("foo", "/"), ("", "/"))}
        tunnels |= {"a protocol and another method": extended("websocket", "GET", end=True),
                    "CONNECT with a path": connect((":path", "/x")), "CONNECT with a scheme": connect((":scheme", "https")),
                    "CONNECT with both": connect((":scheme", "https"), (":path", "/"))}
        malformed(made, tunnels)
        equal(set(secure.paths() + clear.paths()), {"/before", "/after"})
        equal(made.world.connections("evil.test"), [])
        live(made, "https://h2.test/")


@hang_guard(120)
def test_130_http2_without_tls():
    rule = 'http: [{methods: [GET], paths: ["/public/**", "/head"]}]'
    settings = b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"

    def get(path, *lines):
        return b"GET " + path + b" HTTP/1.1\r\nHost: mitm.test\r\n" + b"".join(lines) + b"\r\n"
    upgrade = get(b"/head", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", settings)
    with lab(f"h2.test:80 {rule}", f"mitm.test:80 {rule}", f"mitm.test {rule}") as (made, _, clear):
        with speak(made.guest, HOST, clear=True) as client:  # by prior knowledge: every stream is looked at
            equal(client.ask(path="/public/a").status, 200)
            for method, path in (("GET", "/admin"), ("POST", "/public/a"), ("GET", "/public/../admin"), ("GET", "/public/%2e%2e/admin")):
                with denies(made, "request"):
                    stream = client.ask(method, path)
                equal((stream.status, problem_of(stream)["reason"]), (403, "request"), path)
            equal(client.ask(path="/public/b").status, 200)
        equal(clear.paths(), ["/public/a", "/public/b"])
        for rest in (b"XX\r\n\r\n", b"SM\r\n\r", b"SM\r\n\r\n" + bytes(9), b"SM\r\n\r\n" + b"GET / HTTP/1.1\r\n\r\n"):
            with made.guest.connect(HOST, 80) as client:
                _, how = exchange(client, b"PRI * HTTP/2.0\r\n\r\n" + rest + bytes(1 << 15))
            assert how != "timeout", rest
        refused = ("proto_unknown", "h2_proto")
        wait_for(lambda: sum(made.enforcer.metric("enforcer_denied_total", guest="g1", reason=reason) for reason in refused) == 4,
                 what="the refusals of what only begins like it")
        for request in (upgrade, get(b"/head", settings), get(b"/head", b"Upgrade: h2c\r\n")):  # by upgrade: it is not taken
            for secure in (True, False):
                with made.guest.tls("mitm.test") if secure else made.guest.connect("mitm.test", 80) as client:
                    client.sendall(request)
                    status, answered, body = read_response(client)
                    equal(status, 200, request)
                    assert "upgrade" not in answered and b"h2c" not in body and b"http2-settings" not in body.lower(), (answered, body)
                    with denies(made, "h1_malformed"):  # and the client that takes it for granted is not heard
                        answer, how = exchange(client, h2.PREFACE + h2.settings() + h2.head(1, h2.block(
                            [(":method", "GET"), (":scheme", "http"), (":authority", "mitm.test"), (":path", "/admin")])))
                    assert (not answer or is_refusal(answer)) and how != "timeout", (answer, how)
        equal(made.guest.curl("http://mitm.test/public/", "--http2").status, 200, "a client that would rather have HTTP/2")
        equal([event["target"] for event in made.world.events(event="request")], ["/head"] * 6 + ["/public/"])
        reply = made.guest.curl("http://h2.test/public/c", "--http2-prior-knowledge")
        assert reply.status == 200 and "HTTP/2 200" in reply.talk, reply.talk
