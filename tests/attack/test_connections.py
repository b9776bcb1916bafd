"""Connections: clients that say nothing or never finish, and more of them than anybody needs.

The lab: ok.test passes through, mitm.test is intercepted and served in clear, tcp.test is relayed without looking."""

import concurrent.futures
import contextlib
import mmap
import socket
import ssl
import time

from lib.audit_log import decided
from lib.daemons import ENFORCERD_UID
from lib.expect import Skip, equal, refused_at_once
from lib.frames import SYN, tcp
from lib.guest import exchange, read_response
from lib.lab import RULE, Lab, build_folder, policy
from lib.load import descriptors, flood, live_of, not_starved, processor_seconds, rate
from lib.oracles import denies, live, served, settled
from lib.processes import Process, wait_for
from lib.raw_tcp import FIRST_PORT, quiet, raw_socket
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name

NAMES = ("ok.test", f"mitm.test {RULE}", f"mitm.test:80 {RULE}", "tcp.test:7 tcp", "tcp.test:25 tcp")
IMPATIENT = {"deadlines": {"classify": "3s", "tlsHandshake": "3s", "requestHead": "3s"}}
HELLO = client_hello(server_name("ok.test"))
GET = b"GET / HTTP/1.1\r\nHost: mitm.test\r\nConnection: close\r\n\r\n"
PAUSE = 0.1  # seconds between octets: even the shortest message takes longer than the deadlines
KEEP = GET.replace(b"Connection: close\r\n", b"")


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


def drip(client, data, pause):
    """One byte at a time; then what came back, and how it ended."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for octet in data:
            client.sendall(bytes([octet]))
            time.sleep(pause)
        return exchange(client, b"", limit=1)
    except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
        return b"", "reset"


def all_reset(made, attempts):
    """Each attempt (host, port, data, pause between its octets) is reset without an answer, by its deadline; all at once."""
    def attempt(host, port, data, pause):
        with made.guest.connect(host, port) as client:
            return drip(client, data, pause)
    with denies(made, "hello_timeout", len(attempts)), concurrent.futures.ThreadPoolExecutor(len(attempts)) as pool:
        for tried, ended in zip(attempts, pool.map(attempt, *zip(*attempts))):
            equal(ended, (b"", "reset"), tried)


CUT_OFF = ((b"", "reset"), (b"", "end"))  # inside TLS, Python's word for a reset is either


@hang_guard(150)
def test_47_clients_that_never_finish():
    """Nothing is decided on a prefix, and nothing passes because a deadline did. What is dripped would be done only after it."""
    hello = client_hello(server_name("mitm.test"))
    doors = [("ok.test", 443, HELLO), ("mitm.test", 443, hello), ("mitm.test", 80, GET)]
    with lab(config=IMPATIENT, guests=("g1", "g2")) as made:
        made.guest.trust_enforcer()
        all_reset(made, [(host, port, part, pause) for host, port, data in doors
                         for part, pause in ((data, PAUSE), (data[:-1], 0), (data[:1], 0))])
        for part in (GET, GET[:-1]):
            with made.guest.tls("mitm.test") as client, denies(made, "hello_timeout"):
                assert drip(client, part, PAUSE if part == GET else 0) in CUT_OFF, "a head inside TLS"
        with made.guest.connect("mitm.test", 443) as client, denies(made, "hello_timeout"):  # the rest of the handshake
            assert exchange(client, hello)[1] == "reset"
        made.wire_silent()
        with made.guest.tls("mitm.test") as client, denies(made, "hello_timeout"):  # behind a request that was served
            client.sendall(KEEP)
            equal(read_response(client)[0], 200)
            assert drip(client, GET, PAUSE) in CUT_OFF, "a second head"
    with lab() as made:  # the control: byte by byte, but in time
        made.guest.trust_enforcer()
        for host, port, data in doors:
            with made.guest.connect(host, port) as client:
                equal(drip(client, data, 0)[0][:1], b"H" if port == 80 else b"\x16", f"{host}:{port}")
        served(made)


@hang_guard(120)
def test_48_clients_that_wait_for_the_server_to_speak():
    waiting = [("ok.test", port) for port in (21, 22, 25, 110, 3306)] + [("ok.test", 443), ("mitm.test", 443), ("mitm.test", 80)]
    first = {b"SSH-2.0-OpenSSH_9.2\r\n": 22, b"EHLO x\r\n": 25, b"USER x\r\n": 21, b"\x4a\0\0\0\x0a8.0.36\0": 3306}
    with lab(*NAMES, *[f"ok.test:{port}" for _, port in waiting[:5]], config=IMPATIENT) as made:
        made.world.start_origin("servers", [{"address": "93.184.216.34", "port": port, "kind": "banner"} for _, port in waiting[:5]])
        all_reset(made, [(host, port, b"", 0) for host, port in waiting])
        for data, port in first.items():
            with made.guest.connect("ok.test", port) as client, denies(made, "proto_unknown"):
                equal(exchange(client, data), (b"", "reset"), f"{port}: {data}")
        for address, port, reason in ((made.guest.resolve("tcp.test"), 22, "port"), ("93.184.216.36", 25, "address")):
            with denies(made, reason):
                refused_at_once(made.guest, address, port)
        made.wire_silent()
        equal(made.world.events("servers", event="connect"), [])
        with made.guest.connect("tcp.test", 25) as client:  # the control: where a rule says that nobody looks
            assert client.recv(3) == b"220"
        made.enforcer.write_policy(policy(*NAMES, "ok.test:22 tcp"))
        made.enforcer.ctl_ok("reload")
        with made.guest.connect("ok.test", 22) as client:
            assert client.recv(3) == b"220"
        served(made)


def half_open(made, addresses):
    """For flood(): a hundred SYNs whose handshakes go no further, each from another port or to another one."""
    ways = [(raw_socket(made.guest, 6 if ":" in address else 4), made.guest.ipv6 if ":" in address else made.guest.ipv4, address)
            for address in addresses]

    def action(number):
        for index in range(number * 100, (number + 1) * 100):
            sender, source, address = ways[index % len(ways)]
            sender.sendto(tcp(source, address, 443 + index // 4000, FIRST_PORT + index % 4000, SYN, index), (address, 0))
        time.sleep(0.01)
    return action


def attempts(made, address, port):
    """For flood(): one connection that is closed at once, by whoever is first."""
    def action(_):
        with contextlib.suppress(ConnectionError), made.guest.connect(address, port) as client:
            client.recv(1)
    return action


def restart_with_descriptors(made, limit):
    """enforcerd may open so many and no more."""
    enforcer = made.enforcer
    enforcer.enforcerd.stop()
    enforcer.enforcerd = Process(["prlimit", f"--nofile={limit}:{limit}", enforcer.program("enforcerd"), "--config", enforcer.config_path],
                                 f"{made.folder}/enforcerd.log", made.host, user=ENFORCERD_UID)
    wait_for(enforcer.ready, 30, "enforcerd to be ready")


@hang_guard(180)
def test_50_more_connections_than_anybody_needs():
    limits = {"limits": {"connections": 30, "halfOpen": 10}, "deadlines": {"classify": "60s"}}
    with lab(*NAMES, guests=("g1", "g2"), config=limits) as made, contextlib.ExitStack() as held:
        one, two = made.guests.values()
        quiet(one)
        served(made)
        address, echo = one.resolve("ok.test"), one.resolve("tcp.test")
        before = rate(made, two)
        settled(made)
        fds = descriptors(made)

        # What is beyond the guest's share of the kernel's work ends there.
        came = lambda: (made.enforcer.metric("enforcer_datapath_packets_total", verdict="steered") +
                        made.enforcer.metric("enforcer_datapath_drops_total", guest="g1", reason="connect_rate"))
        begun_at = came()
        with flood(half_open(made, made.guest.resolve_both("ok.test")), 200):
            not_starved(made, two, before)
            wait_for(lambda: came() >= begun_at + 20_000, 60, "20,000 SYNs")
            live(made)
        assert descriptors(made) < fds + 10, "half of a handshake costs a descriptor"

        def refused():
            return made.enforcer.metric("enforcer_denied_total", guest="g1", reason="limit_conn")
        for place, port, count, first in ((address, 443, 10, b""), (echo, 7, 30, b"x")):  # of which nothing is known; of any kind
            crowd = []
            for _ in range(count):
                client = held.enter_context(one.connect(place, port))
                client.sendall(first)
                equal(client.recv(1) if first else b"", first)
                crowd.append(client)
            # What the flood before left to be summarised is on record.
            wait_for(lambda: decided(made, decision="deny", reason="limit_conn", guest="g1") == refused(), what="records of the flood before")
            with denies(made, "limit_conn"):
                refused_at_once(one, place, port)
            many = refused() + 200
            with flood(attempts(made, place, port), 1000):
                not_starved(made, two, before)
                wait_for(lambda: refused() >= many, 30, "200 refused connections")
                live_of(two)
            for client in crowd:
                client.close()
            settled(made)
            served(made)

        # Of the ports that the host has for one origin there are a few: whoever comes later is told, and only there.
        made.host.run(["sysctl", "-qw", "net.ipv4.ip_local_port_range=40000 40005"], check=True)
        crowd = []
        with contextlib.suppress(ConnectionResetError):
            for _ in range(10):
                client = held.enter_context(one.connect(echo, 7))
                client.sendall(b"x")
                equal(client.recv(1), b"x")
                crowd.append(client)
        assert 2 <= len(crowd) <= 6, f"{len(crowd)} connections to one origin from six ports"
        refused_at_once(one, echo, 7)
        made.enforcer.wait_record(type="end", reason="origin_connect")
        live_of(two)
        made.host.run(["sysctl", "-qw", "net.ipv4.ip_local_port_range=32768 60999"], check=True)
        for client in crowd:
            client.close()
        settled(made)
        served(made)


def test_50_listener_that_cannot_accept():
    """enforcerd has used the last of its descriptors: it waits, as do those who come. (As installed: `--build build/release`.)"""
    with open(f"{build_folder()}/userspace/enforcerd/enforcerd", "rb") as file:
        program = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if program.find(b"__ubsan_handle_dynamic_type_cache_miss") >= 0:
            raise Skip("UBSan looks at an object's type through a pipe: without descriptors every first look is a report")
    with lab(*NAMES, guests=("g1", "g2"), config={"deadlines": {"classify": "60s"}}) as made, contextlib.ExitStack() as held:
        one, two = made.guests.values()
        served(made)
        settled(made)
        limit = descriptors(made) + 8
        restart_with_descriptors(made, limit)
        address = one.resolve("ok.test")
        with two.tls("mitm.test") as known:
            known.sendall(KEEP)
            equal(read_response(known)[0], 200)
            crowd = [held.enter_context(one.connect(address, 443)) for _ in range(20)]
            wait_for(lambda: descriptors(made) == limit, what="the last descriptor to be used")
            wait_for(lambda: "have to wait" in made.enforcer.enforcerd.output(), what="a listener that waits")
            made.world.witness.silence()
            with two.connect("ok.test", 443) as late:
                late.sendall(HELLO)
                used = processor_seconds(made)
                made.wire_silent(1)
                used = processor_seconds(made) - used
                print(f"enforcerd out of descriptors: {used} s of one second")
                assert used < 0.4, f"{used} s of one second were used for waiting"
                known.sendall(KEEP)
                equal(read_response(known)[0], 200, "who is there is served")
                for client in crowd:
                    client.close()
                equal(late.recv(1), b"\x16", "who waited is served")
        settled(made)
        wait_for(lambda: descriptors(made) < limit, what="descriptors to be free")
        served(made)
