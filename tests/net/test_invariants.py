"""The invariants of the design, each by its number, on the real daemons. Number 6 (secrets) is in test_credentials.py."""

import socket
import time

from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.tls_hello import client_hello, encrypted_client_hello, server_name


def test_invariant_1_nothing_is_dialled_resolved_or_written_before_a_positive_decision():
    with Lab(policy("ok.test", "other.test:8443")) as lab:
        address = lab.guest.resolve("ok.test")
        refused_at_once(lab.guest, lab.guest.resolve("other.test"), 443)
        lab.guest.query("data-to-leak.hidden.test")
        refused_at_once(lab.guest, "93.184.216.34", 443)
        hello = client_hello(server_name("ok.test"))
        for first in (hello[:-1], b"GET", b"", client_hello(server_name("hidden.test")), client_hello()):
            with lab.guest.connect(address, 443) as client:
                client.sendall(first)
                time.sleep(0.1)
        lab.wire_silent()
        with lab.guest.connect(address, 443) as client:  # the control: the same bytes with the last one
            client.sendall(hello)
            equal(client.recv(1), b"\x16")
        assert lab.world.witness.packets()


def test_invariant_2_no_allow_without_a_rule_that_says_so():
    with Lab(policy("ok.test inspect: never", "tcp.test")) as lab:
        address = lab.guest.resolve("ok.test")
        for first in (client_hello(), client_hello(server_name("ok.test"), encrypted_client_hello()), b"SSH-2.0-x\r\n",
                      b"GET / HTTP/1.1\r\nHost: ok.test\r\nConnection: close\r\n\r\n", b"CONNECT ok.test:443 HTTP/1.1\r\nHost: ok.test:443\r\n\r\n",
                      b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"GET / HTTP/1.1\r\n\r\n" * 2, b"\x16\x03\x01\x00\x00"):
            with lab.guest.connect(address, 443) as client:
                data, how = exchange(client, first)
            assert not data.startswith((b"\x16", b"HTTP/1.1 2")) and how in ("reset", "end"), (first, data, how)
        refused_at_once(lab.guest, lab.guest.resolve("tcp.test"), 25)  # the server would speak first
        lab.wire_silent()
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_invariant_3_every_decision_is_on_record_before_the_first_byte_to_the_origin():
    with Lab(policy("ok.test", "ok.test:80", "tcp.test:9 tcp"), watch_audit=True) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.guest.curl("http://ok.test/").status, 200)
        with lab.guest.connect("tcp.test", 9) as client:
            client.sendall(b"x")
            arrivals = wait_for(lambda: (e := lab.world.events(event="first_byte")) and len(e) == 3 and e, what="three first bytes")
        for arrival, layer in zip(arrivals, ("tls", "http", "l4")):
            assert f'"layer":"{layer}"' in (arrival["recorded"] or ""), (layer, arrival["recorded"])
            assert '"decision":"allow"' in arrival["recorded"]
        ends = wait_for(lambda: (e := lab.enforcer.records(type="end")) and len(e) == 3 and e, what="three end records")
        allowed = {r["decision_id"] for r in lab.enforcer.records(type="decision", decision="allow")}
        equal({r["decision_id"] for r in ends} <= allowed, True, "each end has its decision")


def test_invariant_3_connections_above_the_decision_limit_are_reset_counted_and_summarised():
    with Lab(policy("ok.test"), guests=("g1", "g2"), config={"limits": {"decisionsPerMinute": 60}}) as lab:
        for _ in range(200):
            try:
                lab.guest.connect("93.184.216.35", 443, timeout=2).close()
            except ConnectionError:
                pass
        decided = sum(r.get("count", 1) for r in lab.enforcer.records(type="decision", guest="g1"))
        assert decided <= 130, decided
        summary = lab.enforcer.wait_record(type="event", event="limit_decisions", guest="g1")
        assert summary.get("count", 1) >= 1
        equal(lab.guests["g2"].curl("https://ok.test/").status, 200)


def test_invariant_4_the_name_decided_is_the_name_dialled_and_logged():
    with Lab(policy("cdn.test", "hidden.test")) as lab:  # both at one address: only the name tells them apart
        equal(lab.guest.curl("https://cdn.test/").body, b"hello from cdn.test\n")
        equal(lab.guest.curl("https://HIDDEN.test/").body, b"hello from HIDDEN.test\n")
        equal([r["host"] for r in lab.enforcer.records(type="decision", layer="tls")], ["cdn.test", "hidden.test"])
        equal([e["sni"].lower() for e in lab.world.events(event="handshake")], ["cdn.test", "hidden.test"])
        with lab.guest.connect(lab.guest.resolve("cdn.test"), 443) as client:
            equal(exchange(client, client_hello(server_name("hidden.test")))[1], "reset")
        lab.enforcer.wait_record(type="decision", decision="deny", reason="authority_mismatch")


def test_invariant_5_the_address_connected_to_was_checked_after_resolution():
    with Lab(policy("ok.test", "mixed.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        end = lab.enforcer.wait_record(type="end", host="ok.test")
        assert end["dialled_ip"] in lab.world.records["ok.test"], end
        with lab.guest.connect("mixed.test", 443) as client:  # one good address, one inner: the whole answer is refused
            equal(exchange(client, client_hello(server_name("mixed.test")))[1], "reset")
        lab.enforcer.wait_record(type="decision", decision="deny", reason="dst_private", host="mixed.test")


def test_invariant_7_passthrough_forwards_exactly_the_bytes_inspected():
    with Lab(policy("tcp.test")) as lab:
        lab.world.start_origin("raw", [{"address": "93.184.216.36", "port": 443, "kind": "mute"}])
        hello = client_hello(server_name("tcp.test"), record_size=50)
        with lab.guest.connect("tcp.test", 443) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(hello), 7):
                client.sendall(hello[at:at + 7])
            wait_for(lambda: bytes.fromhex("".join(e["hex"] for e in lab.world.events("raw", event="data"))) == hello,
                     what="the origin to have exactly the ClientHello")


def test_invariant_8_a_resolver_that_fails_denies():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        lab.world.dns.kill()
        time.sleep(6)  # the checked answer's time to live
        with lab.guest.connect("ok.test", 443, timeout=30) as client:
            data, how = exchange(client, client_hello(server_name("ok.test")))
        assert how == "reset" and not data.startswith(b"\x16"), (data, how)
        lab.enforcer.wait_record(type="end", reason="origin_resolve")


def test_invariant_9_identity_is_the_interface_not_the_address():
    with Lab(policy("ok.test", guests="{names: [g1]}"), guests=("g1", "g2")) as lab:
        one, two = lab.guests["g1"], lab.guests["g2"]
        (issued,) = one.query("ok.test").addresses
        two.netns.ip(f"addr add {one.ipv4}/32 dev eth0")
        with two.socket(timeout=0.5) as client:
            client.bind((one.ipv4, 0))
            assert client.connect_ex((issued, 443)) != 0
        assert lab.enforcer.metric("enforcer_datapath_drops_total", guest="g2", reason="ip_src_spoof") > 0
        two.netns.ip(f"addr del {one.ipv4}/32 dev eth0")
        refused_at_once(two, issued, 443)
        equal(one.curl("https://ok.test/").status, 200)


def test_invariant_10_one_guests_flood_is_not_anothers_trouble():
    with Lab(policy("ok.test", "tcp.test:9 tcp"), guests=("g1", "g2"), config={"limits": {"connections": 64}}) as lab:
        address = lab.guest.resolve("tcp.test")
        held = []
        for _ in range(100):
            client = lab.guest.socket_towards(address, timeout=1)
            client.connect_ex((address, 9))
            held.append(client)
        begun = time.monotonic()
        equal(lab.guests["g2"].curl("https://ok.test/").status, 200)
        assert time.monotonic() - begun < 3
        assert lab.enforcer.metric("enforcer_connections_active") <= 65
        for client in held:
            client.close()
        wait_for(lambda: lab.enforcer.metric("enforcer_connections_active") == 0, what="the held connections to be gone")


def test_invariant_11_enforcerd_gone_means_no_egress_and_back_means_untouched_guests():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        lab.enforcer.enforcerd.kill()
        time.sleep(0.2)
        lab.world.witness.clear()
        equal(lab.guest.curl("https://ok.test/", timeout=2).status, 0)
        lab.wire_silent()
        lab.enforcer.start_enforcerd()
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_invariant_12_a_reload_reaches_the_next_request_of_a_live_connection():
    with Lab(policy("ok.test:80")) as lab:
        request = b"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n"
        with lab.guest.connect("ok.test", 80) as client:
            client.sendall(request)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
            lab.enforcer.write_policy(policy("other.test:80"))
            lab.enforcer.ctl_ok("reload")
            data, how = exchange(client, request)
        assert b" 200 " not in data.split(b"\r\n")[0], (data, how)
        equal(len(lab.world.events(event="request")), 1)
