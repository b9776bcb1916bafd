"""Packets: forms of IPv4, IPv6 and UDP that get around a policy which reads them at fixed places, by either family in the same test
wherever both have it."""

import contextlib
import random
import re
import select
import socket
import struct

from lib import dns_client
from lib.canaries import Canaries, set_canaries, silent
from lib.datapath import gateway
from lib.drops import dropped, drops, summarised_and_answered
from lib.expect import equal, unreachable_at_once
from lib.frames import (ACK, FAMILIES, FIN, PLACE, SYN, TCP, UDP, checksum, extension, fragment_header, icmp, icmpv6, ipv4, ipv6,
                        packed, tcp, udp)
from lib.lab import Lab, policy
from lib.links import RawLink
from lib.oracles import denies
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name
from lib.world import HOST_IPV4, HOST_IPV6

TWO = ("g1", "g2")
HOST = {4: HOST_IPV4, 6: HOST_IPV6}
CANARY_PORTS = (22, 443, 2222, 8080, 9100)
MORE = 0x2000  # "more fragments", of IPv4


def lab(*allow, **options):
    return Lab(policy(*(allow or ("ok.test",))), **options)


def statistics(namespace, *names):
    """Counters of the namespace's IP by their names in /proc/net/snmp and snmp6."""
    found = dict.fromkeys(names, 0)
    tables = namespace.run(["cat", "/proc/net/snmp", "/proc/net/netstat", "/proc/net/snmp6"]).stdout.splitlines()
    for head, values in zip(tables, tables[1:]):
        if ":" in head and head.split(":")[0] == values.split(":")[0]:
            found.update({k: int(v) for k, v in zip(head.split()[1:], values.split()[1:]) if k in found})
    found.update({line.split()[0]: int(line.split()[1]) for line in tables if len(line.split()) == 2 and line.split()[0] in found})
    return found


def options_ipv4():
    route = lambda kind: bytes([kind, 11, 4]) + packed("93.184.216.34") + packed("10.0.0.1")
    option = {"record route": b"\x07\x0b\x04" + bytes(8), "loose route": route(131), "strict route": route(137),
              "timestamp": b"\x44\x08\x05\0" + bytes(4), "router alert": b"\x94\x04\0\0", "security": b"\x82\x0b" + bytes(9),
              "stream": b"\x88\x04\0\1", "nothing": b"\x01" * 4, "end": b"\0" * 4, "unknown": b"\x9f\x04\0\0",
              "experiment": b"\xde\x08" + bytes(6), "longer than the header": b"\x94\x40\0\0", "no length": b"\x01\x01\x01\x94",
              "as long as can be": b"\x07\x27\x04" + bytes(36),
              # Read without regard for the header's length, these are ports: 30,000 to 443, or to 53.
              "ports": struct.pack("!HH", 30_000, 443), "ports of DNS": struct.pack("!HH", 30_000, 53)}
    return {name: value + bytes(-len(value) % 4) for name, value in option.items()}


def headers_ipv6(protocol):
    """Chains of extension headers before this protocol: (first header, bytes)."""
    alert, pad = b"\5\2\0\0\1\0", b"\1\4\0\0\0\0"
    jumbo, home = b"\xc2\4\0\1\0\0", b"\xc9\x10" + packed("2600:9000::34")
    routing = lambda kind, left=1: struct.pack("!BBI", kind, left, 0) + packed("2600:9000::35")
    return {"hop by hop": (0, extension(protocol, pad)), "router alert": (0, extension(protocol, alert)),
            "jumbo": (0, extension(protocol, jumbo)), "hop by hop twice": (0, extension(0, pad) + extension(protocol, pad)),
            "destination options": (60, extension(protocol, pad)),
            "home address": (60, extension(protocol, home + b"\1\2\0\0")), "route 0": (43, extension(protocol, routing(0))),
            "route 2": (43, extension(protocol, routing(2))), "segments": (43, extension(protocol, routing(4))),
            "no segment left": (43, extension(protocol, routing(0, 0))), "mobility": (135, extension(protocol)),
            "identity": (139, extension(protocol)), "shim6": (140, extension(protocol)),
            "a long chain": (0, extension(60, pad) + extension(60, pad) * 20 + extension(protocol, bytes(62))),
            "options before a fragment": (60, extension(44, pad) + fragment_header(protocol)),
            "a header longer than the packet": (60, bytes([protocol, 255]) + bytes(6))}


def test_22_options_and_extension_headers():
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made, CANARY_PORTS)
        allowed = made.guest.resolve("ok.test")
        question = dns_client.query_bytes("ok.test")
        for port in (443, 22, 2222, 53, 25):
            for name, option in options_ipv4().items():
                packets = [link.tcp(4, port, destination=to, ip={"options": option}) for to in (allowed, PLACE[4], link.gateway[4])]
                packets.append(link.udp(4, port, payload=question, ip={"options": option}))
                dropped(made, "ip_opts", packets, link, f"{name}, port {port}")
            segments = {TCP: tcp(link.address[6], PLACE[6], port), UDP: udp(link.address[6], PLACE[6], port, question)}
            for protocol, segment in segments.items():
                for name, (first, chain) in headers_ipv6(protocol).items():
                    packets = [link.ip(6, first, chain + segment, destination=to) for to in (PLACE[6], link.gateway[6])]
                    dropped(made, "ip_opts", packets, link, f"{name}, port {port}")
        silent(made)
        summarised_and_answered(made, link)


REASSEMBLY = ("ReasmReqds", "ReasmOKs", "ReasmFails", "Ip6ReasmReqds", "Ip6ReasmOKs", "Ip6ReasmFails")


def pieces(link, version, data, protocol, cuts, identifier, destination):
    """Fragments of data, from each start to its end; "more" is said by all but those that reach the end."""
    made = []
    for start, end in cuts:
        more = end < len(data)
        if version == 4:
            made.append(link.ip(4, protocol, data[start:end], destination=destination, fragment=start // 8 | (MORE if more else 0)))
        else:
            made.append(link.ip(6, 44, fragment_header(protocol, start // 8, more, identifier) + data[start:end], destination=destination))
    return made


def test_23_fragments():
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made, CANARY_PORTS)
        spaces = gateway(made), made.host
        before = [statistics(space, *REASSEMBLY) for space in spaces]
        allowed = {4: made.guest.resolve("ok.test"), 6: PLACE[6]}
        cuts = {"two": [(0, 24), (24, 48)], "tiny first": [(0, 8), (8, 48)], "first only": [(0, 24)], "last only": [(24, 48)],
                "backwards": [(24, 48), (0, 24)], "eights": [(n, n + 8) for n in range(0, 48, 8)], "overlap": [(0, 32), (8, 48)],
                "the ports written over": [(0, 24), (0, 8), (24, 48)], "from offset one": [(0, 24), (8, 24), (24, 48)],
                "a hole": [(0, 8), (16, 48)], "the same twice": [(0, 24), (0, 24), (24, 48)]}
        for version in FAMILIES:
            for number, (name, cut) in enumerate(cuts.items()):
                sent = []
                for destination in (allowed[version], PLACE[version], link.gateway[version]):
                    for port in (443, 2222, 53):
                        ends = link.address[version], destination
                        sent += pieces(link, version, tcp(*ends, port, payload=bytes(28)), TCP, cut, number, destination)
                        sent += pieces(link, version, udp(*ends, port, bytes(40)), UDP, cut, number, destination)
                dropped(made, "ip_frag", sent, link, f"IPv{version}, {name}")
            body = tcp(link.address[version], PLACE[version], payload=bytes(28))
            far = [(0x1FFF, False), (0x1FFF, True), (1, True), (0x1000, False)]
            odd = [link.ip(4, TCP, body, fragment=offset | (MORE if more else 0)) if version == 4 else
                   link.ip(6, 44, fragment_header(TCP, offset, more) + body) for offset, more in far]
            odd += [link.ip(4, TCP, body, fragment=bits) for bits in (0x6000, 0xA000, 0x4001, 0xE001)] if version == 4 else [
                link.ip(6, 44, fragment_header(TCP) + body),                                    # all of it, and a fragment in name
                link.ip(6, 44, fragment_header(60) + extension(TCP) + body),
                link.ip(6, 44, fragment_header(44) + fragment_header(TCP) + body),
                link.ip(6, 44, fragment_header(TCP)), link.ip(6, 44, b"")]
            dropped(made, "ip_frag", odd, link, f"IPv{version}")
        dropped(made, "ip_frag", [link.ip(4, p, bytes(24), fragment=MORE) for p in (1, 2, 4, 47, 50, 132)], link)
        equal([statistics(space, *REASSEMBLY) for space in spaces], before, "reassembly")
        silent(made)
        summarised_and_answered(made, link)


@hang_guard(180)
def test_24_flood_of_fragments():
    with lab(guests=TWO) as made, RawLink(made) as link:
        spaces = gateway(made), made.host
        before = [statistics(space, *REASSEMBLY) for space in spaces]
        usage = ["cat", "/proc/net/sockstat", "/proc/net/sockstat6"]
        memory = lambda: [re.findall(r"FRAG6?: .*", space.run(usage).stdout) for space in spaces]
        idle, total = memory(), 0
        for version in FAMILIES:
            one = link.tcp(4, payload=bytes(1000), ip={"fragment": MORE}) if version == 4 else link.ip(
                6, 44, fragment_header(TCP, more=True) + tcp(link.address[6], PLACE[6], payload=bytes(1000)))
            at = 18 if version == 4 else 58  # the identification
            flood = []
            for number in range(25_000):
                field = struct.pack("!H", number & 0xFFFF) if version == 4 else struct.pack("!I", number)
                packet = bytearray(one)
                packet[at:at + len(field)] = field
                if version == 4:
                    packet[24:26] = b"\0\0"
                    packet[24:26] = struct.pack("!H", checksum(packet[14:34]))
                flood.append(bytes(packet))
            with drops(made, "ip_frag", len(flood)):
                for start in range(0, len(flood), 5000):
                    link.send(flood[start:start + 5000])
                    equal(made.guests["g2"].query("ok.test").rcode, "NOERROR", "meanwhile")
            total += len(flood)
        equal((memory(), [statistics(space, *REASSEMBLY) for space in spaces]), (idle, before), "reassembly")
        equal(total, made.enforcer.metric("enforcer_datapath_drops_total", guest="g1", reason="ip_frag"))
        made.wire_silent()
        summarised_and_answered(made, link)


def test_26_all_protocols():
    """Each carries a whole packet from and to where a decapsulator would deliver it."""
    headers = {0: "ip_opts", 43: "ip_opts", 60: "ip_opts", 135: "ip_opts", 139: "ip_opts", 140: "ip_opts", 44: "ip_frag"}
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made, CANARY_PORTS)
        for version in FAMILIES:
            own = {TCP, UDP, 1 if version == 4 else 58}
            inner = ipv4("10.9.9.9", link.gateway[4], TCP, tcp("10.9.9.9", link.gateway[4], 2222))
            bodies = [inner, ipv6("fd00:9::9", link.gateway[6], TCP, tcp("fd00:9::9", link.gateway[6], 2222)),
                      b"\0\0\x08\0" + inner, struct.pack("!HHII", 30_000, 443, 0, 0) + bytes(40), b""]
            for destination in (PLACE[version], link.gateway[version]):
                expected = {}
                for protocol in sorted(set(range(256)) - own):
                    reason = headers.get(protocol, "ip_proto") if version == 6 else "ip_proto"
                    expected.setdefault(reason, []).extend(link.ip(version, protocol, body, destination=destination) for body in bodies)
                for reason, sent in expected.items():
                    dropped(made, reason, sent, link, f"IPv{version}: {reason}")
            # The other family's ICMP is none.
            foreign = icmpv6(link.address[6], PLACE[6], 128) if version == 4 else icmp(8)
            dropped(made, "ip_proto", [link.ip(version, 58 if version == 4 else 1, foreign)], link)
        inner = gateway(made).run(["ls", "/sys/class/net"]).stdout.split()
        print("devices of the gateway namespace:", inner)
        silent(made)
        summarised_and_answered(made, link)


def test_38_udp_other_than_dns():
    quic = b"\xc3\0\0\0\1\x08" + bytes(8) + b"\0\0\x44\x9e" + bytes(1180)
    words = {443: quic, 80: quic, 853: quic, 8853: quic, 784: quic, 123: b"\x23" + bytes(47), 3478: b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12),
             51820: b"\1\0\0\0" + bytes(144), 500: bytes(28), 4500: bytes(32), 4433: b"\x16\xfe\xfd" + bytes(60),
             5060: b"OPTIONS sip:a SIP/2.0\r\n\r\n", 69: b"\0\1x\0octet\0", 161: bytes(40), 514: b"<13>hello",
             1194: bytes(14), 1701: bytes(20), 4789: bytes(50), 6081: bytes(50),
             5353: dns_client.query_bytes("ok.test"), 54: dns_client.query_bytes("ok.test"), 52: dns_client.query_bytes("ok.test"),
             1: b"", 65535: b"", 0: b"x"}
    with lab(guests=TWO) as made, RawLink(made) as link, Canaries(gateway(made), [p for p in words if p]) as near, Canaries(
            made.host, [p for p in words if p]) as far:
        allowed = made.guest.resolve("ok.test")
        for version in FAMILIES:  # before the others, which use up the answers
            for port in (443, 853, 51820):
                unreachable_at_once(made.guest, PLACE[version], port)
        for version in FAMILIES:
            for port, body in words.items():
                for to in ([allowed] if version == 4 else []) + [PLACE[version], link.gateway[version], HOST[version]]:
                    sent = [link.udp(version, port, destination=to, payload=body, sport=sport) for sport in (None, 53, port or 1)]
                    dropped(made, "udp_port", sent, link, f"{to} port {port}")
            lies = [link.udp(version, 53, payload=b"x" * 20, length=length) for length in (0, 7, 29, 0xFFFF)]
            lies += [link.ip(version, UDP, bytes(7)), link.ip(version, UDP, b"")]
            dropped(made, "l2_short", lies, link, "lengths that are not")
        equal(near.visits() + far.visits(), [], "datagrams to canaries")
        made.wire_silent()
        summarised_and_answered(made, link)


def answered_by(guest, server, messages, code):
    """Each datagram is answered with this response code and little else; None: not at all."""
    with contextlib.ExitStack() as clients:
        sent = []
        for message in messages:
            kind = socket.AF_INET6 if ":" in server else socket.AF_INET
            client = clients.enter_context(guest.socket(kind, socket.SOCK_DGRAM, timeout=5))
            client.connect((server, 53))
            client.send(message)
            sent.append((client, message))
        if code is None:
            heard, _, _ = select.select([client for client, _ in sent], [], [], 0.3)
            equal([client.recv(100) for client in heard], [], f"answers of {server}")
            return
        for client, message in sent:
            answer = client.recv(4096)
            got = answer[:2], answer[2] & 0x80, answer[3] & 15
            equal(got, (message[:2], 0x80, code), f"identifier, response, code for {message[:40]!r}")
            assert len(answer) <= len(message) + 40, answer


@hang_guard(150)
def test_39_datagrams_to_port_53_that_are_no_dns():
    wireguard, noise = b"\1\0\0\0" + bytes(range(144)), random.Random(39).randbytes
    query = dns_client.query_bytes("ok.test", identifier=1)
    silence = [b"", b"x", query[:11], b"\xff" * 60, *[b"\0\0\x80\0" + noise(size) for size in (8, 60, 500, 1400)]]
    malformed = [query[:12], query[:-1], query + b"tail", wireguard, b"\0" * 12, client_hello(server_name("ok.test")),
                 b"\xc3\0\0\0\1\x08" + bytes(1194), struct.pack("!H", len(query)) + query,
                 *[b"\0\0\1\0" + noise(size) for size in (8, 60, 500)]]
    # Read as the header of a query, these ask for the operations 10 and 9.
    operation = [b"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n", b"SSH-2.0-tunnel\r\n"]
    with lab(guests=TWO, config={"limits": {"dnsPerSecond": 10_000}}) as made, RawLink(made) as link:
        for server in (link.gateway[4], link.gateway[6], "8.8.8.8", "2001:4860:4860::8888"):
            equal(made.guest.query("ok.test", server=server).rcode, "NOERROR", f"the control: a question to {server}")
            for messages, reason, code in ((silence, "dns_malformed", None), (malformed, "dns_malformed", 1), (operation, "dns_type", 4)):
                with denies(made, reason, len(messages)):
                    answered_by(made.guest, server, messages, code)
        equal(made.world.dns_queries(), [], "questions to the world")
        made.wire_silent()
        summarised_and_answered(made, link)


@hang_guard(180)
def test_40_connection_tracking():
    """Of what is dropped the host's packet filter sees nothing, and of what is steered, nothing outlives its connection."""
    tracking = """table inet probe {
      counter seen { }
      chain pre {
        type filter hook prerouting priority -100
        iifname != "lo" ct state new counter name "seen"
      }
    }"""
    with lab(guests=TWO) as made, RawLink(made) as link:
        spaces = gateway(made), made.host
        tracked = lambda: [int(space.run(["cat", "/proc/sys/net/netfilter/nf_conntrack_count"]).stdout) for space in spaces]
        flows = lambda count: [link.tcp(v, 1 + n * 7 % 65535, sport=1 + n % 60_000, destination=to) for n in range(count)
                               for v, to in ((4, f"93.184.{n >> 8 & 255}.{n & 255}"), (6, f"2600:9000::{n & 0xffff:x}"))]
        idle = tracked()
        link.send(flows(5000))  # legal in form, steered, and never finished
        equal(tracked(), idle, "tracked connections")
        for space in spaces:  # and with somebody who tracks
            space.run(["nft", "-f", "-"], input=tracking, check=True)
        seen = lambda: [int(re.search(r"packets (\d+)", space.run(["nft", "list", "counter", "inet", "probe", "seen"]).stdout).group(1))
                        for space in spaces]
        helpers = {21: b"PORT 100,64,0,2,1,187\r\n", 5060: b"INVITE sip:a@b SIP/2.0\r\nContact: <sip:a@100.64.0.2:443>\r\n\r\n",
                   1720: b"\3\0\0\x20" + bytes(28), 69: b"\0\1x\0octet\0", 137: bytes(50), 1719: bytes(40),
                   10080: b"Amanda 2.6 REQ\n", 5566: b"x"}
        start, known = tracked()[0], seen()  # the host's own have our reading of the counters among them
        for version in FAMILIES:
            dropped(made, "udp_port", [link.udp(version, port, sport=1024 + n, payload=body) for port, body in helpers.items()
                                       for n in range(200)], link, "helpers")
            spoofed = [link.tcp(version, port, sport=1024 + n, payload=body, flags=ACK, source={4: "10.1.1.1", 6: "fd00::1"}[version])
                       for port, body in helpers.items() for n in range(200)]
            dropped(made, "ip_src_spoof", spoofed, link, "helpers, spoofed")
            others = [link.ip(version, protocol, struct.pack("!HHI", n, n, n) + bytes(20)) for n in range(500) for protocol in (47, 132)]
            dropped(made, "ip_proto", others, link, "GRE and SCTP")
            bad = [link.tcp(version, 443, sport=1024 + n, flags=SYN | FIN) for n in range(2000)]
            dropped(made, "tcp_bad", bad, link, "SYN+FIN")
        equal((tracked()[0], seen()), (start, known), "tracked connections, and packets that the filter saw")
        link.syn_answered(4)
        assert seen()[0] > known[0], "the control: the filter sees what is steered"
        made.wire_silent()
        summarised_and_answered(made, link)
