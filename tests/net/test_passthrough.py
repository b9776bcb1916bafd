"""Allowed names: the origin's own TLS, untouched, and every byte of it."""

import hashlib
import re
import socket

from lib.expect import equal
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.origin import blob
from lib.processes import wait_for
from lib.tls_hello import client_hello, padding, server_name


def fingerprint_seen(guest, name, *options):
    """What `openssl s_client` in the guest gets as the server's certificate."""
    done = guest.run(["sh", "-c", f"openssl s_client -connect {name}:443 -servername {name} {' '.join(options)} </dev/null "
                      "2>/dev/null | openssl x509 -noout -fingerprint -sha256"])
    found = re.search(r"Fingerprint=(\S+)", done.stdout)
    return found.group(1) if found else None


def test_allowed_name_passes_through_with_the_origins_own_certificate():
    with Lab(policy("ok.test")) as lab:
        reply = lab.guest.curl("https://ok.test/hello")
        equal((reply.exit_code, reply.status, reply.body), (0, 200, b"hello from ok.test\n"), "curl's reply")
        equal(fingerprint_seen(lab.guest, "ok.test"), lab.world.fingerprints["ok.test"], "certificate")


def test_older_tls_passes_through_too():
    with Lab(policy("ok.test")) as lab:
        equal(fingerprint_seen(lab.guest, "ok.test", "-tls1_2"), lab.world.fingerprints["ok.test"], "certificate")


def test_name_with_only_an_ipv6_origin_is_reached():
    with Lab(policy("six.test")) as lab:
        equal(lab.guest.curl("https://six.test/").body, b"hello from six.test\n")


def test_name_is_reached_over_ipv4_and_over_ipv6():
    with Lab(policy("ok.test")) as lab:
        for family, kind, block in (("-4", "A", "198.18."), ("-6", "AAAA", "fd77:5:")):
            answer = lab.guest.query("ok.test", kind)
            equal((answer.rcode, len(answer.addresses)), ("NOERROR", 1))
            assert answer.addresses[0].startswith(block), answer
            equal(lab.guest.curl("https://ok.test/", family).status, 200)
            refused = lab.guest.curl("https://other.test/", family, "--resolve", f"other.test:443:{answer.addresses[0]}")
            assert refused.status == 0 and "access denied" in refused.talk, refused.talk


def test_origin_family_that_does_not_answer_costs_a_moment():
    with Lab(policy("ok.test", "other.test")) as lab:
        equal(lab.guest.curl("https://other.test/").status, 200)
        equal(lab.enforcer.wait_record(type="end", host="other.test")["dialled_ip"], "2600:9000::35", "IPv6 comes first")
        lab.host.ip("neigh replace 2600:9000::99 lladdr 02:00:00:00:00:99 dev to-world nud permanent")  # nobody has it
        lab.world.set_addresses("ok.test", ["2600:9000::99", "93.184.216.34"])
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.enforcer.wait_record(type="end", host="ok.test")["dialled_ip"], "93.184.216.34")
        tried = [packet for packet in lab.world.witness.packets() if packet.is_syn and packet.destination == "2600:9000::99"]
        assert tried, "the address that does not answer was tried"


def test_wildcard_covers_one_label_and_not_the_apex():
    with Lab(policy("*.wild.test")) as lab:
        equal(lab.guest.curl("https://a.wild.test/").status, 200)
        equal(lab.guest.query("b.a.wild.test").rcode, "NXDOMAIN")
        equal(lab.guest.query("wild.test").rcode, "NXDOMAIN")


def test_name_on_another_port_passes_only_where_the_rule_names_the_port():
    with Lab(policy("ok.test:8443")) as lab:
        equal(lab.guest.curl("https://ok.test:8443/").status, 200)
        address = lab.guest.resolve("ok.test")
        try:
            with lab.guest.connect(address, 443) as client:
                data, how = exchange(client, client_hello(server_name("ok.test")))
            outcome = how if not data else "answered"
        except (ConnectionRefusedError, ConnectionResetError):
            outcome = "reset"
        equal(outcome, "reset", "port 443")
        lab.enforcer.wait_record(type="decision", decision="deny", reason="port")
        equal(lab.world.connections("ok.test"), [])


def test_client_hello_in_one_byte_segments_is_read_whole():
    with Lab(policy("ok.test")) as lab:
        with lab.guest.connect("ok.test", 443) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            hello = client_hello(server_name("ok.test"))
            for at in range(len(hello)):
                client.sendall(hello[at:at + 1])
            client.settimeout(5)
            equal(client.recv(1), b"\x16", "first byte of the origin's answer")
        wait_for(lambda: lab.world.events(event="error", sni="ok.test"), what="the origin to see the name")


def test_client_hello_over_many_records_is_read_whole():
    with Lab(policy("ok.test")) as lab:
        hello = client_hello(server_name("ok.test"), padding(3000), record_size=100)
        with lab.guest.connect("ok.test", 443) as client:
            client.sendall(hello)
            equal(client.recv(1), b"\x16", "first byte of the origin's answer")
        with lab.guest.connect("ok.test", 443) as client:  # the same shape with another name inside
            data, how = exchange(client, client_hello(server_name("other.test"), padding(3000), record_size=100))
        equal((data[:1], how), (b"\x15", "reset"), "an alert, then a reset")
        equal(len(lab.world.connections("ok.test")), 1)


def test_large_download_and_upload_arrive_unchanged():
    size = 64 << 20
    with Lab(policy("ok.test")) as lab:
        reply = lab.guest.curl(f"https://ok.test/bytes/{size}", timeout=60)
        equal((reply.exit_code, len(reply.body)), (0, size))
        equal(hashlib.md5(reply.body).hexdigest(), hashlib.md5(blob(size)).hexdigest(), "MD5 of the download")
        upload = f"{lab.folder}/upload"
        with open(upload, "wb") as file:
            file.write(blob(size))
        reply = lab.guest.curl("https://ok.test/", "-T", upload, timeout=60)
        assert hashlib.md5(blob(size)).hexdigest().encode() in reply.body, reply.body
        ends = lab.enforcer.records(type="end")
        assert any(r["bytes_down"] > size for r in ends) and any(r["bytes_up"] > size for r in ends), ends


def test_many_connections_at_once_all_arrive():
    with Lab(policy("ok.test")) as lab:
        done = lab.guest.run(["curl", "-sS", "--parallel", "--parallel-immediate", "--parallel-max", "40",
                              "--cacert", lab.world.authority.certificate, "--max-time", "30",
                              *[f"https://ok.test/bytes/{10000 + n}" for n in range(40)], "-o", "/dev/null"] +
                             ["-o", "/dev/null"] * 39, timeout=60)
        equal(done.returncode, 0, done.stderr[-500:])
        equal(len(lab.enforcer.records(type="decision", decision="allow", layer="tls")), 40)


def test_origin_that_answers_no_tls_is_cut_off():
    with Lab(policy("garbage.test", "ok.test")) as lab:
        with lab.guest.connect("garbage.test", 443) as client:
            data, _ = exchange(client, client_hello(server_name("garbage.test")))
        assert b"SSH" not in data, data
        lab.enforcer.wait_record(type="end", reason="upstream_proto")
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_origin_that_is_not_there_is_a_quick_failure_with_its_reason():
    with Lab(policy("nowhere.test", "ok.test")) as lab:
        with lab.guest.connect("nowhere.test", 443, timeout=20) as client:
            data, how = exchange(client, client_hello(server_name("nowhere.test")))
        assert how in ("reset", "end") and not data.startswith(b"\x16"), (data, how)
        lab.enforcer.wait_record(type="end", reason="origin_connect")
        equal(lab.guest.curl("https://ok.test/").status, 200)
