"""Addresses on the wire: of other guests, of the host, of the gateway and of our own sockets, as source and as destination; by either
family in the same test wherever both have it."""

import contextlib
import re
import socket

from lib import dns_client
from lib.canaries import Canaries, set_canaries, silent
from lib.datapath import far_end, gateway
from lib.drops import dropped, drops, drops_nothing, summarised_and_answered
from lib.expect import equal, raises, refused_at_once, unreachable_at_once
from lib.frames import (ACK, BROADCAST, FAMILIES, FIN, PLACE, RST, SYN, TCP, UDP, icmp, icmpv6, ipv4, ipv6, packed, tcp,
                        transport_of, udp)
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.links import RawLink
from lib.oracles import denial_counts, denies
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name
from lib.world import HOST_IPV4, HOST_IPV6

TWO = ("g1", "g2")
OK = "https://ok.test/"
RULE = 'http: [{methods: [GET], paths: ["/**"]}]'
HOST = {4: HOST_IPV4, 6: HOST_IPV6}
DOCKER = {4: "172.17.0.1", 6: "fd00:17::1"}  # as a bridge of containers would have on the host
CANARY_PORTS = (22, 443, 2222, 8080, 9100)


def lab(*allow, **options):
    return Lab(policy(*(allow or ("ok.test",))), **options)


def local_addresses(made):
    """Addresses that a bridge of containers would have on the host."""
    for version in FAMILIES:
        made.host.ip(f"addr add {DOCKER[version]}/{'64 nodad' if version == 6 else '16'} dev lo")


def reset_by(made, reason, address, port=443):
    """A real connection to this address is reset, by one denial for this reason."""
    try:
        with denies(made, reason):
            refused_at_once(made.guest, address, port, within=30)
    except AssertionError as error:
        raise AssertionError(f"{address} port {port}: {error}") from error


def test_21_the_other_family():
    """What one family is refused, the other is refused for the same reason; what it is allowed, it gets."""
    with lab("ok.test", guests=TWO) as made, RawLink(made) as link:
        local_addresses(made)
        set_canaries(made, CANARY_PORTS)
        pairs = [("address", "93.184.216.35", "2600:9000::35", 443), ("address", "93.184.216.34", "2600:9000::34", 443),
                 ("address", "1.1.1.1", "2606:4700:4700::1111", 853), ("address", HOST_IPV4, HOST_IPV6, 22),
                 ("dst_local", DOCKER[4], DOCKER[6], 22), ("dst_private", link.gateway[4], link.gateway[6], 22),
                 ("dst_private", "10.1.2.3", "fd12:3456::1", 443), ("dst_private", "192.168.1.1", "fec0::1", 443),
                 ("dst_metadata", "100.100.100.200", "fd00:ec2::254", 80),
                 ("address_not_issued", "198.18.200.200", "fd77:5::ffff", 443)]
        for reason, four, six, port in pairs:
            for address in (four, six):
                reset_by(made, reason, address, port)
        equal([(a.rcode, a.ede_code) for a in (made.guest.query("no.test", kind) for kind in ("A", "AAAA"))], [("NXDOMAIN", 15)] * 2)
        for version in FAMILIES:
            unreachable_at_once(made.guest, PLACE[version], 443)
        near = [(6, "fe80::1"), (6, "fe80::677:ff:fe00:1"), (6, "febf::1"), (4, "169.254.1.1"), (4, "169.254.169.254")]
        dropped(made, "ip_dst_local", [link.tcp(v, port, destination=to) for v, to in near for port in (22, 53, 443)], link)
        silent(made)
        summarised_and_answered(made, link)
        for server, kind, family in ((link.gateway[4], "A", "-4"), (link.gateway[6], "AAAA", "-6")):
            equal(made.guest.query("ok.test", kind, server=server).rcode, "NOERROR")
            equal(made.guest.curl(OK, family).status, 200, f"curl {family}")


def test_27_source_of_another_guest():
    """Which alone may use cred.test."""
    text = policy("ok.test", name="a") + "---\n" + policy("cred.test", name="b", guests="{names: [g2]}")
    with Lab(text, guests=TWO) as made, RawLink(made) as link, RawLink(made, made.guests["g2"]) as other:
        set_canaries(made, CANARY_PORTS)
        wanted = made.guests["g2"].resolve("cred.test")
        question = dns_client.query_bytes("cred.test")
        queries = lambda guest: len(made.enforcer.records(guest=guest))
        known = queries("g2")
        answers = made.enforcer.metric("enforcer_dns_queries_total")
        with other.listening() as heard:
            forged = []
            for version in FAMILIES:
                for to in ({wanted, PLACE[4], link.gateway[4]} if version == 4 else {PLACE[6], link.gateway[6]}):
                    for flags in (SYN, ACK, RST, FIN | ACK):
                        forged.append(link.tcp(version, source=other.address[version], destination=to, flags=flags, ack=1))
                    forged += [link.udp(version, port, source=other.address[version], destination=to, payload=question)
                               for port in (53, 443)]
                ends = other.address[version], link.gateway[version]
                forged.append(link.ip(4, 1, icmp(8), *ends) if version == 4 else link.ip(6, 58, icmpv6(*ends, 128), *ends))
            dropped(made, "ip_src_spoof", forged, link)
            dropped(made, "arp_spoof", [link.arp(sender=other.address[4])], link)
            # As whole as can be, from the other's MAC address: still not its interface.
            dropped(made, "l2_srcmac", [f[:6] + other.mac + f[12:] for f in forged], link)
            dropped(made, "l2_dstmac", [other.gateway_mac + f[6:] for f in forged], link)
            equal([f.hex() for f in heard() if transport_of(f)], [], "packets to the other guest")
        equal(queries("g2"), known, "records of the other guest")
        equal(made.enforcer.metric("enforcer_dns_queries_total"), answers, "DNS queries")
        silent(made)
        equal(made.guest.query("cred.test").rcode, "NXDOMAIN")
        summarised_and_answered(made, link, other)
        equal(made.guests["g2"].query("cred.test").rcode, "NOERROR")


def test_29_martians():
    sources = {4: ["127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "224.0.0.1", "169.254.1.1",
                   "10.0.0.1", HOST_IPV4, "93.184.216.34", "198.18.0.1"],
               6: ["::1", "::", "ff02::1", "fe80::77", "fe80::677:ff:fe00:1", "fd00::1", HOST_IPV6, "2600:9000::34", "::ffff:127.0.0.1",
                   "::127.0.0.1"]}
    places = {4: ["127.0.0.1", "127.1.2.3", "127.255.255.255", "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "254.255.255.255",
                  "169.254.169.254", "169.254.1.1"],
              6: ["::1", "::", "fe80::1", "fe80::677:ff:fe00:1", "febf:ffff::1"]}
    with lab(guests=TWO) as made, RawLink(made) as link:
        made.host.ip("addr add 169.254.169.254/32 dev lo")
        set_canaries(made, CANARY_PORTS, [("127.0.0.1", 9901), ("::1", 9901)])
        made.canary(("169.254.169.254", 80))
        question = dns_client.query_bytes("ok.test")
        for version in FAMILIES:
            for address in [*sources[version], link.gateway[version]]:
                sent = [link.tcp(version, port, source=address, destination=to) for port in (443, 2222)
                        for to in (PLACE[version], link.gateway[version])]
                sent += [link.udp(version, port, source=address, payload=question) for port in (53, 443)]
                dropped(made, "ip_src_spoof", sent, link, f"from {address}")
            for address in [*places[version], link.address[version]]:
                sent = [link.tcp(version, port, destination=address, flags=flags) for port in (9901, 80, 443, 22, 2222)
                        for flags in (SYN, ACK)]
                sent += [link.udp(version, port, destination=address, payload=question) for port in (53, 9901)]
                dropped(made, "ip_dst_local", sent, link, f"to {address}")
        read = lambda space, name: space.run(["cat", f"/proc/sys/net/ipv4/conf/{name}"]).stdout.strip()
        links = gateway(made).run(["ls", "/proc/sys/net/ipv4/conf"]).stdout.split()
        for name in links:
            equal([read(gateway(made), f"{name}/{key}") for key in ("route_localnet", "accept_local", "forwarding")], ["0"] * 3, name)
        for name in made.host.run(["ls", "/proc/sys/net/ipv4/conf"]).stdout.split():
            equal([read(made.host, f"{name}/{key}") for key in ("route_localnet", "accept_local")], ["0"] * 2, f"the host's {name}")
        silent(made)
        summarised_and_answered(made, link)


def scan(guest, addresses, ports):
    """Connects to every port, at one of the addresses after the other; each ends in a reset, and not in a byte."""
    for number, port in enumerate(ports):
        address = addresses[number % len(addresses)]
        with guest.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
            how = "reset"
            with contextlib.suppress(ConnectionRefusedError, ConnectionResetError):
                client.connect((address, port))
                data, how = exchange(client, b"")
                equal(data, b"", f"{address} port {port}")
            equal(how, "reset", f"{address} port {port}")


@hang_guard(180)
def test_30_addresses_of_the_host_and_of_the_gateway():
    """Each is refused where it is, and none of its listeners hears of it; a rule that names the whole neighbourhood changes nothing."""
    limits = {"limits": {"decisionsPerMinute": 1_000_000}}
    with lab("ok.test", "93.184.216.0/24:* tcp", "[2600:9000::/64]:* tcp", guests=TWO, config=limits) as made, RawLink(made) as link:
        local_addresses(made)
        set_canaries(made, CANARY_PORTS, [("127.0.0.1", 9901)])
        reasons = {DOCKER[4]: "dst_local", DOCKER[6]: "dst_local", HOST_IPV4: "dst_local", HOST_IPV6: "dst_local",
                   link.gateway[4]: "dst_private", link.gateway[6]: "dst_private"}
        for address, reason in reasons.items():
            for port in (*CANARY_PORTS, 9464):
                reset_by(made, reason, address, port)
        before = denial_counts(made)
        ports = [port for port in (*range(1, 1025), *range(1025, 65536, 16)) if port != 53]
        scan(made.guest, list(reasons), ports)
        risen = {reason: count - before.get(reason, 0) for reason, count in denial_counts(made).items() if count != before.get(reason, 0)}
        equal((sum(risen.values()), set(risen)), (len(ports), {"dst_local", "dst_private"}), f"denials of the scan, {risen}")
        silent(made)
        summarised_and_answered(made, link)
        for version in FAMILIES:  # the control: the same rule lets through to whom the host is not
            with made.guest.connect(PLACE[version], 443) as client:
                client.sendall(client_hello(server_name("ok.test")))
                equal(client.recv(1), b"\x16")


def test_32_our_own_listeners():
    """The proxy's, the DNS's and the metrics' real places: no loop, one denial each."""
    with lab(guests=TWO) as made, RawLink(made) as link:
        local_addresses(made)
        shown = gateway(made).run(["ss", "-Hltn"]).stdout
        ports = sorted({int(port) for port in re.findall(r"LISTEN +\d+ +\d+ +\S+:(\d+)", shown)})
        assert len(ports) >= 2, shown
        opened = lambda: made.enforcer.metric("enforcer_connections_total")
        for port in (*ports, 9464):
            for address, reason in ((link.gateway[4], "dst_private"), (link.gateway[6], "dst_private"), (DOCKER[4], "dst_local"),
                                    (DOCKER[6], "dst_local"), (HOST_IPV4, "address"), (HOST_IPV6, "address")):
                before = opened()
                reset_by(made, reason, address, port)
                equal(opened() - before, 1, "connections")
            loops = [link.tcp(v, port, destination=to, flags=flags) for v, to in ((4, "127.0.0.1"), (6, "::1"), *link.address.items())
                     for flags in (SYN, ACK)]
            dropped(made, "ip_dst_local", loops, link, port)
            dropped(made, "udp_port", [link.udp(v, port, destination=link.gateway[v]) for v in FAMILIES], link, port)
        # In the place of the proxy, as if the proxy itself were the guest.
        dropped(made, "ip_src_spoof", [link.tcp(v, port, source=link.gateway[v], destination=link.gateway[v], sport=port)
                                       for v in FAMILIES for port in ports], link)
        equal(made.enforcer.metric("enforcer_connections_active"), 0, "connections")
        silent(made)
        summarised_and_answered(made, link)
        for version in FAMILIES:  # the DNS, which is meant to be reached there
            equal(made.guest.query("ok.test", server=link.gateway[version]).rcode, "NOERROR")


def says(guest, host, port, first):
    """A client that says this much, and is reset before it hears more than an alert: also when the reset comes before its words."""
    answer, how = b"", "reset"
    with contextlib.suppress(ConnectionResetError), guest.connect(host, port) as client:
        answer, how = exchange(client, first)
    assert answer[:1] in (b"", b"\x15") and how == "reset", (answer, how)


HAIRPINS = ["198.51.100.1", "127.0.0.1", "::1", "ff02::1", "fe80::1", "198.18.0.1", "fd77:5::1"]


@hang_guard(180)
def test_33_allowed_name_that_leads_back_here():
    """Names of the world's DNS that lead to the enforcer, to the host and to guests; passed through, intercepted, clear and opaque."""
    with lab("ok.test", guests=TWO) as made, RawLink(made) as link, RawLink(made, made.guests["g2"]) as other:
        local_addresses(made)
        set_canaries(made, (*CANARY_PORTS, 444, 80, 7))
        leads = {**dict.fromkeys([HOST_IPV4, HOST_IPV6, *DOCKER.values(), "0.0.0.0", "::"], "dst_local"),
                 **dict.fromkeys([*link.gateway.values(), *link.address.values(), *other.address.values(), *HAIRPINS], "dst_private")}
        names = {f"h{number}.back.test": address for number, address in enumerate(leads)}
        for name, address in names.items():
            made.world.records[name] = [address]
        made.world.set_addresses("mixed.back.test", [PLACE[4], link.gateway[4]])
        rules = [f"{name}{suffix}" for name in [*names, "mixed.back.test"] for suffix in ("", f":444 {RULE}", f":80 {RULE}", ":7 tcp")]
        made.enforcer.write_policy(policy("ok.test", *rules))
        made.enforcer.ctl_ok("reload")
        made.guest.trust_enforcer()
        for name, address in [*names.items(), ("mixed.back.test", link.gateway[4])]:
            place = made.guest.resolve(name)
            for port, first in ((443, client_hello(server_name(name))), (7, b"hello")):
                try:
                    with denies(made, leads[address]):
                        says(made.guest, place, port, first)
                except AssertionError as error:
                    raise AssertionError(f"{name} at {address}, port {port}: {error}") from error
            for url in (f"https://{name}:444/", f"http://{name}/"):
                with denies(made, leads[address]):
                    reply = made.guest.curl(url)
                assert 400 <= reply.status < 500, (address, url, reply.talk)
        sent = [p for p in made.world.witness.packets() if p.protocol != "udp" or p.destination_port != 53 and p.source != "93.184.216.53"]
        equal(sent, [], "packets on the world's link, the DNS apart")
        silent(made)
        equal(made.enforcer.metric("enforcer_connections_active"), 0, "connections")
        made.guest.trust(made.world.authority)
        summarised_and_answered(made, link)


def test_34_from_guest_to_guest():
    with lab(guests=TWO) as made, RawLink(made) as link, RawLink(made, made.guests["g2"]) as other:
        for version in FAMILIES:
            made.world.set_addresses(f"v{version}.back.test", [other.address[version]])
        made.enforcer.write_policy(policy("ok.test", "v4.back.test", "v6.back.test"))
        made.enforcer.ctl_ok("reload")
        made.world.start_origin("victim", [{"address": a, "port": p, "kind": "canary"} for a in ("0.0.0.0", "::") for p in (443, 22)],
                                made.guests["g2"].netns)
        with other.listening() as heard, Canaries(made.guests["g2"].netns, (53, 9999)):
            for version in FAMILIES:
                packets = [link.tcp(version, port, destination=other.address[version], flags=flags, ack=1)
                           for port in (443, 22) for flags in (SYN, ACK, RST)]
                packets += [link.udp(version, port, destination=other.address[version], payload=b"hello") for port in (53, 9999)]
                dropped(made, "l2_dstmac", [to + f[6:] for f in packets for to in (other.mac, other.gateway_mac, BROADCAST)], link)
                dropped(made, "udp_port", packets[-1:], link)
                echo = icmp(8) if version == 4 else icmpv6(link.address[6], other.address[6], 128)
                dropped(made, "icmp", [link.ip(version, 1 if version == 4 else 58, echo, destination=other.address[version])], link)
                for port in (443, 22):
                    reset_by(made, "dst_private", other.address[version], port)
                with denies(made, "dst_private"):
                    says(made.guest, f"v{version}.back.test", 443, client_hello(server_name(f"v{version}.back.test")))
            equal([f.hex() for f in heard() if transport_of(f)], [], "packets to the other guest")
        equal(made.world.events("victim", event="connect"), [])
        equal([p for p in made.world.witness.packets() if p.is_syn], [])
        summarised_and_answered(made, link)
        with other.listening() as heard:  # the control: there is an ear
            other.syn_answered(4)
            wait_for(lambda: [f for f in heard() if transport_of(f)], what="a packet to the other guest")


def test_35_from_outside_to_the_guest():
    """By way of the host, from the gateway namespace itself, and from the other guest."""
    with lab(guests=TWO) as made, RawLink(made) as link, RawLink(made, made.guests["g2"]) as other:
        with made.guest.netns.entered():
            listener = socket.create_server(("::", 443), family=socket.AF_INET6, dualstack_ipv6=True)
        made.host.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"], check=True)
        made.world.netns.ip(f"route add {link.address[4]}/32 via {HOST_IPV4}", f"route add {link.address[6]}/128 via {HOST_IPV6}")
        inner = gateway(made)
        with link.listening() as heard, listener, Canaries(made.guest.netns, (53, 9999)):
            for namespace in (made.world.netns, made.host):
                for version in FAMILIES:
                    with drops_nothing(made):
                        knock(namespace, link.address[version])
            # Whoever is in the gateway namespace has a route, and is nobody's connection.
            for version in FAMILIES:
                for message in ("tcp", "udp"):
                    with drops(made, "ingress_foreign", 1):
                        knock(inner, link.address[version], (message,))
            name = far_end(made, made.guest)
            with inner.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                raw.bind((name, 0))
                forged = []
                for version in FAMILIES:
                    for source in (PLACE[version], link.gateway[version], other.address[version]):
                        ends = source, link.address[version]
                        packets = [tcp(*ends, 443), tcp(*ends, 443, flags=SYN | ACK, ack=1), tcp(*ends, 443, flags=ACK, payload=b"x"),
                                   tcp(*ends, 443, flags=RST)]
                        make = ipv4 if version == 4 else ipv6
                        forged += [make(*ends, TCP, packet) for packet in packets]
                        forged += [make(*ends, UDP, udp(*ends, 9999, b"\0" * 20, sport=sport)) for sport in (53, 443)]
                        forged.append(make(*ends, 1 if version == 4 else 58, icmp(3, 13, bytes(4) + bytes(28)) if version == 4 else
                                           icmpv6(*ends, 1, 1, bytes(4) + bytes(48))))
                with drops(made, "ingress_foreign", len(forged)):
                    for packet in forged:
                        with raises(OSError):  # ENOBUFS: it was dropped on its way out
                            raw.send(link.frame(packet, source=link.gateway_mac, destination=link.mac))
            with drops(made, "udp_port", 2, other.guest):
                other.send([other.udp(v, 9999, destination=link.address[v], sport=53) for v in FAMILIES])
            equal([f.hex() for f in heard() if transport_of(f)], [], "packets to the guest")
            listener.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                raise AssertionError(f"a connection came in: {listener.accept()}")
            link.syn_answered(4)
            assert [f for f in heard() if transport_of(f)], "the control: there is an ear"
        made.world.witness.clear()
        summarised_and_answered(made, link)


def knock(namespace, address, kinds=("tcp", "udp", "dns")):
    """Tries to get a word to the address from there: by a connection, by a datagram, and by one that looks like the DNS's answer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in kinds:
        with namespace.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as caller, contextlib.suppress(OSError):
            caller.setblocking(False)
            if kind == "dns":
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                caller.bind(("", 53))
            if kind == "tcp":
                caller.connect((address, 443))
            else:
                caller.sendto(b"\0" * 20, (address, 9999))


PUBLIC = ("93.184.216.34", HOST_IPV4, "8.8.8.8", "1.0.0.0")
METADATA = "169.254.169.254"


def test_37_ipv4_inside_ipv6_addresses():
    """Mapped and compatible addresses are no IPv6 on the wire; a translator's prefixes lead to wherever the address inside would."""
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made, CANARY_PORTS, [("127.0.0.1", 9901)])
        question = dns_client.query_bytes("ok.test")
        for address in (*PUBLIC, METADATA, "127.0.0.1", "10.0.0.1", "100.64.0.1"):
            for mapped in (f"::ffff:{address}", f"::{address}"):
                sent = [link.tcp(6, port, destination=mapped, flags=flags) for port in (443, 22, 9901) for flags in (SYN, ACK)]
                sent += [link.udp(6, port, destination=mapped, payload=question) for port in (53, 443)]
                dropped(made, "ip_ver", sent, link, mapped)
                dropped(made, "ip_src_spoof", [link.tcp(6, source=mapped), link.udp(6, 53, source=mapped, payload=question)], link, mapped)
            high, low = packed(address).hex()[:4], packed(address).hex()[4:]
            inside = "dst_metadata" if address == METADATA else "dst_private"
            reset_by(made, "address" if address in PUBLIC else inside, f"64:ff9b::{address}")
            for embedded in (f"64:ff9b:1::{address}", f"2002:{high}:{low}::1", f"2001:0:{high}:{low}::1"):
                reset_by(made, inside, embedded)
            reset_by(made, "dst_private", f"::ffff:0:{address}")
        dropped(made, "ip_src_spoof", [link.tcp(6, source=prefix + link.address[4]) for prefix in ("::ffff:", "::", "64:ff9b::")], link)
        silent(made)
        summarised_and_answered(made, link)
