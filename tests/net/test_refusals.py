"""What is refused, at once and typed. Each refusal stands beside the same client succeeding."""

import socket
import struct
import time

from lib.expect import equal, refused_at_once, unreachable_at_once
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.tls_hello import client_hello, encrypted_client_hello, is_access_denied, server_name


def tls_attempt(guest, address, *extensions):
    """(bytes the guest got, how it ended) for a ClientHello with these extensions."""
    with guest.connect(address, 443) as client:
        return exchange(client, client_hello(*extensions))


def expect_alert_then_reset(outcome):
    data, how = outcome
    assert is_access_denied(data) and how == "reset", outcome


def test_raw_ip_is_reset_at_once_and_nothing_is_dialled():
    with Lab(policy("ok.test")) as lab:
        refused_at_once(lab.guest, "93.184.216.34", 443)
        refused_at_once(lab.guest, "1.1.1.1", 443)
        lab.wire_silent()
        lab.enforcer.wait_record(type="decision", decision="deny", layer="l4", reason="address")
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_synthetic_address_that_was_never_issued_is_reset():
    with Lab(policy("ok.test")) as lab:
        refused_at_once(lab.guest, "198.19.200.200", 443)
        lab.wire_silent()
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_ipv6_literal_is_refused():
    with Lab(policy("ok.test")) as lab:
        refused_at_once(lab.guest, "2600:9000::34", 443)
        lab.wire_silent()
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_sni_other_than_the_issued_name_is_denied():
    with Lab(policy("ok.test", "other.test")) as lab:
        address = lab.guest.resolve("ok.test")
        lab.guest.resolve("other.test")
        expect_alert_then_reset(tls_attempt(lab.guest, address, server_name("other.test")))
        lab.enforcer.wait_record(type="decision", decision="deny", layer="tls", reason="authority_mismatch")
        lab.wire_silent()
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_sni_in_other_letters_and_with_a_trailing_dot_is_the_same_name():
    with Lab(policy("ok.test")) as lab:
        address = lab.guest.resolve("ok.test")
        for name in ("OK.Test", "ok.test."):
            with lab.guest.connect(address, 443) as client:
                client.sendall(client_hello(server_name(name)))
                equal(client.recv(1), b"\x16", name)
        for name in (b"ok.test\0", b"ok..test", b".ok.test", b"o\xc5\x82.test", b"93.184.216.34", b"*.test"):
            expect_alert_then_reset(tls_attempt(lab.guest, address, server_name(name)))


def test_encrypted_client_hello_is_denied_where_nothing_may_be_inspected():
    with Lab(policy("ok.test inspect: never")) as lab:
        address = lab.guest.resolve("ok.test")
        expect_alert_then_reset(tls_attempt(lab.guest, address, server_name("ok.test"), encrypted_client_hello()))
        lab.enforcer.wait_record(type="decision", decision="deny", reason="ech_present")
        lab.wire_silent()
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_silent_client_is_reset_at_the_classification_deadline_and_nothing_is_dialled():
    with Lab(policy("ok.test"), config={"deadlines": {"classify": "2s"}}) as lab:
        begun = time.monotonic()
        with lab.guest.connect("ok.test", 443) as client:
            equal(exchange(client, b""), (b"", "reset"))
        assert 1 < time.monotonic() - begun < 5
        with lab.guest.connect("ok.test", 443) as client:
            data, how = exchange(client, client_hello(server_name("ok.test"))[:20])
        assert how == "reset", how
        lab.enforcer.wait_record(type="decision", decision="deny", reason="hello_timeout")
        lab.wire_silent()


def test_udp_443_and_ping_get_admin_prohibited():
    with Lab(policy("ok.test")) as lab:
        address = lab.guest.resolve("ok.test")
        unreachable_at_once(lab.guest, address, 443)
        unreachable_at_once(lab.guest, "93.184.216.34", 123)
        with lab.guest.socket(kind=socket.SOCK_RAW, protocol=socket.IPPROTO_ICMP, timeout=2) as icmp:
            icmp.connect(("93.184.216.34", 0))
            icmp.send(b"\x08\0" + checksum(b"\x08\0\0\0\0\1\0\1") + b"\0\1\0\1")
            icmp_unconnected_error(icmp)
        lab.wire_silent()
        assert lab.enforcer.metric("enforcer_datapath_drops_total", reason="udp_port") >= 2
        assert lab.enforcer.metric("enforcer_datapath_drops_total", reason="icmp") >= 1
        equal(lab.guest.query("ok.test").rcode, "NOERROR")  # UDP as such works


def icmp_unconnected_error(icmp):
    """The answer to an echo request: destination unreachable, administratively prohibited (type 3, code 9, 10 or 13)."""
    try:
        packet = icmp.recv(2048)
    except OSError as error:
        assert not isinstance(error, TimeoutError), "silence"
        return
    body = packet[(packet[0] & 15) * 4:]
    assert body[0] == 3 and body[1] in (9, 10, 13), body[:8]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


def test_port_that_no_rule_names_is_reset():
    with Lab(policy("ok.test")) as lab:
        address = lab.guest.resolve("ok.test")
        for port in (22, 25, 80, 8443):
            refused_at_once(lab.guest, address, port)
        lab.enforcer.wait_record(type="decision", decision="deny", layer="l4", reason="port")
        lab.wire_silent()


def test_hosts_own_services_are_out_of_reach():
    with Lab(policy("ok.test")) as lab:
        lab.canary(("0.0.0.0", 22), ("0.0.0.0", 8080), ("::", 2222))
        with lab.host.socket() as control:
            control.connect(("127.0.0.1", 22))  # the canary is alive
        wait_for(lambda: len(lab.canary_visits()) == 1, what="the canary to sing")
        for address in (lab.guest.gateway, "93.184.216.1", "127.0.0.1", "169.254.169.254"):
            for port in (22, 8080, 2222, 9464):
                with lab.guest.socket(timeout=0.3) as client:
                    outcome = client.connect_ex((address, port))
                    if outcome == 0:
                        assert exchange(client, b"x")[0] == b"", (address, port)
        equal(len(lab.canary_visits()), 1, "visits to the host's canaries")


def test_rule_that_asks_what_cannot_be_seen_or_for_a_person_is_denied():
    text = policy("ok.test", "other.test graphql: {operations: [query]}") + """  review:
    - {name: asks, to: ["cdn.test"]}
"""
    with Lab(text) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://other.test/").status, 403)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="inspection_unavailable")
        equal(lab.guest.curl("https://cdn.test/").status, 403)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="no_reviewer")
        lab.wire_silent()
        lab.guest.trust(lab.world.authority)
        equal(lab.guest.curl("https://ok.test/").status, 200)
