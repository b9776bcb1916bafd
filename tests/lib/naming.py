"""A name said in each way that a guest has: as a DNS query, as the server name of a TLS hello, as the Host of a request over TLS and in the
clear; and refused in each, or taken in each. With a lab to say it in."""

from lib import dns_client
from lib.expect import equal
from lib.guest import exchange
from lib.lab import RULE, Lab, policy
from lib.oracles import ask, ask_clear, denies, is_refusal, opened
from lib.tls_hello import client_hello, server_name

NAMES = ("ok.test", f"mitm.test {RULE}", f"mitm.test:80 {RULE}", "*.wild.test")
GOOD = "93.184.216.37"  # the origin of any name below wild.test


def naming_lab(*allow, more="", **options):
    """ok.test passes through, mitm.test is intercepted and allowed over clear HTTP too, every name of one label below wild.test is
    allowed; or what `allow` says. more: the text that follows the allow rules. One worker, because each has its own answers from the
    DNS."""
    return Lab(policy(*(allow or NAMES)) + more, config={"workers": 1, "limits": {"dnsPerSecond": 2000}}, **options)


def get(host):
    return b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"


def wire_query(name):
    """A query of these octets, with labels between the dots; what is too long for a label keeps its length's low bits, as it would."""
    message = dns_client.query_bytes("x", identifier=0x1234)
    labels = b"".join(bytes([len(label) & 0xff]) + label for label in name.removesuffix(b".").split(b"."))
    return message[:12] + labels + message[14:]


def refused_queries(lab, names, reason="dns_malformed", rcode="FORMERR"):
    with denies(lab, reason, len(names)):
        for name in names:
            answer = lab.guest.query("", message=wire_query(name))
            equal((answer.rcode, answer.addresses), (rcode, []), name)


def refused_hello(lab, name, reason, to=("ok.test", "mitm.test")):
    for target in to:
        with denies(lab, reason), lab.guest.connect(target, 443) as client:
            answer, how = exchange(client, client_hello(server_name(name)))
        assert not answer.startswith(b"\x16") and how == "reset", (target, name[:100], answer[:80], how)


def refused_hosts(lab, names, reason):
    """As Host of a request over TLS and in the clear."""
    with denies(lab, reason, 2 * len(names)):
        for name in names:
            for way in (ask, ask_clear):
                answer, how = way(lab, get(name))
                assert is_refusal(answer) and f'"reason":"{reason}"'.encode() in answer, (way.__name__, name[:200], answer[:300], how)
    lab.wire_silent()


def blamed(error, name):
    raise AssertionError(f"{name[:200]!r}: {error}") from error


def each(check, lab, names, *more, **options):
    """check() of each name, which a failure names."""
    for name in names:
        try:
            check(lab, name, *more, **options)
        except AssertionError as error:
            blamed(error, name)


def passes_everywhere(lab, names):
    """Spellings of mitm.test that are mitm.test."""
    for name in names:
        for way in (ask, ask_clear):
            answer, how = way(lab, get(name))
            assert answer.startswith(b"HTTP/1.1 200"), (way.__name__, name, answer[:200], how)
        equal(lab.world.events(event="request")[-1]["host"], "mitm.test", "what an origin is asked for")
        equal(opened(lab, "mitm.test", sni=name), b"\x16", name)
