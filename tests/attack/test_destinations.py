"""Destinations: addresses where names belong, addresses that no name may lead to, and ports that no rule means."""

import re
import socket

from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.hostile import LITERALS, METADATA_NAMES, SPELLINGS
from lib.lab import RULE, policy
from lib.naming import GOOD, NAMES, blamed, each, get, naming_lab, passes_everywhere, refused_hello, refused_hosts, refused_queries
from lib.oracles import ask, ask_clear, denies, dialled, is_refusal, opened, served
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name


def test_67_addresses_where_names_belong_and_names_where_addresses_belong():
    """Rule n of the file, with what is wrong with it; the loader names the line of each. A wrong file changes nothing."""
    targets = [
        ("10.0.0.1", "E0205"), ("127.0.0.1", "E0205"), ("::1", "E0205"), ("[fd00::1]:443", "E0205"), ("::ffff:10.0.0.1", "E0205"),
        ("10.0.0.0/8", "E0205"), ("169.254.169.254", "E0206"), ("168.63.129.16:80", "E0206"), ("fd00:ec2::254", "E0206"),
        ("2130706433", "E0201"), ("0x7f000001", "E0201"), ("127.1", "E0201"), ("0x7f.1", "E0201"), ("0177.0.0.1", "E0201"),
        ("010.0.0.1", "E0201"), ("1.2.3.4.5", "E0201"), ("256.1.1.1", "E0201"), ("1.2.3", "E0201"), ("93.184.216.34.", "E0201"),
        ("*.0.0.1", "E0201"), ("**.10", "E0201"), ("x.0x7f", "E0201"), ("[93.184.216.34]", "E0201"), ("[::1", "E0201"),
        ("fe80::1%eth0", "E0201"), ("[ok.test]:443", "E0201"), ("ok.test/32", "E0201"), ("ok.test/", "E0201"),
        ("10.0.0.0/ok.test", "E0201"), ("93.184.216.34/33", "E0201"), ("93.184.216.34/24", "E0201"), ("2600:9000::/129", "E0201"),
        ("93.184.216.0/024", "E0201"), ("93.184.216.0/-1", "E0201"), ("https://ok.test", "E0201"), ("ok.test:0", "E0204"),
        ("ok.test:https", "E0204"), ("ok.test:65536", "E0204"), ("93.184.216.34:0x50", "E0204"),
    ]
    literal = "93.184.216.36"
    with naming_lab(*NAMES, f"{literal}:7 tcp") as made:
        text = policy(*[target for target, _ in targets], name="wrong")
        path = f"{made.folder}/wrong.yaml"
        with open(path, "w") as file:
            file.write(text)
        done = made.enforcer.ctl("policy", "check", path)
        assert done.returncode != 0
        found = {int(line): code for line, code in re.findall(r"wrong\.yaml:(\d+):\d+: error\[(E\d+)\]", done.stdout + done.stderr)}
        first = text.split("\n").index("  allow:") + 2  # counted from 1
        equal(found, {first + number: code for number, (_, code) in enumerate(targets)}, f"{done.stdout}{done.stderr}")
        made.enforcer.write_policy(text, name="wrong.yaml")
        assert made.enforcer.ctl("reload").returncode != 0
        served(made)
        with made.guest.connect(literal, 7) as client:
            client.sendall(b"hello")
            equal(client.recv(100), b"hello", "the control: an address that a rule names")
        made.world.witness.silence()
        with denies(made, "dns_malformed"):  # the same digits are no name to anybody
            equal(made.guest.query(literal).rcode, "FORMERR")
        with made.guest.connect("ok.test", 443) as client, denies(made, "name_invalid"):
            exchange(client, client_hello(server_name(literal)))
        made.wire_silent()
        served(made)


@hang_guard(150)
def test_72_addresses_as_names():
    assert len(LITERALS + SPELLINGS) >= 60
    literal = {"dst_private": ["10.0.0.1", "192.168.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::1",
                               "2001:0:7f00:1::", "fd00::1"],
               "dst_metadata": ["100.100.100.200", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"],
               "address": ["93.184.216.34", "64:ff9b::5db8:d822"]}
    block = '"[64:ff9b::/96]:7", "0.0.0.0/0:7"'
    with naming_lab() as made:
        made.guest.trust_enforcer()
        for number, name in enumerate(LITERALS + SPELLINGS):
            each(refused_hello, made, [name], "name_invalid", to=(("ok.test", "mitm.test")[number % 2],))
        refused_queries(made, LITERALS + SPELLINGS)
        refused_hosts(made, SPELLINGS, "host_invalid")
        refused_hosts(made, LITERALS, "authority_mismatch")
        for reason, addresses in literal.items():
            for address in addresses:
                with denies(made, reason):
                    refused_at_once(made.guest, address, 443)
        made.wire_silent()
        equal(made.world.dns_queries(), [], "spellings that were resolved")
        # Where a rule names blocks of addresses, what is embedded in one of them is judged all the same.
        rule = f"    - {{name: blocks, to: [{block}], protocol: tcp, broad: true}}\n"
        made.enforcer.write_policy(policy(*NAMES) + rule)
        made.enforcer.ctl_ok("reload")
        for reason, addresses in (("dst_private", ("10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1")),
                                  ("dst_metadata", ("168.63.129.16", "64:ff9b::a9fe:a9fe", "64:ff9b::a83f:8110"))):
            for address in addresses:
                with denies(made, reason):
                    refused_at_once(made.guest, address, 7)
        made.wire_silent()
        with made.guest.connect("93.184.216.36", 7) as client:
            client.sendall(b"hello")
            equal(client.recv(100), b"hello", "the control: an address in the rule's block")
        passes_everywhere(made, [b"mitm.test"])
        served(made)


@hang_guard(240)
def test_78_right_host_and_wrong_port():
    """A rule is a name, a port and what is spoken there: TLS on 443, clear HTTP on 80, what it says itself elsewhere."""
    ports = (1, 22, 25, 442, 444, 853, 3306, 8080, 8443, 65535)
    with naming_lab(*NAMES, f"evil.test:8443 {RULE}", guests=("g1", "g2")) as made:
        made.guest.trust_enforcer()
        for name, closed in (("ok.test", (80, *ports)), ("mitm.test", ports), ("a.wild.test", (80, *ports)), ("evil.test", (80, 443))):
            address = made.guest.resolve(name)
            for port in closed:
                try:
                    with denies(made, "port"):
                        refused_at_once(made.guest, address, port)
                except AssertionError as error:
                    blamed(error, f"{name}:{port}".encode())
        drops = lambda: made.enforcer.metric("enforcer_datapath_drops_total", guest="g1", reason="tcp_bad")
        before = drops()
        with made.guest.socket() as client:  # no port at all: nobody answers
            client.setblocking(False)
            client.connect_ex((made.guest.resolve("ok.test"), 0))
            wait_for(lambda: drops() > before, what="the kernel to drop what goes to port 0")
        for name in (b"ok.test", b"mitm.test"):  # clear HTTP where TLS belongs
            for host, reason in ((name + b":443", "port"), (name, "authority_mismatch")):
                with made.guest.connect(name.decode(), 443) as client, denies(made, reason):
                    answer, _ = exchange(client, get(host))
                assert is_refusal(answer) and f'"reason":"{reason}"'.encode() in answer, (host, answer)
        with made.guest.connect("mitm.test", 80) as client, denies(made, "port"):  # and TLS where clear HTTP belongs
            answer, how = exchange(client, client_hello(server_name("mitm.test")))
        assert not answer.startswith(b"\x16") and how == "reset", (answer, how)
        for port in (b"80", b"8443", b"22"):  # a port that only the Host names
            with denies(made, "authority_mismatch"):
                answer, _ = ask(made, get(b"mitm.test:" + port))
            assert answer.startswith(b"HTTP/1.1 421"), answer
        with denies(made, "authority_mismatch"):
            assert ask_clear(made, get(b"mitm.test:443"))[0].startswith(b"HTTP/1.1 421")
        made.wire_silent()
        passes_everywhere(made, [b"mitm.test"])
        equal(opened(made, "ok.test"), b"\x16")
        served(made)


# Where clouds hand out credentials: (address, whose). Those of 169.254/16 and fe80::/10 are dropped before anybody looks.
METADATA = [
    ("169.254.169.254", "AWS, Google, Azure, OpenStack"), ("169.254.170.2", "AWS tasks"), ("169.254.170.23", "AWS pods"),
    ("169.254.42.42", "Scaleway"), ("169.254.0.23", "Tencent"), ("168.63.129.16", "Azure: public space"), ("100.100.100.200", "Alibaba"),
    ("192.0.0.192", "Oracle"), ("fd00:ec2::254", "AWS"), ("fd00:ec2::23", "AWS pods"), ("fd20:ce::254", "Google"),
    ("fe80::a9fe:a9fe", "OpenStack"),
]
# The first of them as translators would have it.
EMBEDDED = ["::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1", "2001::5601:5601", "64:ff9b::a83f:8110", "2002:6464:64c8::1"]


@hang_guard(240)
def test_79_cloud_metadata():
    """By every address and name it is known under. A rule opens private space, and not this."""
    inside = ("*.inside.test private: true", "*.inside.test:80 private: true", "metadata.google.internal private: true")
    blocks = '    - {name: blocks, to: ["0.0.0.0/0:80", "[::/0]:80"], protocol: tcp, broad: true, private: true}\n'
    with naming_lab(*NAMES, *inside) as made:
        made.guest.trust_enforcer()
        for address, _ in METADATA:  # they exist, and are the host's own
            made.host.ip(f"addr add {address} dev lo")
        made.canary(*[(place, port) for place in ("0.0.0.0", "::") for port in (80, 443)])
        listed = [address for address, _ in METADATA] + EMBEDDED
        for number, address in enumerate(listed):
            made.world.records[f"alone{number}.inside.test"] = [address]
            made.world.records[f"among{number}.inside.test"] = [GOOD, "10.0.0.1", address]
        made.world.records["metadata.google.internal"] = ["169.254.169.254"]
        made.world.records["private.inside.test"] = ["10.0.0.1"]
        chain, key, _ = made.world.authority.issue(["private.inside.test"])
        made.world.netns.ip("addr add 10.0.0.1/32 dev lo")
        private = {"address": "10.0.0.1", "port": 443, "kind": "http", "certificates": {"private.inside.test": [chain, key]}}
        made.world.start_origin("inside", [private])
        made.world.set_addresses("good.test", [GOOD])
        made.world.witness.clear()
        for name in [*(f"{shape}{number}.inside.test" for number in range(len(listed)) for shape in ("alone", "among")),
                     "metadata.google.internal"]:
            try:
                with denies(made, "dst_metadata"):
                    assert opened(made, name) in (b"\x15", b""), name
            except AssertionError as error:
                blamed(error, f"{name} {made.world.records[name]}".encode())
        for number in range(0, len(listed), 4):
            name = f"alone{number}.inside.test"
            with denies(made, "dst_metadata"), made.guest.connect(name, 80) as client:
                answer, _ = exchange(client, get(name.encode()))
            assert is_refusal(answer) and b'"reason":"dst_metadata"' in answer, (name, answer)

        dropped = lambda: made.enforcer.metric("enforcer_datapath_drops_total", guest="g1", reason="ip_dst_local")
        for address, _ in METADATA:
            if address.startswith("169.254."):
                before = dropped()
                with made.guest.socket() as client:
                    client.setblocking(False)
                    client.connect_ex((address, 80))
                    wait_for(lambda: dropped() > before, what=f"the kernel to drop what goes to {address}")
        reached = [address for address, _ in METADATA if not address.startswith(("169.254.", "fe80:"))]
        for address, port in ((address, port) for address in reached for port in (80, 443)):
            with denies(made, "dst_metadata"):
                refused_at_once(made.guest, address, port)
        made.enforcer.write_policy(policy(*NAMES, *inside) + blocks)
        made.enforcer.ctl_ok("reload")
        for address in reached:
            with denies(made, "dst_metadata"):  # although the rule names every address
                refused_at_once(made.guest, address, 80)
        equal(dialled(made), set(), "connections on the wire")
        for name in METADATA_NAMES:
            refused_hello(made, name.encode(), "authority_mismatch", to=("ok.test",))
        refused_queries(made, [name.encode() for name in METADATA_NAMES[1:]], "dns_name", "NXDOMAIN")  # the first is allowed
        refused_hosts(made, [name.encode() for name in METADATA_NAMES], "authority_mismatch")
        path = f"{made.folder}/metadata.yaml"
        for address, _ in METADATA:
            with open(path, "w") as file:
                file.write(policy(f"{address} private: true" if "." in address else f'[{address}]:80 private: true'))
            done = made.enforcer.ctl("policy", "check", path)
            assert done.returncode != 0 and "error[E0206]" in done.stdout + done.stderr, (address, done.stdout, done.stderr)
        equal(made.canary_visits(), [])
        equal(opened(made, "private.inside.test"), b"\x16", "the control: private space is reached where a rule opens it")
        served(made)


# The special-purpose address registries of IANA, and what else is no unicast address of the internet: one address of each block, with its
# name and RFC. Of the blocks that a registry calls globally reachable only those in which no origin can be.
SPECIAL = [
    ("0.0.0.0", "this host", "RFC 1122"), ("0.1.2.3", "this network", "RFC 791"), ("0.255.255.255", "this network, its end", "RFC 791"),
    ("10.0.0.0", "private use", "RFC 1918"), ("10.255.255.255", "private use, its end", "RFC 1918"),
    ("100.64.0.0", "shared address space", "RFC 6598"), ("100.127.255.255", "shared address space, its end", "RFC 6598"),
    ("127.0.0.1", "loopback", "RFC 1122"), ("127.255.255.255", "loopback, its end", "RFC 1122"), ("169.254.0.0", "link local", "RFC 3927"),
    ("169.254.255.255", "link local, its end", "RFC 3927"), ("172.16.0.0", "private use", "RFC 1918"),
    ("172.31.255.255", "private use, its end", "RFC 1918"), ("192.0.0.1", "IETF protocol assignments", "RFC 6890"),
    ("192.0.0.0", "IPv4 service continuity", "RFC 7335"), ("192.0.0.8", "IPv4 dummy address", "RFC 7600"),
    ("192.0.0.9", "port control protocol anycast", "RFC 7723"), ("192.0.0.10", "TURN anycast", "RFC 8155"),
    ("192.0.0.170", "NAT64/DNS64 discovery", "RFC 8880"), ("192.0.0.171", "NAT64/DNS64 discovery", "RFC 8880"),
    ("192.0.0.255", "IETF protocol assignments, their end", "RFC 6890"), ("192.0.2.0", "documentation (TEST-NET-1)", "RFC 5737"),
    ("192.0.2.255", "documentation (TEST-NET-1), its end", "RFC 5737"), ("192.88.99.0", "6to4 relay anycast", "RFC 7526"),
    ("192.88.99.2", "6a44 relay anycast", "RFC 6751"), ("192.88.99.255", "6to4 relay anycast, its end", "RFC 7526"),
    ("192.168.0.0", "private use", "RFC 1918"), ("192.168.255.255", "private use, its end", "RFC 1918"),
    ("198.18.0.0", "benchmarking, and our own synthetic addresses", "RFC 2544"), ("198.19.255.255", "benchmarking, its end", "RFC 2544"),
    ("198.51.100.0", "documentation (TEST-NET-2)", "RFC 5737"), ("198.51.100.255", "documentation (TEST-NET-2), its end", "RFC 5737"),
    ("203.0.113.0", "documentation (TEST-NET-3)", "RFC 5737"), ("203.0.113.255", "documentation (TEST-NET-3), its end", "RFC 5737"),
    ("224.0.0.1", "multicast", "RFC 5771"), ("233.252.0.1", "multicast documentation", "RFC 6676"),
    ("239.255.255.255", "multicast, its end", "RFC 2365"), ("240.0.0.0", "reserved", "RFC 1112"),
    ("255.255.255.254", "reserved, its end", "RFC 1112"), ("255.255.255.255", "limited broadcast", "RFC 919"),
    ("::", "unspecified", "RFC 4291"), ("::1", "loopback", "RFC 4291"), ("::2", "IPv4-compatible", "RFC 4291"),
    ("::8.8.8.8", "IPv4-compatible", "RFC 4291"), ("::ffff:10.0.0.1", "IPv4-mapped", "RFC 4291"),
    ("::ffff:0:10.0.0.1", "IPv4-translated", "RFC 2765"), ("64:ff9b::10.0.0.1", "translated private use", "RFC 6052"),
    ("64:ff9b::127.0.0.1", "translated loopback", "RFC 6052"), ("64:ff9b::192.0.2.1", "translated documentation", "RFC 6052"),
    ("64:ff9b:1::8.8.8.8", "local translation", "RFC 8215"),
    ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local translation, its end", "RFC 8215"), ("100::1", "discard only", "RFC 6666"),
    ("100::ffff:ffff:ffff:ffff", "discard only, its end", "RFC 6666"), ("100:0:0:1::1", "dummy prefix", "RFC 9780"),
    ("200::1", "NSAP", "RFC 4048"), ("2001::1", "Teredo", "RFC 4380"), ("2001:0:808:808::f7f7:f7f7", "Teredo of 8.8.8.8", "RFC 4380"),
    ("2001:1::1", "port control protocol anycast", "RFC 7723"), ("2001:1::2", "TURN anycast", "RFC 8155"),
    ("2001:1::3", "DNS-SD SRP anycast", "RFC 9665"), ("2001:2::1", "benchmarking", "RFC 5180"), ("2001:3::1", "AMT", "RFC 7450"),
    ("2001:4:112::1", "AS112-v6", "RFC 7535"), ("2001:10::1", "ORCHID", "RFC 4843"), ("2001:20::1", "ORCHIDv2", "RFC 7343"),
    ("2001:30::1", "drone remote identification", "RFC 9374"), ("2001:1ff:ffff::1", "IETF protocol assignments, their end", "RFC 2928"),
    ("2001:db8::1", "documentation", "RFC 3849"), ("2001:db8:ffff:ffff::1", "documentation, its end", "RFC 3849"),
    ("2002::1", "6to4 of this network", "RFC 3056"), ("2002:808:808::1", "6to4 of 8.8.8.8", "RFC 3056"),
    ("2002:ffff:ffff:ffff::1", "6to4, its end", "RFC 3056"), ("3fff::1", "documentation", "RFC 9637"),
    ("3fff:fff:ffff::1", "documentation, its end", "RFC 9637"), ("5f00::1", "segment routing", "RFC 9602"),
    ("fc00::1", "unique local", "RFC 4193"), ("fd77:e::1", "unique local", "RFC 4193"),
    ("fdff:ffff::1", "unique local, its end", "RFC 4193"), ("fe80::1", "link local", "RFC 4291"),
    ("febf:ffff::1", "link local, its end", "RFC 4291"), ("fec0::1", "site local", "RFC 3879"),
    ("feff:ffff::1", "site local, its end", "RFC 3879"), ("ff02::1", "multicast", "RFC 4291"),
    ("ff0e::1", "multicast, global", "RFC 4291"), ("1000::1", "outside the global unicast block", "RFC 4291"),
    ("1fff:ffff::1", "right before the global unicast block", "RFC 4291"),
    ("4000::1", "right behind the global unicast block", "RFC 4291"), ("e000::1", "outside the global unicast block", "RFC 4291"),
]
# Right before and right behind those blocks, and special blocks that the registry calls globally reachable.
GLOBAL = [
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15",
    "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.1.255",
    "192.0.3.0", "192.31.196.1", "192.52.193.1", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "192.175.48.1",
    "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "64:ff9b::8.8.8.8",
    "2000::1", "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2001:ffff:ffff::1", "2003::1", "2620:4f:8000::1", "3ffe:ffff::1",
    "3fff:1000::1", "3fff:ffff::1",
]


def test_81_every_special_range():
    """The whole of both registries. What is global is dialled: the world has these addresses, nobody listens there, and says so."""
    with naming_lab() as made:
        made.canary(("0.0.0.0", 443), ("::", 443))
        links = set(re.findall(r"^\d+: ([^:@]+)", made.host.run(["ip", "-o", "link"]).stdout, re.MULTILINE))
        equal(links, {"lo", "to-world"}, "the host has no other way out than the world of this test")
        made.host.ip("route add default via 2600:9000::34 dev to-world")
        made.world.netns.ip(*[f"addr add {address} dev lo" for address in GLOBAL])
        for number, (address, _, _) in enumerate(SPECIAL):
            made.world.records[f"s{number}.wild.test"] = [address]
        for number, address in enumerate(GLOBAL):
            made.world.records[f"g{number}.wild.test"] = [address]
        made.world.set_addresses("good.test", [GOOD])
        made.world.witness.clear()
        for number, special in enumerate(SPECIAL):
            try:
                with denies(made, "dst_local" if special[0] in ("0.0.0.0", "::") else "dst_private"):
                    assert opened(made, f"s{number}.wild.test") in (b"\x15", b""), special
            except AssertionError as error:
                raise AssertionError(f"{special}: {error}") from error
        equal(dialled(made), set(), "connections on the wire")
        equal(made.canary_visits(), [])
        for number, address in enumerate(GLOBAL):
            equal(opened(made, f"g{number}.wild.test"), b"", address)
            end = made.enforcer.wait_record(type="end", host=f"g{number}.wild.test")
            equal(end["reason"], "origin_connect", address)
        written = {socket.inet_ntop(family, socket.inet_pton(family, address)) for address in GLOBAL
                   for family in (socket.AF_INET6 if ":" in address else socket.AF_INET,)}
        equal(dialled(made), written, "what was dialled")
        served(made)
