"""Neighbours: ARP, neighbour discovery, and what the services of a LAN would hear. Nobody learns anything from a guest.

Every frame leaves the guest's own interface by a packet socket and is counted: DROP(reason) means exactly these, under exactly
that reason, for exactly that guest."""

import contextlib
import struct

from lib import dns_client
from lib.canaries import Canaries
from lib.datapath import gateway
from lib.drops import dropped, drops_nothing, summarised_and_answered
from lib.expect import equal, unreachable_at_once
from lib.frames import (BROADCAST, FAMILIES, PLACE, extension, fragment_header, group_mac, icmp, icmpv6, ipv6, link_option, packed,
                        transport_of)
from lib.lab import Lab, policy
from lib.links import RawLink
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.sample_frames import router_advertisement, solicitation
from lib.world import HOST_IPV4, HOST_IPV6

TWO = ("g1", "g2")
HOST = {4: HOST_IPV4, 6: HOST_IPV6}


def lab(*allow, **options):
    return Lab(policy(*(allow or ("ok.test",))), **options)


def beliefs(made):
    """What the gateway, the guests and the host have written down of who is where, as lines."""
    addresses = lambda: made.host.run(["ip", "-6", "addr"]).stdout
    wait_for(lambda: "tentative" not in addresses() and "fe80:" in addresses(), what="the host's link to be settled")
    where = [(n, ["-o", "neigh"]) for n in (gateway(made), *[g.netns for g in made.guests.values()])]
    where += [(n, [family, *command]) for n in (gateway(made), made.host) for family in ("-4", "-6")
              for command in (["route", "show", "table", "all"], ["rule"], ["-o", "addr"])]
    return {(n.name, line) for n, command in where for line in n.run(["ip", *command]).stdout.splitlines()}


@hang_guard(150)
def test_7_arp():
    with lab(guests=TWO) as made, RawLink(made) as link, RawLink(made, made.guests["g2"]) as other:
        before = beliefs(made)
        mine, own, ask, answer = link.mac, link.address[4], 1, 2
        claims = [link.gateway[4], other.address[4], HOST_IPV4, "93.184.216.53", "198.18.0.1", "127.0.0.1", "0.0.0.0", "255.255.255.255"]
        lies = []
        for claimed in claims:
            for to in (BROADCAST, link.gateway_mac):
                lies += [link.arp(answer, sender=claimed, target_mac=link.gateway_mac, to=to), link.arp(ask, sender=claimed, to=to),
                         link.arp(ask, sender=claimed, target=claimed, to=to), link.arp(answer, sender=claimed, target=claimed, to=to)]
        lies += [link.arp(ask, target=target) for target in (own, *claims[1:])]             # who has, for anybody but the gateway
        lies += [link.arp(answer, to=to) for to in (BROADCAST, link.gateway_mac)]           # an answer that nobody asked for
        lies += [link.arp(ask, sender_mac=m) for m in (link.gateway_mac, other.mac, bytes(6), BROADCAST)]
        lies += [link.arp(operation) for operation in (0, 3, 4, 8, 9, 10, 0xFFFF)]            # RARP, InARP, ATMARP
        lies += [link.arp(head=bytes.fromhex(head)) for head in ("000608000604", "000186dd0604", "000108000804", "000108000610")]
        lies += [link.arp(to=group_mac("224.0.0.1")), link.arp()[:14 + 27], link.arp()[:14]]
        dropped(made, "arp_spoof", lies, link, "ARP")
        flood = [link.arp(ask, sender=f"10.1.{n >> 8}.{n & 255}", sender_mac=mine) for n in range(10_000)]
        dropped(made, "arp_spoof", flood, link, "ARP flood")
        equal(beliefs(made) ^ before, set(), "neighbours and routes")
        with link.listening() as heard, drops_nothing(made):
            link.send([link.arp()])
            wait_for(lambda: any(f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[22:28] == link.gateway_mac for f in heard()),
                     what="the gateway's answer")
        equal(beliefs(made) ^ before, set(), "neighbours and routes after a legal question")
        made.wire_silent()
        summarised_and_answered(made, link)


def test_8_neighbour_discovery_and_icmp_redirects():
    with lab(guests=TWO) as made, RawLink(made) as link, RawLink(made, made.guests["g2"]) as other:
        before = beliefs(made)
        everybody, routers, own, router = "ff02::1", "ff02::2", link.address[6], link.gateway[6]
        target = lambda address, mac=link.mac: packed(address) + link_option(2, mac)
        flags = lambda number: struct.pack("!I", number << 29)  # router 4, solicited 2, override 1
        lies = []
        for source in (own, "fe80::1", "fe80::77", router, "::"):
            for to in (everybody, router):
                lies += [link.icmpv6(134, router_advertisement(), source=source, destination=to),
                         link.icmpv6(134, router_advertisement() + link_option(1, link.mac), source=source, destination=to),
                         link.icmpv6(137, bytes(4) + packed("fe80::77") + packed("2600:9000::34"), source=source, destination=to),
                         link.icmpv6(133, bytes(4), source=source, destination=routers)]
        for claimed in (router, other.address[6], other.gateway[6], own, HOST_IPV6, "2600:9000::34", "fe80::1"):
            lies += [link.icmpv6(136, flags(number) + target(claimed), destination=everybody) for number in (0, 1, 2, 3, 5, 7)]
            if claimed != own:
                lies += [link.icmpv6(136, flags(number) + target(claimed)) for number in (0, 1, 2, 3, 7)]
            group = f"ff02::1:ff{packed(claimed)[13]:02x}:{packed(claimed)[14]:02x}{packed(claimed)[15]:02x}"
            lies.append(link.icmpv6(135, bytes(4) + packed(claimed), source="::", destination=group))  # DAD denial
            lies.append(link.icmpv6(135, bytes(4) + packed(claimed), source=claimed, destination=group) if claimed != own else
                        link.icmpv6(135, bytes(4) + packed(claimed) + link_option(1, link.mac), destination=group))
        lies += [link.icmpv6(136, flags(1) + target(own)), link.icmpv6(136, flags(2) + target(own, other.mac)),
                 link.icmpv6(136, flags(2) + target(own) * 2), link.icmpv6(136, flags(2) + target(own), code=1)]
        lies += [solicitation(link, ttl=254), solicitation(link, ttl=1), solicitation(link, mac=other.mac), solicitation(link, code=1),
                 solicitation(link, destination=everybody), solicitation(link, target=other.address[6]),
                 solicitation(link, to=BROADCAST), solicitation(link)[:-1] + b"\0\0\0" + b"\1\1" + other.mac][:-1]
        dropped(made, "nd_spoof", lies, link, "neighbour discovery")
        # Hidden behind a header that a guard does not look past.
        message = icmpv6(own, everybody, 134, 0, router_advertisement())
        for reason, number, header in (("ip_opts", 0, extension(58)), ("ip_opts", 60, extension(58)), ("ip_opts", 43, extension(58)),
                                       ("ip_frag", 44, fragment_header(58)), ("ip_proto", 51, extension(58))):
            to = group_mac(everybody) if reason != "ip_proto" else None
            destination = everybody if reason != "ip_proto" else router
            dropped(made, reason, [link.frame(ipv6(own, destination, number, header + message, 255), destination=to)], link)
        dropped(made, "icmp", [link.ip(4, 1, icmp(5, 1, packed(link.address[4]) + link.tcp(4)[14:42]), destination=link.gateway[4]),
                               link.ip(4, 1, icmp(9, 0, struct.pack("!BBH", 1, 2, 1800) + packed(link.address[4]) + bytes(4))),
                               link.ip(4, 1, icmp(10))], link, "IPv4's redirects and router advertisements")
        equal(beliefs(made) ^ before, set(), "neighbours and routes")
        with link.listening() as heard, drops_nothing(made):
            link.send([solicitation(link), link.icmpv6(136, flags(2) + target(own))])
            wait_for(lambda: any((transport_of(f) or (0, b"\0"))[1][:1] == b"\x88" for f in heard()), what="the gateway's advertisement")
        made.wire_silent()
        summarised_and_answered(made, link)


@contextlib.contextmanager
def hearing(made, ports, groups=()):
    """Datagram canaries on these ports, in the gateway namespace and the host's; nobody may reach them meanwhile."""
    for namespace in (gateway(made), made.host):  # that they joined their groups is not to be reported to anybody
        namespace.run(["nft", "-f", "-"], check=True, input="table ip quiet { chain out { type filter hook output priority 0; "
                                                            "ip protocol igmp drop; }; }")
    with Canaries(gateway(made), ports, groups) as near, Canaries(made.host, ports, groups) as far:
        yield
        equal(near.visits() + far.visits(), [], "datagrams to canaries")


def test_9_dhcp():
    with lab(guests=TWO) as made, RawLink(made) as link, hearing(made, (67, 68, 546, 547), ("ff02::1:2", "ff05::1:3")):
        head = lambda operation: struct.pack("!BBBBI", operation, 1, 6, 0, 4711) + bytes(20) + link.mac + bytes(202) + b"\x63\x82\x53\x63"
        offers = {67: head(1) + b"\x35\x01\x01\xff", 68: head(2) + b"\x35\x01\x02\x36\x04" + packed(link.address[4]) + b"\xff",
                  546: b"\x02\0\x12\x67\0\1\0\x0a\0\3\0\1" + link.mac, 547: b"\x01\0\x12\x67\0\1\0\x0a\0\3\0\1" + link.mac}
        pair = {67: 68, 68: 67, 546: 547, 547: 546}
        for port, body in offers.items():
            says = lambda version, **more: link.udp(version, port, payload=body, sport=pair[port], **more)
            plain = [says(v, destination=to) for v in FAMILIES for to in (link.gateway[v], PLACE[v], HOST[v])]
            dropped(made, "udp_port", plain, link, port)
            dropped(made, "l2_dstmac", [BROADCAST + f[6:] for f in plain], link, port)
            limited = "255.255.255.255"
            dropped(made, "ip_dst_local", [link.to_group(says(4, destination=limited), limited), says(4, destination=limited)], link, port)
            nobody = [says(4, source="0.0.0.0", destination=to) for to in (limited, link.gateway[4])]
            nobody += [says(6, source=source, destination=to) for source in ("fe80::77", "::") for to in ("ff02::1:2", link.gateway[6])]
            dropped(made, "ip_src_spoof", [link.to_group(f, limited) for f in nobody] + nobody, link, port)
            groups = ("ff02::1:2", "ff05::1:3", "ff02::1")
            dropped(made, "ip_mcast", [link.to_group(says(6, destination=to), to) for to in groups], link, port)
        for version in FAMILIES:
            unreachable_at_once(made.guest, link.gateway[version], 67)
        made.wire_silent()
        summarised_and_answered(made, link)


def test_10_names_and_services_of_a_lan():
    places = {5353: ("224.0.0.251", "ff02::fb", "ff05::fb"), 5355: ("224.0.0.252", "ff02::1:3"),
              1900: ("239.255.255.250", "ff02::c", "ff05::c", "ff0e::c"), 3702: ("239.255.255.250", "ff02::c"),
              137: ("224.0.0.1", "ff02::1"), 138: ("224.0.0.1", "ff02::1"), 5351: ("224.0.0.1", "ff02::1")}
    question = b"\0\0\0\0\0\1\0\0\0\0\0\0\x05_http\x04_tcp\x05local\0\0\x0c\0\1"
    with lab(guests=TWO) as made, RawLink(made) as link, hearing(made, places, {group for groups in places.values() for group in groups}):
        for port, groups in places.items():
            body = b"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nST: ssdp:all\r\n\r\n" if port == 1900 else question
            loud = [link.udp(6 if ":" in group else 4, port, destination=group, payload=body, sport=port) for group in groups]
            dropped(made, "ip_mcast", loud + [link.to_group(f, group) for f, group in zip(loud, groups)], link, port)
            dropped(made, "udp_port", [link.udp(v, port, destination=to, payload=body, sport=port) for v in FAMILIES
                                       for to in (link.gateway[v], PLACE[v])], link, port)
            subnet = link.address[4].rpartition(".")[0] + ".255"
            dropped(made, "l2_dstmac", [BROADCAST + link.udp(4, port, destination=subnet, payload=body)[6:]], link, port)
            limited = "255.255.255.255"
            dropped(made, "ip_dst_local", [link.to_group(link.udp(4, port, destination=limited, payload=body), limited)], link, port)
        # DNS itself, too, is for the gateway and not for a group.
        dropped(made, "ip_mcast", [link.to_group(link.udp(v, 53, destination=g, payload=dns_client.query_bytes("ok.test")), g)
                                   for v, g in ((4, "224.0.0.251"), (6, "ff02::fb"))], link)
        igmp = lambda kind, group: icmp(kind, 0, packed(group))  # the same form
        for kind in (0x11, 0x12, 0x16, 0x17, 0x22):
            for group in ("224.0.0.22", "224.0.0.2", "239.255.255.250"):
                for reason, options in (("ip_mcast", b""), ("ip_opts", b"\x94\4\0\0")):
                    report = link.ip(4, 2, igmp(kind, group), destination=group, ttl=1, options=options)
                    dropped(made, reason, [link.to_group(report, group)], link)
            dropped(made, "ip_proto", [link.ip(4, 2, igmp(kind, "0.0.0.0"), destination=link.gateway[4])], link)
        alert = b"\5\2\0\0\1\0"
        for kind in (130, 131, 132):
            for group in ("ff02::1", "ff02::16", "ff02::fb"):
                body = bytes(4) + packed(group)
                dropped(made, "ip_mcast", [link.icmpv6(kind, body, destination=group, ttl=1)], link)
                report = extension(58, alert) + icmpv6(link.address[6], group, kind, 0, body)
                dropped(made, "ip_opts", [link.to_group(link.ip(6, 0, report, destination=group, ttl=1), group)], link)
        # A report as kernels send it, though no kernel did: known for what it is, dropped all the same.
        counted = lambda: made.enforcer.metric("enforcer_datapath_drops_total", guest="g1", reason="mld")
        known = counted()
        report = extension(58, alert) + icmpv6("fe80::77", "ff02::16", 143, 0, b"\0\0\0\1\4\0\0\0" + packed("ff02::fb"))
        with drops_nothing(made):
            link.send([link.to_group(link.ip(6, 0, report, source="fe80::77", destination="ff02::16", ttl=1), "ff02::16")])
            wait_for(lambda: counted() > known, what="a listener report to be counted")
        equal(made.guest.query("ok.test").rcode, "NOERROR")
        made.wire_silent()
        summarised_and_answered(made, link)
