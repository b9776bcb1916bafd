"""Guests and instances side by side: nothing of one is the other's."""

import os
import socket

from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.tls_hello import client_hello, server_name

TWO = (policy("ok.test", "cdn.test", name="a", guests="{names: [g1]}") + "---\n" + policy("other.test", name="b", guests="{names: [g2]}"))


def test_two_guests_with_different_policies():
    with Lab(TWO, guests=("g1", "g2")) as lab:
        one, two = lab.guests["g1"], lab.guests["g2"]
        equal(one.curl("https://ok.test/").status, 200)
        equal(two.curl("https://other.test/").status, 200)
        equal(one.query("other.test").rcode, "NXDOMAIN")
        equal(two.query("ok.test").rcode, "NXDOMAIN")
        # Both guests' first name has the first synthetic address: what it means depends on who dials it. The second address was
        # never given to the other guest.
        equal(one.resolve("ok.test"), two.resolve("other.test"))
        refused_at_once(two, one.resolve("cdn.test"), 443)
        guests = {(r["guest"], r["host"]) for r in lab.enforcer.records(type="decision", layer="tls")}
        equal(guests, {("g1", "ok.test"), ("g2", "other.test")})


def test_labels_select_the_policy():
    text = policy("ok.test", guests="{matchLabels: {role: agent}}")
    with Lab(text, guests=()) as lab:
        agent, stranger = lab.attach("g1", {"role": "agent"}), lab.attach("g2", {"role": "other"})
        equal(agent.curl("https://ok.test/").status, 200)
        equal(stranger.query("ok.test").rcode, "NXDOMAIN")
        refused_at_once(stranger, "93.184.216.34", 443)
        lab.enforcer.wait_record(type="decision", guest="g2", reason="no_policy")


def test_guardrail_beats_every_policy():
    rail = "apiVersion: enforcer.dev/v1\nkind: Guardrail\nmetadata: {name: rail}\nspec:\n  deny:\n    - {name: never, to: [other.test]}\n"
    with Lab(policy("ok.test", "other.test") + "---\n" + rail) as lab:
        equal(lab.guest.query("other.test").rcode, "NXDOMAIN")
        record = lab.enforcer.wait_record(type="decision", decision="deny", host="other.test")
        equal((record["policy"], record["rule"], record["reason"]), ("rail", "never", "rule"))
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_audit_mode_records_what_it_would_have_denied_and_blocks_only_what_is_unsafe():
    text = policy("ok.test", extra="  mode: audit\n")
    with Lab(text) as lab:
        equal(lab.guest.curl("https://other.test/").status, 200)
        record = lab.enforcer.wait_record(type="decision", layer="tls", host="other.test")
        equal((record["decision"], record["reason"]), ("allow", "audit_mode"))
        assert "deny" in str(record), record
        with lab.guest.connect("private.test", 443) as client:
            equal(exchange(client, client_hello(server_name("private.test")))[1], "reset")
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_guests_cannot_reach_each_other():
    with Lab(policy("ok.test"), guests=("g1", "g2")) as lab:
        one, two = lab.guests["g1"], lab.guests["g2"]
        with two.socket() as listener:
            listener.bind(("0.0.0.0", 443))
            listener.listen(8)
            listener.settimeout(0.5)
            for address in (two.ipv4, two.ipv6):
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                with one.socket(family, timeout=0.5) as client:
                    assert client.connect_ex((address, 443)) != 0 or exchange(client, b"x")[0] == b""
            try:
                listener.accept()
                raise AssertionError("one guest reached the other")
            except TimeoutError:
                pass
        equal(two.curl("https://ok.test/").status, 200)


def test_two_instances_side_by_side():
    with Lab(policy("ok.test")) as one, Lab(policy("other.test"), test=os.environ["ENFORCER_TEST"] + "-second") as two:
        equal(one.guest.curl("https://ok.test/").status, 200)
        equal(two.guest.curl("https://other.test/").status, 200)
        equal(one.guest.query("other.test").rcode, "NXDOMAIN")
        equal(two.guest.query("ok.test").rcode, "NXDOMAIN")
        two.enforcer.enforcerd.kill()
        equal(one.guest.curl("https://ok.test/").status, 200)
        two.enforcer.teardown()
        equal(one.guest.curl("https://ok.test/").status, 200)


def test_guest_at_its_connection_limit_is_refused_and_the_other_is_not():
    with Lab(policy("tcp.test:7 tcp", "ok.test"), guests=("g1", "g2"), config={"limits": {"connections": 10}}) as lab:
        address = lab.guest.resolve("tcp.test")
        held = []
        for _ in range(10):
            client = lab.guest.connect(address, 7)
            client.sendall(b"x")
            equal(client.recv(1), b"x")
            held.append(client)
        refused_at_once(lab.guest, address, 7)
        lab.enforcer.wait_record(type="decision", decision="deny", guest="g1", reason="limit_conn")
        equal(lab.guests["g2"].curl("https://ok.test/").status, 200)
        held.pop().close()

        def again():
            try:
                with lab.guest.connect(address, 7) as client:
                    client.sendall(b"y")
                    return client.recv(1) == b"y"
            except ConnectionResetError:
                return False
        wait_for(again, 5, "room for one more")
        for client in held:
            client.close()
