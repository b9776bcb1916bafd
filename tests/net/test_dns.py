"""DNS: synthetic answers for names a rule could allow, an immediate and explained no for the rest, and no query to the world."""

import ipaddress
import socket

from lib import dns_client
from lib.expect import equal
from lib.lab import Lab, policy

SYNTHETIC = {4: ipaddress.ip_network("198.18.0.0/15"), 6: ipaddress.ip_network("fd77:5::/64")}


def test_allowed_name_gets_a_stable_synthetic_address():
    with Lab(policy("ok.test", "other.test")) as lab:
        first = lab.guest.resolve("ok.test")
        assert ipaddress.ip_address(first) in SYNTHETIC[6 if ":" in first else 4], first
        equal(lab.guest.resolve("OK.tEsT."), first, "the same name in other letters")
        assert lab.guest.resolve("other.test") != first
        equal(lab.guest.resolve("ok.test"), first, "asked again")


def test_denied_name_is_nxdomain_with_ede():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.query("ok.test").rcode, "NOERROR")
        answer = lab.guest.query("other.test")
        equal((answer.rcode, answer.addresses, answer.soa_minimum, answer.ede_code), ("NXDOMAIN", [], 1, 15))
        record = lab.enforcer.wait_record(type="decision", layer="dns", decision="deny", host="other.test")
        equal(record["reason"], "dns_name")
        assert record["decision_id"] in answer.ede_text, (answer.ede_text, record)


def test_no_query_leaves_for_any_name_before_a_connection_is_allowed():
    with Lab(policy("ok.test")) as lab:
        lab.guest.query("ok.test")
        lab.guest.query("secret-in-a-label.other.test")
        lab.wire_silent()
        equal(lab.world.dns_queries(), [])
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(set(lab.world.dns_queries()), {"ok.test"})


def test_other_dns_server_is_answered_by_us():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.query("ok.test", server="8.8.8.8").addresses, lab.guest.query("ok.test").addresses)
        equal(lab.guest.query("other.test", server="8.8.8.8").rcode, "NXDOMAIN")
        lab.wire_silent()


def test_dns_over_tcp_gets_the_same_answers():
    with Lab(policy("ok.test")) as lab:
        for name, rcode in (("ok.test", "NOERROR"), ("other.test", "NXDOMAIN")):
            message = dns_client.query_bytes(name)
            with lab.guest.connect(lab.guest.gateway, 53) as client:
                client.sendall(len(message).to_bytes(2, "big") + message)
                reply = b""
                while len(reply) < 2 or len(reply) < 2 + int.from_bytes(reply[:2], "big"):
                    piece = client.recv(4096)
                    assert piece, reply
                    reply += piece
            equal(dns_client.parse(reply[2:]).rcode, rcode, name)


def test_other_types_of_an_allowed_name_are_empty_answers():
    with Lab(policy("ok.test")) as lab:
        for kind in ("MX", "TXT", "HTTPS", "SVCB", "SRV"):
            answer = lab.guest.query("ok.test", kind)
            equal((answer.rcode, answer.records), ("NOERROR", 0), kind)
        equal(lab.guest.query("ok.test", "AAAA").rcode, "NOERROR")
        equal(lab.guest.query("other.test", "TXT").rcode, "NXDOMAIN")
        lab.wire_silent()


def test_malformed_queries_are_formerr_and_the_next_query_works():
    with Lab(policy("ok.test")) as lab:
        two_questions = dns_client.query_bytes("ok.test", questions=2)
        equal(lab.guest.query("", message=two_questions).rcode, "FORMERR")
        a_label_with_a_dot = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + b"\x07ok.test\0" + b"\0\1\0\1"
        assert lab.guest.query("", message=a_label_with_a_dot).rcode in ("FORMERR", "NXDOMAIN")
        update = dns_client.query_bytes("ok.test", flags=0x2800)
        equal(lab.guest.query("", message=update).rcode, "NOTIMP")
        with lab.guest.socket(kind=socket.SOCK_DGRAM, timeout=0.5) as udp:
            udp.connect((lab.guest.gateway, 53))
            for junk in (b"", b"\0", b"\xff" * 11, b"\xff" * 600, dns_client.query_bytes("ok.test")[:-1]):
                udp.send(junk)
            response = dns_client.query_bytes("ok.test", flags=0x8180)
            udp.send(response)  # an answer is not a question
        equal(lab.guest.query("ok.test").rcode, "NOERROR")


def test_query_flood_is_limited_for_one_guest_only():
    with Lab(policy("ok.test"), guests=("g1", "g2")) as lab:
        with lab.guests["g1"].socket(kind=socket.SOCK_DGRAM) as udp:
            udp.connect((lab.guests["g1"].gateway, 53))
            for number in range(2000):
                udp.send(dns_client.query_bytes(f"n{number}.other.test"))
        equal(patient_query(lab.guests["g2"], "ok.test"), "NOERROR")
        lab.enforcer.wait_record(type="decision", guest="g1", reason="dns_rate")


def patient_query(guest, name):
    """As a resolver asks: again when a datagram was lost."""
    for _ in range(4):
        try:
            return guest.query(name, timeout=2).rcode
        except TimeoutError:
            continue
    return "no answer"


def test_names_keep_their_addresses_when_enforcerd_starts_again():
    with Lab(policy("ok.test", "other.test", "cdn.test")) as lab:
        names = ("ok.test", "other.test", "cdn.test")
        before = [lab.guest.resolve(name) for name in names]
        lab.enforcer.enforcerd.kill()
        lab.enforcer.start_enforcerd()
        equal([lab.guest.resolve(name) for name in reversed(names)], before[::-1])
        equal(lab.guest.curl("https://ok.test/", "--resolve", f"ok.test:443:{before[0]}").status, 200)


def test_real_resolver_libraries_understand_both_answers():
    with Lab(policy("ok.test")) as lab:
        done = lab.guest.run(["getent", "ahosts", "ok.test"])
        equal(done.returncode, 0, done.stderr)
        denied = lab.guest.curl("https://other.test/")
        equal(denied.exit_code, 6, "curl: could not resolve host")
        assert denied.seconds < 1, denied.seconds
