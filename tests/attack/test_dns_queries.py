"""DNS queries: a channel out, a way to other resolvers, and messages that are none.

The lab: ok.test passes through, mitm.test is intercepted, every name of one label below wild.test is allowed."""

import base64
import os
import socket

from lib import dns_client
from lib.authority import OWN_DNS, Authority, as_the_world_says
from lib.dns_client import labels, message, opt, option, over_both, over_tcp
from lib.expect import equal, refused_at_once, unreachable_at_once
from lib.frames import packed
from lib.guest import exchange
from lib.hostile import BAD_LABELS, BAD_MESSAGES, DOH, KINDS, OK_NAME, ONE_MORE, RESOLVERS
from lib.lab import RULE, Lab, policy
from lib.oracles import denies, opened, served
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name

NAMES = ("ok.test", f"mitm.test {RULE}", "*.wild.test")
ANSWERED = ("NOERROR", 1)


def lab(*allow, config=None, **options):
    return Lab(policy(*(allow or NAMES)), config={"limits": {"dnsPerSecond": 2000}, **(config or {})}, **options)


def unanswered(made, message):
    """What is sent behind it is the first thing to be answered; over TCP the connection ends."""
    with made.guest.socket(kind=socket.SOCK_DGRAM) as udp:
        udp.connect((made.guest.gateway, 53))
        udp.send(message)
        udp.send(dns_client.query_bytes("ok.test", identifier=0x7777))
        equal(dns_client.parse(udp.recv(4096)).identifier, 0x7777, "the first answer's id")
    equal(over_tcp(made.guest, message), None, "an answer over TCP")


def test_53_messages_in_the_labels_of_a_denied_domain():
    text = base64.b32encode(os.urandom(120)).decode().rstrip("=").lower()
    long = ".".join(text[at:at + 60] for at in (0, 60, 120))
    names = [f"{text[:60]}.no.test", f"{text[:20]}.ok.test", f"{text[:63]}.evil.test", f"{long}.no.test", f"{text[:20]}.ok.test.no.test",
             f"{text[:20]}.a.wild.test", f"{text[:10]}.mitm.test", f"{text[:30]}.com", text[:40], f"_{text[:20]}._tcp.other.test"]
    with lab() as made:
        with denies(made, "dns_name", 8 * len(names)):
            for name, kind in ((name, kind) for name in names for kind in ("A", "AAAA", "TXT", "HTTPS")):
                for answer in over_both(made.guest, dns_client.query_bytes(name, kind)):
                    equal((answer.rcode, answer.addresses, answer.soa_minimum, answer.ede_code), ("NXDOMAIN", [], 1, 15), f"{name} {kind}")
        equal(made.guest.query(f"{text[:60]}.wild.test").rcode, "NOERROR", "the control: the same below an allowed name")
        made.wire_silent()
        equal(made.world.dns_queries(), [])
        served(made)


def test_54_messages_in_the_labels_of_an_allowed_wildcard():
    """What is left of the channel is a number of new names an hour; names that were given stay."""
    budget = 20
    limits = {"limits": {"distinctNamesPerHour": budget, "dnsPerSecond": 2000}}
    with lab(*NAMES, "spelled.wild.test", "**.deep.test", guests=("g1", "g2"), config=limits) as made:
        made_up = [base64.b32encode(os.urandom(37)).decode().rstrip("=").lower() + ".wild.test" for _ in range(2 * budget - 1)]
        given, refused = ["a.wild.test", *made_up[:budget - 1]], made_up[budget - 1:]
        first = {name: made.guest.query(name).addresses for name in given}
        assert all(first.values()), first
        with denies(made, "limit_names", 2 * len(refused)):
            for name, kind in ((name, kind) for name in refused for kind in ("A", "AAAA")):
                answer = made.guest.query(name, kind)
                equal((answer.rcode, answer.addresses, answer.ede_code), ("NXDOMAIN", [], 15), f"{name} {kind}")
        made.enforcer.wait_record(type="decision", decision="deny", guest="g1", reason="limit_names", host=refused[0])
        made.enforcer.ctl_ok("reload")
        with denies(made, "limit_names"):
            equal(over_tcp(made.guest, dns_client.query_bytes(refused[0])).rcode, "NXDOMAIN")
        equal({name: made.guest.query(name).addresses for name in given}, first, "names that were given")
        made.wire_silent()
        equal(made.world.dns_queries(), [])
        equal(opened(made, "a.wild.test"), b"\x16", "a name that was given")
        for name in ("spelled.wild.test", "ok.test", "one.deep.test"):
            equal(made.guest.query(name).rcode, "NOERROR", name)
        for name in refused:
            equal(made.guests["g2"].query(name).rcode, "NOERROR", "the other guest's own budget")
        with denies(made, "limit_names"):
            equal(made.guests["g2"].query(given[0]).rcode, "NXDOMAIN")
        served(made)


def test_55_other_types_operations_and_classes():
    """What a name that is allowed may be asked for and is nothing: no error, no record, so that resolvers go on at once."""
    with lab() as made:
        for what, kind in KINDS.items():
            for answer in over_both(made.guest, dns_client.query_bytes("ok.test", kind)):
                equal((answer.rcode, answer.records), ("NOERROR", 0), what)
        with denies(made, "dns_name", 2 * len(KINDS)):
            for what, kind in KINDS.items():
                for answer in over_both(made.guest, dns_client.query_bytes("other.test", kind)):
                    equal((answer.rcode, answer.records, answer.ede_code), ("NXDOMAIN", 0, 15), what)
        name = labels(b"ok", b"test")
        unserved = {f"operation {code}": (message(name, flags=code << 11 | 0x0100), "NOTIMP") for code in range(1, 16)}
        unserved |= {f"class {number}": (message(name, class_=number), "NOTIMP") for number in (0, 2, 3, 4, 254, 255, 65535)}
        unserved |= {"the root": (message(b"\0", kind=2), "NOTIMP"),
                     "EDNS version 1": (message(name, opt(flags=1 << 16), counts=(1, 0, 0, 1)), "NOERROR")}  # the low bits of BADVERS
        counted = {f"counts {counts}": (message(name, counts=counts), "FORMERR")
                   for counts in ((0, 0, 0, 0), (2, 0, 0, 0), (65535, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1), (1, 0, 0, 2))}
        counted |= {"two questions": (dns_client.query_bytes("ok.test", questions=2), "FORMERR")}
        for reason, table in (("dns_type", unserved), ("dns_malformed", counted)):
            with denies(made, reason, 2 * len(table)):
                for what, (query, rcode) in table.items():
                    for answer in over_both(made.guest, query):
                        equal((answer.rcode, answer.records), (rcode, 0), what)
        responses = (message(name, flags=0x8180), message(name, flags=0xA800), message(name)[:11], b"\0")
        with denies(made, "dns_malformed", 2 * len(responses)):
            for response in responses:
                unanswered(made, response)
        made.wire_silent()
        equal((made.guest.query("ok.test").rcode, made.guest.query("ok.test").records), ANSWERED)
        served(made)


@hang_guard(150)
def test_57_other_resolvers():
    """Whoever is asked in the clear, we answer; what is encrypted finds nobody, and what it would say leads nowhere."""
    with lab("cdn.test " + RULE, *NAMES, guests=("g1", "g2")) as made:
        known = made.guest.query("ok.test").addresses
        query, other = dns_client.query_bytes("ok.test"), dns_client.query_bytes("other.test")
        servers = [*RESOLVERS, made.guests["g2"].ipv4, made.guests["g2"].ipv6]
        with denies(made, "dns_name", 2 * len(servers)):
            for server in servers:
                equal(made.guest.query("ok.test", server=server).addresses, known, server)
                equal(over_tcp(made.guest, query, server).addresses, known, f"{server} over TCP")
                equal(made.guest.query("", server=server, message=other).rcode, "NXDOMAIN", server)
                equal(over_tcp(made.guest, other, server).rcode, "NXDOMAIN", f"{server} over TCP")
        for server in ("8.8.8.8", "2001:4860:4860::8888"):
            for port in (443, 853, 5353, 784):  # QUIC among them
                unreachable_at_once(made.guest, server, port)
            for port in (443, 853, 5353):
                with denies(made, "address"):
                    refused_at_once(made.guest, server, port)
        for port in (853, 8853):
            with denies(made, "port"):
                refused_at_once(made.guest, made.guest.resolve("ok.test"), port)
        made.guest.trust_enforcer()
        for name in DOH:
            with denies(made, "dns_name"):
                equal(made.guest.query(name).rcode, "NXDOMAIN", name)
            with made.guest.connect("ok.test", 443) as client, denies(made, "authority_mismatch"):
                exchange(client, client_hello(server_name(name)))
            with denies(made, "authority_mismatch"):  # behind an allowed name of the same company
                equal(made.guest.curl("https://cdn.test/dns-query?dns=AAAB", "-H", f"Host: {name}").status, 421, name)
        reply = made.guest.curl("https://ok.test/", "--doh-url", "https://dns.google/dns-query")
        assert reply.exit_code != 0 and "Could not resolve host: dns.google" in reply.talk, f"a client that would use it: {reply.talk}"
        for real in ("93.184.216.34", "93.184.216.35", "2600:9000::34"):  # what another resolver would have said, ok.test's own among it
            with denies(made, "address"):
                refused_at_once(made.guest, real, 443)
        made.wire_silent()
        equal(made.world.dns_queries(), [])
        equal(made.guest.curl("https://cdn.test/").status, 200, "the control of what goes behind an allowed name")
        served(made)


PLAIN = labels(b"NAME", b"wild", b"test")
VARIANTS = {
    "plain": message(PLAIN), "EDNS": message(PLAIN, opt(), counts=ONE_MORE),
    "large EDNS": message(PLAIN, opt(payload=65535), counts=ONE_MORE),
    "wants DNSSEC": message(PLAIN, opt(flags=0x8000), counts=ONE_MORE),
    "padding": message(PLAIN, opt(option(12, bytes(300))), counts=ONE_MORE),
    "a message in the padding": message(PLAIN, opt(option(12, b"secret" * 50)), counts=ONE_MORE),
    "cookie": message(PLAIN, opt(option(10, b"secret!!")), counts=ONE_MORE),
    "client subnet": message(PLAIN, opt(option(8, b"\0\1\x20\0" + packed("93.184.216.42"))), counts=ONE_MORE),
    "name server id": message(PLAIN, opt(option(3, b"")), counts=ONE_MORE),
    "unknown options": message(PLAIN, opt(option(65001, b"secret" * 60) + option(65001, b"again")), counts=ONE_MORE),
    "letters": message(labels(b"NAME", b"wILd", b"TeSt")), "no recursion": message(PLAIN, flags=0),
    "other flags": message(PLAIN, flags=0x0170), "authentic": message(PLAIN, flags=0x0120),
}


@hang_guard(150)
def test_64_whatever_else_is_in_a_query():
    """Beside the name a guest may put into a query what a resolver does: the query that leaves is the same octet for octet. What is no
    query of that form is refused."""
    def answer(name, kind, query, _peer):
        return [as_the_world_says(made, query, name, kind)]
    with lab(config=OWN_DNS) as made, Authority(made, answer) as authority:
        for number, (what, query) in enumerate(VARIANTS.items()):
            name = f"v{number:02}{'e' if number % 2 else 'E'}"
            for found in over_both(made.guest, query.replace(b"NAME", name.encode())):
                equal((found.rcode, found.records), ANSWERED, what)
            authority.asked.clear()
            equal(opened(made, f"{name}.wild.test".lower()), b"\x16", what)
            for kind in ("A", "AAAA"):
                sent = {query[2:] for _, number, query, _ in authority.asked if number == dns_client.TYPES[kind]}
                equal(sent, {dns_client.query_bytes(f"{name}.wild.test".lower(), kind)[2:]}, f"{what}: queries for {kind}")
        made.world.witness.silence()
        authority.asked.clear()
        with denies(made, "dns_malformed", 2 * len(BAD_MESSAGES) + 1):
            for what, query in BAD_MESSAGES.items():
                for found in over_both(made.guest, query):
                    equal((found.rcode, found.records), ("FORMERR", 0), what)
            equal(over_tcp(made.guest, message(OK_NAME, opt(option(12, bytes(4100))), counts=ONE_MORE)), None, "too large")
        made.wire_silent()
        equal(authority.asked, [])
        for query in (message(OK_NAME), message(OK_NAME, opt(option(12, bytes(900))), counts=ONE_MORE)):
            for found in over_both(made.guest, query):
                equal((found.rcode, found.records), ANSWERED, "the control")
        served(made)


def test_65_labels_that_are_more_than_labels():
    long = [b"a" * 63] * 3
    bad = [labels(*parts) for parts in BAD_LABELS] + [
        b"\x40" + b"a" * 64 + labels(b"wild", b"test"), b"\xbf" + b"a" * 191 + labels(b"wild", b"test"),
        labels(*long, b"a" * 52, b"wild", b"test"), labels(*long, b"a" * 63, b"wild", b"test"), labels(*[b"a"] * 128),
        labels(*[b"x" * 63] * 16)]
    with lab(*NAMES, "**.deep.test") as made:
        with denies(made, "dns_malformed", 2 * len(bad)):
            for name in bad:
                for answer in over_both(made.guest, message(name)):
                    equal((answer.rcode, answer.records), ("FORMERR", 0), name)
        made.wire_silent()
        equal([found for found in made.enforcer.records() if "host" in found], [], "records with anything of those labels")
        for name in (labels(b"_x-1", b"wild", b"test"), labels(b"a" * 63, b"wild", b"test"), labels(*long, b"a" * 51, b"deep", b"test")):
            for answer in over_both(made.guest, message(name)):
                equal((answer.rcode, answer.records), ANSWERED, f"the control: {name}")
        served(made)
