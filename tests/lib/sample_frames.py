"""Frames of every kind: what is served as it is, and for each reason of the datapath some that are dropped under it."""

import struct

from lib import dns_client
from lib.frames import (BROADCAST, FAMILIES, FIN, IPV4, IPV6, PLACE, SYN, extension, fragment_header, icmp, link_option, llc, packed,
                        tagged, tcp)

def solicitation(link, **changes):
    """The guest's own question for its gateway, in the words of IPv6."""
    target, mac = changes.pop("target", link.gateway[6]), changes.pop("mac", link.mac)
    return link.icmpv6(135, bytes(4) + packed(target) + link_option(1, mac), **changes)


def legal(link):
    """One frame of every kind that is served as it is."""
    question = dns_client.query_bytes("ok.test")
    return [link.arp(), solicitation(link), *[f for v in FAMILIES for f in (link.tcp(v), link.udp(v, 53, payload=question))]]


def router_advertisement(prefix="2600:9000:66::"):
    """A default router for half an hour, with a prefix to make addresses of."""
    return struct.pack("!BBHII", 64, 0, 1800, 0, 0) + struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 86400, 0) + packed(prefix)


def judged(link):
    """{reason: frames}: something for every check that looks at a header."""
    both = lambda make: [make(version) for version in FAMILIES]
    opened = {4: {"options": b"\1" * 4}}
    return {
        "l2_short": [link.tcp(4)[:14 + 19], link.tcp(6)[:14 + 39],
                     *both(lambda v: link.ip(v, 6, tcp(link.address[v], PLACE[v])[:19]))],
        "l2_vlan": both(lambda v: tagged(link.tcp(v), (0x8100, 10))), "l2_llc": both(lambda v: llc(link.tcp(v))),
        "l2_ethertype": both(lambda v: link.frame(link.tcp(v)[14:], 0x88CC)),
        "l2_srcmac": both(lambda v: link.frame(link.tcp(v)[14:], source=link.gateway_mac)),
        "l2_dstmac": both(lambda v: link.frame(link.tcp(v)[14:], destination=BROADCAST)),
        "arp_spoof": [link.arp(2, sender=link.gateway[4])], "nd_spoof": [link.icmpv6(134, router_advertisement(), destination="ff02::1")],
        "ip_ver": [link.tcp(4, ip={"first": 0x65}), link.tcp(4, ip={"length": 1400}), link.tcp(6, ip={"length": 1400}),
                   link.frame(link.tcp(4)[14:], IPV6), link.frame(link.tcp(6)[14:], IPV4)],
        "ip_opts": [link.tcp(4, ip=opened[4]), link.ip(6, 60, extension(6) + tcp(link.address[6], PLACE[6]))],
        "ip_frag": [link.tcp(4, ip={"fragment": 0x2000}), link.ip(6, 44, fragment_header(6) + tcp(link.address[6], PLACE[6]))],
        "ip_src_spoof": [link.tcp(4, source=link.gateway[4]), link.tcp(6, source=link.gateway[6])],
        "ip_dst_local": [link.tcp(4, destination="127.0.0.1"), link.tcp(6, destination="::1")],
        "ip_mcast": [link.tcp(4, destination="224.0.0.1"), link.tcp(6, destination="ff02::1")],
        "ip_proto": both(lambda v: link.ip(v, 132, bytes(40))),
        "icmp": [link.ip(4, 1, icmp(8)), link.icmpv6(128, bytes(4), destination=PLACE[6])],
        "udp_port": both(lambda v: link.udp(v, 443)), "tcp_bad": both(lambda v: link.tcp(v, flags=SYN | FIN)),
    }
