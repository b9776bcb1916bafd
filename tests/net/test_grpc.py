"""gRPC through interception, by the library that everybody uses: calls are requests, rules are about their paths, and a refusal is a
status that the client understands."""

import re

from lib.expect import equal
from lib.grpc_peers import GrpcServer, call
from lib.lab import Lab, policy
from lib.processes import wait_for


def allowing(*methods):
    paths = ", ".join(f'"/lab.Echo/{method}"' for method in methods)
    return f"grpc.test http: [{{methods: [POST], paths: [{paths}]}}]"


EVERYTHING = 'grpc.test http: [{methods: [POST], paths: ["/lab.Echo/*"]}]'


def unary(method="Unary", **more):
    return {"method": method, "kind": "unary", **more}


def test_calls_of_all_four_kinds_pass_with_their_metadata():
    with Lab(policy(EVERYTHING)) as lab:
        server = GrpcServer(lab)
        lab.guest.trust_enforcer()
        results = call(lab.guest, unary(), {"method": "Collect", "kind": "collect", "messages": ["a", "bb", "ccc"]},
                       {"method": "Split", "kind": "split", "messages": ["5"]},
                       {"method": "Talk", "kind": "talk", "messages": ["one", "two", "three"]})
        equal([result["code"] for result in results], ["OK"] * 4, str(results))
        equal([result["messages"] for result in results],
              [["echo hello"], ["3 messages, 6 octets"], [f"piece {n}" for n in range(5)], ["echo one", "echo two", "echo three"]])
        for result in results:
            equal((result["initial"], result["trailing"]), ({"x-initial": "a"}, {"x-trailing": "b", "x-trailing-bin": "00ff"}))
        for event in server.events(event="begun"):
            equal((event["fields"]["x-mine"], event["fields"]["x-mine-bin"]), ("c", "0102"))
        decisions = lab.enforcer.records(type="decision", decision="allow", layer="http", host="grpc.test")
        equal([(r["method"], r["path"]) for r in decisions], [("POST", f"/lab.Echo/{m}") for m in ("Unary", "Collect", "Split", "Talk")])
        ends = wait_for(lambda: (e := lab.enforcer.records(type="end", layer="http")) and len(e) == 4 and e, what="the ends of all calls")
        equal({end["outcome"] for end in ends}, {"completed"})


def test_many_calls_of_one_channel_run_at_once():
    with Lab(policy(EVERYTHING)) as lab:
        GrpcServer(lab)
        lab.guest.trust_enforcer()
        talks = [{"method": "Meet", "kind": "talk", "messages": [f"{number}-{n}" for n in range(4)], "together": True}
                 for number in range(8)]
        results = call(lab.guest, *talks, unary())
        for number, result in enumerate(results[:-1]):
            equal((result["code"], result["messages"]), ("OK", [f"echo {number}-{n}" for n in range(4)]))
        equal(results[-1]["code"], "OK")


def test_large_messages_flow_through_windows():
    with Lab(policy(EVERYTHING)) as lab:
        GrpcServer(lab)
        lab.guest.trust_enforcer()
        results = call(lab.guest, unary(messages=["x"], times=8_000_000),
                       {"method": "Collect", "kind": "collect", "messages": ["y"] * 30, "times": 200_000},
                       {"method": "Split", "kind": "split", "messages": ["3000"]})
        equal([result["code"] for result in results], ["OK"] * 3, str(results)[:1000])
        equal(results[0]["octets"], 8_000_005)
        equal(results[1]["messages"], ["30 messages, 6000000 octets"])
        equal(len(results[2]["messages"]), 3000)


def test_error_of_the_server_arrives_as_it_was_said():
    with Lab(policy(EVERYTHING)) as lab:
        GrpcServer(lab)
        lab.guest.trust_enforcer()
        failed, unknown = call(lab.guest, unary("Fail"), unary("Nope"))
        equal((failed["code"], failed["details"]), ("NOT_FOUND", "nothing called hello: 100 % \u00e4"))
        equal(failed["trailing"], {"x-trailing": "b", "x-trailing-bin": "00ff"})
        equal(unknown["code"], "UNIMPLEMENTED")
        equal(len(lab.enforcer.records(type="decision", decision="deny")), 0)


def test_denied_method_and_allowed_method_share_a_channel():
    with Lab(policy(allowing("Unary", "Talk"))) as lab:
        server = GrpcServer(lab)
        lab.guest.trust_enforcer()
        first, denied, streamed, talked, elsewhere = call(
            lab.guest, unary(), unary("Denied"), {"method": "Collect", "kind": "collect", "messages": ["a"] * 10},
            {"method": "Talk", "kind": "talk", "messages": ["a", "b"]}, unary(path="/lab.Other/Unary"))
        equal((first["code"], talked["code"]), ("OK", "OK"), "the controls, before and after")
        for result, path in ((denied, "/lab.Echo/Denied"), (streamed, "/lab.Echo/Collect"), (elsewhere, "/lab.Other/Unary")):
            equal(result["code"], "PERMISSION_DENIED", path)
            record = lab.enforcer.wait_record(type="decision", decision="deny", layer="http", path=path)
            equal(record["reason"], "request")
            assert "request" in result["details"] and record["decision_id"] in result["details"], result
            assert record["decision_id"] in result["trailing"]["enforcer-decision"], result
        equal({event["method"] for event in server.events()}, {"Unary", "Talk"}, "what reached the server")


def test_denied_before_anything_is_dialled():
    with Lab(policy(allowing("Unary"))) as lab:
        lab.guest.trust_enforcer()
        equal(call(lab.guest, unary("Denied"))[0]["code"], "PERMISSION_DENIED")
        lab.wire_silent()
        GrpcServer(lab)
        equal(call(lab.guest, unary())[0]["code"], "OK")


def test_deadline_and_cancellation_reach_the_server():
    with Lab(policy(EVERYTHING)) as lab:
        server = GrpcServer(lab)
        lab.guest.trust_enforcer()
        late, cancelled, after = call(lab.guest, unary("Hang", timeout=2),
                                      {"method": "Talk", "kind": "talk", "messages": ["a", "b", "c"], "cancel": 2}, unary())
        equal((late["code"], cancelled["code"], after["code"]), ("DEADLINE_EXCEEDED", "CANCELLED", "OK"))
        equal(cancelled["messages"], ["echo a", "echo b"])
        wait_for(lambda: server.events(event="given up", method="Hang"), what="the server to give the late call up")
        # The server knows the deadline, too; that a client gave up it knows by the reset of the stream alone.
        wait_for(lambda: server.events(event="over", method="Talk"), what="the server to be told of the cancelled call")
        for path in ("/lab.Echo/Hang", "/lab.Echo/Talk"):
            decision = lab.enforcer.records(type="decision", decision="allow", path=path)[0]["decision_id"]
            equal(lab.enforcer.wait_record(type="end", decision_id=decision)["outcome"], "guest_reset", path)


def test_origin_without_http2_is_unavailable():
    with Lab(policy(EVERYTHING, 'mitm.test http: [{paths: ["/**"]}]')) as lab:
        lab.guest.trust_enforcer()
        for _ in range(2):  # once it is known, too
            result = call(lab.guest, unary(timeout=20), host="mitm.test")[0]
            equal(result["code"], "UNAVAILABLE", str(result))
            assert "upstream_proto" in result["details"], result
        equal(lab.world.events(event="request"), [], "calls that an origin without trailers got")
        lab.enforcer.wait_record(type="end", reason="upstream_proto", host="mitm.test")
        GrpcServer(lab)
        equal(call(lab.guest, unary())[0]["code"], "OK", "the control")


def test_origin_that_cannot_be_reached_is_unavailable():
    with Lab(policy(EVERYTHING)) as lab:
        lab.guest.trust_enforcer()
        result = call(lab.guest, unary(timeout=20))[0]
        equal(result["code"], "UNAVAILABLE")
        assert "origin_connect" in result["details"], result
        GrpcServer(lab)
        equal(call(lab.guest, unary())[0]["code"], "OK", "the control")


def test_limit_is_resource_exhausted():
    with Lab(policy(EVERYTHING), config={"limits": {"requestsPerMinute": 10}}) as lab:
        GrpcServer(lab)
        lab.guest.trust_enforcer()
        results = call(lab.guest, *[unary() for _ in range(30)])
        codes = [result["code"] for result in results]
        equal(codes[:5], ["OK"] * 5, "the control")
        equal(set(codes), {"OK", "RESOURCE_EXHAUSTED"})
        assert re.search("limit_requests", results[-1]["details"]), results[-1]
        lab.enforcer.wait_record(type="decision", decision="deny", reason="limit_requests")
