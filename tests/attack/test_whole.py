"""The whole at once: what refusals tell, what one guest learns of another, and all attacks together while somebody works."""

import contextlib
import random
import socket
import statistics
import time

from lib import dns_client
from lib.audit_log import audit_bytes
from lib.dns_client import labels, message
from lib.expect import Skip, equal, unreachable_at_once
from lib.guest import exchange
from lib.hostile import (BAD_LABELS, BAD_MESSAGES, DOH, ENCODED, FOREIGN, HOSTILE, KINDS, LITERALS, METADATA_NAMES, OTHER_PROTOCOLS,
                         RESOLVERS, SPELLINGS, TLS_RECORDS)
from lib.lab import RULE, Lab, policy
from lib.links import RawLink
from lib.load import flood, resident, small_quarantine
from lib.oracles import served
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.sample_frames import judged
from lib.tls_hello import client_hello, is_access_denied, server_name
from lib.world import DNS_IPV4, HOST_IPV4, SECRET

NAMES = ("ok.test", f"mitm.test {RULE}", f"mitm.test:80 {RULE}")
TWO = ("g1", "g2")
EAGER = {"dnsPerSecond": 10_000, "decisionsPerMinute": 1_000_000, "requestsPerMinute": 1_000_000}


def lab(*allow, limits=None, config=None, **options):
    return Lab(policy(*(allow or NAMES)), config={**(config or {}), "limits": {**EAGER, **(limits or {})}}, **options)


def overlap(one, other):
    """How often a time of the one is longer than a time of the other: 0.5 when neither tells anything."""
    return statistics.fmean((a > b) + (a == b) / 2 for a in one for b in other)


def compared(probes, times):
    """Both probes in turns, in an order that nobody could learn: (what each saw, how the times overlap)."""
    choose, seen, taken = random.Random(194), [set(), set()], [[], []]
    for _ in range(times):
        for which in choose.sample((0, 1), 2):
            begun = time.perf_counter()
            seen[which].add(probes[which]())
            taken[which].append(time.perf_counter() - begun)
    return seen, overlap(*taken)


@hang_guard(180)
def test_194_refusals_that_would_tell_what_exists():
    inside = ("loopback.test:2222 tcp", "loopback.test:2223 tcp", f"host.test:80 {RULE}", f"host.test:81 {RULE}")
    with lab(*NAMES, *inside, config={"workers": 1}) as made:
        made.canary(("0.0.0.0", 2222), ("0.0.0.0", 80))
        made.world.netns.ip("addr add 10.77.0.1/24 dev to-host")  # a LAN that the host reaches by its default route
        made.guest.trust_enforcer()
        place = {name: made.guest.resolve(name) for name in ("ok.test", "mitm.test", "loopback.test", "host.test")}

        def question(name):
            answer = made.guest.query(name)
            return answer.rcode, tuple(answer.addresses), answer.soa_minimum, answer.ede_code, answer.records

        def opened(address, port, data=b""):
            try:
                with made.guest.connect(address, port) as client:
                    received, how = exchange(client, data)
            except ConnectionError:
                return "reset", b""  # instead of the handshake or after it: which, is a race of the guest's own
            return how, received

        def hello(name):
            return lambda: opened(place["ok.test"], 443, client_hello(server_name(name)))

        def asked(host):
            how, received = opened(place["mitm.test"], 80, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
            return how, received[:12]
        # Something that exists, is served, or listens here; and beside it something that does not.
        pairs = {
            "names in the DNS": (lambda: question("other.test"), lambda: question("other-no.test")),
            "names that are denied and names that are nowhere": (lambda: question("hidden.test"), lambda: question("hidden.invalid")),
            "names in a hello": (hello("other.test"), hello("nobody.test")),
            "names in Host": (lambda: asked(b"other.test"), lambda: asked(b"nobody.test")),
            "addresses of the world": (lambda: opened("93.184.216.35", 443), lambda: opened("93.184.216.99", 443)),
            "open and closed ports of the host": (lambda: opened(HOST_IPV4, 2222), lambda: opened(HOST_IPV4, 2223)),
            "open and closed ports of the gateway": (lambda: opened(made.guest.gateway, 80), lambda: opened(made.guest.gateway, 81)),
            "a LAN that is there and one that is not": (lambda: opened("10.77.0.1", 443), lambda: opened("10.78.0.1", 443)),
        }
        made.world.witness.clear()
        for what, probes in pairs.items():
            seen, share = compared(probes, 150)
            equal(seen[0], seen[1], f"{what}: what is seen")
            equal(len(seen[0]), 1, f"{what}: it is the same each time: {seen[0]}")
            print(f"{what}: {share:.2f}")
            assert 0.3 < share < 0.7, f"{what}: the times tell them apart ({share:.2f})"
        made.wire_silent()
        # Allowed names that lead inside: whether somebody listens there is nothing to learn either.
        def got(port):
            return lambda: opened(place["host.test"], port, b"GET / HTTP/1.1\r\nHost: host.test:%d\r\nConnection: close\r\n\r\n" % port)[0]
        pairs = {"open and closed ports behind a name": [lambda p=port: opened(place["loopback.test"], p) for port in (2222, 2223)],
                 "the host's own behind a name": [got(80), got(81)]}
        for what, probes in pairs.items():
            seen, share = compared(probes, 100)
            equal((seen[0], len(seen[0])), (seen[1], 1), what)
            print(f"{what}: {share:.2f}")
            assert 0.3 < share < 0.7, f"{what}: the times tell them apart ({share:.2f})"
        equal(made.canary_visits(), [], "visits to the canaries")
        # The control: what is measured does tell two things apart that differ.
        def first_octet(name):
            with made.guest.connect(place["ok.test"], 443) as client:
                return exchange(client, client_hello(server_name(name)), limit=1)[0][:1]
        seen, share = compared((lambda: first_octet("ok.test"), lambda: first_octet("other.test")), 30)
        assert seen[0] != seen[1] and not 0.3 < share < 0.7, share
        served(made)


@hang_guard(120)
def test_194_guest_that_hammers_is_told_by_a_reset_alone():
    with lab(limits={"halfOpen": 1000}) as made:
        address, hello = made.guest.resolve("ok.test"), client_hello(server_name("other.test"))
        outcomes = []
        for _ in range(20):  # until it is above the rate
            clients = [made.guest.connect(address, 443) for _ in range(100)]
            for client in clients:
                client.sendall(hello)
            outcomes += [exchange(client, b"") for client in clients]
            for client in clients:
                client.close()
            if any(not data for data, _ in outcomes):
                break
        equal({how for _, how in outcomes}, {"reset"})
        told = [data for data, _ in outcomes if data]
        if len(told) == len(outcomes):
            raise Skip(f"{len(outcomes)} denials came slower than the rate of alerts: this build is too slow on this machine")
        assert len(told) >= 400, f"{len(told)} of {len(outcomes)} were told by an alert"
        assert all(is_access_denied(data) for data in told), set(told)

        def told_again():
            with made.guest.connect(address, 443) as client:
                return exchange(client, hello)[0]
        wait_for(told_again, 10, "an alert again")
        served(made)


@hang_guard(180)
def test_195_one_guest_measures_what_another_does():
    """Each limit and each memory is a guest's own. What is left is what two tenants of a machine always share: processor time, and the load
    of the origins that both may reach."""
    limits = {"connections": 40, "halfOpen": 40, "distinctNamesPerHour": 30}
    with lab("ok.test", f"mitm.test {RULE}", "tcp.test:7 tcp", "*.wild.test", guests=TWO, limits=limits, config={"workers": 1}) as made:
        one, two = made.guests["g1"], made.guests["g2"]
        for guest in (one, two):
            guest.trust_enforcer()

        def new_names(guest, prefix):
            """The addresses of the names below wild.test that it gets."""
            return [address for number in range(40) for address in guest.query(f"{prefix}{number}.wild.test").addresses]
        first = new_names(one, "a")
        equal(len(first), limits["distinctNamesPerHour"], "the control: names that the first guest gets")
        second = new_names(two, "b")
        equal(second, first, "addresses of other names for the other guest: each begins anew")

        # All connections that one may have; the other has as many.
        def holds(guest):
            address, held = guest.resolve("tcp.test"), []
            for _ in range(60):
                client = guest.socket(timeout=3)
                held.append(client)
                if client.connect_ex((address, 7)) != 0:
                    continue
                client.settimeout(0.5)
                with contextlib.suppress(ConnectionError, TimeoutError):
                    client.send(b"x")
                    client.recv(1)
            open_now = lambda: sum(client.fileno() >= 0 and alive(client) for client in held)
            return held, open_now

        def alive(client):
            try:
                client.settimeout(0)
                return client.recv(1) != b""
            except BlockingIOError:
                return True
            except OSError:
                return False
        mine, count = holds(one)
        equal(count(), limits["connections"], "the control: connections of the first")
        theirs, other_count = holds(two)
        equal((other_count(), count()), (limits["connections"],) * 2, "connections of the second, and of the first")
        for client in mine + theirs:
            client.close()
        wait_for(lambda: made.enforcer.metric("enforcer_connections_active") == 0, 20, "the held connections to be gone")
        # Refusals by ICMP come from a budget of the guest's own.
        with one.socket(kind=socket.SOCK_DGRAM) as udp:
            for number in range(3000):
                with contextlib.suppress(OSError):
                    udp.sendto(b"x", ("93.184.216.35", 2000 + number))
        for port in (443, 4443, 5443):
            unreachable_at_once(two, "93.184.216.35", port)
        # What was looked up for one is looked up again for the other.
        asked = lambda: made.world.dns_queries().count("mitm.test")
        equal(one.curl("https://mitm.test/").status, 200)
        before = asked()
        equal(one.curl("https://mitm.test/").status, 200)
        equal(asked(), before, "the control: for the same guest it is remembered")
        equal(two.curl("https://mitm.test/").status, 200)
        assert asked() > before, "what one guest looked up was known for the other"
        # The numbers that a guest is told do not count what others do.
        with flood(lambda number: one.query(f"f{number}.evil.test"), 200):
            told = [two.query(f"t{number}.evil.test").ede_text for number in range(30)]
        ends = [text.split()[-1][-10:] for text in told]
        assert len(set(ends)) == len(ends) and ends != sorted(ends), f"ids that count: {ends}"
        served(made)


def bad_names():
    return [name if isinstance(name, bytes) else name.encode() for name in
            FOREIGN + ENCODED + LITERALS + SPELLINGS + METADATA_NAMES + DOH + HOSTILE]


def first_bytes():
    data = [*TLS_RECORDS.values(), *OTHER_PROTOCOLS.values(),
            *[client_hello(server_name(name[:250])) for name in bad_names()]]
    more = [b"", bytes(5000), client_hello(), client_hello(server_name("evil.test"), record_size=3)]
    return data + [piece[:len(piece) // 2] for piece in data[::3]] + more


def requests():
    made = []
    for name in bad_names():
        made += [b"GET / HTTP/1.1\r\nHost: " + name + b"\r\n\r\n", b"GET http://" + name + b"/ HTTP/1.1\r\nHost: mitm.test\r\n\r\n",
                 b"DELETE /" + name + b" HTTP/1.1\r\nHost: mitm.test\r\nX: " + name + b"\r\n\r\n"]
    made += [b"POST / HTTP/1.1\r\nHost: mitm.test\r\n" + lines + b"\r\nhello" for lines in
             (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n",
              b"Content-Length: +5\r\n", b"Transfer-Encoding: xchunked\r\n")]
    return made + [b"CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                   b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 30_000]


def messages():
    names = [message(labels(*parts)) for parts in BAD_LABELS]
    queries = [dns_client.query_bytes(name, kind) for name in ("evil.test", "other.test", "x" * 60 + ".no.test")
               for kind in (*KINDS.values(), "A", "AAAA", "HTTPS")]
    return names + list(BAD_MESSAGES.values()) + queries


SECONDS = 40


@hang_guard(300)
def test_196_everything_at_once_while_a_second_guest_works():
    binding = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}]}}
    small_quarantine()
    with lab(*NAMES, f"cred.test {RULE}, credential: token", guests=TWO, credentials=binding) as made, RawLink(made) as link:
        made.canary(*[("0.0.0.0", port) for port in (22, 80, 443, 2222, 9901)])
        one, two = made.guests["g1"], made.guests["g2"]
        for guest in (one, two):
            guest.trust_enforcer()
        served(made)
        place = {name: one.resolve(name) for name in ("ok.test", "mitm.test", "cred.test")}
        opening, asking, naming = first_bytes(), requests(), messages()
        frames = [frame for each in judged(link).values() for frame in each]
        choose = random.Random(196)
        frames += [link.frame(choose.randbytes(choose.randint(1, 1400)), kind=choose.choice((0x0800, 0x86DD, 0x0806,
                                                                                             0x88CC))) for _ in range(200)]
        quiet = contextlib.suppress(OSError, EOFError, AssertionError)

        def spoken(address, port, data):
            with quiet, one.connect(address, port, timeout=2) as client:
                exchange(client, data, limit=1)

        def bytes_first(number):
            spoken(place[("ok.test", "mitm.test", "cred.test")[number % 3]], 443, opening[number % len(opening)])

        def clear(number):
            spoken(place["mitm.test"], 80, asking[number % len(asking)])

        def intercepted(number):
            with quiet, one.tls(("mitm.test", "cred.test")[number % 2]) as client:
                client.settimeout(2)
                exchange(client, asking[number % len(asking)], limit=1)

        def names(number):
            with quiet, one.socket(kind=socket.SOCK_DGRAM, timeout=0.2) as udp:
                udp.sendto(naming[number % len(naming)], (one.gateway, 53))
                udp.recv(4096)

        def elsewhere(number):
            address = ("93.184.216.35", HOST_IPV4, one.gateway, "10.0.0.1", "169.254.169.254", two.ipv4, *RESOLVERS[:3])[number % 9]
            spoken(address, (22, 53, 80, 443, 853, 2222, 9901)[number % 7], b"GET / HTTP/1.1\r\n\r\n")

        def raw(number):
            with quiet:
                link.transmit(frames[number % len(frames)])
            time.sleep(0.002)
        floods = (bytes_first, clear, intercepted, names, elsewhere, raw)
        denied = made.enforcer.metric("enforcer_denied_total")
        permitted = {"93.184.216.34", "2600:9000::34", "93.184.216.40", "93.184.216.41", DNS_IPV4}
        strays, samples, done = [], [], 0
        made.world.witness.clear()
        with contextlib.ExitStack() as running:
            for action in floods:
                running.enter_context(flood(action, 10_000_000))
            begun = time.monotonic()
            tried = lambda: done > 10 and made.enforcer.metric("enforcer_denied_total") - denied > 1000
            while (passed := time.monotonic() - begun) < SECONDS or passed < 3 * SECONDS and not tried():
                reply = two.curl(("https://mitm.test/", "https://mitm.test/bytes/100000", "https://cred.test/")[done % 3], timeout=30)
                equal(reply.status, 200, f"the legal flow of g2 after {passed:.0f} s: {reply.talk}")
                assert SECRET not in reply.talk, reply.talk
                done += 1
                strays += [packet for packet in made.world.witness.packets() if not {packet.source, packet.destination} & permitted]
                samples.append(resident(made) >> 20)
        equal(strays, [], "packets on the world's link that nobody was allowed to cause")
        equal(set(made.world.dns_queries()) - {"ok.test", "mitm.test", "cred.test"}, set(), "names asked of the world")
        equal(made.canary_visits(), [], "visits to the canaries")
        equal({e["host"] for e in made.world.events(event="request")} - {"mitm.test", "cred.test"}, set(),
              "hosts that origins were asked for")
        risen = made.enforcer.metric("enforcer_denied_total") - denied
        print(f"{done} requests of g2, {risen:.0f} denials of g1, {samples[0]} to {samples[-1]} MiB")
        assert done > 10 and risen > 1000, f"the control: {done} legal requests, {risen} denials"
        third = len(samples) // 3
        early, late = statistics.median(samples[third:2 * third]), statistics.median(samples[2 * third:])
        assert late < early * 1.25 + 16, f"memory of enforcerd: {early} MiB, then {late} MiB"
        wait_for(lambda: made.enforcer.metric("enforcer_connections_active") == 0, 30, "the connections to be gone")
        for text in (made.enforcer.enforcerd.output(), made.enforcer.hostd.output(), made.enforcer.http("/metrics")[1],
                     audit_bytes(made).decode()):
            assert SECRET not in text, "the secret was written down"
        served(made)
