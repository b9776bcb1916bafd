"""The link layer: what a guest can put below IP, where in memory it puts it, and what only a middlebox would believe.

Every frame leaves the guest's own interface by a packet socket and is counted: DROP(reason) means exactly these, under exactly
that reason, for exactly that guest."""

import hashlib
import os
import socket
import struct

from lib import dns_client
from lib.canaries import set_canaries, silent
from lib.datapath import far_end, gateway
from lib.drops import dropped, drops_nothing, summarised_and_answered
from lib.expect import equal
from lib.frames import ACK, BROADCAST, FAMILIES, FIN, IPV4, IPV6, RST, SYN, group_mac, llc, mac, tagged, transport_of
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.links import BypassLink, RawLink, RingLink, XdpLink, set_offloads
from lib.oracles import live
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.sample_frames import judged, legal, router_advertisement

TWO = ("g1", "g2")
OK = "https://ok.test/"


def lab(*allow, **options):
    return Lab(policy(*(allow or ("ok.test",))), **options)


def test_2_vlan_tags():
    tags = [[(0x8100, number)] for number in (0, 1, 10, 4095)] + [[(kind, 10)] for kind in (0x88A8, 0x9100, 0x9200, 0x9300)] + [
        [(0x88A8, 10), (0x8100, 20)], [(0x8100, 10), (0x8100, 20)], [(0x8100, 0), (0x8100, 10)], [(0x9100, 10), (0x8100, 10)],
        [(0x8100, 10)] * 4]
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made)
        for outer in tags:
            dropped(made, "l2_vlan", [tagged(f, *outer) for f in [*legal(link), *[link.tcp(v, 2222) for v in FAMILIES]]], link, outer)
        # And with somebody there who would take the tag off.
        name = far_end(made, made.guest)
        if gateway(made).run(["ip", "link", "add", "link", name, "name", "tag10", "type", "vlan", "id", "10"]).returncode == 0:
            gateway(made).ip("addr add 192.168.10.1/24 dev tag10", "link set tag10 up")
            tagged_syn = tagged(link.tcp(4, 2222, destination="192.168.10.1"), (0x8100, 10))
            dropped(made, "l2_vlan", [tagged_syn] + [tagged(f, (0x8100, 10)) for f in legal(link)], link)
        else:
            print("this kernel has no VLAN devices")
        silent(made)
        summarised_and_answered(made, link)


def test_3_ip_arp_and_router_advertisements_in_llc():
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made)
        hidden = [*legal(link), *[link.tcp(v, 2222) for v in FAMILIES], link.arp(2, sender=link.gateway[4], target=link.address[4]),
                  link.icmpv6(134, router_advertisement(), destination="ff02::1")]
        for frame in hidden:
            variants = [llc(frame, length=length) for length in (None, 0, 1, 8, 46, 1500, 0x5FF)]
            variants += [llc(frame, organisation=organisation) for organisation in (b"\0\0\xf8", b"\x00\x80\xc2", b"\x08\x00\x07")]
            variants += [llc(frame, header) for header in (b"\x06\x06\x03", b"\x42\x42\x03", b"\xe0\xe0\x03", b"\xff\xff", b"\xfe\xfe\x03")]
            dropped(made, "l2_llc", variants, link)
        dropped(made, "l2_llc", [llc(hidden[0])[:14], llc(hidden[0])[:17]], link)  # and nothing behind it
        silent(made)
        summarised_and_answered(made, link)


@hang_guard(150)
def test_4_all_ethertypes():
    """The same SYN under each of the 65,536 numbers."""
    tags, known = {0x8100, 0x88A8, 0x9100, 0x9200, 0x9300}, {IPV4, IPV6, 0x0806}
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made)
        packet = link.tcp(4, 2222)[14:]
        under = lambda numbers: [link.frame(packet, number) for number in numbers]
        for reason, numbers in (("l2_llc", range(0x600)), ("l2_vlan", tags), ("arp_spoof", [0x0806]), ("ip_ver", [IPV6]),
                                ("l2_ethertype", [n for n in range(0x600, 0x10000) if n not in tags | known])):
            dropped(made, reason, under(numbers), link, reason)
        # Bytes that such a protocol's own reader would take, in frames to whom they concern.
        spoken = [(0x88CC, "0180c200000e", "0207040600770000010403050002" + "0602007800" * 4), (0x888E, "0180c2000003", "0101000000"),
                  (0x8847, None, "000641ff"), (0x8863, BROADCAST.hex(), "11090000000400000101"), (0x88CA, BROADCAST.hex(), "5a00001c"),
                  (0x88A2, BROADCAST.hex(), "1000ffffff000000"), (0x88E5, None, "2c0000000001"), (0x4305, BROADCAST.hex(), "000f3200"),
                  (0x9000, BROADCAST.hex(), "00000100"), (0x88F7, "011b19000000", "0002002c")]
        dropped(made, "l2_ethertype", [link.frame(bytes.fromhex(body) + bytes(60), kind, destination=to and bytes.fromhex(to))
                                       for kind, to, body in spoken], link)
        silent(made)
        summarised_and_answered(made, link)


def test_6_forged_link_addresses():
    with lab(guests=TWO) as made, RawLink(made) as link, RawLink(made, made.guests["g2"]) as other:
        set_canaries(made)
        near = bytes([*link.mac[:5], link.mac[5] ^ 0x80])
        for source in (link.gateway_mac, other.mac, other.gateway_mac, near, bytes(6), BROADCAST, group_mac("224.0.0.1"),
                       b"\x01" + link.mac[1:], b"\x03" + link.mac[1:], mac("00:0c:29:01:02:03")):
            forged = [f[:6] + source + f[12:] for f in [*legal(link), *[link.tcp(v, 2222) for v in FAMILIES]]]
            dropped(made, "l2_srcmac", forged, link, source)
        question = dns_client.query_bytes("ok.test")
        unicast = [f for v in FAMILIES for f in (link.tcp(v), link.tcp(v, 2222), link.udp(v, 53, payload=question))]
        for to in (BROADCAST, group_mac("224.0.0.1"), group_mac("ff02::1"), link.mac, other.mac, other.gateway_mac,
                   bytes(6), b"\x07" + link.mac[1:], b"\x02" + link.gateway_mac[1:]):
            dropped(made, "l2_dstmac", [to + f[6:] for f in unicast], link, to)
        dropped(made, "l2_dstmac", [other.mac + link.arp()[6:], other.gateway_mac + link.arp()[6:]], link)
        silent(made)
        summarised_and_answered(made, link, other)


def same_verdicts(made, way):
    """Frames sent this way fare as those sent by a plain packet socket, the legal ones and all the others."""
    made.world.witness.clear()
    with RawLink(made) as plain, way(made) as link:
        for reason, sent in judged(link).items():
            for sender in (plain, link):
                for frame in sent:
                    dropped(made, reason, [frame], sender, f"{type(sender).__name__} {reason} {frame.hex()}")
        silent(made)
        summarised_and_answered(made, link)


TCP_PLACE = {4: "93.184.216.36", 6: "2600:9000::36"}


def tcp_places(port):
    """Rules for tcp.test's servers by their addresses, of both families."""
    return [f"{TCP_PLACE[4]}:{port} tcp", f"[{TCP_PLACE[6]}]:{port} tcp"]


def tcp_server(made, port, kind):
    """tcp.test's server on its IPv6 address, too."""
    made.world.netns.ip(f"addr add {TCP_PLACE[6]}/64 dev to-host nodad")
    made.world.start_origin("six", [{"address": TCP_PLACE[6], "port": port, "kind": kind}])


@hang_guard(150)
def test_12_headers_outside_the_linear_area():
    """By a ring of shared pages, where nothing but the Ethernet header is; and by a real client that leaves cutting large writes into
    packets, and checksums, to the device - or does not."""
    with lab("ok.test", *tcp_places(13), guests=TWO) as made:
        set_canaries(made)
        tcp_server(made, 13, "digest")
        same_verdicts(made, RingLink)
        block = os.urandom(1 << 16)
        content = block * 32
        path = f"{made.folder}/content"
        with open(path, "wb") as file:
            file.write(content)
        seen = {}
        for on in (True, False):
            set_offloads(made.guest, on)
            for version in FAMILIES:
                for copied in (True, False):
                    with RawLink(made) as link, link.listening(outgoing=True) as heard, drops_nothing(made):
                        with made.guest.connect(TCP_PLACE[version], 13) as client:
                            if copied:
                                for _ in range(32):
                                    client.sendall(block)
                            else:
                                with open(path, "rb") as file:
                                    client.sendfile(file)
                            client.shutdown(socket.SHUT_WR)
                            answer, how = exchange(client, b"")
                        assert hashlib.md5(content).hexdigest().encode() in answer and how == "end", (on, version, copied, answer, how)
                        seen.setdefault(on, []).append(max(len(f) for f in heard()))
        assert min(seen[True]) > 1514 and max(seen[False]) <= 1514, f"largest frame: {seen}"
        live(made, OK)


@hang_guard(150)
def test_19_past_the_guests_own_queueing():
    """PACKET_QDISC_BYPASS and AF_XDP: what an enforcement on the guest's end would never see."""
    with lab(guests=TWO) as made:
        set_canaries(made)
        for way in (BypassLink, XdpLink):
            same_verdicts(made, way)


def test_14_insertion_packets():
    with lab("ok.test", *tcp_places(7), guests=TWO) as made, RawLink(made) as link:
        tcp_server(made, 7, "echo")
        for version in FAMILIES:
            with made.guest.connect(TCP_PLACE[version], 7) as client, link.listening() as heard:
                def echo(word):
                    client.sendall(word)
                    received = b""
                    while len(received) < len(word):
                        piece = client.recv(100)
                        assert piece, f"IPv{version}: the connection ended before {word}"
                        received += piece
                    equal(received, word)
                echo(b"before")
                mine = client.getsockname()[1]
                ours = wait_for(lambda: [t for f in heard() for p, t in [transport_of(f) or (0, b"")] if p == 6 and
                                         struct.unpack_from("!H", t, 2)[0] == mine and t[13] & ACK and len(t) > (t[12] >> 4) * 4][-1:],
                                what="a segment to the guest")[0]
                their_seq, my_next = struct.unpack_from("!II", ours, 4)
                wanted = their_seq + len(ours) - (ours[12] >> 4) * 4
                flow = {"destination": TCP_PLACE[version], "sport": mine}
                now = {"seq": my_next, "ack": wanted}
                says = lambda **more: link.tcp(version, 7, **{**flow, **now, **more})
                stamps = ours[ours.index(b"\x08\x0a", 20) + 2:][:8]
                old = b"\1\1\x08\x0a" + struct.pack("!II", struct.unpack("!II", stamps)[1] - 100_000 & 0xFFFFFFFF, 0)
                junk = b"INSERTED"
                inserted = []
                for flags, body in ((RST, b""), (RST | ACK, b""), (FIN | ACK, b""), (ACK, junk), (SYN, b"")):
                    wrong = {"flags": flags, "payload": body}
                    inserted.append(says(**wrong, spoil=1))                                  # TCP checksum
                    inserted.append(says(**wrong, spoil=0x1234, ip={"ttl": 1}))
                    inserted.append(says(**wrong, options=b"\1\1\x13\x12" + bytes(16)))       # MD5 signature of nobody's key
                    if version == 4:
                        inserted.append(says(**wrong, ip={"spoil": 1}))                      # IP checksum
                        inserted.append(says(**wrong, ip={"spoil": 1, "ttl": 1}))
                    if not flags & RST:
                        inserted.append(says(**wrong, options=old))                          # a timestamp of long ago
                    if flags != SYN:
                        inserted.append(says(**wrong, **{"seq": my_next + 0x7000_0000}))     # far outside of the window
                inserted.append(says(flags=ACK, payload=junk[:6], seq=my_next - 6, ip={"ttl": 1}))  # bytes that have been there
                inserted.append(says(flags=RST, seq=my_next + 1))                            # inside the window, but not its edge
                lone = [link.tcp(version, 7, destination=TCP_PLACE[version], sport=30_001 + n, spoil=1) for n in range(5)]
                records = len(made.enforcer.records(type="decision")) + len(made.enforcer.records(type="end"))
                opened = made.enforcer.metric("enforcer_connections_total")
                heard()
                with drops_nothing(made):
                    link.send(inserted + lone)
                    echo(b"between")
                    link.send(inserted[:1])
                    echo(b"after")
                came = [transport_of(f) or (0, b"") for f in heard()]
                equal([p for p, _ in came if p in (1, 58)], [], "ICMP to the guest")
                equal([t for p, t in came if p == 6 and struct.unpack_from("!H", t, 2)[0] != mine], [], "segments of other connections")
                equal(made.enforcer.metric("enforcer_connections_total"), opened, "connections")
                equal(len(made.enforcer.records(type="decision")) + len(made.enforcer.records(type="end")), records, "records")
                link.send([says(flags=RST, seq=my_next + 12)])  # the control: the same RST, with all of it right, ends the connection
                end = made.enforcer.wait_record(type="end", dialled_ip=TCP_PLACE[version])
                equal((end["bytes_up"], end["bytes_down"]), (18, 18))
        summarised_and_answered(made, link)
