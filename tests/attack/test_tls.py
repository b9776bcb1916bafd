"""TLS: what a ClientHello can hide, and what an interception could get wrong on either of its two legs.

The lab: ok.test passes through, mitm.test is intercepted. What is refused is refused on both where both see it."""

import contextlib
import os
import re
import ssl
import struct
import subprocess
import time

from lib.certificates import CertificateAuthority
from lib.expect import equal, raises, refused_at_once
from lib.guest import exchange, read_response
from lib.hostile import OTHER_PROTOCOLS, TLS_RECORDS
from lib.lab import RULE, Lab, policy
from lib.oracles import denies, live
from lib.processes import Process, wait_for
from lib.runner import hang_guard
from lib.tls_hello import client_hello, encrypted_client_hello, extension, is_access_denied, padding, server_name

BOTH = ("ok.test", f"mitm.test {RULE}")
ONE_WORKER = {"workers": 1}  # each has its own answers from the DNS, and its own tickets
GET = b"GET / HTTP/1.1\r\nHost: mitm.test\r\nConnection: close\r\n\r\n"
MITM_PLACE = "93.184.216.40"


def lab(*allow, **options):
    return Lab(policy(*(allow or BOTH)), **options)


def served(made):
    """The control: what passes through and what is intercepted both work."""
    made.guest.trust(made.world.authority)
    equal(made.guest.curl("https://ok.test/").status, 200)
    made.guest.trust_enforcer()
    live(made)


def impostor(made, origin, address, chain, key):
    """mitm.test is from now on served at this address, with this certificate."""
    made.world.netns.ip(f"addr add {address}/24 dev to-host")
    made.world.start_origin(origin, [{"address": address, "port": 443, "kind": "http", "certificates": {"mitm.test": [chain, key]}}])
    made.world.set_addresses("mitm.test", [address])


def forge(key, certificate, *signer):
    """A certificate for mitm.test with its key, signed by itself unless there is another signer."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=mitm.test", "-addext", "subjectAltName=DNS:mitm.test", *signer, "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)


def restored(made):
    """mitm.test is where it was, and our resolver knows."""
    made.world.set_addresses("mitm.test", [MITM_PLACE])
    wait_for(lambda: made.guest.curl("https://mitm.test/").status == 200, 20, "mitm.test to be back")
    served(made)


def refused(made, name, data, reason):
    """First bytes to a name's port 443 that get no TLS answer, under this reason; what came back instead."""
    with denies(made, reason):
        with made.guest.connect(name, 443) as client:
            answer, how = exchange(client, data)
    assert not answer.startswith(b"\x16") and how == "reset", (name, data[:80], answer[:80], how)
    return answer


def s_client(made, host, *options, input=b"", port=443):
    """`openssl s_client` in the guest, trusting its own CA."""
    return made.guest.run(["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", made.guest._certificate, *options], text=False,
                          input=input, timeout=40)


def test_82_hello_without_a_name():
    with lab() as made:
        for name in ("ok.test", "mitm.test"):
            assert is_access_denied(refused(made, name, client_hello(), "tls_nosni")), "a client is told by an alert"
        made.wire_silent()
        served(made)


def test_83_allowed_name_at_an_address_of_the_guests_choice():
    with lab() as made:
        with denies(made, "address"):  # evil.test's own address: only names lead anywhere
            refused_at_once(made.guest, "93.184.216.42", 443)
        equal(made.world.connections("93.184.216.42"), [])
        with made.guest.connect("ok.test", 443) as client:
            with denies(made, "authority_mismatch"):
                answer, how = exchange(client, client_hello(server_name("mitm.test")))
        assert not answer.startswith(b"\x16") and how == "reset", (answer, how)
        made.wire_silent()
        served(made)


def test_84_fronting_behind_an_intercepted_name():
    """cdn.test and hidden.test are one server; only the first is allowed."""
    with lab(f"cdn.test {RULE}", f"mitm.test {RULE}", "ok.test") as made:
        made.guest.trust_enforcer()
        for host in ("hidden.test", "mitm.test", "cdn.test:8443", "cdn.test.hidden.test"):
            with denies(made, "authority_mismatch"):
                reply = made.guest.curl("https://cdn.test/", "-H", f"Host: {host}")
            equal(reply.status, 421, host)
        made.wire_silent()
        with made.guest.tls("cdn.test") as client:  # and not on a connection that has served a legal request
            client.sendall(b"GET /one HTTP/1.1\r\nHost: cdn.test\r\n\r\n")
            equal(read_response(client)[0], 200)
            with denies(made, "authority_mismatch"):
                client.sendall(b"GET /two HTTP/1.1\r\nHost: hidden.test\r\n\r\n")
                equal(read_response(client)[0], 421)
        equal([e["target"] for e in made.world.events(event="request")], ["/one"])
        served(made)


def test_85_fronting_inside_what_passes_through():
    """Cannot be seen without interception, which is why a rule for a shared host should have one: what is left is the record of how
    much went each way and for how long. The same request to the same server through an intercepting rule is refused."""
    with lab("cdn.test") as made:
        reply = made.guest.curl("https://cdn.test/", "-H", "Host: hidden.test")
        equal((reply.status, reply.body), (200, b"hello from hidden.test\n"))
        end = made.enforcer.wait_record(type="end", layer="tls", host="cdn.test")
        assert end["bytes_up"] > 0 and end["bytes_down"] > 0 and end["duration_ms"] >= 0, end
        made.enforcer.write_policy(policy(f"cdn.test {RULE}"))
        made.enforcer.ctl_ok("reload")
        made.guest.trust_enforcer()
        with denies(made, "authority_mismatch"):
            equal(made.guest.curl("https://cdn.test/", "-H", "Host: hidden.test").status, 421)


def test_86_hello_in_pieces():
    with lab() as made:
        for name in ("ok.test", "mitm.test"):
            for size in (1, 2, 7, 50):
                with made.guest.connect(name, 443) as client:
                    client.sendall(client_hello(server_name(name), record_size=size))
                    equal(client.recv(1), b"\x16", f"{name} in records of {size}")
                refused(made, name, client_hello(server_name("evil.test"), record_size=size), "authority_mismatch")
            empty = b"\x16\x03\x01\0\0"
            refused(made, name, empty + client_hello(server_name(name)), "tls_malformed")
        served(made)


def test_87_large_hellos_and_lies_about_their_size():
    with lab() as made:
        for name in ("ok.test", "mitm.test"):
            with made.guest.connect(name, 443) as client:
                client.sendall(client_hello(server_name(name), padding(12_000)))
                equal(client.recv(1), b"\x16", name)
            refused(made, name, b"\x16\x03\x01\x40\0\x01\xff\xff\xff" + bytes(16_380), "tls_malformed")
            refused(made, name, b"\x16\x03\x01\xff\xff\x01\0\0\x10" + bytes(100), "tls_malformed")
        served(made)


def test_88_names_that_two_readers_read_differently():
    entry = b"\0\0\x07ok.test"
    lists = [server_name("ok.test", "evil.test"), server_name("evil.test", "ok.test"), server_name("ok.test", "ok.test"),
             extension(0, struct.pack("!H", 10) + b"\1\0\x07ok.test"), extension(0, struct.pack("!H", 11) + entry),
             extension(0, struct.pack("!H", 9) + entry), extension(0, struct.pack("!H", 10) + b"\0\0\x08ok.test"),
             extension(0, struct.pack("!H", 10) + entry + b"x"), extension(0, b"\0\0"), extension(0, b"\0\3\0\0\0"), extension(0, b"")]
    with lab() as made:
        for name in lists:
            refused(made, "ok.test", client_hello(name), "tls_malformed")
        refused(made, "ok.test", client_hello(server_name("ok.test"), server_name("evil.test")), "tls_malformed")
        made.wire_silent()
        served(made)


def refused_first(made, table):
    for what, data in table.items():
        for name in ("ok.test", "mitm.test"):
            try:
                refused(made, name, data, "proto_unknown")
            except AssertionError as error:
                raise AssertionError(f"{what}: {error}") from error


@hang_guard(150)
def test_89_first_bytes_that_are_no_hello():
    with lab() as made:
        refused_first(made, TLS_RECORDS)
        made.wire_silent()
        served(made)


@hang_guard(150)
def test_98_other_protocols_on_a_tls_port():
    with lab() as made:
        refused_first(made, OTHER_PROTOCOLS)
        # PROXY v2 begins with blank lines, as smuggled requests do: it is told so.
        with made.guest.connect("ok.test", 443) as client, denies(made, "h1_malformed"):
            answer, _ = exchange(client, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12))
        assert answer.startswith(b"HTTP/1.1 400"), answer
        made.wire_silent()
        served(made)


def test_93_early_data():
    with lab(config=ONE_WORKER) as made:
        made.guest.trust_enforcer()
        session, early = f"{made.folder}/session", f"{made.folder}/early"
        with open(early, "wb") as file:
            file.write(GET)
        first = s_client(made, "mitm.test", "-servername", "mitm.test", "-tls1_3", "-sess_out", session, "-ign_eof", input=GET)
        assert b"Max Early Data: 0" in first.stdout and b"200 OK" in first.stdout, first.stdout[-2000:]
        before = len(made.world.events(event="request"))
        second = s_client(made, "mitm.test", "-servername", "mitm.test", "-tls1_3", "-sess_in", session, "-early_data", early, "-ign_eof",
                          input=GET)
        assert b"Reused, TLSv1.3" in second.stdout and b"Early data was not sent" in second.stdout, second.stdout[-2000:]
        equal(len(made.world.events(event="request")), before + 1, "requests for one early one and one that followed")
        served(made)


def test_94_renegotiation_and_key_updates():
    with lab(*BOTH, guests=("g1", "g2")) as made:
        for guest in made.guests.values():
            guest.trust_enforcer()
        asked = s_client(made, "mitm.test", "-servername", "mitm.test", "-tls1_2", "-msg", input=b"R\n")
        output = asked.stdout + asked.stderr
        equal(len(re.findall(rb">>> [^\n]*ClientHello\n", output)), 2, "handshakes asked for")
        equal(len(re.findall(rb"<<< [^\n]*ServerHello\n", output)), 1, "handshakes answered")
        client = ["openssl", "s_client", "-connect", "mitm.test:443", "-servername", "mitm.test", "-CAfile", made.guest._certificate,
                  "-tls1_3"]
        path = f"{made.folder}/flooding"
        with open(path, "wb") as log, open(path, "rb") as shown:
            flooding = subprocess.Popen(made.guest.command(client), stdin=subprocess.PIPE, stdout=log, stderr=log)
            output, number = b"", 0
            try:
                with contextlib.suppress(BrokenPipeError):
                    while number < 300 or output.count(b"KEYUPDATE") <= 20 and number < 6000:
                        flooding.stdin.write(b"K\n")
                        flooding.stdin.flush()
                        time.sleep(0.005)  # s_client takes one command per read
                        output, number = output + shown.read(), number + 1
                live(made)
            finally:
                flooding.kill()
                flooding.wait()
            sent = (output + shown.read()).count(b"KEYUPDATE")
        assert sent > 20, f"the control: {sent} key updates were sent"


def test_95_encrypted_hello():
    with lab("ok.test inspect: never", f"mitm.test {RULE}") as made:
        refused(made, "ok.test", client_hello(server_name("ok.test"), encrypted_client_hello()), "ech_present")
        with made.guest.connect("mitm.test", 443) as client:  # intercepted anyway: what is inside is never honoured
            client.sendall(client_hello(server_name("mitm.test"), encrypted_client_hello()))
            equal(client.recv(1), b"\x16")
        for name in ("ok.test", "mitm.test"):
            answer = made.guest.query(name, "HTTPS")
            equal((answer.rcode, answer.addresses), ("NOERROR", []), f"{name}: no key to encrypt a hello with")
        made.wire_silent()
        served(made)


def test_96_the_older_encrypted_name_and_unknown_extensions():
    esni = extension(0xFFCE, b"\x13\x01\0\x1d" + bytes(100))
    with lab("ok.test inspect: never", f"mitm.test {RULE}") as made:
        refused(made, "ok.test", client_hello(server_name("ok.test"), esni), "ech_present")
        made.wire_silent()
        with made.guest.connect("ok.test", 443) as client:
            client.sendall(client_hello(server_name("ok.test"), extension(0x1A1A, b""), extension(0xFE00, b"evil.test")))
            equal(client.recv(1), b"\x16")
        served(made)


def test_97_protocols_that_nobody_inspects():
    with lab(config={"workers": 1}) as made:  # which remembers what its origins speak
        made.guest.trust_enforcer()
        for protocols in (["h3"], ["ftp"], ["postgresql", "h3"], ["spdy/3"]):
            with denies(made, "alpn"), raises(ssl.SSLError):
                made.guest.tls("mitm.test", protocols=protocols)
        made.wire_silent()
        with made.guest.tls("mitm.test", protocols=["ftp", "http/1.1", "h2"]) as client:
            equal(client.selected_alpn_protocol(), "h2", "the origin is not known yet")
        for protocols, chosen in ((["h3", "http/1.1"], "http/1.1"), (["ftp", "http/1.1", "h2"], "http/1.1"), (None, None)):
            with made.guest.tls("mitm.test", protocols=protocols) as client:
                equal(client.selected_alpn_protocol(), chosen)
                assert exchange(client, GET)[0].startswith(b"HTTP/1.1 200")
        equal({e["alpn"] for e in made.world.events(event="handshake", sni="mitm.test")}, {"http/1.1"}, "what the origin was offered")
        served(made)


@hang_guard(150)
def test_99_origins_that_are_somebody_else():
    """A self-signed certificate, one of an unknown CA, of another name, and of a longer name. tests/unit/tls has the rest of the
    family (expired, not yet valid, constrained, NUL inside)."""
    with lab(*BOTH, f"evil.test {RULE}", config=ONE_WORKER) as made:
        made.guest.trust_enforcer()
        stranger = CertificateAuthority(f"{made.folder}/stranger", "Somebody's CA")
        own = f"{made.folder}/own"
        forge(f"{own}.key", f"{own}.pem")
        identities = {"self-signed": (f"{own}.pem", f"{own}.key"), "unknown CA": stranger.issue(["mitm.test"])[:2],
                      "another name": made.world.authority.issue(["evil.test"])[:2],
                      "a longer name": made.world.authority.issue(["mitm.test.evil.test"])[:2]}
        for number, (what, (chain, key)) in enumerate(identities.items()):
            impostor(made, f"bad{number}", f"93.184.216.{90 + number}", chain, key)

            def asked():
                """Until our resolver has the new address."""
                reply = made.guest.curl("https://mitm.test/secret-path")
                equal(reply.status, 502, what)
                assert b'"reason":"origin_tls"' in reply.body, reply.body
                return made.world.events(f"bad{number}", event="connect")
            wait_for(asked, 20, f"{what}: the control: it was asked")
            equal(made.world.events(f"bad{number}", event="request"), [], f"{what}: requests that reached it")
        restored(made)


def test_100_leaf_for_more_than_one_name():
    with lab(f"mitm.test {RULE}", "ok.test") as made:
        made.guest.trust_enforcer()
        names = ["mitm.test", "*.mitm.test", *[f"name-{number}.test" for number in range(48)]]
        chain, key, _ = made.world.authority.issue(names)
        impostor(made, "many", "93.184.216.90", chain, key)
        with made.guest.tls("mitm.test") as client:
            pem = ssl.DER_cert_to_PEM_cert(client.getpeercert(binary_form=True))
            assert exchange(client, GET)[0].startswith(b"HTTP/1.1 200")
        shown = subprocess.run(["openssl", "x509", "-noout", "-subject", "-ext", "subjectAltName"], input=pem, text=True,
                               capture_output=True, check=True).stdout
        equal(re.findall(r"DNS:\S+|IP Address:\S+", shown), ["DNS:mitm.test"])
        assert made.world.events("many", event="request"), "the control: the origin with fifty names answered"
        served(made)


@hang_guard(180)
def test_101_flood_of_names():
    """A leaf is made for a name that a rule allows, and for no other; a second guest is served afterwards as before."""
    with lab(f"*.wild.test {RULE}", *BOTH, guests=("g1", "g2")) as made:
        issued = lambda: made.enforcer.metric("enforcer_tls_certificates_issued_total")
        address = made.guest.resolve("ok.test")
        for number in range(200):
            with made.guest.connect(address, 443) as client:
                exchange(client, client_hello(server_name(f"n{number}.no.test")))
        equal(issued(), 0, "leaves for names that are not allowed")
        for number in range(40):
            with made.guest.connect(f"n{number}.wild.test", 443) as client:
                client.sendall(client_hello(server_name(f"n{number}.wild.test")))
                equal(client.recv(1), b"\x16")
        equal(issued(), 40)
        for guest in made.guests.values():
            guest.trust_enforcer()
        live(made)


def test_102_leaf_of_our_own_ca_at_an_origin():
    """The CA of a guest vouches for nothing on the other leg, where it would let a guest with its key play any origin."""
    with lab(config=ONE_WORKER) as made:
        made.guest.trust_enforcer()
        folder = next(root for root, _, files in os.walk(made.enforcer.state_dir) if any(name.startswith("ca.") for name in files))
        equal(oct(os.stat(f"{folder}/ca.key").st_mode & 0o777), "0o600", "mode of the key")
        key, certificate, forged = f"{made.folder}/key.pem", made.guest._certificate, f"{made.folder}/forged.pem"
        with open(f"{folder}/ca.key") as source, open(f"{made.folder}/ca.key", "w") as copy:
            copy.write(source.read())
        forge(key, forged, "-CA", certificate, "-CAkey", f"{made.folder}/ca.key")
        with open(certificate) as authority, open(forged, "a") as chain:
            chain.write(authority.read())
        impostor(made, "forged", "93.184.216.90", forged, key)
        reply = made.guest.curl("https://mitm.test/")
        assert reply.status == 502 and b'"reason":"origin_tls"' in reply.body, reply.body
        assert made.world.events("forged", event="connect"), "the control: it was asked"
        equal(made.world.events("forged", event="request"), [])
        restored(made)


def test_103_client_certificates():
    """An origin that asks for one gets none, and a guest that has one is not asked."""
    with lab(f"mitm.test:4443 {RULE}", *BOTH) as made:
        made.guest.trust_enforcer()
        chain, key, _ = made.world.authority.issue(["mitm.test"])
        server = ["openssl", "s_server", "-accept", f"{MITM_PLACE}:4443", "-cert", chain, "-key", key, "-verify", "1", "-www", "-quiet"]
        asking = Process(server, f"{made.folder}/s_server.log", made.world.netns)
        made.world.processes.append(asking)
        listening = lambda: f"{MITM_PLACE}:4443" in made.world.netns.run(["ss", "-Hltn"]).stdout
        wait_for(listening, what="openssl s_server")
        reply = made.guest.curl("https://mitm.test:4443/")
        assert reply.status == 200 and b"no client certificate available" in reply.body.lower(), reply.body[-600:]
        mine, mine_key, _ = made.world.authority.issue(["agent.test"])
        os.chmod(mine_key, 0o644)
        offered = s_client(made, "mitm.test", "-servername", "mitm.test", "-cert", mine, "-key", mine_key, "-msg", "-ign_eof", input=GET)
        assert b"200 OK" in offered.stdout and b"CertificateRequest" not in offered.stdout, offered.stdout[-2000:]
        served(made)
