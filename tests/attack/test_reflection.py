"""The secret comes back: an origin sends what it was sent, in any place and spelling, and the guest must not get it (SECRET0).

The lab: echo.test sends credentials back (lib/echo_server.py) and its rule adds one; mitm.test is the legal flow. What the origin
does without us is proved in net/test_peers_echo.py."""

import base64
import json
import os

from lib.echo_peers import EchoServer
from lib.echo_server import FILLER, SPELLINGS
from lib.expect import equal
from lib.grpc_peers import GrpcServer, call
from lib.http2_origin import Http2Origin
from lib.https_peers import Outsider
from lib.lab import RULE, Lab, policy
from lib.load import resident, small_quarantine
from lib.oracles import denies, served
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.secret0 import leaks
from lib.websocket_peers import WebSocketServer, talk
from lib.world import SECRET

UNLIKE = ("upper", "reversed")  # are no longer the secret
LEAKS = "enforcer_secret_leaks_blocked_total"
ODD_SECRET = 'a/"quoted\\key+of=0123456789%abc&d'


def bound(host="echo.test", secret=SECRET, **binding):
    return {"token": {"binding": [{"to": [host], "as": "bearer", **binding}], "secret": secret}}


def lab(host="echo.test", keys="", credentials=None, **options):
    return Lab(policy(f"{host} {RULE}, credential: token{keys}", f"mitm.test {RULE}"), credentials=credentials or bound(host), **options)


def shape(body, expected, secret=SECRET):
    """It came as it was sent, to the octet, except where the secret stood."""
    equal(leaks(body, secret), [], body[:300])
    equal(len(body), len(expected), f"length of {body[:300]}")
    changed = [n for n, (one, other) in enumerate(zip(body, expected)) if one != other]
    assert changed, "the control: something stood there that is gone"
    assert changed[-1] - changed[0] < 4 * len(secret), f"more than the secret is gone: {body[:300]}"


@hang_guard(240)
def test_141_echo_in_every_spelling():
    with lab() as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        for number, spelling in enumerate(s for s in SPELLINGS if s not in UNLIKE):
            reply = made.guest.curl(f"https://echo.test/spelled/{spelling}")
            equal(reply.status, 200, spelling)
            shape(reply.body, b"before " + SPELLINGS[spelling](SECRET.encode()) + b" behind")
            assert made.enforcer.metric(LEAKS) > number, f"{spelling} is counted"
        reply = made.guest.curl("https://echo.test/head", "-d", "a body of one's own")
        equal((reply.status, leaks(reply.body)), (200, []))
        assert b"\r\nAuthorization: Bearer " in reply.body and reply.body.endswith(b"\r\na body of one's own"), reply.body
        equal(origin.seen("/head")[0]["authorization"], f"Bearer {SECRET}", "the control: the origin had it")
        served(made)


@hang_guard(240)
def test_141_echo_of_a_secret_that_is_spelled_differently_everywhere():
    """Its slashes, quotes and percents make base64url, JSON and percent-encoding other texts than the plain one. All ways to add it."""
    ways = {"bearer": ({}, ""), "basic": ({"as": "basic", "username": "bot"}, ""), "header": ({"as": "header", "name": "X-Api-Key"}, ""),
            "query": ({"as": "query", "name": "key"}, "?x=1")}
    for way, (binding, query) in ways.items():
        with lab(credentials=bound(secret=ODD_SECRET, **binding), test=f"{os.environ['ENFORCER_TEST']} {way}") as made:
            EchoServer(made)
            made.guest.trust_enforcer()
            for spelling in (s for s in SPELLINGS if s not in UNLIKE):
                reply = made.guest.curl(f"https://echo.test/spelled/{spelling}{query}")
                equal(reply.status, 200, f"{way} {spelling}")
                shape(reply.body, b"before " + SPELLINGS[spelling](ODD_SECRET.encode()) + b" behind", ODD_SECRET)
            for path in ("/head", "/split/1"):
                reply = made.guest.curl(f"https://echo.test{path}{query}", "-i")
                equal((reply.status, leaks(reply.body, ODD_SECRET)), (200, []), f"{way} {path}")
                if way == "basic":
                    assert base64.b64encode(f"bot:{ODD_SECRET}".encode())[:20] not in reply.body, reply.body


@hang_guard(240)
def test_141_echo_across_the_borders_of_chunks():
    secret = SECRET.encode()
    whole = b"before " + secret + b" between " + base64.b64encode(b"x" + secret + b"y" * 7) + b" behind"
    with lab() as made:
        EchoServer(made)
        made.guest.trust_enforcer()
        for way in ("split", "counted", "closed"):
            for size in (1, 2, 3, 5, 8, 13, 29, 30, 31, 64):
                for version in ("--http1.1", "--http2"):
                    reply = made.guest.curl(f"https://echo.test/{way}/{size}", version)
                    equal((reply.status, reply.exit_code, leaks(reply.body), len(reply.body)), (200, 0, [], len(whole)), f"{way} {size} {version}")
                    assert reply.body.startswith(b"before ") and b" between " in reply.body and reply.body.endswith(b" behind"), reply.body
        served(made)


def test_141_trace_is_not_asked_of_the_origin():
    with lab() as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        for version, reason in (("--http1.1", "h1_malformed"), ("--http2", "h2_proto")):
            for method in ("TRACE", "TRACK"):
                with denies(made, reason):
                    reply = made.guest.curl("https://echo.test/", version, "-X", method)
                assert reply.status in (0, 400), (method, version, reply.status)
            with denies(made, "request"):
                equal(made.guest.curl("https://echo.test/", version, "-X", "DEBUG").status, 403)
        equal(made.guest.curl("https://echo.test/one").status, 200)
        equal([e["target"] for e in origin.events(event="request")], ["/one"])
        served(made)


@hang_guard(150)
def test_141_echo_in_heads_and_trailers():
    with lab() as made:
        EchoServer(made)
        made.guest.trust_enforcer()
        for path in ("/field", "/name", "/reason", "/early", "/trailer", "/redirect/other.test"):
            for version in ("--http1.1", "--http2"):
                reply = made.guest.curl(f"https://echo.test{path}", "-i", version)
                equal(reply.status, 307 if path.startswith("/redirect") else 200, path)
                everything = reply.body + reply.talk.encode()
                equal((leaks(everything), SECRET.lower().encode() in everything), ([], False), f"{path} {version}: {everything}")
                if path == "/field":
                    assert b"x-seen: " in reply.body.lower() and b"<https://echo.test/?k=" in reply.body, reply.body
        assert made.enforcer.metric(LEAKS) > 0
        served(made)


@hang_guard(240)
def test_141_echo_in_an_encoding_that_nobody_asked_for():
    whole = FILLER + SECRET.encode() + FILLER
    with lab() as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        for coding in ("gzip", "br", "zstd", "identity"):
            for version in ("--http1.1", "--http2"):
                reply = made.guest.curl(f"https://echo.test/encoded/{coding}", "-i", version, "-H", "Accept-Encoding: gzip, br, zstd")
                head, _, body = reply.body.partition(b"\r\n\r\n")
                equal(reply.status, 200, f"{coding} {version}")
                shape(body, whole)
                assert b"content-encoding" not in head.lower(), head
                assert (b'W/"strong"' in head) == (coding != "identity"), head
            equal({fields.get("accept-encoding") for fields in origin.seen(f"/encoded/{coding}")}, {"identity"}, "what the origin is asked")
        for coding in ("deflate", "gzip,br", "gzip,gzip"):
            reply = made.guest.curl(f"https://echo.test/encoded/{coding}")
            equal(reply.status, 200, coding)
            shape(reply.body, whole)
        # A field that only looks like one says nothing about the body.
        for name in ("x-amz-meta-content-encoding", "x-goog-stored-content-encoding", "X-Encoding"):
            reply = made.guest.curl(f"https://echo.test/says/{name}", "-i")
            head, _, body = reply.body.partition(b"\r\n\r\n")
            equal((reply.status, f"\r\n{name}: gzip".lower().encode() in head.lower()), (200, True), head)
            shape(body, whole)
        # What cannot be looked into does not pass.
        for path in ("/encoded/x-odd", "/range/gzip", "/range/br", "/range/zstd", "/says/grpc-encoding", "/says/Connect-Content-Encoding"):
            reply = made.guest.curl(f"https://echo.test{path}")
            equal((reply.status, json.loads(reply.body)["reason"]), (502, "secret_reflected"), path)
        served(made)


def test_141_parts_that_would_cut_the_secret():
    with lab() as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        for version in ("--http1.1", "--http2"):
            for more in ((), ("-H", "If-Range: \"strong\""), ("-H", "range: bytes=1-2")):
                equal(made.guest.curl("https://echo.test/head", version, "-r", "0-9", *more).status, 200)
        equal([name for fields in origin.seen("/head") for name in fields if "range" in name], [], "what the origin is asked")
        equal(made.guest.curl("https://mitm.test/head", "-r", "0-9").status, 200)
        head = made.world.events(event="request")[-1]["head"]
        assert "range: bytes=0-9" in head.lower(), f"the control: without a credential it is the guest's matter: {head}"
        served(made)


@hang_guard(240)
def test_141_encoded_body_that_grows_without_end():
    small_quarantine()
    with lab() as made:
        EchoServer(made)
        made.guest.trust_enforcer()
        equal(made.guest.curl("https://echo.test/encoded/gzip").status, 200)
        before = resident(made)
        reply = made.guest.curl("https://echo.test/bomb/256", "-o", "/dev/null", timeout=150)
        equal((reply.status, reply.exit_code), (200, 0), "all of it arrives")
        grown = resident(made) - before
        assert grown < 64 << 20, f"enforcerd grew by {grown}"
        served(made)


def test_141_streams_are_not_held_back_by_the_search():
    """The first event arrives whole while the second is not even made."""
    with lab() as made:
        EchoServer(made)
        made.guest.trust_enforcer()
        for version in ("--http1.1", "--http2"):
            log = f"{made.folder}/events{version}"
            process = made.guest.start(["curl", "-sSN", version, "--cacert", made.guest._certificate,
                                        f"https://echo.test/events/gate{version}"], os.path.basename(log))

            def came(count):
                with open(log, "rb") as file:
                    return file.read().count(b"\n\n") == count
            wait_for(lambda: came(1), 30, "the first event, without the second")
            equal(Outsider(made).curl(f"https://echo.test/release/gate{version}").status, 200)
            wait_for(lambda: came(2), 30, "the second event")
            equal(process.wait(), 0)
            with open(log, "rb") as file:
                data = file.read()
            equal((leaks(data), len(data)), ([], 2 * len(f"data: {SECRET}\n\n")), data)
        served(made)


def test_141_echo_in_websocket_messages():
    async def conversation(connection):
        return [await connection.recv() for _ in range(3)]
    rule = 'ws.test http: [{methods: [GET], paths: ["/**"]}], websocket: true, credential: token'
    with Lab(policy(rule, f"mitm.test {RULE}"), credentials=bound("ws.test")) as made, WebSocketServer(made) as server:
        made.guest.trust_enforcer()
        heard = talk(made.guest, "ws.test", "/mirror", conversation)
        fields = server.handshakes[-1][1]
        equal(fields["authorization"], f"Bearer {SECRET}", "the control: the origin had it")
        assert "sec-websocket-extensions" not in fields, fields
        for message in heard:
            octets = message if isinstance(message, bytes) else message.encode()
            equal(leaks(octets), [], octets)
            assert b"Bearer " in octets and len(octets) in (len(SECRET) + 7, len(SECRET) + 13), octets
        assert made.enforcer.metric(LEAKS) > 0
        served(made)


def test_141_echo_in_grpc():
    rule = 'grpc.test http: [{methods: [POST], paths: ["/lab.Echo/**"]}], credential: token'
    with Lab(policy(rule, f"mitm.test {RULE}"), credentials=bound("grpc.test")) as made:
        server = GrpcServer(made)
        made.guest.trust_enforcer()
        (plain,) = call(made.guest, {"method": "Unary", "kind": "unary"})
        equal((plain["code"], plain["messages"]), ("OK", ["echo hello"]))
        equal(server.events(event="begun")[0]["fields"]["authorization"], f"Bearer {SECRET}", "the control: the origin had it")
        (answer,) = call(made.guest, {"method": "Mirror", "kind": "unary"})
        equal(leaks(str(answer).encode()), [], answer)
        assert SECRET.encode() not in bytes.fromhex(answer["trailing"].get("x-trailing-bin", "")), answer
        equal((answer["code"], answer["octets"]), ("OK", len(f"Bearer {SECRET}")))
        assert made.enforcer.metric(LEAKS) > 0
        served(made)


class Mirror(Http2Origin):
    def answer(self, connection, request):
        seen = request.field("authorization") or "none"
        connection.respond(request, seen.encode(), fields=[("x-seen", seen)], trailers=[("x-behind", seen)])


def test_141_echo_of_an_http2_origin():
    with lab(host="h2.test") as made, Mirror(made) as origin:
        made.guest.trust_enforcer()
        for version in ("--http1.1", "--http2"):
            reply = made.guest.curl("https://h2.test/", "-i", version)
            equal((reply.status, leaks(reply.body + reply.talk.encode())), (200, []), version)
            assert reply.body.count(b"Bearer ") >= 2, reply.body
        equal({r.field("authorization") for r in origin.requests}, {f"Bearer {SECRET}"}, "the control: the origin had it")
        served(made)


def test_149_cookies_set_for_the_identity():
    for keys, expected in (("", 0), (", setCookie: true", 2)):
        with lab(keys=keys, test=f"{os.environ['ENFORCER_TEST']}{keys}") as made:
            EchoServer(made)
            made.guest.trust_enforcer()
            for version in ("--http1.1", "--http2"):
                reply = made.guest.curl("https://echo.test/cookie", "-i", version)
                head, _, body = reply.body.partition(b"\r\n\r\n")
                equal((reply.status, body, head.lower().count(b"set-cookie:")), (200, b"a cookie\n", expected), head)


def test_152_secret_in_the_query_is_written_down_nowhere():
    with lab(credentials=bound(**{"as": "query", "name": "key"})) as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        for url in ("/split/100?a=1", "/redirect/other.test?a=2", "/head?key=mine&a=3"):
            reply = made.guest.curl(f"https://echo.test{url}", "-i", "-H", "Referer: https://echo.test/")
            assert reply.status in (200, 307), reply.status
            equal(leaks(reply.body + reply.talk.encode()), [], url)
        assert all(f"key={SECRET}" in e["target"] for e in origin.events(event="request")), "the control: the origin had it"
        made.world.set_addresses("echo.test", ["93.184.216.99"])

        def away():
            made.guest.curl("https://echo.test/closed/100", timeout=30)  # no connection is kept
            return made.guest.curl("https://echo.test/away", timeout=30).status == 502
        wait_for(away, 60, "an answer that says why not")
        made.world.set_addresses("echo.test", ["93.184.216.62"])
        written = "".join(open(path, errors="replace").read() for path in
                          (made.enforcer.audit_path, made.enforcer.enforcerd.log, made.enforcer.hostd.log))
        written += made.enforcer.http("/metrics")[1] + made.enforcer.ctl_ok("log", "-o", "json")
        assert "echo.test" in written, "the control: the requests are on record"
        equal(leaks(written.encode()), [])
        served(made)


def test_154_the_secrets_length_and_place_are_not_told():
    """Whatever the guest sends in the credential's place, what it is told of the request's head is the same."""
    with lab() as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        told = set()
        for number, field in enumerate(("Accept: */*", "Authorization: Bearer x", f"Authorization: Bearer {SECRET[:12]}{'x' * 18}",
                                        f"Authorization: Bearer {SECRET}")):
            reply = made.guest.curl(f"https://echo.test/encoded/gzip?{number}", "-H", field)
            told.add((reply.status, len(reply.body), reply.body))
            equal(origin.seen(f"/encoded/gzip?{number}")[0]["authorization"], f"Bearer {SECRET}")
        equal(len(told), 1, "answers that differ by what was guessed")
        served(made)
