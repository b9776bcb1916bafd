"""HTTP/2: what costs the sender nothing and the receiver work or memory. Who overspends loses its connection; others are served.

The lab: h2.test speaks HTTP/2, mitm.test HTTP/1.1; both are allowed to two guests."""

import contextlib
import itertools
import socket
import struct

from lib import http2_frames as h2
from lib.expect import equal
from lib.http2_client import speak
from lib.http2_origin import Http2Origin
from lib.lab import RULE, Lab, policy
from lib.load import descriptors, flood, not_starved, rate, resident, small_quarantine
from lib.oracles import denial_counts, denies, live, settled
from lib.processes import Timeout, wait_for
from lib.runner import hang_guard

HOST = "h2.test"
RULES = (f"h2.test {RULE}", f"mitm.test {RULE}")
# What a flood spends of anything else is not what these tests are about.
LIMITS = {"connections": 4096, "decisionsPerMinute": 1_000_000, "requestsPerMinute": 1_000_000}
WIDE = bytes(4 << 20)


class Origin(Http2Origin):
    def answer(self, connection, request):
        if request.path.startswith("/wide"):
            return connection.respond(request, WIDE)
        return super().answer(connection, request)


@contextlib.contextmanager
def lab(**options):
    options.setdefault("config", {"limits": LIMITS})
    with Lab(policy(*RULES), guests=("g1", "g2"), **options) as made, Origin(made, settings={3: 1000}) as origin:
        for guest in made.guests.values():
            guest.trust_enforcer()
        live(made, "https://h2.test/")
        yield made, origin


def overspent(client):
    """The connection is ended, with these words."""
    client.drain(40)
    assert client.ended and client.goaway, (client.ended, client.goaway)
    equal(client.goaway[1], h2.ENHANCE_YOUR_CALM, "the error of GOAWAY")


def pour(client, pieces, bound):
    """Sends one piece after the other until the connection is over; how many were sent."""
    for count, piece in enumerate(itertools.islice(pieces, bound)):
        if not client.send(piece):
            return count
    return bound


def batch(piece, times=250):
    return itertools.repeat(piece * times)


@hang_guard(240)
def test_124_frames_that_only_cost_work():
    over = h2.head(1, h2.block([(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/")]))
    frames = {"heads for a stream that is over": over, "SETTINGS": h2.settings(), "SETTINGS that change the table": h2.settings([(1, 0), (1, 4096)]),
              "SETTINGS nobody knows": h2.settings({0xFA: 1}),
              "PING": h2.frame(h2.PING, payload=bytes(8)), "PING answered": h2.frame(h2.PING, h2.ACK, payload=bytes(8)),
              "PRIORITY": h2.frame(h2.PRIORITY, 0, 3, h2.number(1) + b"\x10"),
              "windows of a stream": h2.window_update(3, 1), "unknown": h2.frame(h2.UNKNOWN, 0xFF, 0, b"x"),
              "unknown in a stream": h2.frame(h2.UNKNOWN, 0, 3), "ALTSVC": h2.frame(h2.ALTSVC, 0, 0, b"\0\x07h2.testx"),
              "ORIGIN": h2.frame(h2.ORIGIN), "PRIORITY_UPDATE": h2.frame(h2.PRIORITY_UPDATE, 0, 0, h2.number(3) + b"u=1"),
              "empty DATA": h2.frame(h2.DATA, 0, 3), "resets of what is over": h2.frame(h2.RST_STREAM, 0, 1, h2.number(h2.CANCEL))}
    with lab() as (made, _):
        before = rate(made, made.guests["g2"])
        for what, frame in frames.items():
            with speak(made.guest, HOST, settings={h2.INITIAL_WINDOW_SIZE: 1 << 16}) as client:
                equal(client.settled().ask().status, 200, f"the control: {what}")
                try:
                    with denies(made, "h2_abuse"):
                        client.request("POST", "/never", end=False)
                        sent = pour(client, batch(frame), 400)
                        overspent(client)
                except AssertionError as error:
                    raise AssertionError(f"{what}: {error}") from error
                print(f"{what}: over after at most {sent * 250} frames")
        with speak(made.guest, HOST) as client, denies(made, "h2_proto"):  # a confirmation of nothing is no flood but a fault
            client.settled()
            pour(client, batch(h2.settings(flags=h2.ACK)), 400)
            client.drain(40)
            assert client.ended and client.goaway and client.goaway[1] == h2.PROTOCOL_ERROR, (client.ended, client.goaway)
        for frame in (h2.settings(), h2.frame(h2.PING, payload=bytes(8))):  # as many as a lively client sends: nobody minds
            with speak(made.guest, HOST) as client:
                pour(client, batch(frame, 50), 10)
                equal(client.ask().status, 200, "the control: a few of them")

        def again(_):
            with contextlib.suppress(OSError, AssertionError, Timeout), speak(made.guest, HOST) as client:
                pour(client, batch(frames["PING"]), 400)
        with flood(again, 1000):
            not_starved(made, made.guests["g2"], before)
        live(made, "https://h2.test/")


@hang_guard(240)
def test_124_streams_that_are_reset_at_once():
    """CVE-2023-44487."""
    with lab() as (made, origin):
        before = rate(made, made.guests["g2"])

        def pairs(client, path):
            while True:
                streams = [client.claim() for _ in range(50)]
                yield b"".join(h2.head(s.number, h2.block(client.pseudo(path=path))) + h2.reset(s.number) for s in streams)
        for host, path in ((HOST, "/never"), (HOST, "/wide"), ("mitm.test", "/bytes/1000000")):
            with speak(made.guest, host) as client:
                equal(client.settled().ask().status, 200)
                with denies(made, "h2_abuse"):
                    sent = pour(client, pairs(client, path), 200) * 50
                    overspent(client)
                print(f"{host}{path}: over after at most {sent} resets")
                assert sent >= 500, "nobody is cut off for a few hundred"
            settled(made)
        unfinished = [request for request in origin.requests if request.path == "/never"]
        wait_for(lambda: all(r.reset is not None or r.connection.closed for r in unfinished), what="the origin to be told of all resets")
        with speak(made.guest, HOST) as client:  # the control: a client that gives up a few hundred times
            client.settled()
            for _ in range(300):
                client.send(h2.reset(client.request(path="/never").number))
            equal(client.ask().status, 200)

        def again(_):
            with contextlib.suppress(OSError, AssertionError, Timeout), speak(made.guest, HOST) as client:
                pour(client, pairs(client, "/never"), 200)
        with flood(again, 1000):
            not_starved(made, made.guests["g2"], before)
        live(made, "https://h2.test/")


def risen(made, before):
    return {key: value - before.get(key, 0) for key, value in denial_counts(made).items() if value != before.get(key, 0)}


@hang_guard(120)
def test_124_refusals_that_nobody_reads():
    """More streams than may be open, from a guest that neither confirms our SETTINGS nor reads what it makes us say."""
    with lab() as (made, _):
        memory = resident(made)
        with never_reading(made, HOST, "/never", 128) as connection, denies(made, "h2_abuse"):
            connection.settimeout(20)
            coded = h2.block([(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/never")])
            with contextlib.suppress(OSError):
                for number in range(257, 200_000, 200):
                    connection.sendall(b"".join(h2.head(stream, coded) for stream in range(number, number + 200, 2)))
        settled(made)
        assert resident(made) < memory + (64 << 20), f"{memory >> 20} MiB before, {resident(made) >> 20} MiB afterwards"
        live(made, "https://h2.test/")


@hang_guard(300)
def test_124_streams_that_we_are_made_to_reset():
    """CVE-2025-8671: what is reset counts against who caused it, and its request does not go on behind it."""
    def head(client, *fields, end=False):
        stream = client.claim()
        return stream.number, h2.head(stream.number, h2.block([*client.pseudo("POST", "/never"), *fields]), end)

    def more_than_said(client):
        number, coded = head(client, ("content-length", "1"))
        return coded + h2.data(number, b"xx", end=False)

    def too_wide(client):
        number, coded = head(client)
        return coded + h2.window_update(number, h2.MAX_WINDOW)

    def no_wider(client):
        number, coded = head(client)
        return coded + h2.window_update(number, 0)

    def after_the_end(client):
        number, coded = head(client, end=True)
        return coded + h2.data(number, b"x")

    def upper_case(client):
        return head(client, ("X", "y"), end=True)[1]

    def with_trailers(client):
        number, coded = head(client)
        return coded + h2.head(number, h2.block([("x", "y")]))

    with lab() as (made, origin):
        for action in (more_than_said, too_wide, no_wider, after_the_end, upper_case, with_trailers):
            before = denial_counts(made)
            with speak(made.guest, HOST) as client:
                equal(client.settled().ask().status, 200)
                sent = pour(client, (b"".join(action(client) for _ in range(20)) for _ in itertools.count()), 400) * 20
                client.drain(40)
                what = f"{action.__name__}: {sent} streams, {client.resets} of them reset, GOAWAY {client.goaway}"
                print(what)
                assert client.ended and client.goaway, what
                assert client.resets < 2000, what
            settled(made)
            reasons = risen(made, before)
            assert set(reasons) <= {"h2_abuse", "h2_proto"}, (what, reasons)
            if client.goaway[1] == h2.ENHANCE_YOUR_CALM:
                equal(reasons["h2_abuse"], 1, what)
            else:
                # One for each stream that was reset before, and one for the connection.
                assert client.goaway[1] != h2.NO_ERROR and reasons == {"h2_proto": client.resets + 1}, (what, reasons)
            wait_for(lambda: all(r.reset is not None or r.connection.closed for r in origin.requests if r.path == "/never"),
                     what=f"the origin to be told: {what}")
            live(made, "https://h2.test/")


@hang_guard(150)
def test_124_heads_in_endless_pieces():
    """CVE-2024-27316: CONTINUATION, empty ones too, and a head of which nothing comes any more."""
    with lab(config={"limits": LIMITS, "deadlines": {"requestHead": "3s", "idle": "10s"}}) as (made, origin):
        for what, piece in (("empty", b""), ("small", h2.literal("x", "y")), ("large", h2.literal("x", "y" * 16_000)),
                            ("an octet each", b"\0")):
            before = denial_counts(made)
            with speak(made.guest, HOST) as client:
                equal(client.settled().ask(path="/before").status, 200)
                number = client.claim().number
                first = h2.frame(h2.HEADERS, h2.END_STREAM, number, h2.block(client.pseudo(path="/pieces")))
                client.send(first + h2.frame(h2.CONTINUATION, 0, number, piece) * 20_000)
                client.drain(40)
            assert client.ended and client.goaway and client.goaway[1] != h2.NO_ERROR, (what, client.ended, client.goaway)
            settled(made)
            reasons = risen(made, before)
            equal(reasons, {"h2_abuse": 1}, what)
        with speak(made.guest, HOST) as client:  # the control: a head in a few pieces
            number, coded = client.claim().number, h2.block([*client.pseudo(path="/whole"), ("x", "y" * 10_000)])
            first = h2.frame(h2.HEADERS, h2.END_STREAM, number, coded[:10])
            client.send(first + h2.frame(h2.CONTINUATION, 0, number, coded[10:100]) + h2.frame(h2.CONTINUATION, 4, number, coded[100:]))
            equal(client.answer(client.streams[number]).status, 200)
        with speak(made.guest, HOST) as client:
            client.settled()
            client.send(h2.frame(h2.HEADERS, h2.END_STREAM, client.claim().number, h2.block(client.pseudo())[:9]))
            assert client.drain(60), "half a head keeps a connection for ever"
        equal({path for path in origin.paths() if path != "/"}, {"/before", "/whole"})
        live(made, "https://h2.test/")


def bomb(client, times, size=4000):
    """A head that decodes to so many fields of this size: the first is remembered, and the others are an octet each."""
    return h2.block(client.pseudo()) + h2.literal("x", "a" * size, first=0x40) + b"\xbe" * times


@hang_guard(150)
def test_125_heads_that_grow_when_decoded():
    small_quarantine()
    with lab() as (made, origin):
        settled(made)
        memory = resident(made)
        with speak(made.guest, HOST) as client:
            client.settled()
            many = [*client.pseudo(), *[(f"x-{number}", "a") for number in range(400)]]
            large = [*client.pseudo(), *[("x", "a" * 35_000)] * 2]
            for what, coded in (("large fields", h2.block(large)), ("many fields", h2.block(many)),
                                ("what was remembered", bomb(client, 20)), ("many small ones", bomb(client, 1000, 20))):
                held = client.request(path="/held")
                client.wait(lambda stream=held: stream.data, "a stream beside it")
                with denies(made, "limit_head"):
                    stream = client.answer(client.open([], coded=coded))
                equal(stream.status, 431, what)
                assert client.goaway is None and not client.ended, what
                origin.finish(origin.request("/held"))
                equal(bytes(client.answer(held).data), b"first\nsecond\n", what)
            equal(client.answer(client.open([*client.pseudo(), ("x", "a" * 60_000)])).status, 200, "the control: a head just below")
        for what, times in (("bomb", 200), ("larger bomb", 16_000)):
            for number in range(5):
                with speak(made.guest, HOST) as client:
                    with denies(made, "h2_abuse"):
                        client.settled().open([], coded=bomb(client, times))
                        overspent(client)
                    assert not client.streams[1].ended, (what, number)
        assert resident(made) < memory + (64 << 20), f"memory: {memory >> 20} MiB before, {resident(made) >> 20} MiB afterwards"
        equal({path for path in origin.paths()}, {"/", "/held"})
        live(made, "https://h2.test/")


@hang_guard(120)
def test_125_tables_that_change_their_size():
    small_quarantine()
    with lab() as (made, _):
        settled(made)
        memory = resident(made)
        small, usual = h2.integer(0, 5, 0x20), h2.integer(4096, 5, 0x20)
        for toggles in (1, 3, 1000, 7000):
            with speak(made.guest, HOST) as client:
                client.settled()
                for _ in range(20):
                    if client.ended or client.goaway:
                        break
                    client.answer(client.open([], coded=(small + usual) * toggles + h2.block(client.pseudo())))
                if toggles == 1:
                    equal([stream.status for stream in client.streams.values()], [200] * 20, "the control: twice is allowed")
                statuses = {stream.status for stream in client.streams.values()}
                assert statuses <= {200, None} and (client.goaway or statuses == {200}), (toggles, statuses, client.goaway)
        with speak(made.guest, HOST, settings={h2.HEADER_TABLE_SIZE: 0xFFFFFFFF}) as client:  # it is ours, too
            for number in range(200):
                client.send(h2.settings({h2.HEADER_TABLE_SIZE: 0xFFFFFFFF if number % 2 else 0}))
                equal(client.ask(path=f"/{number}" + "a" * 1000).status, 200)
        assert resident(made) < memory + (64 << 20), f"memory: {memory >> 20} MiB before, {resident(made) >> 20} MiB afterwards"
        live(made, "https://h2.test/")


def never_reading(made, host, path, streams):
    """A connection with the widest windows and a tiny buffer, on which nothing is read behind the handshake."""
    with speak(made.guest, host) as client:
        client.settled()
        equal(client.ask().status, 200)
    connection = made.guest.tls(host, protocols=["h2"])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing is a reset
    pseudo = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path)]
    connection.sendall(h2.PREFACE + h2.settings({h2.INITIAL_WINDOW_SIZE: h2.MAX_WINDOW}) + h2.window_update(0, h2.MAX_WINDOW - h2.WINDOW)
                       + b"".join(h2.head(1 + 2 * number, h2.block(pseudo)) for number in range(streams)))
    return connection


@hang_guard(480)
def test_131_readers_that_let_nothing_flow():
    small_quarantine()
    streams, connections = 64, 3
    with lab(config={"limits": LIMITS, "deadlines": {"idle": "20s"}}) as (made, origin):
        settled(made)
        memory, fds = resident(made), descriptors(made)

        def timeouts():
            return len(made.enforcer.records(type="end", outcome="timeout"))

        def small_windows(stack, host, path, size):
            """The streams of so many connections, each with a whole head and no more of its body than this."""
            clients = [stack.enter_context(speak(made.guest, host, settings={h2.INITIAL_WINDOW_SIZE: size}, replenish=False))
                       for _ in range(connections)]
            for client in clients:
                slow = [client.request(path=path) for _ in range(streams)]
                client.wait(lambda slow=slow: all(s.status == 200 for s in slow), "the heads of all responses", 60)
                assert all(len(stream.data) <= size for stream in slow), "more than the window"
            other = clients[0].request(path="/bytes/100000")
            clients[0].send(h2.window_update(other.number, 1 << 20))
            equal(len(clients[0].answer(other).data), 100_000, "another stream of the same connection")
        for host, path in ((HOST, "/wide"), ("mitm.test", "/bytes/300000")):
            for what, size in (("no window", 0), ("a window of one octet", 1), ("windows, and never reads", None)):
                before, known = timeouts(), len(origin.requests)
                with contextlib.ExitStack() as stack:
                    if size is None:
                        for _ in range(connections):
                            stack.enter_context(never_reading(made, host, path, streams))
                    else:
                        small_windows(stack, host, path, size)
                    if host == HOST:
                        wait_for(lambda: len(origin.requests) - known >= streams * connections, 60, "all requests at the origin")
                    now = resident(made)
                    print(f"{host}, {what}: memory {memory >> 20} MiB before, {now >> 20} MiB meanwhile")
                    # 64 KiB a stream, a MiB for a few, and what a sanitizer adds. Unbounded it would be most of a GiB.
                    assert now < memory + (160 << 20), f"{host}, {what}: {memory >> 20} MiB before, {now >> 20} MiB meanwhile"
                    for url in ("https://h2.test/", "https://mitm.test/"):
                        equal(made.guests["g2"].curl(url).status, 200, f"another guest meanwhile: {what}")
                    if size is not None:
                        wait_for(lambda: timeouts() - before >= streams * connections, 90, f"the end of what waits: {host}, {what}")
                    settled(made)  # by itself: all are still open at the guest's end
        wait_for(lambda: descriptors(made) <= fds + 16, what="descriptors as before")
        live(made, "https://h2.test/")


@hang_guard(120)
def test_131_origin_that_takes_nothing():
    """What a guest sends waits at the guest: a window and no more is between them, and it ends."""
    with lab(config={"limits": LIMITS, "deadlines": {"idle": "15s"}}) as (made, origin):
        with speak(made.guest, HOST) as client:
            streams = [client.request("POST", "/deaf", end=False) for _ in range(10)]
            for stream in streams:
                with contextlib.suppress(Timeout):
                    client.write(stream, WIDE, seconds=0.5)
                assert h2.WINDOW <= stream.sent <= 4 * h2.WINDOW, f"{stream.sent} octets of a body that nobody takes"
            equal(client.ask(path="/other").status, 200, "another stream of the same connection")
            client.wait(lambda: all(stream.over for stream in streams), "the end of the uploads", 60)
            assert not any(stream.status == 200 for stream in streams), streams
        wait_for(lambda: all(r.reset is not None or r.connection.closed for r in origin.requests if r.path == "/deaf"),
                 what="the origin to be told")
        live(made, "https://h2.test/")
