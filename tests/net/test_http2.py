"""HTTP/2 with guests: each stream is a request of its own, whichever version its origin speaks.

h2.test speaks HTTP/2 only, mitm.test HTTP/1.1 only. What is known of an origin is known to one worker: where a test counts on it, there
is one."""

import contextlib
import hashlib
import json
import re

from lib import http2_frames as h2
from lib.expect import equal
from lib.http2_client import speak
from lib.http2_origin import Http2Origin
from lib.lab import Lab, policy
from lib.origin import blob
from lib.processes import wait_for

ANYTHING = 'http: [{paths: ["/**"]}]'
NAMES = (f"h2.test {ANYTHING}", f"mitm.test {ANYTHING}")
ONE_WORKER = {"workers": 1}


@contextlib.contextmanager
def lab(*allow, origin=None, **options):
    with Lab(policy(*(allow or NAMES)), **options) as made, Http2Origin(made, **(origin or {})) as server:
        for guest in made.guests.values():
            guest.trust_enforcer()
        yield made, server


def version_of(reply):
    return re.findall(r"^< HTTP/([\d.]+) \d+", reply.talk, re.MULTILINE)[-1]


def decisions(made, **match):
    return made.enforcer.records(type="decision", layer="http", **match)


def ends(made, count, **match):
    def found():
        return made.enforcer.records(type="end", layer="http", **match)
    wait_for(lambda: len(found()) >= count, what=f"{count} ends")
    equal(len(found()), count, "end records")
    return found()


def test_each_side_speaks_what_its_peer_speaks():
    with lab(config=ONE_WORKER) as (made, origin):
        for options, version in ((["--http2"], "2"), (["--http1.1"], "1.1")):
            reply = made.guest.curl("https://h2.test/hello", *options)
            equal((reply.status, reply.body, version_of(reply)), (200, b"hello from h2.test\n", version))
        equal({connection.protocol for connection in origin.connections}, {"h2"})
        for options in (["--http1.1"], []):
            reply = made.guest.curl("https://mitm.test/hello", *options)
            equal((reply.status, reply.body, version_of(reply)), (200, b"hello from mitm.test\n", "1.1"))
        with speak(made.guest, "mitm.test") as client:  # one that has nothing else
            equal(bytes(client.ask(path="/hello").data), b"hello from mitm.test\n")
        equal({event["alpn"] for event in made.world.events(event="handshake")}, {"http/1.1"})
        equal([connection.fault for connection in origin.connections], [None] * len(origin.connections))


def test_name_with_http1_only_is_remembered_for_its_guest():
    with lab(config=ONE_WORKER, guests=("g1", "g2")) as (made, _):
        for name in ("g1", "g2"):
            guest = made.guests[name]
            equal([version_of(guest.curl("https://mitm.test/")) for _ in range(3)], ["2", "1.1", "1.1"], name)
            equal([version_of(guest.curl("https://h2.test/")) for _ in range(2)], ["2", "2"], name)
            with speak(guest, "mitm.test") as client:  # one that offers nothing else
                equal(client.ask().status, 200)


def test_invariant_12_each_stream_is_decided_and_recorded():
    rule = 'http: [{methods: [GET], paths: ["/public/**", "/held"]}]'
    with lab(f"h2.test {rule}") as (made, origin), speak(made.guest, "h2.test") as client:
        client.settled()
        held = client.request(path="/held")
        client.wait(lambda: held.data, "a response to begin")
        wanted = {("GET", "/public/a?token=s3cret"): 200, ("GET", "/admin"): 403, ("DELETE", "/public/b"): 403, ("GET", "/public/c"): 200,
                  ("GET", "/public/../admin"): 403}
        streams = {(method, path): client.request(method, path) for method, path in wanted}
        equal({key: client.answer(stream).status for key, stream in streams.items()}, wanted)
        origin.finish(origin.request("/held"))
        equal(bytes(client.answer(held).data), b"first\nsecond\n", "the stream that was under way")
        denied = streams[("GET", "/admin")]
        problem = json.loads(denied.data)
        record = made.enforcer.wait_record(type="decision", decision="deny", path="/admin", method="GET")
        equal((problem["decision_id"], problem["reason"], problem["host"]), (record["decision_id"], "request", "h2.test"))
        equal((denied.field("content-type"), denied.field("enforcer-decision")),
              ("application/problem+json", f"deny; id={record['decision_id']}"))
        equal([r["path"] for r in decisions(made, decision="allow")], ["/held", "/public/a?token=*", "/public/c"])
        equal(sorted(origin.paths()), ["/held", "/public/a?token=s3cret", "/public/c"])
        ended = ends(made, 3)
        equal({e["decision_id"] for e in ended}, {r["decision_id"] for r in decisions(made, decision="allow")})
        equal({(e["outcome"], e["dialled_ip"]) for e in ended}, {("completed", "93.184.216.70")})
        assert all(e["bytes_up"] > 0 and e["bytes_down"] > 0 for e in ended), ended
        assert "s3cret" not in open(made.enforcer.audit_path).read()


def test_invariant_1_no_origin_is_contacted_before_a_stream_is_allowed():
    with lab('h2.test http: [{methods: [GET], paths: ["/a"]}]') as (made, _), speak(made.guest, "h2.test") as client:
        equal(client.ask("POST", "/a", body=b"x").status, 403)
        equal(client.ask(path="/b").status, 403)
        made.wire_silent()
        equal(client.ask(path="/a").status, 200)


def test_as_many_streams_at_once_as_we_say():
    with lab(origin={"settings": {3: 1000}}) as (made, origin), speak(made.guest, "h2.test") as client:
        equal(client.settled().settings[h2.MAX_CONCURRENT_STREAMS], 128)
        streams = [client.request(path=f"/held/{number}") for number in range(128)]
        client.wait(lambda: all(stream.data for stream in streams), "all responses to begin", 60)
        (listed,) = json.loads(made.enforcer.ctl_ok("guest", "list", "-o", "json"))["guests"]
        equal(listed["connections"], 1, "connections of the guest")
        for number, stream in reversed(list(enumerate(streams))):
            origin.finish(origin.request(f"/held/{number}"), b"%d\n" % number)
            equal(bytes(client.answer(stream).data), b"first\n%d\n" % number)
        equal(len(decisions(made, decision="allow")), 128)


def test_streams_beyond_the_limits_are_refused_and_the_others_go_on():
    with lab(config={"limits": {"connections": 4}}) as (made, origin), speak(made.guest, "h2.test") as client:
        held = [client.request(path=f"/held/{number}") for number in range(4)]
        client.wait(lambda: all(stream.data for stream in held), "four responses to begin")
        more = client.request(path="/held/more")
        client.wait(lambda: more.over, "the end of the fifth")
        equal(more.reset, h2.REFUSED_STREAM)
        made.enforcer.wait_record(type="decision", decision="deny", reason="limit_conn")
        origin.finish(origin.request("/held/0"))
        equal(bytes(client.answer(held[0]).data), b"first\nsecond\n")
        # The last frame of the first one is on its way before its place is free.
        wait_for(lambda: client.ask().status == 200, what="room again")
    with lab(config={"limits": {"decisionsPerMinute": 6}}) as (made, origin), speak(made.guest, "h2.test") as client:
        streams = [client.request(path=f"/{number}") for number in range(12)]
        client.wait(lambda: all(stream.over for stream in streams), "the end of all")
        refused = [stream for stream in streams if stream.reset == h2.REFUSED_STREAM]
        equal(({stream.status for stream in streams if stream not in refused}, 5 <= len(refused) <= 8), ({200}, True), str(len(refused)))
        made.enforcer.wait_record(type="event", event="limit_decisions")
    with lab() as (made, _), speak(made.guest, "h2.test") as client:
        client.settled()
        for number in range(129):  # one more than was offered
            client.request(path="/never")
        client.drain(20)
        assert client.ended and client.goaway and client.goaway[1] == h2.PROTOCOL_ERROR, (client.ended, client.goaway)
        made.enforcer.wait_record(type="decision", decision="deny", reason="h2_proto")


def test_wide_windows_are_given_back():
    """A guest has 32 of them at once; the hundredth upload has one, too."""
    with lab() as (made, _), speak(made.guest, "h2.test") as client:
        for number in range(100):
            stream = client.request("POST", f"/{number}", end=False)
            widest = 0
            for _ in range(8):
                client.write(stream, bytes(32 << 10), end=False)
                client.ping()
                widest = max(widest, stream.window)
            client.write(stream, b"end")
            equal(client.answer(stream).status, 200)
            assert widest > 4 * h2.WINDOW, f"upload {number}: at most {widest} octets at once"


def test_origin_that_wants_http1_gets_it_and_one_that_takes_nothing_is_asked_three_times():
    with lab(origin={"protocols": ("h2", "http/1.1")}) as (made, origin), speak(made.guest, "h2.test") as client:
        equal(bytes(client.ask(path="/old").data), b"by HTTP/1")
        equal(origin.paths(), ["/old"])
        refused = client.ask(path="/none")
        equal((refused.status, json.loads(refused.data)["reason"]), (502, "origin_connect"))
        equal(origin.paths(), ["/old", "/none", "/none", "/none"])
        equal(client.ask(path="/other").status, 200)


def test_origin_that_takes_few_streams_is_asked_on_more_connections():
    with lab(origin={"settings": {3: 4}}) as (made, origin), speak(made.guest, "h2.test") as client:
        streams = []
        for number in range(20):
            streams.append(client.request(path=f"/held/{number}"))
            client.wait(lambda: streams[-1].data, "a response to begin")
        assert len(origin.connections) >= 5, f"{len(origin.connections)} connections"
        for number in range(20):
            origin.finish(origin.request(f"/held/{number}"))
        equal({client.answer(stream).status for stream in streams}, {200})
        equal({connection.fault for connection in origin.connections}, {None})


def test_bodies_flow_both_ways_with_both_versions():
    size = 6_000_000
    md5 = hashlib.md5(blob(size)).hexdigest()
    with lab() as (made, _):
        with open(f"{made.folder}/body", "wb") as file:
            file.write(blob(size))
        for host in ("h2.test", "mitm.test"):
            with speak(made.guest, host) as client:
                for fields in ((), (("content-length", str(size)),)):
                    equal(json.loads(client.ask("PUT", "/x", *fields, body=blob(size)).data), {"bytes": size, "md5": md5}, host)
                assert client.ask(path=f"/bytes/{size}").data == blob(size), host
                both = client.request("PUT", "/x", end=False), client.request(path=f"/bytes/{size}")  # side by side
                client.write(both[0], blob(size))
                assert client.answer(both[1]).data == blob(size) and json.loads(client.answer(both[0]).data)["md5"] == md5, host
            for version in ("--http2", "--http1.1"):
                reply = made.guest.curl(f"https://{host}/x", version, "-T", f"{made.folder}/body")
                equal(json.loads(reply.body), {"bytes": size, "md5": md5}, f"{host} {version}")
                assert made.guest.curl(f"https://{host}/bytes/{size}", version).body == blob(size), f"{host} {version}"


def test_heads_alone_hints_and_trailers():
    with lab() as (made, _):
        for host in ("h2.test", "mitm.test"):
            with speak(made.guest, host) as client:
                stream = client.ask("HEAD", "/hello")
                equal((stream.status, bytes(stream.data), stream.ended), (200, b"", True))
                equal(stream.field("content-length"), str(len(f"hello from {host}\n")))
                stream = client.ask("POST", "/x", ("expect", "100-continue"), body=b"hello")
                equal((stream.status, json.loads(stream.data)["bytes"]), (200, 5), host)
                equal([fields[0] for fields in stream.interim], [(":status", "100")], host)
        with speak(made.guest, "h2.test") as client:
            stream = client.ask(path="/trailers")
            equal((bytes(stream.data), stream.trailers), (b"hi", [("x-sum", "abc"), ("x-more", "d")]))
            stream = client.ask(path="/hints")
            equal([fields for fields in stream.interim], [[(":status", "103"), ("link", "</x>")]])
        equal(made.guest.curl("https://h2.test/trailers", "--http1.1").body, b"hi")
        with open(f"{made.folder}/body", "wb") as file:
            file.write(b"hello")
        for version in ("--http2", "--http1.1"):
            reply = made.guest.curl("https://h2.test/x", version, "-T", f"{made.folder}/body", "-H", "Expect: 100-continue")
            equal(json.loads(reply.body)["bytes"], 5)


def test_events_are_not_buffered():
    with lab() as (made, origin):
        for version in ("--http2", "--http1.1"):
            reply = made.guest.curl("https://h2.test/drip/10", version, "-N")
            equal(reply.body, b"dripped\n" * 10)
            assert reply.seconds - reply.first_byte > 0.5, f"{version}: first {reply.first_byte} s, all {reply.seconds} s"
        reply = made.guest.curl("https://mitm.test/events/10", "--http2", "-N")
        assert reply.body.count(b"data: ") == 10 and reply.seconds - reply.first_byte > 0.5, reply.seconds
        with speak(made.guest, "h2.test") as client:  # and a guest's neither
            stream = client.request("POST", "/echo", body=b"one", end=False)
            client.wait(lambda: stream.data == b"one", "the first piece")
            client.write(stream, b"two", end=False)
            client.wait(lambda: stream.data == b"onetwo", "the second piece")
            client.write(stream, b"")
            equal(client.answer(stream).trailers, [("grpc-status", "0")])


def test_reset_by_the_guest_cancels_the_origins_request_and_no_other():
    with lab() as (made, origin), speak(made.guest, "h2.test") as client:
        going = client.request(path="/held/going")
        client.wait(lambda: going.data, "a response to begin")
        for path in ("/never", "/held/cut", "/slow"):  # before the head, behind it, and behind some of the body
            stream = client.request(path=path)
            request = origin.request(path)
            if path != "/never":
                client.wait(lambda: stream.status, "a response to begin")
            client.send(h2.reset(stream.number))
            wait_for(lambda: request.reset is not None, what=f"the origin to be told of {path}")
            equal(request.reset, h2.CANCEL, path)
            assert not request.connection.closed
        equal({end["outcome"] for end in ends(made, 3)}, {"guest_reset"})
        half = client.request("POST", "/half", body=b"half", end=False)
        request = origin.request("/half")
        client.send(h2.reset(half.number))
        wait_for(lambda: request.reset is not None, what="the origin to be told of half a body")
        assert not request.ended
        origin.finish(origin.request("/held/going"))
        equal(bytes(client.answer(going).data), b"first\nsecond\n")
        equal([connection.fault for connection in origin.connections], [None])


def test_guest_that_has_all_octets_and_leaves_broke_nothing_off():
    """Clients that count what content-length says reset the stream before its END_STREAM has come."""
    with lab() as (made, origin), speak(made.guest, "h2.test") as client:
        for path, seen in (("/endless", b"all of it\n"), ("/held/cut", b"first\n")):
            stream = client.request(path=path)
            client.wait(lambda: bytes(stream.data) == seen, "the answer")
            client.send(h2.reset(stream.number))
            wait_for(lambda: origin.request(path).reset is not None, what=f"the origin to be told of {path}")
        outcomes = {path: made.enforcer.wait_record(type="end", decision_id=decisions(made, path=path)[0]["decision_id"])["outcome"]
                    for path in ("/endless", "/held/cut")}
        equal(outcomes, {"/endless": "completed", "/held/cut": "guest_reset"})


def test_end_of_a_request_comes_with_its_last_octets():
    """An END_STREAM of its own is a frame more, and keeps an origin waiting that reads to the end before it answers."""
    with lab(config=ONE_WORKER) as (made, origin):
        with speak(made.guest, "h2.test") as client:
            equal(client.ask(path="/none/asked").status, 200)
            equal(origin.request("/none/asked").end_came_with, "head")
            for size in (1, 16384, 100_000):
                equal(client.ask("POST", f"/up/{size}", body=b"x" * size).status, 200)
                request = origin.request(f"/up/{size}")
                equal(request.size, size)
                assert request.end_came_with, f"{size} octets, and then {request.end_came_with}"
            late = client.request("POST", "/up/late", body=b"all of it", end=False)  # the control: an end that is known later
            wait_for(lambda: origin.request("/up/late").size, what="the octets without their end")
            client.write(late, b"")
            equal(client.answer(late).status, 200)
            equal(origin.request("/up/late").end_came_with, 0)
        for path, options in (("/counted", []), ("/chunked", ["-H", "Transfer-Encoding: chunked"])):
            reply = made.guest.curl(f"https://h2.test{path}", "--http1.1", "--data-binary", "x" * 1000, *options)
            equal((reply.status, origin.request(path).size), (200, 1000))
            assert origin.request(path).end_came_with, path
        equal([connection.fault for connection in origin.connections], [None] * len(origin.connections))


def test_end_of_an_answer_comes_with_its_last_octets():
    with lab(config=ONE_WORKER) as (made, origin):
        for host in ("h2.test", "mitm.test"):
            with speak(made.guest, host) as client:
                for size in (1, 16384, 100_000):
                    answer = client.ask(path=f"/bytes/{size}")
                    equal(len(answer.data), size, host)
                    assert answer.end_came_with, f"{size} octets from {host}, and then {answer.end_came_with}"
                equal(client.ask("HEAD", "/bytes/10").end_came_with, "head", host)
        with speak(made.guest, "h2.test") as client:
            equal(client.ask(path="/trailers").end_came_with, "trailers")
            held = client.request(path="/held/end")
            client.wait(lambda: held.data, "the first octets")
            assert held.end_came_with is None, held
            origin.finish(origin.request("/held/end"))
            equal((bytes(client.answer(held).data), held.end_came_with), (b"first\nsecond\n", 7))
            denied = client.ask(path="/bytes/1", authority="other.test")  # an answer of ours
            equal(denied.status, 421)
            equal(denied.end_came_with, len(denied.data))


def test_next_request_behind_a_whole_answer_finds_the_connection_to_the_origin():
    """A guest that counts octets asks again as soon as it has them, and one connection is enough for all it asks."""
    with lab(config=ONE_WORKER) as (made, _), speak(made.guest, "mitm.test") as client:
        for size in range(1000, 1050):
            stream = client.request(path=f"/bytes/{size}")
            client.wait(lambda stream=stream, size=size: len(stream.data) == size, "all octets of the answer")
        equal(len(made.world.events(event="handshake", sni="mitm.test")), 1)


def test_connection_that_goes_away_takes_its_streams_along():
    with lab() as (made, origin):
        with speak(made.guest, "h2.test") as client:
            streams = [client.request(path=f"/held/{number}") for number in range(5)]
            client.wait(lambda: all(stream.data for stream in streams), "all responses to begin")
        requests = [origin.request(f"/held/{number}") for number in range(5)]
        wait_for(lambda: all(r.reset is not None or r.connection.closed for r in requests), what="the origin to be told")
        equal({end["outcome"] for end in ends(made, 5)}, {"guest_reset"})


def test_request_that_the_origin_has_not_looked_at_is_sent_again():
    with lab(config=ONE_WORKER) as (made, origin), speak(made.guest, "h2.test") as client:
        for path in ("/refused", "/goaway"):
            for method in ("GET", "POST"):
                equal(client.ask(method, f"{path}/{method}").status, 200, f"{method} {path}")
                equal(origin.paths().count(f"{path}/{method}"), 2)
                asked = [request.connection for request in origin.requests if request.path == f"{path}/{method}"]
                assert path == "/refused" or asked[0] is not asked[1], "on a connection that was going away"
        equal({end["outcome"] for end in ends(made, 4)}, {"completed"})


def test_origin_that_goes_away_in_good_order_finishes_what_it_has():
    with lab(config=ONE_WORKER) as (made, origin), speak(made.guest, "h2.test") as client:
        held = client.request(path="/held")
        client.wait(lambda: held.data, "a response to begin")
        equal(bytes(client.ask(path="/last").data), b"last\n")
        equal(client.ask(path="/next").status, 200)
        assert origin.request("/next").connection is not origin.request("/last").connection
        origin.finish(origin.request("/held"))
        equal(bytes(client.answer(held).data), b"first\nsecond\n", "a stream older than the GOAWAY")


def test_reload_closes_streams_whose_rule_is_gone_and_no_others():
    def rule(*names):
        return "h2.test http: [{methods: [GET], paths: [" + ", ".join(f'"/{name}"' for name in names) + "]}]"
    with lab(rule("held", "drip/30")) as (made, origin), speak(made.guest, "h2.test") as client:
        held, drip = client.request(path="/held"), client.request(path="/drip/30")
        client.wait(lambda: held.data and drip.data, "both responses to begin")
        made.enforcer.write_policy(policy(rule("drip/30", "new")))
        made.enforcer.ctl_ok("reload")
        client.wait(lambda: held.over, "the end of the stream whose rule is gone")
        assert held.reset is not None and not held.ended, held
        made.enforcer.wait_record(type="end", layer="http", outcome="policy_changed")
        equal(origin.request("/held").path, "/held")
        wait_for(lambda: origin.request("/held").reset is not None, what="the origin to be told")
        equal(client.ask(path="/held").status, 403, "a new stream on the same connection")
        equal(client.ask(path="/new").status, 200)
        equal(bytes(client.answer(drip).data), b"dripped\n" * 30)
        equal(len(ends(made, 2, outcome="completed")), 2)


def test_detaching_the_guest_ends_its_streams():
    with lab(guests=("g1", "g2")) as (made, origin), speak(made.guest, "h2.test") as client:
        held = client.request(path="/held")
        client.wait(lambda: held.data, "a response to begin")
        made.enforcer.ctl_ok("guest", "detach", "g1")
        made.enforcer.wait_record(type="end", layer="http", outcome="guest_gone")
        wait_for(lambda: origin.requests[0].reset is not None or origin.requests[0].connection.closed, what="the origin to be told")
        equal(made.guests["g2"].curl("https://h2.test/").status, 200)
