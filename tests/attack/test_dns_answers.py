"""DNS answers: what the world says of an allowed name, where it leads, and for how long it is believed.

The lab: ok.test passes through, mitm.test is intercepted, every name of one label below wild.test is allowed. Where an origin's
address matters, the world's answers are the test's own."""

import contextlib
import re
import socket
import struct

from lib import dns_client
from lib.authority import AUTHORITY, OWN_DNS, Authority, addresses, as_the_world_says, reply
from lib.dns_client import labels, option, over_both, record
from lib.expect import equal, refused_at_once
from lib.frames import packed
from lib.guest import exchange
from lib.lab import RULE, Lab, policy
from lib.oracles import denies, dialled, is_refusal, opened, served
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name
from lib.world import HOST_IPV4, HOST_IPV6

NAMES = ("ok.test", f"mitm.test {RULE}", "*.wild.test")
ONE_WORKER = {"workers": 1}  # each has its own answers from the DNS
GOOD, EVIL = "93.184.216.37", "93.184.216.42"  # origins: of any name below wild.test, and of evil.test, which nobody may reach


def lab(*allow, config=None, **options):
    return Lab(policy(*(allow or NAMES)), config={"limits": {"dnsPerSecond": 2000}, **(config or {})}, **options)


def test_56_answers_that_lead_elsewhere_or_hide_the_name():
    """The world has HTTPS and SVCB records with keys, hints, another port and another target; no guest sees one, nobody asks."""
    hidden = struct.pack("!H", 1) + b"\0" + b"".join(option(key, data) for key, data in (
        (1, b"\2h3"), (3, struct.pack("!H", 8443)), (4, packed(EVIL)), (5, b"ech-keys" * 8), (6, packed("2600:9000::35"))))
    target = struct.pack("!H", 0) + labels(b"evil", b"test")

    def answer(name, kind, query, _peer):
        if kind in (64, 65):
            return [reply(query, record(b"\xc0\x0c", kind, hidden, 300), record(b"\xc0\x0c", kind, target, 300))]
        true = made.world.records[name]
        more = record(b"\xc0\x0c", 65, hidden, 300)  # unasked, beside and behind the answer
        return [reply(query, more, *[record(b"\xc0\x0c", kind, packed(a), 300) for a in true if (":" in a) == (kind == 28)],
                      more=more, counts=(0, 1))]
    with lab(config=OWN_DNS) as made, Authority(made, answer) as authority:
        with made.world.netns.socket(kind=socket.SOCK_DGRAM) as resolver:  # the control: the records are there
            resolver.settimeout(5)
            resolver.sendto(dns_client.query_bytes("ok.test", "HTTPS"), (AUTHORITY, 53))
            assert b"ech-keys" in resolver.recv(4096)
        authority.asked.clear()
        made.world.witness.clear()
        for name in ("ok.test", "mitm.test", "a.wild.test"):
            for prefix in ("", "_443._https.", "_8443._https.", "_dns."):
                for kind in ("HTTPS", "SVCB"):
                    for found in over_both(made.guest, dns_client.query_bytes(prefix + name, kind)):
                        equal((found.rcode, found.records), ("NXDOMAIN" if prefix else "NOERROR", 0), f"{prefix}{name} {kind}")
        made.wire_silent()
        for name in ("ok.test", "a.wild.test"):
            equal(opened(made, name), b"\x16", name)
        equal({kind for _, kind, _, _ in authority.asked}, {1, 28}, "types asked of the world")
        assert EVIL not in dialled(made)
        served(made)


INSIDE = {
    "dst_private": ["127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "169.254.1.1", "198.18.0.1", "::1",
                    "fd00::1", "fe80::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "::10.0.0.1"],
    "dst_metadata": ["169.254.169.254", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "64:ff9b::a9fe:a9fe",
                     "::ffff:169.254.169.254"],
    "dst_local": [HOST_IPV4, HOST_IPV6, "0.0.0.0", "::"],
}


@hang_guard(150)
def test_58_allowed_name_that_leads_inside():
    """Alone, first, last and in the other family's answer: one bad address is a bad answer. On each way to an origin."""
    ways = (f"*.seen.test {RULE}", f"*.seen.test:80 {RULE}", "*.raw.test:443 tcp")
    with lab(*NAMES, *ways, config=ONE_WORKER, guests=("g1", "g2")) as made:
        made.guest.trust_enforcer()
        made.canary(("0.0.0.0", 443), ("0.0.0.0", 80))
        other = {"dst_private": [made.guests["g2"].ipv4, made.guests["g2"].ipv6, made.guest.gateway]}
        bad = [(reason, address) for table in (INSIDE, other) for reason, listed in table.items() for address in listed]
        cases = {}
        for number, (reason, address) in enumerate(bad):
            family = "2600:9000::35" if ":" in address else GOOD
            elsewhere = GOOD if ":" in address else "2600:9000::35"
            for shape, answer in (("alone", [address]), ("last", [family, address]), ("first", [address, family]),
                                  ("beside", [elsewhere, address])):
                cases[f"{shape}{number}"] = reason
                for top in ("wild.test", "seen.test", "raw.test"):
                    made.world.records[f"{shape}{number}.{top}"] = answer
        made.world.set_addresses("good.seen.test", ["93.184.216.40"])
        made.world.witness.clear()
        for host, reason in cases.items():
            with denies(made, reason):
                assert opened(made, f"{host}.wild.test") in (b"\x15", b""), (host, made.world.records[f"{host}.wild.test"])
        for host, reason in ((f"last{number}", reason) for number, (reason, _) in enumerate(bad) if number % 4 == 0):
            with denies(made, reason), made.guest.tls(f"{host}.seen.test") as client:
                answer, _ = exchange(client, f"GET / HTTP/1.1\r\nHost: {host}.seen.test\r\nConnection: close\r\n\r\n".encode())
            assert is_refusal(answer) and reason.encode() in answer, answer
            with denies(made, reason), made.guest.connect(f"{host}.seen.test", 80) as client:
                answer, _ = exchange(client, f"GET / HTTP/1.1\r\nHost: {host}.seen.test\r\nConnection: close\r\n\r\n".encode())
            assert is_refusal(answer) and reason.encode() in answer, answer
            with denies(made, reason):
                refused_at_once(made.guest, made.guest.resolve(f"{host}.raw.test"), 443)
        equal(dialled(made), set(), "connections on the wire")
        equal(made.canary_visits(), [])
        equal(opened(made, "a.wild.test"), b"\x16", "the control")
        equal(dialled(made), {GOOD})
        served(made)


@hang_guard(150)
def test_59_answers_that_change_between_check_and_use():
    """Each name's answers alternate, with a lifetime of nothing: what was checked is what is connected to."""
    asked = {}

    def answer(name, kind, query, _peer):
        if not name.endswith(".wild.test"):
            return [as_the_world_says(made, query, name, kind)]
        queries = asked.setdefault((name, kind), [])
        if query not in queries:  # that would be the same one again, because its answer was late
            queries.append(query)
        good_now = (queries.index(query) % 2 == 0) == name.startswith("good")
        return [addresses(query, kind, [GOOD if good_now else "127.0.0.1"])]
    with lab(config=OWN_DNS, guests=("g1", "g2")) as made, Authority(made, answer):
        made.canary(("0.0.0.0", 443))
        made.world.witness.clear()
        for number in range(6):
            equal(opened(made, f"good{number}.wild.test"), b"\x16", "the first answer was a good one")
            end = made.enforcer.wait_record(type="end", host=f"good{number}.wild.test")
            equal(end["dialled_ip"], GOOD)
            with denies(made, "dst_private"):
                assert opened(made, f"bad{number}.wild.test") in (b"\x15", b""), number
        equal({len(queries) for queries in asked.values()}, {1}, "how often each name was asked for")

        def asked_again():
            opened(made, "good0.wild.test")
            return len(asked["good0.wild.test", 1]) > 1
        wait_for(asked_again, 20, "the next answer: what was checked is kept with its check, for a while", interval=0.5)
        made.enforcer.wait_record(type="decision", decision="deny", reason="dst_private", host="good0.wild.test")
        equal(dialled(made) - {GOOD}, set(), "connections on the wire")
        equal(made.canary_visits(), [])
        served(made)


@hang_guard(150)
def test_61_address_that_outlives_its_rule_or_is_somebody_elses():
    with lab("ok.test", "cdn.test", f"mitm.test {RULE}", guests=("g1", "g2")) as made:
        g1, g2 = made.guests.values()
        known = {name: g1.resolve(name) for name in ("ok.test", "cdn.test", "mitm.test")}
        with g1.connect("ok.test", 443) as lasting:
            lasting.sendall(client_hello(server_name("ok.test")))
            equal(lasting.recv(1), b"\x16", "the control")
            made.enforcer.write_policy(policy("cdn.test", f"mitm.test {RULE}"))
            made.enforcer.ctl_ok("reload")
            assert exchange(lasting, b"")[1] in ("end", "reset"), "a session lives on without its rule"
        made.enforcer.wait_record(type="end", host="ok.test", outcome="policy_changed")
        made.world.witness.silence()
        with denies(made, "name"):
            refused_at_once(g1, known["ok.test"], 443)
        with denies(made, "dns_name"):
            equal(g1.query("ok.test").rcode, "NXDOMAIN")
        with denies(made, "address"):  # where the last connection to it went
            refused_at_once(g1, "93.184.216.34", 443)
        with denies(made, "address_not_issued"):
            refused_at_once(g2, known["cdn.test"], 443)
        equal(g2.resolve("mitm.test"), known["ok.test"], "one number, and another name in each guest")
        with g2.connect(known["ok.test"], 443) as client, denies(made, "authority_mismatch"):
            exchange(client, client_hello(server_name("cdn.test")))
        made.wire_silent()
        equal(opened(made, "cdn.test"), b"\x16", "the control: a rule that stayed")
        made.enforcer.write_policy(policy(*NAMES))
        made.enforcer.ctl_ok("reload")
        equal((g1.resolve("ok.test"), opened(made, "ok.test")), (known["ok.test"], b"\x16"),
              "its rule is back, and its address means it still")
        served(made)


ASKED = b"\xc0\x0c"  # points to the question's name
MALFORMED = {
    "a name that points to itself": lambda kind: [b"\xc0\x1d" + record(b"", kind, packed(EVIL))],
    "an alias of itself": lambda kind: [record(ASKED, 5, ASKED)],
    "two aliases of each other": lambda kind: [record(ASKED, 5, labels(b"x")), record(labels(b"x"), 5, ASKED)],
    "an alias that is cut short": lambda kind: [record(ASKED, 5, b"\x05ev")],
    "too short an address": lambda kind: [record(ASKED, kind, b"\x5d\xb8\xd8")],
    "too long an address": lambda kind: [record(ASKED, kind, packed(EVIL) * 5)],
    "an address of the other family": lambda kind: [record(ASKED, 29 - kind, packed(EVIL) * 4)],
    "another class": lambda kind: [record(ASKED, kind, packed(EVIL) * (4 if kind == 28 else 1), class_=3)],
    "a length beyond the end": lambda kind: [ASKED + struct.pack("!HHIH", kind, 1, 0, 400) + packed(EVIL)],
    "no record where one is counted": lambda kind: [b""],
}


@hang_guard(150)
def test_62_forged_and_malformed_answers():
    """Before each true answer come false ones: another id, server, port or question. Records that nobody asked for are in the true ones.
    And an authority may say about its own name what it likes."""
    spoofing = []

    def answer(name, kind, query, peer):
        if number := re.match(r"bad(\d+)\.", name):
            return [reply(query, *list(MALFORMED.values())[int(number.group(1))](kind))]
        false = [record(b"\xc0\x0c", kind, packed(EVIL if kind == 1 else "2600:9000::35"), 300)]
        question = labels(b"evil", b"test") + struct.pack("!HH", kind, 1)
        for source in spoofing:
            source.sendto(reply(query, *false), peer)
        ids = [(int.from_bytes(query[:2], "big") + step & 0xffff).to_bytes(2, "big") for step in (1, -1, 256)]
        forged = [reply(query, *false, identifier=number) for number in ids] + [
            reply(query, *false, question=question), reply(query, *false, question=query[12:-11][:-4] + struct.pack("!HH", 16, 1)),
            reply(query, *false)[:11]]
        elsewhere = b"".join(record(labels(*owner), 1, packed(EVIL), 300) for owner in ((b"ok", b"test"), (b"mitm", b"test"), (b"test",)))
        listed = made.world.records.get(name, [GOOD])
        somebody = b"mitm" if name == "ok.test" else b"ok"
        true = [record(labels(somebody, b"test"), 1, packed(EVIL), 300), record(labels(b"test"), 5, labels(b"evil", b"test"), 300),
                *[record(b"\xc0\x0c", kind, packed(a), 300) for a in listed if (":" in a) == (kind == 28)],
                record(labels(b"evil", b"test"), kind, packed(EVIL if kind == 1 else "2600:9000::35"), 300)]
        return [*forged, reply(query, *true, more=elsewhere, counts=(0, 3))]
    with lab(config=OWN_DNS, guests=("g1", "g2")) as made, Authority(made, answer) as authority:
        made.world.netns.ip("addr add 93.184.216.61/24 dev to-host")
        spoofing += [authority.bound("93.184.216.61"), authority.bound(AUTHORITY, 5300)]
        made.world.witness.clear()
        for number in range(16):
            equal(opened(made, f"n{number}.wild.test"), b"\x16")
        equal(dialled(made), {GOOD})
        equal((opened(made, "ok.test"), opened(made, "ok.test", guest=made.guests["g2"])), (b"\x16", b"\x16"))
        served(made)
        equal(made.world.connections(EVIL), [])
        assert dialled(made) <= set(made.world.records["ok.test"] + made.world.records["mitm.test"]), "somebody else's records counted"
        identifiers = [int.from_bytes(query[:2], "big") for _, _, query, _ in authority.asked]
        ports = [peer[1] for _, _, _, peer in authority.asked]
        assert len(set(identifiers)) > len(identifiers) * 0.9 and len(set(ports)) > len(ports) // 4, (identifiers, ports)
        steps = [(later - earlier) % 65536 for earlier, later in zip(identifiers, identifiers[1:])]
        assert max(steps.count(step) for step in steps) < len(steps) // 4, f"identifiers that can be told in advance: {identifiers}"
        for source in spoofing:
            source.close()
        made.world.witness.clear()
        for number, what in enumerate(MALFORMED):
            equal(opened(made, f"bad{number}.wild.test"), b"", what)
            end = made.enforcer.wait_record(type="end", host=f"bad{number}.wild.test")
            equal((end["outcome"], end["reason"]), ("origin_failed", "origin_resolve"), what)
        equal(dialled(made), set())
        served(made)


@hang_guard(150)
def test_66_floods_of_queries_and_an_authority_that_is_slow():
    def answer(name, kind, query, _peer):
        return [] if name.startswith("slow") else [as_the_world_says(made, query, name, kind)]
    with lab(config={**OWN_DNS, "deadlines": {"originConnect": "4s"}, "limits": {"dnsPerSecond": 50}},
             guests=("g1", "g2")) as made, Authority(made, answer) as authority:
        g1, g2 = made.guests.values()
        g2.trust_enforcer()
        address = g1.resolve("slow.wild.test")
        with g1.socket(kind=socket.SOCK_DGRAM, timeout=1) as udp:
            udp.connect((g1.gateway, 53))
            for number in range(6000):
                name = (f"n{number}.other.test", "a.wild.test", "nowhere.example")[number % 3]
                udp.send(dns_client.query_bytes(name, identifier=number % 3))
                if number % 1000 == 999:
                    equal(g2.query("ok.test").rcode, "NOERROR", "the other guest meanwhile")
            equal(g2.curl("https://mitm.test/").status, 200, "the other guest meanwhile")
            seen = {}
            with contextlib.suppress(TimeoutError):
                while True:
                    found = dns_client.parse(udp.recv(4096))
                    seen[found.identifier, found.rcode] = seen.get((found.identifier, found.rcode), 0) + 1
        equal({rcode for _, rcode in seen}, {"NXDOMAIN", "NOERROR", "SERVFAIL"})
        assert (0, "NOERROR") not in seen and (1, "NXDOMAIN") not in seen and (2, "NOERROR") not in seen, seen
        equal(made.enforcer.wait_record(type="decision", decision="deny", reason="dns_rate")["guest"], "g1")
        equal({r["guest"] for r in made.enforcer.records(reason="dns_rate")}, {"g1"})
        with g1.connect(g1.gateway, 53) as client, client.makefile("rb") as reader:  # the budget is one for all ways
            query = dns_client.query_bytes("a.wild.test")
            client.sendall((struct.pack("!H", len(query)) + query) * 400)
            codes = [dns_client.parse(reader.read(int.from_bytes(reader.read(2), "big"))).rcode for _ in range(400)]
        assert set(codes) == {"NOERROR", "SERVFAIL"}, set(codes)
        wait_for(lambda: g1.query("ok.test").rcode == "NOERROR", what="g1 to be answered again")
        assert {name for name, *_ in authority.asked} == {"mitm.test"}, "queries that left for a flood"

        waiting = []
        try:
            for number in range(60):
                waiting.append(g1.connect(address, 443))
                waiting[-1].sendall(client_hello(server_name("slow.wild.test")))
            wait_for(lambda: any(name == "slow.wild.test" for name, *_ in authority.asked), what="the slow authority to be asked")
            equal(g2.curl("https://mitm.test/").status, 200, "the other guest while one waits")
            equal(opened(made, "b.wild.test"), b"\x16", "another name of the guest that waits")
            for client in waiting:
                data, how = exchange(client, b"")
                assert not data.startswith(b"\x16") and how != "timeout", (data, how)
        finally:
            for client in waiting:
                client.close()
        ends = lambda: made.enforcer.records(type="end", host="slow.wild.test", reason="origin_resolve")
        wait_for(lambda: len(ends()) == 60, what="the ends of those that waited")
        assert len([name for name, *_ in authority.asked if name == "slow.wild.test"]) <= 60 * 2 * 3, "queries for what never answers"
        served(made)
