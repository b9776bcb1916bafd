"""The address guard: a name that the policy allows is not dialled where its DNS answer points inside."""

import contextlib
import re
import time

from lib.expect import equal
from lib.guest import exchange
from lib.http2_origin import Http2Origin
from lib.lab import Lab, policy
from lib.tls_hello import client_hello, server_name


def attempt(guest, name):
    with guest.connect(name, 443, timeout=15) as client:
        return exchange(client, client_hello(server_name(name)))


def test_private_loopback_mapped_and_mixed_answers_are_refused():
    names = ["private.test", "loopback.test", "mapped.test", "mixed.test"]
    with Lab(policy("ok.test", *names)) as lab:
        lab.canary(("0.0.0.0", 443))
        for name in names:
            data, how = attempt(lab.guest, name)
            assert how == "reset" and not data.startswith(b"\x16"), (name, data, how)
            lab.enforcer.wait_record(type="decision", decision="deny", reason="dst_private", host=name)
        dialled = [p for p in lab.world.witness.packets() if p.is_syn]
        equal(dialled, [], "connections on the wire")
        equal(lab.canary_visits(), [])
        equal(attempt(lab.guest, "ok.test")[0][:1], b"\x16")


def test_metadata_address_is_refused_even_where_private_is_allowed():
    text = policy("ok.test") + '    - {name: inside, to: ["metadata.test", "private.test"], private: true}\n'
    with Lab(text) as lab:
        lab.world.netns.ip("addr add 10.0.0.1/32 dev lo")
        lab.world.netns.ip("addr add 169.254.169.254/32 dev lo")
        chain, key, _ = lab.world.authority.issue(["private.test", "metadata.test"])
        lab.world.start_origin("inside", [
            {"address": address, "port": 443, "kind": "http", "certificates": {"private.test": [chain, key]}}
            for address in ("10.0.0.1", "169.254.169.254")])
        equal(attempt(lab.guest, "private.test")[0][:1], b"\x16", "private: true reaches private space")
        data, how = attempt(lab.guest, "metadata.test")
        assert how == "reset" and not data.startswith(b"\x16"), (data, how)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="dst_metadata", host="metadata.test")
        equal([e for e in lab.world.events("inside", event="connect") if e["listener"].startswith("169.")], [])


@contextlib.contextmanager
def inside(lab, version):
    """private.test, and the version that it speaks."""
    lab.world.netns.ip("addr add 10.0.0.1/32 dev lo")
    if version == "2":
        with Http2Origin(lab, "private.test"):
            yield
    else:
        chain, key, _ = lab.world.authority.issue(["private.test"])
        lab.world.start_origin("inside", [{"address": "10.0.0.1", "port": 443, "kind": "http", "certificates": {"private.test": [chain, key]}}])
        yield


def test_rule_without_private_does_not_ride_on_the_connection_of_one_with_it():
    """One name, one kept connection, two rules: where the second request may lead is judged by its own."""
    rules = ('    - {name: inside, to: [private.test], private: true, http: [{paths: [/inside]}]}\n'
             '    - {name: outside, to: [private.test], http: [{paths: [/outside]}]}\n')
    for version in ("1.1", "2"):
        with Lab(policy("ok.test") + rules, config={"workers": 1}) as lab, inside(lab, version):
            lab.guest.trust_enforcer()
            urls = [f"https://private.test/{path}" for path in ("inside", "outside", "inside")]
            talk = lab.guest.curl(urls[2], f"--http{version}", *["-o", "/dev/null"] * 3, *urls[:2]).talk
            equal(re.findall(r"^< HTTP/[\d.]+ (\d+)", talk, re.MULTILINE), ["200", "403", "200"], f"{version}: {talk}")
            equal(lab.enforcer.wait_record(type="decision", decision="deny", reason="dst_private")["path"], "/outside")


def test_name_of_the_host_itself_is_refused():
    with Lab(policy("ok.test", "host.test")) as lab:
        lab.canary(("0.0.0.0", 443))
        data, how = attempt(lab.guest, "host.test")
        assert how == "reset" and not data.startswith(b"\x16"), (data, how)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="dst_local", host="host.test")
        equal(lab.canary_visits(), [])
        equal(attempt(lab.guest, "ok.test")[0][:1], b"\x16")


def test_rebinding_to_an_inner_address_is_refused_once_the_answer_expires():
    with Lab(policy("ok.test")) as lab:
        equal(attempt(lab.guest, "ok.test")[0][:1], b"\x16")
        lab.world.set_addresses("ok.test", ["10.0.0.1"])
        # The checked answer may live for its clamped TTL (at least 5 s); meanwhile the checked address is the one dialled.
        time.sleep(6)
        lab.world.witness.clear()
        data, how = attempt(lab.guest, "ok.test")
        assert how == "reset" and not data.startswith(b"\x16"), (data, how)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="dst_private", host="ok.test")
        equal([p for p in lab.world.witness.packets() if p.is_syn], [])


def test_connection_goes_where_the_hosts_dns_says_not_where_the_guest_points():
    with Lab(policy("ok.test")) as lab:
        address = lab.guest.resolve("ok.test")
        equal(lab.guest.curl("https://ok.test/", "--resolve", f"ok.test:443:{address}").status, 200)
        # The guest names an allowed host but dials the address of another: reset, and the other never hears of it.
        reply = lab.guest.curl("https://ok.test/", "-4", "--resolve", "ok.test:443:93.184.216.35")
        assert reply.exit_code in (7, 35, 56), reply.talk
        equal(lab.world.connections("other.test"), [])
