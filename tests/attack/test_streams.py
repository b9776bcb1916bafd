"""What flows both ways inside HTTP: WebSocket and gRPC. Neither is a way around what is decided about requests.

The lab: ws.test has a server that answers an upgrade in many ways, h2.test echoes what is streamed to it."""

import base64
import contextlib
import hashlib
import json
import re
import socket
import ssl
import struct
import time

from lib.expect import equal
from lib.guest import exchange
from lib.http2_client import speak
from lib.http2_origin import Http2Origin
from lib.lab import RULE, Lab, policy
from lib.oracles import ask, denial_counts, denies, is_refusal, live, refused_everywhere
from lib.origin import blob
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.serving import Serving, read_head
from lib.world import SECRET

KEY = base64.b64encode(bytes(range(16)))
WEBSOCKET = 'http: [{methods: [GET], paths: ["/**"]}], websocket: true'
FRAME = b"\x81\x85\0\0\0\0hello"  # a masked text


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def upgrade(*lines, path=b"/chat", host=b"ws.test", method=b"GET", version=b"HTTP/1.1", drop=()):
    usual = {b"Connection": b"Upgrade", b"Upgrade": b"websocket", b"Sec-WebSocket-Version": b"13", b"Sec-WebSocket-Key": KEY}
    fields = [b"Host: " + host, *[name + b": " + value for name, value in usual.items() if name not in drop], *lines]
    return b" ".join([method, path, version]) + b"\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


class Answering(Serving):
    """TLS at ws.test. answers: {path: lines behind the status line, or a whole answer}. heard: what came behind the head."""

    def __init__(self, lab, answers):
        self.answers, self.heads, self.heard = answers, [], []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*lab.world.authority.issue(["ws.test"])[:2])
        self.context.set_alpn_protocols(["http/1.1"])
        super().__init__(lab.world.netns, lab.world.records["ws.test"][0], 443)

    def serve(self, client):
        client = self.context.wrap_socket(client, server_side=True)
        self.clients.append(client)
        with client:
            while True:
                head = read_head(client)
                self.heads.append(head)
                path = head.split(b" ")[1].decode()
                if path == "/late":  # takes its time
                    client.settimeout(1.5)
                    with contextlib.suppress(TimeoutError):
                        self.heard.append(("before", client.recv(1 << 16)))
                    client.settimeout(None)
                key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)
                accept = accept_of(key.group(1)) if key else b"none"
                client.sendall(self.answers[path].replace(b"ACCEPT", accept))
                if self.answers[path].startswith(b"HTTP/1.1 101"):
                    while data := client.recv(1 << 16):
                        self.heard.append((path, data))
                        client.sendall(b"\x81\x02ok")
                    return


def switching(*lines, status=b"HTTP/1.1 101 Switching Protocols", more=b"\x81\x05early"):
    return status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + more


GOOD = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: ACCEPT")


@hang_guard(150)
def test_135_websocket_where_no_rule_speaks_of_it():
    binding = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}]}}
    host = b"mitm.test"
    requests = [upgrade(host=host), upgrade(host=host, method=b"POST"), upgrade(b"Upgrade: h2c", host=host),
                *[upgrade(b"Upgrade: " + value, host=host, drop=[b"Upgrade"]) for value in
                  (b"WEBSOCKET", b"websocket, foo", b"foo, websocket", b"websocket/13")],
                upgrade(host=host, drop=[b"Sec-WebSocket-Key"]),
                upgrade(b"Connection: keep-alive, upgrade", host=host, drop=[b"Connection"]), upgrade(host=host, drop=[b"Connection"]),
                upgrade(b"Sec-WebSocket-Version: 8", host=host, drop=[b"Sec-WebSocket-Version"]), upgrade(host=host) + FRAME * 3]
    with Lab(policy(f"mitm.test {RULE}", f"mitm.test:80 {RULE}", f"cred.test {RULE}, credential: token"), credentials=binding) as made:
        made.guest.trust_enforcer()
        refused_everywhere(made, requests, "upgrade")
        with denies(made, "upgrade"):
            data, _ = ask(made, upgrade(host=b"cred.test") + FRAME, host="cred.test")
        assert is_refusal(data) and SECRET.encode() not in data, data
        made.wire_silent()
        equal(made.guest.curl("https://cred.test/").status, 200)
        assert SECRET in made.world.events(event="request")[-1]["head"], "the control: its requests carry the secret"
        live(made)


@hang_guard(150)
def test_135_upgrades_that_are_almost_websocket():
    """Where a rule allows it, it is that and nothing else."""
    requests = [upgrade(b"Upgrade: " + value, drop=[b"Upgrade"]) for value in
                (b"foo", b"websocket, h2c", b"foo, websocket", b"TLS/1.0", b"websockets", b"web socket", b"websocket\tx", b"")]
    requests += [upgrade(drop=[b"Connection"]), upgrade(drop=[b"Upgrade"]), upgrade(drop=[b"Sec-WebSocket-Key"]), upgrade(b"Upgrade: foo"),
                 upgrade(b"Sec-WebSocket-Key:", drop=[b"Sec-WebSocket-Key"]), upgrade(b"Sec-WebSocket-Key: " + KEY),
                 upgrade(b"Content-Length: 5") + b"hello", upgrade(b"Transfer-Encoding: chunked") + b"0\r\n\r\n", upgrade(method=b"POST"),
                 upgrade(version=b"HTTP/1.0"), upgrade(path=b"ws.test:443", method=b"CONNECT"), upgrade(b"Host: evil.test"),
                 upgrade(host=b"mitm.test")]
    with Lab(policy(f"ws.test {WEBSOCKET}", f"mitm.test {RULE}")) as made, Answering(made, {"/chat": switching(*GOOD)}) as server:
        made.guest.trust_enforcer()
        passed = []
        for request in requests:
            before, counted = len(server.heads), denial_counts(made)
            data, how = ask(made, request + FRAME, host="ws.test")
            if not (is_refusal(data) or (not data and how == "reset")) or b"\x81" in data or len(server.heads) > before:
                passed.append((request, data[:100], how))
            reasons = wait_for(lambda counted=counted: {r for r, n in denial_counts(made).items() if n > counted.get(r, 0)}, what="a denial")
            if not reasons <= {"upgrade", "h1_malformed", "h1_framing", "authority_mismatch", "host_invalid"}:
                passed.append((request, reasons))
        assert not passed, "\n".join(map(str, passed))
        made.wire_silent()
        with made.guest.tls("ws.test") as client:
            client.sendall(upgrade())
            equal(read_head(client).split(b" ")[1], b"101", "the control")
        live(made)


@hang_guard(180)
def test_135_origin_that_only_pretends_to_switch():
    def without(number, *instead):
        return switching(*[line for place, line in enumerate(GOOD) if place != number], *instead)
    answers = {"no accept": without(2), "another's accept": without(2, b"Sec-WebSocket-Accept: " + accept_of(KEY[:-4] + b"AA==")),
               "the key itself": without(2, b"Sec-WebSocket-Accept: " + KEY), "an empty accept": without(2, b"Sec-WebSocket-Accept:"),
               "two accepts": switching(*GOOD, b"Sec-WebSocket-Accept: x"),
               "in lower case": without(2, b"Sec-WebSocket-Accept: " + accept_of(KEY).lower()),
               "no upgrade": without(0), "another upgrade": without(0, b"Upgrade: h2c"), "two upgrades": switching(b"Upgrade: h2c", *GOOD),
               "no connection": without(1), "a connection that closes": without(1, b"Connection: close"),
               "a split head": switching(*GOOD, b"X: a\nY: b"),
               "another version": switching(*GOOD, status=b"HTTP/1.0 101 Switching Protocols"),
               "102": switching(*GOOD, status=b"HTTP/1.1 102 Processing"), "no HTTP": b"\x81\x05hello" * 20}
    with Lab(policy(f"ws.test {WEBSOCKET}", f"mitm.test {RULE}"), config={"deadlines": {"idle": "10s"}}) as made:
        made.guest.trust_enforcer()
        paths = {f"/{number}": answer for number, answer in enumerate(answers.values())}
        with Answering(made, {**paths, "/chat": switching(*GOOD)}) as server:
            faults = []
            for what, path in zip(answers, paths):
                data, how = ask(made, upgrade(path=path.encode()) + FRAME, host="ws.test")
                if not re.match(rb"HTTP/1\.1 50[24] ", data) or b"early" in data or b" 101 " in data or how == "timeout":
                    faults.append((what, data[:200], how))
                elif what not in ("102", "no HTTP") and b'"reason":"upstream_proto"' not in data:
                    faults.append((what, data))
            assert not faults, "\n".join(map(str, faults))
            equal(server.heard, [], "frames of a guest to an origin that had not switched")
            equal(made.enforcer.wait_record(type="end", reason="upstream_proto")["outcome"], "denied")
            with made.guest.tls("ws.test") as client:
                client.sendall(upgrade())
                assert b" 101 " in read_head(client), "the control"
                received = client.recv(7)
                equal(received, b"\x81\x05early", "what comes right behind the head")
                client.sendall(FRAME)
                equal(client.recv(100), b"\x81\x02ok")
            wait_for(lambda: server.heard == [("/chat", FRAME)], what="the guest's frame at the origin")
        live(made)


class Hasty(Serving):
    """Agrees before it has read anything, by way of a tiny buffer, for it knows which key will come."""

    def serve(self, client):
        client.sendall(switching(*GOOD, more=b"").replace(b"ACCEPT", accept_of(KEY)))
        time.sleep(4)  # and reads nothing


@hang_guard(60)
def test_135_origin_that_agrees_before_it_was_asked():
    """The guest's octets must not go on while its handshake still does: two writers at one socket."""
    with Lab(policy(f"ws.test:80 {WEBSOCKET}", f"mitm.test {RULE}")) as made:
        made.guest.trust_enforcer()
        with Hasty(made.world.netns, made.world.records["ws.test"][0], 80) as server, made.guest.connect("ws.test", 80) as client:
            server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            with contextlib.suppress(TimeoutError, ConnectionError):
                client.settimeout(10)
                client.sendall(upgrade(*[b"X-%d: " % number + b"x" * 6000 for number in range(10)]))
                client.sendall(b"!")
                assert b" 101 " not in client.recv(1 << 16)
        equal(made.enforcer.wait_record(type="end", reason="upstream_proto")["outcome"], "denied")
        live(made)


@hang_guard(120)
def test_135_request_behind_an_upgrade_that_was_not_taken():
    """The guest takes the tunnel for granted; the origin says no; what follows is requests, each decided."""
    refusals = {"/426": b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n",
                "/403": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
                "/200": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi",
                "/after": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "/late": switching(*GOOD, more=b"")}
    rule = 'ws.test http: [{methods: [GET], paths: ["/426", "/403", "/200", "/late", "/after"]}], websocket: true'
    with Lab(policy(rule, f"mitm.test {RULE}")) as made, Answering(made, refusals) as server:
        made.guest.trust_enforcer()
        hidden = b"GET /admin HTTP/1.1\r\nHost: ws.test\r\n\r\nGET /after HTTP/1.1\r\nHost: ws.test\r\nConnection: close\r\n\r\n"
        for path in ("/426", "/403", "/200"):
            data, how = ask(made, upgrade(path=path.encode()) + hidden, host="ws.test")
            statuses = re.findall(rb"HTTP/1\.1 (\d+)", data)
            equal(statuses[0].decode(), path[1:])
            # The connection may end here. If it goes on, it does with decisions.
            assert statuses[1:2] in ([], [b"403"]) and how != "timeout", (path, data, how)
            data, how = ask(made, upgrade(path=path.encode()) + FRAME * 3 + b"\r\n\r\n", host="ws.test")
            assert data.startswith(b"HTTP/1.1 " + path[1:].encode()) and how != "timeout", (path, data, how)
        equal(server.heard, [])
        assert not any(b"/admin" in head for head in server.heads), server.heads
        # Frames that come too soon wait here, or end it; the origin sees none before it has switched.
        with made.guest.tls("ws.test") as client:
            answer, _ = exchange(client, upgrade(path=b"/late") + FRAME, limit=len(switching(*GOOD, more=b"")))
        assert not any(when == "before" for when, _ in server.heard), server.heard
        print(f"frames that came too soon: {answer[:60]}")
        live(made)


def message(payload):
    return b"\0" + struct.pack("!I", len(payload)) + payload


GRPC = ("content-type", "application/grpc"), ("te", "trailers")


@hang_guard(150)
def test_140_grpc_calls_are_decided_like_any_request():
    rule = 'h2.test http: [{methods: [POST], paths: ["/echo.Chat/Talk", "/echo.Chat/Held"]}]'
    with Lab(policy(rule, f"mitm.test {RULE}")) as made, Http2Origin(made) as origin:
        made.guest.trust_enforcer()
        with speak(made.guest, "h2.test") as client:
            going = client.request("POST", "/echo.Chat/Talk", *GRPC, body=message(b"one"), end=False)
            client.wait(lambda: going.data == message(b"one"), "the first answer")
            for method, path, kind in (("POST", "/echo.Chat/Shut", ""), ("POST", "/tunnel.T/Open", "+proto"),
                                       ("POST", "/echo.Chat/Talk/../Shut", ";x=y"), ("GET", "/echo.Chat/Talk", ""),
                                       ("POST", "/echo.chat/talk", "")):
                with denies(made, "request"):
                    fields = ("content-type", f"application/grpc{kind}"), ("te", "trailers")
                    stream = client.request(method, path, *fields, body=message(b"in"), end=False)
                    client.answer(stream)
                equal((stream.status, stream.ended, bytes(stream.data), stream.trailers), (200, True, b"", None), path)
                equal((stream.field("grpc-status"), stream.field("content-type")), ("7", "application/grpc"))
                assert "request" in stream.field("grpc-message") and stream.field("enforcer-decision"), stream
            for kind in ("application/grpc-web", "application/json", "text/plain"):
                with denies(made, "request"):
                    equal(client.ask("POST", "/echo.Chat/Shut", ("content-type", kind), body=b"x").status, 403, kind)
            client.write(going, message(b"two"), end=False)
            client.wait(lambda: going.data == message(b"one") + message(b"two"), "the answer on the call that was under way")
            equal(set(origin.paths()), {"/echo.Chat/Talk"})
            # A reload takes one call's rule away, and leaves the other's.
            held = client.request("POST", "/echo.Chat/Held", *GRPC, body=message(b"a"), end=False)
            client.wait(lambda: held.data == message(b"a"), "the other call")
            made.enforcer.write_policy(policy(rule.replace("/echo.Chat/Talk", "/echo.Chat/None"), f"mitm.test {RULE}"))
            made.enforcer.ctl_ok("reload")
            client.wait(lambda: going.over, "the end of the call whose rule is gone")
            made.enforcer.wait_record(type="end", outcome="policy_changed", host="h2.test")
            client.write(held, message(b"b"))
            client.answer(held)
            equal((bytes(held.data), held.trailers), (message(b"a") + message(b"b"), [("grpc-status", "0")]))
            wait_for(lambda: origin.request("/echo.Chat/Talk").reset is not None, what="the origin to be told")
        live(made)


@hang_guard(120)
def test_140_stream_without_end_is_counted():
    """What a call sends counts as uploaded, whatever comes back, and ends where the limit is."""
    cap = 4 << 20
    with Lab(policy(f"h2.test {RULE}", f"mitm.test {RULE}"), guests=("g1", "g2"), config={"limits": {"uploadBytesPerHour": cap}}) as made, \
            Http2Origin(made) as origin:
        for guest in made.guests.values():
            guest.trust_enforcer()
        with speak(made.guest, "h2.test") as client:
            with denies(made, "limit_bytes"):
                stream = client.request("POST", "/echo.Chat/Talk", *GRPC, end=False)
                for _ in range(32):
                    if not client.write(stream, message(blob(1 << 20)), end=False):
                        break
                client.answer(stream)
            assert stream.sent < 2 * cap, stream.sent
            last = dict(stream.trailers or []).get("grpc-status")
            assert stream.reset is not None or last != "0", f"it looks whole: {stream}"
            with denies(made, "limit_bytes"):
                another = client.ask("POST", "/echo.Chat/Talk", *GRPC, body=message(b"x"))
            equal((another.status, another.field("grpc-status")), (200, "8"))
        got = sum(request.size for request in origin.requests)
        assert got < 2 * cap, got
        ends = wait_for(lambda: made.enforcer.records(type="end", reason="limit_bytes"), what="its end")
        assert ends[0]["outcome"] == "denied" and ends[0]["bytes_up"] >= cap // 2, ends
        live_elsewhere = made.guests["g2"].curl("https://h2.test/x", "-d", json.dumps({}))
        equal(live_elsewhere.status, 200, "another guest's limit is its own")


class Unasked(Answering):
    """Behind each answer it says another one, in a record of its own that travels with the first."""

    def serve(self, client):
        client = self.context.wrap_socket(client, server_side=True)
        self.clients.append(client)
        with client:
            while True:
                path = read_head(client).split(b" ")[1]
                self.heads.append(path)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))
                if path.startswith(b"/twice"):
                    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


@hang_guard(60)
def test_132_answer_over_http1_that_nobody_asked_for():
    """It waits, decrypted by nobody, behind the answer before it: the next request must not find it."""
    with Lab(policy(f"ws.test {RULE}"), config={"workers": 1}) as made, Unasked(made, {}) as origin:
        made.guest.trust_enforcer()
        for number in range(3):
            for path in (f"/twice/{number}", f"/once/{number}", f"/again/{number}"):
                reply = made.guest.curl(f"https://ws.test{path}")
                equal((reply.status, reply.body), (200, path.encode()), path)
        equal(len(origin.heads), 9)
        equal(len(origin.clients) // 2, 4, "connections: one that goes on until it says what nobody asked for, three times, and one more")
        live(made, "https://ws.test/")
