"""Connections to HTTP/2 origins: who may share one (invariant 9), what goes over them, and clear HTTP/2 by prior knowledge."""

import contextlib

from lib import http2_frames as h2
from lib.expect import equal
from lib.http2_client import speak
from lib.http2_origin import Http2Origin
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.world import SECRET

ANYTHING = 'http: [{paths: ["/**"]}]'
ONE_WORKER = {"workers": 1}  # what one has, another does not know of
BEARER = {"token": {"binding": [{"to": ["h2.test"], "as": "bearer"}]}}


@contextlib.contextmanager
def lab(*allow, origin=None, **options):
    options.setdefault("config", ONE_WORKER)
    with Lab(policy(*(allow or (f"h2.test {ANYTHING}",))), **options) as made, Http2Origin(made, **(origin or {})) as server:
        for guest in made.guests.values():
            guest.trust_enforcer()
        yield made, server


def test_connection_is_shared_by_the_requests_of_one_guest():
    with lab() as (made, origin):
        for _ in range(3):  # connections of its own, one after the other, and two at once
            with speak(made.guest, "h2.test") as client, speak(made.guest, "h2.test") as other:
                equal([client.ask().status, other.ask().status, client.ask().status], [200, 200, 200])
        equal(made.guest.curl("https://h2.test/", "--http1.1").status, 200)
        equal(len(origin.connections), 1, "connections of the origin")
        equal(len(made.enforcer.records(type="decision", decision="allow", layer="http")), 10, "decisions, for all that")
        equal({end["dialled_ip"] for end in made.enforcer.records(type="end", layer="http")}, {"93.184.216.70"})


def test_invariant_9_guests_share_no_connection():
    with lab(guests=("g1", "g2")) as (made, origin):
        for name in ("g1", "g2", "g1", "g2"):
            equal(made.guests[name].curl(f"https://h2.test/{name}").status, 200)
        equal(sorted([request.path for request in connection.requests.values()] for connection in origin.connections),
              [["/g1", "/g1"], ["/g2", "/g2"]])


def test_names_and_ports_share_no_connection():
    """One server, one address, one certificate for both names: other clients would coalesce."""
    rules = (f"h2.test {ANYTHING}", f"second.h2.test {ANYTHING}", f"h2.test:8443 {ANYTHING}")
    with lab(*rules, origin={"names": ["second.h2.test"]}) as (made, origin), Http2Origin(made, port=8443) as other:
        for _ in range(2):
            for place in ("h2.test", "second.h2.test", "h2.test:8443"):
                equal(made.guest.curl(f"https://{place}/").body, f"hello from {place}\n".encode())
        equal((len(origin.connections), len(other.connections)), (2, 1))
        for connection in origin.connections:
            equal(len({request.authority for request in connection.requests.values()}), 1)


def test_credentials_share_no_connection_and_reach_their_requests_only():
    rules = ('h2.test http: [{methods: [GET], paths: ["/with/**"]}], credential: token',
             'h2.test http: [{methods: [GET], paths: ["/bare/**"]}]')
    with lab(*rules, credentials=BEARER) as (made, origin), speak(made.guest, "h2.test") as client:
        for path in ("/with/a", "/bare/a", "/with/b", "/bare/b"):
            equal(client.ask(path=path).status, 200, path)
        stream = client.answer(client.open([*client.pseudo(path="/with/c"), ("authorization", "Bearer mine"), ("cookie", "session=mine")]))
        equal(stream.status, 200)
        secrets = {request.path: request.field("authorization") for request in origin.requests}
        equal(secrets, {"/with/a": f"Bearer {SECRET}", "/with/b": f"Bearer {SECRET}", "/with/c": f"Bearer {SECRET}",
                        "/bare/a": None, "/bare/b": None})
        equal(origin.request("/with/c").field("cookie"), None)
        equal(sorted([request.path.split("/")[1] for request in connection.requests.values()] for connection in origin.connections),
              [["bare"] * 2, ["with"] * 3])
        equal({r.get("credential") for r in made.enforcer.records(type="decision", decision="allow", layer="http")}, {"token", None})
        equal(made.enforcer.metric("enforcer_credential_injections_total", credential="token", result="injected"), 3)
        assert SECRET not in open(made.enforcer.audit_path).read()


def test_fields_of_the_path_through_us_stay_here():
    sent = ["X-Forwarded-Host: evil.test", "X-Real-IP: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Mine: kept", "Keep-Alive: 5",
            "TE: trailers"]
    with lab() as (made, origin):
        for version in ("--http2", "--http1.1"):
            equal(made.guest.curl(f"https://h2.test/{version}", version, *[word for line in sent for word in ("-H", line)]).status, 200)
            request = origin.request(f"/{version}")
            equal([request.field(name) for name in ("x-mine", "x-forwarded-host", "x-real-ip", "forwarded", "keep-alive", "connection")],
                  ["kept", None, None, None, None, None], version)
            equal({(name, value) for name, value in request.fields if name.startswith(":")},
                  {(":method", "GET"), (":scheme", "https"), (":authority", "h2.test"), (":path", f"/{version}")})


def test_what_an_origin_is_told_at_the_beginning():
    with lab() as (made, origin):
        equal(made.guest.curl("https://h2.test/").status, 200)
        connection = origin.connections[0]
        equal(connection.settings[h2.ENABLE_PUSH], 0)
        assert connection.settings[h2.INITIAL_WINDOW_SIZE] <= h2.WINDOW, connection.settings
        wait_for(lambda: connection.acknowledged, what="our settings to be taken")


def test_origin_that_closes_is_dialled_again():
    with lab() as (made, origin), speak(made.guest, "h2.test") as client:
        for number in range(1, 4):
            equal(client.ask(path=f"/{number}").status, 200)
            equal(len(origin.connections), number)
            connection = origin.connections[-1]
            connection.do(lambda c=connection: c.h2.close_connection() or c.client.shutdown(2))
            wait_for(lambda c=connection: c.closed, what="that connection to be closed")


def test_origin_that_breaks_off_an_answer_breaks_off_no_other():
    with lab() as (made, origin), speak(made.guest, "h2.test") as client:
        held, broken = client.request(path="/held/a"), client.request(path="/held/b")
        client.wait(lambda: held.data and broken.data, "both responses to begin")
        request = origin.request("/held/b")
        request.connection.do(lambda: request.connection.h2.reset_stream(request.stream, h2.INTERNAL_ERROR))
        client.answer(broken)
        assert broken.reset is not None and not broken.ended, broken
        origin.finish(origin.request("/held/a"))
        equal(bytes(client.answer(held).data), b"first\nsecond\n")
        outcomes = wait_for(lambda: (e := made.enforcer.records(type="end", layer="http")) and len(e) == 2 and e, what="both ends")
        equal({end["outcome"] for end in outcomes}, {"completed", "origin_reset"})


def test_clear_http2_by_prior_knowledge_is_decided_by_stream():
    rule = 'http: [{methods: [GET, POST], paths: ["/public/**", "/bytes/*"]}]'
    with Lab(policy(f"h2.test:80 {rule}"), config=ONE_WORKER) as made, Http2Origin(made, clear=True) as origin:
        with speak(made.guest, "h2.test", clear=True) as client:
            equal(client.ask(path="/public/a").status, 200)
            equal(client.ask(path="/admin").status, 403)
            equal(client.ask(path="/public/b", authority="mitm.test").status, 421)
            equal(client.ask("POST", "/public/c", body=b"x" * 100_000).status, 200)
            equal(len(client.ask(path="/bytes/1000000").data), 1_000_000)
        equal(origin.paths(), ["/public/a", "/public/c", "/bytes/1000000"])
        equal({request.field(":scheme") for request in origin.requests}, {"http"})
        equal(len(origin.connections), 1)
        record = made.enforcer.wait_record(type="decision", decision="allow", layer="http", path="/public/a")
        equal((record["host"], record["port"]), ("h2.test", 80))
