"""Spellings: one name in many of them, and those that are no name. Each is tried as a DNS query, as the server name of a TLS hello and as
an HTTP Host, over TLS and in the clear, wherever it can stand there."""

import random
import re
import ssl

from lib import dns_client
from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.hostile import ENCODED, FOREIGN
from lib.lab import RULE, policy
from lib.naming import GOOD, NAMES, blamed, each, get, naming_lab, passes_everywhere, refused_hello, refused_hosts, refused_queries
from lib.oracles import ask, ask_clear, denies, opened, refused_everywhere, served
from lib.runner import hang_guard
from lib.tls_hello import client_hello, extension, server_name


def test_68_nul_inside_a_name():
    """Whoever compares the whole and whoever stops at NUL read two names."""
    names = [b"evil\0.ok.test", b"ok.test\0", b"ok.test\0.evil.test", b"\0ok.test", b"ok\0.test", b"mitm.test\0", b"mitm.test\0.evil.test",
             b"evil.test\0mitm.test", b"evil\0.mitm.test", b"\0", b"a\0.wild.test"]
    with naming_lab() as made:
        made.guest.trust_enforcer()
        each(refused_hello, made, names, "name_invalid")
        refused_queries(made, names)
        refused_hosts(made, names, "h1_malformed")
        targets = [b"GET http://" + name + b"/ HTTP/1.1\r\nHost: mitm.test\r\n\r\n" for name in (b"mitm.test\0", b"mitm.test\0.evil.test")]
        refused_everywhere(made, targets, "h1_malformed")
        for record in made.enforcer.records(reason="name_invalid"):
            assert "\\x00" in record["sni"], record
        passes_everywhere(made, [b"mitm.test"])
        served(made)


def test_69_dots_too_many_and_too_few():
    """One dot behind a name is the same name, and the same verdict; every other is none. A rule may be written with it, too."""
    deny = '  deny:\n    - {name: no, to: ["No.wild.test."]}\n'
    invalid = [b".", b"..", b"...", b".ok.test", b"..ok.test", b"ok..test", b"ok.test..", b"ok.test...", b".ok.test.", b".mitm.test",
               b"mitm..test", b"mitm.test.."]
    other = [b"ok", b"mitm", b"test", b"test.", b"localhost", b"other.test.", b"evil.test."]
    with naming_lab(more=deny) as made:
        made.guest.trust_enforcer()
        each(refused_hello, made, invalid, "name_invalid")
        refused_hello(made, b"", "tls_malformed")
        each(refused_hello, made, other, "authority_mismatch")
        refused_hosts(made, [*invalid, b""], "host_invalid")
        refused_hosts(made, other, "authority_mismatch")
        refused_queries(made, [b"ok", b"mitm", b"test", b"other.test.", b"wild.test"], "dns_name", "NXDOMAIN")
        refused_queries(made, [b"no.wild.test", b"no.wild.test.", b"NO.Wild.test"], "rule", "NXDOMAIN")
        with denies(made, "dns_type"):
            equal(made.guest.query("", message=dns_client.query_bytes("")).rcode, "NOTIMP", "the empty name")
        equal(made.guest.query("localhost").addresses, ["127.0.0.1"], "a name that is the guest's own machine")
        made.wire_silent()
        equal(made.guest.resolve("yes.wild.test."), made.guest.resolve("yes.wild.test"))
        equal([opened(made, name, sni=name + ".") for name in ("ok.test", "mitm.test", "a.wild.test")], [b"\x16"] * 3)
        passes_everywhere(made, [b"mitm.test.", b"mitm.test"])
        served(made)


def spellings(name, count, seed=70):
    """So many ways to write a name in large and small letters, none of them all small."""
    made, chance = set(), random.Random(f"{seed} {name}")
    while len(made) < count:
        made.add("".join(chance.choice((c.upper(), c)) for c in name))
        made.discard(name)
    return sorted(made)


@hang_guard(240)
def test_70_large_and_small_letters():
    """Twenty spellings for each kind of rule, and rules that are spelled so themselves."""
    deny = '  deny:\n    - {name: no, to: ["nO.WilD.teST"]}\n'
    allow = ("OK.Test", f"mItM.tEsT {RULE}", f"MITM.test:80 {RULE}", "*.Wild.TEST", "TCP.test:7 tcp")
    with naming_lab(*allow, more=deny) as made:
        made.guest.trust_enforcer()
        known = {name: made.guest.resolve(name) for name in ("ok.test", "mitm.test", "a.wild.test", "tcp.test")}
        for name, address in known.items():
            for spelling in spellings(name, 20):
                equal(made.guest.resolve(spelling), address, spelling)
        refused_queries(made, [s.encode() for s in spellings("no.wild.test", 20)], "rule", "NXDOMAIN")
        refused_queries(made, [s.encode() for s in spellings("other.test", 20)], "dns_name", "NXDOMAIN")
        each(refused_hello, made, [s.encode() for s in spellings("evil.test", 10) + spellings("no.wild.test", 10)], "authority_mismatch")
        refused_hosts(made, [s.encode() for s in spellings("evil.test", 5)], "authority_mismatch")
        for name in ("ok.test", "a.wild.test"):
            for spelling in spellings(name, 20):
                equal(opened(made, name, known[name], spelling), b"\x16", spelling)
        context = ssl.create_default_context(cafile=made.guest._certificate)
        for spelling in spellings("mitm.test", 20):  # which trusts this guest's CA alone, and not the origin's
            with context.wrap_socket(made.guest.connect(known["mitm.test"], 443), server_hostname=spelling) as client:
                answer, _ = exchange(client, get(spelling.encode()))
            assert answer.startswith(b"HTTP/1.1 200"), (spelling, answer)
            answer, _ = ask_clear(made, get(spelling.encode()))
            assert answer.startswith(b"HTTP/1.1 200"), (spelling, answer)
        equal({e["host"] for e in made.world.events(event="request")}, {"mitm.test"}, "what origins were asked for")
        with made.guest.connect(spellings("tcp.test", 1)[0], 7) as client:
            client.sendall(b"hello")
            equal(client.recv(100), b"hello")
        hosts = {record["host"] for record in made.enforcer.records() if "host" in record}
        equal(hosts, {host.lower() for host in hosts}, "hosts in the audit log")
        made.enforcer.write_policy(policy(*NAMES, extra='  deny:\n    - {name: no, to: ["A.wILD.test"]}\n'))
        made.enforcer.ctl_ok("reload")
        with denies(made, "rule"):
            refused_at_once(made.guest, known["a.wild.test"], 443)
        served(made)


@hang_guard(240)
def test_71_names_beyond_ascii():
    """A name is its A-label, whatever it would look like: nothing is mapped, and what people are shown is xn--."""
    with naming_lab(*NAMES, "xn--bcher-kva.test") as made:
        made.guest.trust_enforcer()
        for number, name in enumerate(FOREIGN):
            each(refused_hello, made, [name], "name_invalid", to=(("ok.test", "mitm.test")[number % 2],))
        refused_queries(made, FOREIGN)
        refused_hosts(made, FOREIGN, "host_invalid")
        each(refused_hello, made, ENCODED, "authority_mismatch", to=("ok.test",))
        refused_queries(made, ENCODED, "dns_name", "NXDOMAIN")
        refused_hosts(made, ENCODED[:3], "authority_mismatch")
        seen = made.enforcer.records(type="decision", decision="deny")
        hosts = {record["host"] for record in seen if record["layer"] == "dns" and "host" in record}
        equal(hosts, {name.decode().lower() for name in ENCODED})
        assert all(record.get("sni", "").isascii() for record in seen)
        shown = made.enforcer.ctl_ok("log", "--decision", "deny")
        assert "xn--k-fka.test" in shown and shown.isascii(), shown[:2000]

        path = f"{made.folder}/foreign.yaml"
        with open(path, "w") as file:
            file.write(policy("b\u00fccher.test", "ok\u3002test"))
        done = made.enforcer.ctl("policy", "check", path)
        equal((done.returncode != 0, (done.stdout + done.stderr).count("error[E0201]")), (True, 2), done.stdout + done.stderr)

        chain, key, _ = made.world.authority.issue(["xn--bcher-kva.test"])
        made.world.netns.ip("addr add 93.184.216.90/24 dev to-host")
        books = {"address": "93.184.216.90", "port": 443, "kind": "http", "certificates": {"xn--bcher-kva.test": [chain, key]}}
        made.world.start_origin("books", [books])
        made.world.set_addresses("xn--bcher-kva.test", ["93.184.216.90"])
        equal((opened(made, "xn--bcher-kva.test"), opened(made, "Xn--Bcher-KVA.test")), (b"\x16", b"\x16"),
              "the control: an A-label that a rule names")
        served(made)


# For each pattern what it matches, and what only looks like that.
BOUNDARIES = {
    "exact.one.test": (["exact.one.test"],
                       ["xexact.one.test", "x.exact.one.test", "exact.one.test.evil.test", "exactone.test", "one.test", "exact-one.test",
                        "exact.xone.test", "exact.one.one.test", "exact.test"]),
    "*.star.test": (["a.star.test", "_a.star.test", "star.star.test", "a-b.star.test", "xn--a.star.test"],
                    ["star.test", "a.b.star.test", "astar.test", "a.xstar.test", "a.star.test.evil.test", "a.star.xtest.test",
                     "a-star.test",
                     "star.test.test"]),
    "**.deep.test": (["a.deep.test", "a.b.deep.test", "a.b.c.d.e.deep.test", "deep.deep.test", "star.test.deep.test"],
                     ["deep.test", "adeep.test", "a.xdeep.test", "a.deep.test.evil.test", "a-deep.test"]),
    "pre-*.in.test": (["pre-a.in.test", "pre-a-b.in.test", "pre-pre-a.in.test"],
                      ["pre.in.test", "prea.in.test", "xpre-a.in.test", "pre-a.b.in.test", "a.pre-a.in.test", "pre-a.in.test.evil.test",
                       "in.test",
                       "pre-a.xin.test"]),
    "*-post.in.test": (["a-post.in.test", "a-b-post.in.test"],
                       ["post.in.test", "apost.in.test", "a-postx.in.test", "a.b-post.in.test", "a-post.xin.test"]),
    "a*z.hug.test": (["abz.hug.test", "aazz.hug.test", "a-z.hug.test"],
                     ["az.hug.test", "a.z.hug.test", "ab.hug.test", "xabz.hug.test", "abzx.hug.test"]),
    "ce.*.mid.test": (["ce.a.mid.test", "ce.us-east-1.mid.test", "ce.ce.mid.test"],
                      ["ce.mid.test", "ce.a.b.mid.test", "xce.a.mid.test", "x.ce.a.mid.test", "ce.a.mid.test.evil.test", "a.mid.test",
                       "ce.a.xmid.test"]),
}
ASTERISKS = [b"*", b"**", b"*.star.test", b"**.deep.test", b"pre-*.in.test", b"ce.*.mid.test", b"*.test", b"*.ok.test", b"a.*.test"]


@hang_guard(150)
def test_73_where_labels_begin_and_end():
    """Every name of the table has its address while a wider rule is in force: what is left of it is a matter of matching alone."""
    narrow = policy(f"mitm.test {RULE}", f"mitm.test:80 {RULE}", *BOUNDARIES)
    matching = [name for names, _ in BOUNDARIES.values() for name in names]
    looking_so = [name for _, names in BOUNDARIES.values() for name in names]
    with naming_lab("**.test broad: true", f"mitm.test {RULE}") as made:
        made.guest.trust_enforcer()
        for name in matching + looking_so:
            made.world.records[name] = [GOOD]
        made.world.set_addresses("good.test", [GOOD])
        given = {name: made.guest.resolve(name) for name in matching + looking_so}
        equal({opened(made, name, given[name]) for name in looking_so[::6]}, {b"\x16"}, "the control: they are served")
        made.enforcer.write_policy(narrow)
        made.enforcer.ctl_ok("reload")
        made.world.witness.silence()
        for name in looking_so:
            try:
                with denies(made, "name"):
                    refused_at_once(made.guest, given[name], 443)
            except AssertionError as error:
                blamed(error, name)
            with denies(made, "authority_mismatch"), made.guest.connect(given["a.star.test"], 443) as client:
                assert not exchange(client, client_hello(server_name(name)))[0].startswith(b"\x16"), name
        refused_queries(made, [name.encode() for name in looking_so], "dns_name", "NXDOMAIN")
        refused_hosts(made, [name.encode() for name in looking_so[::6]], "authority_mismatch")
        each(refused_hello, made, ASTERISKS, "name_invalid", to=("mitm.test",))
        refused_queries(made, ASTERISKS)
        refused_hosts(made, ASTERISKS, "host_invalid")
        refused_queries(made, [b"exact.one.testx", b"exact.one", b"a.star.testx", b"a.star", b"a.deep", b"test"], "dns_name", "NXDOMAIN")
        made.wire_silent()
        for name in matching:
            equal((made.guest.resolve(name), opened(made, name, given[name])), (given[name], b"\x16"), name)
        served(made)


@hang_guard(150)
def test_74_more_than_a_host_in_host():
    """What one URL parser takes for the host and another for something beside it."""
    hosts = [b"mitm.test@no.test", b"no.test@mitm.test", b"user:secret@mitm.test", b"@mitm.test", b"mitm.test@", b"mitm.test:80@no.test",
             b"mitm.test:443,no.test", b"mitm.test,no.test", b"mitm.test, no.test", b"mitm.test;no.test", b"mitm%2etest", b"mitm.test%00",
             b"mitm.test%2eno.test", b"mitm.test\tno.test", b"mitm.test no.test", b"mitm.test\\no.test", b"no.test\\.mitm.test",
             b"mitm.test\\@no.test", b"mitm.test/", b"mitm.test/no.test",
             b"mitm.test?no.test", b"mitm.test#no.test", b"http://mitm.test", b"//mitm.test", b"mitm.test:", b"mitm.test:0",
             b"mitm.test:00443", b"mitm.test:+443", b"mitm.test:-1", b"mitm.test:443:443", b"mitm.test:443x", b"mitm.test:0x1bb",
             b"mitm.test:65979", b"mitm.test:99999999999", b"mitm.test: 443", b"mitm.test :443", b":443", b":", b"\"mitm.test\"",
             b"<mitm.test>", b"(mitm.test)", b"mitm.test'", b"mitm.test|no.test", b"mitm.test&no.test",
             b"mitm.test=no.test", b"mitm.test$", b"mitm.test!", b"mitm.test~", b"mitm.test^", b"{mitm.test}", b"mitm.test`no`", b"*.test"]
    inside = [host for host in hosts if not set(host) & set(b" \t/?#")]
    authorities = [b"mitm.test@no.test", b"no.test@mitm.test", b"mitm%2etest", b"mitm.test:443,no.test", b"mitm.test\\no.test",
                   b"mitm.test:", b"@mitm.test"]
    with naming_lab() as made:
        made.guest.trust_enforcer()
        refused_hosts(made, hosts, "host_invalid")
        with denies(made, "host_invalid", 2 * len(authorities)):
            for way, name in ((way, name) for name in authorities for way in (ask, ask_clear)):
                request = b"GET http://" + name + b"/ HTTP/1.1\r\nHost: mitm.test\r\nConnection: close\r\n\r\n"
                answer, _ = way(made, request)
                assert answer.startswith(b"HTTP/1.1 400"), (way.__name__, request, answer[:200])
        for number, name in enumerate(inside):
            each(refused_hello, made, [name], "name_invalid", to=(("ok.test", "mitm.test")[number % 2],))
        refused_queries(made, inside)
        made.wire_silent()
        for way, port in ((ask, b":443"), (ask_clear, b":80")):
            for host in (b"mitm.test" + port, b"mitm.test", b" mitm.test ", b"\tmitm.test" + port + b"\t", b"MITM.test." + port):
                answer, how = way(made, get(host))
                assert answer.startswith(b"HTTP/1.1 200"), (way.__name__, host, answer[:200], how)
        equal({re.sub(":.*", "", e["host"]) for e in made.world.events(event="request")}, {"mitm.test"}, "the one form that is sent")
        served(made)


def long_name(size, top=b"deep.test"):
    """A name of this size below a domain."""
    left, labels = size - len(top) - 1, []
    while left > 0:
        take = min(63, left if left <= 63 else left - 2 if left == 64 else 63)
        labels.append(b"a" * take)
        left -= take + 1
    return b".".join([*labels, top])


@hang_guard(150)
def test_75_names_too_long():
    """Longer than a name or a label can be; the log has their length and both ends."""
    long = [long_name(size) for size in (254, 255, 256, 257, 300, 1000, 16_000, 60_000)]
    labels = [b"a" * size + b".wild.test" for size in (64, 65, 127, 128, 191, 192, 255, 256, 10_000)]
    assert [len(name) for name in long] == [254, 255, 256, 257, 300, 1000, 16_000, 60_000]
    with naming_lab(*NAMES, "**.deep.test") as made:
        made.guest.trust_enforcer()
        each(refused_hello, made, long + labels, "name_invalid")
        most = b"a" * 65_200
        refused_hello(made, most, "name_invalid")
        for lie in (b"\xff\xff\0\xff\xff" + most[:100], b"\0\x67\0\xff\xff" + most[:100], b"\xff\xff\0\0\x64" + most[:100]):
            for target in ("ok.test", "mitm.test"):
                with denies(made, "tls_malformed"), made.guest.connect(target, 443) as client:
                    exchange(client, client_hello(extension(0, lie)))
        refused_queries(made, [name for name in long + labels if len(name) < 1200])
        refused_hosts(made, [name for name in long + labels if len(name) < 20_000], "host_invalid")
        refused_everywhere(made, [get(b"a" * 300_000), get(long_name(200_000))], "limit_head")
        made.wire_silent()
        kept = [record["sni"] for record in made.enforcer.records(reason="name_invalid")]
        for name in long[-3:] + [most]:
            assert any(f"[{len(name)} bytes, " in sni and sni.startswith("aaaa") for sni in kept), (len(name), [sni[:80] for sni in kept])
        assert max(len(sni) for sni in kept) < 700, max(len(sni) for sni in kept)
        longest = long_name(253).decode()
        made.world.set_addresses(longest, [GOOD])
        equal((len(longest), opened(made, longest)), (253, b"\x16"), "the control: the longest name there can be")
        equal(made.guest.query("a" * 63 + ".wild.test").rcode, "NOERROR")
        served(made)
