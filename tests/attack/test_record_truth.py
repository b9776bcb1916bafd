"""What was done is what is written, in records and in counters, and nothing of it is cut or counted elsewhere."""

import contextlib
import hashlib
import json
import os
import re
import ssl
import subprocess
import threading
import time

from lib.audit_log import decided
from lib.datapath import far_end, gateway
from lib.drops import drop_counts
from lib.expect import equal, refused_at_once
from lib.frames import FAMILIES
from lib.guest import exchange, read_response
from lib.lab import RULE
from lib.links import RawLink
from lib.oracles import ask, ask_clear, is_refusal, served
from lib.processes import wait_for
from lib.recording import EAGER, TOKEN, recording_lab
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name


@hang_guard(150)
def test_176_long_values_whose_end_matters():
    rule = 'mitm.test http: [{methods: [GET], paths: ["/public/**"]}]'
    tail, head = "/../../secret/admin", "/public/"
    with recording_lab(rule, "ok.test", "ok.test:80", "**.wild.test") as made:
        made.guest.trust_enforcer()
        equal(made.guest.curl("https://mitm.test/public/x").status, 200)
        made.world.witness.clear()
        for size in (400, 511, 512, 513, 600, 4_000, 20_000):
            ends = {"/secret-admin": "/aaa", tail: head}  # what is asked for stands at the end; what it looks like, at the beginning
            for end, begin in ends.items():
                path = begin + "a" * (size - len(begin) - len(end)) + end
                before = made.enforcer.records()[-1]["seq"]
                answer, _ = ask(made, f"GET {path} HTTP/1.1\r\nHost: mitm.test\r\nConnection: close\r\n\r\n".encode())
                assert is_refusal(answer), (size, answer[:200])
                denied = lambda: [r for r in made.enforcer.records(type="decision", decision="deny", layer="http") if r["seq"] > before]
                record = wait_for(denied, what=f"the record of {size} bytes")[-1]
                equal((record["reason"], record["host"]), ("request", "mitm.test"), f"{size} bytes")
                if end == tail:  # what was decided on is the path that it leads to
                    equal(record["path"], "/secret/admin", f"{size} bytes")
                elif size <= 512:
                    equal(record["path"], path, f"{size} bytes")
                else:
                    match = re.fullmatch(r"(.+)\.\.\.\[(\d+) bytes, sha256 ([0-9a-f]{64})\]\.\.\.(.+)", record["path"])
                    assert match, f"{size} bytes: {record['path'][:100]!r}…{record['path'][-100:]!r}"
                    equal((int(match.group(2)), match.group(3)), (len(path), hashlib.sha256(path.encode()).hexdigest()),
                          f"{size} bytes: length and hash")
                    begins, ends_with = match.group(1), match.group(4)
                    assert path.startswith(begins) and path.endswith(ends_with) and ends_with.endswith(end), record["path"]
        equal([packet for packet in made.world.witness.silence() if packet.is_syn], [], "connections")
        # The whole host, as long as hosts can be, at each layer.
        name = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * (253 - 3 * 64 - len(".evil.test")), "evil.test"])
        equal(len(name), 253)
        equal(made.guest.query(name).rcode, "NXDOMAIN")
        made.enforcer.wait_record(type="decision", layer="dns", host=name)
        with made.guest.connect("ok.test", 443) as client:
            exchange(client, client_hello(server_name(name)))
        made.enforcer.wait_record(type="decision", layer="tls", sni=name)
        # And a query of many parameters: all names stay, no value does.
        query = "&".join(f"{'k' * 20}{number}={TOKEN}" for number in range(400))
        equal(made.guest.curl(f"https://mitm.test/public/x?{query}").status, 200)
        record = [r for r in made.enforcer.records(type="decision", decision="allow", host="mitm.test") if "kkk" in r["path"]][0]
        assert "bytes, sha256" in record["path"] and TOKEN not in record["path"] and record["path"].endswith("399=*"), record["path"]
        equal(made.guest.curl("https://mitm.test/public/x").status, 200)
        # The host that a request asked for, where it is not the one that its address was given for.
        for host in ("evil.test", name):
            with made.guest.connect("ok.test", 80) as client:
                exchange(client, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            wait_for(lambda: any(host in record.values() for record in
                                 made.enforcer.records(type="decision", layer="http", reason="authority_mismatch")),
                     what=f"a record that {host} was asked for")


@hang_guard(150)
def test_177_connections_on_the_wire_and_records_one_to_one():
    with recording_lab("ok.test", "cdn.test", "ok.test:80", f"mitm.test {RULE}", f"mitm.test:80 {RULE}", "tcp.test:7 tcp",
                       watch_audit=True) as made:
        guest = made.guest
        trust = ssl.create_default_context(cafile=made.world.authority.certificate)
        guest.trust_enforcer()
        made.world.witness.clear()
        sent = 0
        for name in ("ok.test", "cdn.test", "ok.test"):
            with trust.wrap_socket(guest.connect(name, 443), server_hostname=name) as client:
                exchange(client, f"GET /{sent} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
            sent += 1
        for _ in range(2):  # two connections of three requests
            with guest.tls("mitm.test") as client:
                for last in (False, False, True):
                    client.sendall(b"GET /%d HTTP/1.1\r\nHost: mitm.test\r\n%s\r\n" % (sent, b"Connection: close\r\n" if last else b""))
                    equal(read_response(client)[0], 200)
                    sent += 1
        for host in ("ok.test", "mitm.test"):
            assert ask_clear(made, f"GET /{sent} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(),
                             host)[0].startswith(b"HTTP/1.1 200")
            sent += 1
        sizes = (1, 1000, 300_000)
        for size in sizes:
            with guest.connect("tcp.test", 7) as client:
                sending = threading.Thread(target=lambda: (client.sendall(bytes(size)), client.shutdown(1)))
                sending.start()
                equal(len(exchange(client, b"")[0]), size)
                sending.join()
            sent += 1
        # And what is refused: nothing of it may be seen anywhere.
        refused_at_once(guest, "93.184.216.35", 443)
        equal(guest.query("other.test").rcode, "NXDOMAIN")
        equal(guest.curl("https://mitm.test/", "-X", "DELETE").status, 403)
        with guest.connect("ok.test", 443) as client:
            exchange(client, client_hello(server_name("other.test")))
        ends = wait_for(lambda: (e := made.enforcer.records(type="end")) and len(e) >= sent and e, what="the ends")
        allowed = made.enforcer.records(type="decision", decision="allow")
        equal((len(allowed), len(ends)), (sent, sent), "decisions that allow, and ends")
        equal(sorted(r["decision_id"] for r in allowed), sorted(r["decision_id"] for r in ends), "each has its own")
        for record in allowed:
            missing = {"guest", "epoch", "layer", "reason", "policy", "rule", "place", "generation", "host", "destination", "port", "time",
                       "seq"} - set(record)
            equal(missing, set(), f"fields of {record}")
            assert (record["layer"] != "tls") or record["sni"] == record["host"], record
        for end in ends:
            equal((end["outcome"], end["dialled_ip"] in made.world.records[end["host"]]), ("completed", True), str(end))
            assert end["bytes_up"] > 0 and end["bytes_down"] > 0 and end["duration_ms"] >= 0, end
        equal(sorted((e["bytes_up"], e["bytes_down"]) for e in ends if e["layer"] == "l4"), [(size, size) for size in sizes],
              "bytes of plain TCP")
        # The wire: as many connections as the origins saw, and to nowhere that no record names.
        wire = sorted((packet.destination, packet.destination_port) for packet in made.world.witness.packets() if packet.is_syn and
                      packet.destination_port != 53)
        places = sorted((e["listener"].rpartition(":")[0],
                         int(e["listener"].rpartition(":")[2])) for e in made.world.events(event="connect"))
        equal(wire, places, "connections on the wire, and at the origins")
        tunnels = sorted((e["dialled_ip"], e["port"]) for e in ends if e["layer"] != "http")
        equal(sorted(place for place in wire if place in set(tunnels)), tunnels, "connections that are not HTTP, and their ends")
        equal(set(wire) - {(e["dialled_ip"], e["port"]) for e in ends}, set(), "places without a record")
        equal(len(made.world.events(event="request")), sent - len(sizes), "requests at the origins")
        equal(set(made.world.dns_queries()) - {r["host"] for r in allowed}, set(), "names asked of the world")
        for arrival in made.world.events(event="first_byte"):
            host, port = arrival["listener"].rpartition(":")[::2]
            before = [json.loads(line) for line in (arrival["recorded"] or "").splitlines()]
            assert any(r["type"] == "decision" and r["decision"] == "allow" and r["port"] == int(port) and
                       host in made.world.records[r["host"]] for r in before), arrival["listener"]


@hang_guard(150)
def test_178_labels_that_a_guest_would_choose():
    with recording_lab("ok.test", "ok.test:80", "*.wild.test", f"mitm.test {RULE}", f"mitm.test:80 {RULE}",
                       config={"limits": {**EAGER["limits"], "distinctNamesPerHour": 100_000}}) as made:
        made.guest.trust_enforcer()
        address = {name: made.guest.resolve(name) for name in ("ok.test", "mitm.test")}

        def everything(number):
            """One of each kind of thing that a guest may choose."""
            word = f"zq{number}"
            made.guest.query(f"{word}.evil.test")
            made.guest.query(f"{word}.wild.test")
            made.guest.query(word, kind=200 + number % 300)
            with made.guest.connect(address["ok.test"], 443) as client:
                exchange(client, client_hello(server_name(f"{word}.test")))
            requests = [b"%s / HTTP/1.1\r\nHost: mitm.test\r\n" % word.upper().encode(),
                        b"GET /%s?%s=1 HTTP/1.1\r\nHost: %s.test\r\n" % ((word.encode(),) * 3),
                        b"DELETE /%s HTTP/1.1\r\nHost: mitm.test\r\nUser-Agent: %s\r\n" % (word.encode(), word.encode())]
            with made.guest.connect(address["mitm.test"], 80) as client:
                exchange(client, requests[number % 3] + b"Connection: close\r\n\r\n")
            with contextlib.suppress(OSError), made.guest.connect(f"93.184.{number % 200}.35", 1000 + number, timeout=2):
                pass
        series = lambda: {key for key in made.enforcer.metrics() if not key.startswith("enforcer_datapath_")}
        for number in range(30):  # so that each reason was there
            everything(number)
        before = series()
        for number in range(30, 300):
            everything(number)
        wait_for(lambda: decided(made, decision="deny") > 1000, what="the denials on record")
        equal(series() - before, set(), "new series")
        text = made.enforcer.http("/metrics")[1]
        assert not re.search(r"(?i)zq\d", text), re.findall(r"(?i).*zq\d.*", text)[:3]
        labels = {label for key in made.enforcer.metrics() for label in re.findall(r'([a-z_]+)="', key)}
        equal(labels & {"host", "sni", "name", "method", "path", "address", "destination", "user_agent", "query"}, set(), "labels")
        served(made)


def counters(made, slot):
    """(drops by reason's number, verdicts) of one guest, from the map itself."""
    pinned = next(f"{made.enforcer.bpffs}/{name}" for name in os.listdir(made.enforcer.bpffs)) + "/maps/counters"
    for entry in json.loads(subprocess.run(["bpftool", "-j", "map", "dump", "pinned", pinned], check=True, capture_output=True,
                                           timeout=30).stdout):
        if int.from_bytes(bytes(int(octet, 16) for octet in entry["key"]), "little") == slot:
            values = [bytes(int(octet, 16) for octet in cpu["value"]) for cpu in entry["values"]]
            words = [sum(int.from_bytes(value[at:at + 8], "little") for value in values) for at in range(0, len(values[0]), 8)]
            return words[:-7], words[-7:-2]
    raise AssertionError(f"no counters of slot {slot}")


@hang_guard(180)
def test_179_frames_that_are_not_counted():
    """Every frame in one verdict, every drop under one reason, and what one guest sends in another's name on its own account."""
    steered, neighbour, delivered, rejected, dropped = range(5)
    with recording_lab(guests=("g1", "g2")) as made, RawLink(made) as link:
        inner = gateway(made)
        ends = {name: far_end(made, guest) for name, guest in made.guests.items()}
        slots = {name: int(end[1:]) for name, end in ends.items()}

        def packets(name):
            shown = json.loads(inner.run(["ip", "-j", "-s", "link", "show", ends[name]]).stdout)[0]["stats64"]
            return shown["rx"]["packets"], shown["tx"]["packets"]

        def snapshot():
            return {name: (*counters(made, slots[name]), *packets(name)) for name in slots}

        def account(before, after, name):
            """(drops, verdicts, frames in, frames out) since then."""
            was, now = before[name], after[name]
            return *([n - w for n, w in zip(now[i], was[i])] for i in (0, 1)), now[2] - was[2], now[3] - was[3]

        def balanced(before, name):
            """Frames that came in and frames that went out are the verdicts; drops and refusals are the reasons."""
            drops, verdicts, received, transmitted = account(before, snapshot(), name)
            return (received == sum(verdicts[v] for v in (steered, neighbour, rejected, dropped)) and transmitted == verdicts[delivered] and
                    sum(drops) == verdicts[dropped] + verdicts[rejected])
        wait_for(lambda: (one := snapshot()) == (time.sleep(1) or snapshot()) and one, 60, "the young links to be quiet")
        before, counted = snapshot(), drop_counts(made)
        two = made.guests["g2"]
        frames = []
        for v in FAMILIES:
            frames += [link.tcp(v, port) for port in (443, 80, 22)] + [link.udp(v, port) for port in (53, 123, 443)]
            frames += [link.tcp(v, 443, source={4: two.ipv4, 6: two.ipv6}[v]), link.udp(v, 53, source={4: two.ipv4, 6: two.ipv6}[v])]
            frames += [link.ip(v, protocol, bytes(40)) for protocol in (0x2F, 50, 132, 255)]
            frames += [link.tcp(v, 443, flags=flags) for flags in (0, 3, 0x3F)]
        frames += [link.frame(bytes(46), kind=kind) for kind in (0x88CC, 0x8100, 0x88A8, 0x0100, 0x0000, 0xFFFF)]
        frames += [link.arp(), link.arp(2), link.arp(sender=two.ipv4), link.tcp(4, 443)[:14], link.tcp(4, 443)[:20], link.tcp(6, 443)[:30]]
        frames += [link.frame(link.tcp(4, 443)[14:], source=b"\2" + bytes(5)),
                   link.frame(link.tcp(4, 443)[14:], destination=b"\2" + bytes(5))]
        frames += [link.tcp(4, 443, destination=to) for to in ("127.0.0.1", "224.0.0.1", "255.255.255.255", made.guest.gateway, two.ipv4)]
        times = 5
        link.send(frames * times)
        wait_for(lambda: account(before, snapshot(), "g1")[2] >= len(frames) * times, what="the frames to arrive")
        with contextlib.suppress(AssertionError):
            wait_for(lambda: balanced(before, "g1"))
        drops, verdicts, received, transmitted = account(before, snapshot(), "g1")
        assert balanced(before, "g1"), f"verdicts {verdicts}, drops {drops}: {received} frames in, {transmitted} out"
        assert received >= len(frames) * times and min(verdicts) > 0, (received, verdicts)
        # Nothing of it on the account of the guest whose name was used, or of nobody.
        risen = {key: value - counted.get(key, 0) for key, value in drop_counts(made).items() if value != counted.get(key, 0)}
        equal({guest for guest, _ in risen}, {"g1"}, f"who is charged: {risen}")
        assert risen["g1", "ip_src_spoof"] >= 4 * times, risen
        equal([n for n in account(before, snapshot(), "g2")[0] if n], [], "drops of g2")
        # A restart of either daemon takes nothing back.
        held, told = snapshot(), drop_counts(made)
        made.enforcer.enforcerd.kill()
        made.enforcer.hostd.kill()
        made.enforcer.start()
        now = snapshot()
        for name in slots:
            grown = [b >= a for i in (0, 1) for a, b in zip(held[name][i], now[name][i])]
            assert all(grown), f"{name}: {held[name]} before, {now[name]} after"
        again = drop_counts(made)
        assert all(again.get(key, 0) >= value for key, value in told.items() if key[0]), (told, again)
        equal(len(made.enforcer.records(type="event", event="policy_reload", detail="start")), 2, "what began again, on record")
        link.send([link.frame(bytes(46), kind=0x88CC)] * 3)
        wait_for(lambda: drop_counts(made).get(("g1", "l2_ethertype"), 0) == again.get(("g1", "l2_ethertype"), 0) + 3,
                 what="the counting to go on")
        served(made)
