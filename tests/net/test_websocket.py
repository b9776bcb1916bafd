"""WebSocket: where a rule has `websocket: true`, the handshake is a request like any other, and what follows it flows."""

import asyncio
import hashlib
import json

import websockets

from lib.expect import equal
from lib.lab import Lab, policy
from lib.origin import blob
from lib.processes import wait_for
from lib.websocket_peers import WebSocketServer, talk
from lib.world import SECRET

RULE = 'http: [{methods: [GET], paths: ["/chat/**", "/first", "/plain"]}], websocket: true'
ALLOWED = f"ws.test {RULE}"


async def echoed(connection):
    await connection.send("a message")
    return await connection.recv()


def refused(lab, host="ws.test", path="/chat/x", **options):
    """(status, headers) of a handshake that is answered with something else."""
    try:
        said = talk(lab.guest, host, path, echoed, **options)
    except websockets.InvalidStatusCode as error:
        return error.status_code, error.headers
    raise AssertionError(f"it was taken: {said}")


def test_messages_flow_both_ways_where_a_rule_allows_it():
    sizes = (0, 1, 125, 126, 65_535, 65_536, 3_000_000)

    async def conversation(connection):
        for size in sizes:
            for message in (blob(size), "\u00e4" * (size // 2)):
                await connection.send(message)
                equal(await connection.recv() == message, True, f"a message of {size}")
        await (await connection.ping())
        await connection.send("close, please")
        await connection.wait_closed()
        return connection.close_code, connection.close_reason
    with Lab(policy(ALLOWED)) as lab, WebSocketServer(lab) as server:
        lab.guest.trust_enforcer()
        for compression in ("deflate", None):
            equal(talk(lab.guest, "ws.test", "/chat/a?token=s3cret", conversation, compression=compression), (4001, "asked for"))
        equal(len(server.received), 2 * (2 * len(sizes) + 1))
        record = lab.enforcer.wait_record(type="decision", decision="allow", layer="http", host="ws.test")
        equal((record["method"], record["path"]), ("GET", "/chat/a?token=*"))
        ends = wait_for(lambda: (e := lab.enforcer.records(type="end", layer="http")) and len(e) == 2 and e, what="the ends of both")
        for end in ends:
            equal((end["outcome"], end["dialled_ip"]), ("completed", "93.184.216.73"))
            assert min(end["bytes_up"], end["bytes_down"]) > 10_000, end
        assert ends[-1]["bytes_up"] > sum(sizes), ends[-1]


def test_server_may_speak_first_and_whenever_it_likes():
    with Lab(policy(ALLOWED)) as lab, WebSocketServer(lab) as server:
        lab.guest.trust_enforcer()

        async def conversation(connection):
            heard = [await connection.recv()]
            for number in range(5):
                await asyncio.get_running_loop().run_in_executor(None, server.say, f"unasked {number}")
                heard.append(await connection.recv())
            return heard
        equal(talk(lab.guest, "ws.test", "/first", conversation), ["the server speaks first", *[f"unasked {n}" for n in range(5)]])
        equal(server.received, [])


def test_handshake_passes_on_what_the_two_agree_on():
    with Lab(policy(ALLOWED)) as lab, WebSocketServer(lab) as server:
        lab.guest.trust_enforcer()

        async def conversation(connection):
            return connection.subprotocol, [type(extension).__name__ for extension in connection.extensions]
        agreed = talk(lab.guest, "ws.test", "/chat/a", conversation, subprotocols=["lab.v2", "lab.v1"], origin="https://ws.test",
                      extra_headers=[("Cookie", "a=b"), ("X-Forwarded-Host", "evil.test"), ("X-Mine", "c")])
        equal(agreed, ("lab.v1", ["PerMessageDeflate"]))
        path, fields = server.handshakes[-1]
        equal((path, fields["host"], fields["origin"], fields["cookie"], fields["x-mine"]),
              ("/chat/a", "ws.test", "https://ws.test", "a=b", "c"))
        equal((fields["upgrade"].lower(), fields["sec-websocket-version"]), ("websocket", "13"))
        assert "x-forwarded-host" not in fields, fields


def test_upgrade_is_denied_where_no_rule_speaks_of_websocket():
    plain = 'ws.test http: [{methods: [GET], paths: ["/chat/**", "/plain"]}]'
    with Lab(policy(plain)) as lab, WebSocketServer(lab) as server:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://ws.test/plain").status, 200, "the control: the request alone")
        lab.world.witness.silence()
        status, fields = refused(lab)
        equal(status, 403)
        record = lab.enforcer.wait_record(type="decision", decision="deny", layer="http", reason="upgrade")
        equal((record["host"], record["method"], record["path"]), ("ws.test", "GET", "/chat/x"))
        assert record["decision_id"] in fields["enforcer-decision"], fields
        equal([path for path, _ in server.handshakes], ["/plain"])
        lab.enforcer.write_policy(policy(ALLOWED))
        lab.enforcer.ctl_ok("reload")
        equal(talk(lab.guest, "ws.test", "/chat/x", echoed), "a message", "the control: with the key")


def test_path_of_a_handshake_is_decided_on():
    with Lab(policy(ALLOWED)) as lab, WebSocketServer(lab) as server:
        lab.guest.trust_enforcer()
        for path in ("/admin", "/chat/../admin", "/"):
            equal(refused(lab, path=path)[0], 403, path)
        # The first two are the same request, and may have one record.
        wait_for(lambda: sum(r.get("count", 1) for r in lab.enforcer.records(type="decision", decision="deny", reason="request")) == 3,
                 what="three denials on record")
        lab.wire_silent()
        equal(talk(lab.guest, "ws.test", "/chat/x", echoed), "a message")
        equal(len(server.handshakes), 1)


def test_origin_that_has_no_websocket_answers_in_http():
    with Lab(policy(ALLOWED)) as lab, WebSocketServer(lab):
        lab.guest.trust_enforcer()
        equal(refused(lab, path="/plain")[0], 200)
        end = lab.enforcer.wait_record(type="end", layer="http", host="ws.test")
        equal(end["outcome"], "completed")
        equal(lab.guest.curl("https://ws.test/plain").body, b"plain\n")


def test_plain_requests_pass_where_a_rule_allows_websocket():
    with Lab(policy('mitm.test http: [{paths: ["/**"]}], websocket: true')) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://mitm.test/hello").body, b"hello from mitm.test\n")
        equal(json.loads(lab.guest.curl("https://mitm.test/put", "-d", "x").body)["bytes"], 1)


def test_credential_is_added_to_the_handshake():
    bearer = {"token": {"binding": [{"to": ["ws.test"], "as": "bearer"}]}}
    with Lab(policy(f"{ALLOWED}, credential: token"), credentials=bearer) as lab, WebSocketServer(lab) as server:
        lab.guest.trust_enforcer()
        equal(talk(lab.guest, "ws.test", "/chat/x", echoed, extra_headers=[("Authorization", "Bearer mine")]), "a message")
        equal(server.handshakes[-1][1]["authorization"], f"Bearer {SECRET}")
        assert SECRET not in open(lab.enforcer.audit_path).read()


def test_clear_websocket_where_a_rule_names_port_80():
    with Lab(policy(f"ws.test:80 {RULE}")) as lab, WebSocketServer(lab, clear=True) as server:
        equal(talk(lab.guest, "ws.test", "/chat/x", echoed, clear=True), "a message")
        equal(refused(lab, path="/admin", clear=True)[0], 403)
        equal(len(server.handshakes), 1)


def test_reload_closes_the_websocket_whose_rule_is_gone():
    second = ALLOWED.replace("ws.test", "second.ws.test")
    with Lab(policy(ALLOWED)) as lab, WebSocketServer(lab) as server:
        lab.guest.trust_enforcer()

        async def until_the_end(connection):
            await echoed(connection)
            await asyncio.get_running_loop().run_in_executor(None, change)
            await connection.wait_closed()
            return connection.close_code

        async def still_there(connection):
            await echoed(connection)
            await asyncio.get_running_loop().run_in_executor(None, change)
            return await echoed(connection)

        def change():
            lab.enforcer.write_policy(policy(*rules))
            lab.enforcer.ctl_ok("reload")
        rules = (ALLOWED, second)
        equal(talk(lab.guest, "ws.test", "/chat/x", still_there), "a message", "its rule is still there")
        for number, rules in enumerate(((second,), (ALLOWED.replace(", websocket: true", ""),))):
            equal(talk(lab.guest, "ws.test", "/chat/x", until_the_end), 1006, str(rules))
            wait_for(lambda: len(lab.enforcer.records(type="end", host="ws.test", outcome="policy_changed")) == number + 1, what="its end")
            wait_for(lambda: len(server.closed) == number + 2, what="the origin to be told")
            lab.enforcer.write_policy(policy(ALLOWED))
            lab.enforcer.ctl_ok("reload")


def test_silent_websocket_ends_with_the_idle_deadline():
    async def silent(connection):
        await echoed(connection)
        await connection.wait_closed()
        return connection.close_code
    with Lab(policy(ALLOWED), config={"deadlines": {"idle": "3s"}}) as lab, WebSocketServer(lab):
        lab.guest.trust_enforcer()
        equal(talk(lab.guest, "ws.test", "/chat/x", silent, ping_interval=None), 1006)
        lab.enforcer.wait_record(type="end", host="ws.test", outcome="timeout")


def test_much_flows_through_and_counts():
    body = blob(1 << 20)
    count = 24

    async def pour(connection):
        digest = hashlib.sha256()

        async def receive():
            for _ in range(count):
                digest.update(await connection.recv())
        receiving = asyncio.ensure_future(receive())
        for _ in range(count):
            await connection.send(body)
        await receiving
        return digest.hexdigest()
    with Lab(policy(ALLOWED)) as lab, WebSocketServer(lab):
        lab.guest.trust_enforcer()
        equal(talk(lab.guest, "ws.test", "/chat/x", pour, compression=None), hashlib.sha256(body * count).hexdigest())
        end = lab.enforcer.wait_record(type="end", host="ws.test", layer="http")
        assert count << 20 < end["bytes_up"] < (count + 1) << 20 and count << 20 < end["bytes_down"] < (count + 1) << 20, end
