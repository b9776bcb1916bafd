"""The datapath's attachment: before it is complete, after it is gone, beside another agent's, and without a socket behind it."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
import time

from lib import dns_client, tcx
from lib.bpf import obtain, put
from lib.canaries import set_canaries, silent
from lib.datapath import far_end, gateway, pins
from lib.drops import answered, dropped, drops, summarised_and_answered
from lib.expect import equal
from lib.frames import ACK, BROADCAST, FAMILIES, FIN, IPV4, PLACE, RST, ethernet, ipv4, packed, tcp, udp
from lib.lab import Lab, policy
from lib.links import RawLink
from lib.oracles import live
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.sample_frames import judged
from lib.world import HOST_IPV4, HOST_IPV6

TWO = ("g1", "g2")
OK = "https://ok.test/"
HOST = {4: HOST_IPV4, 6: HOST_IPV6}


def lab(*allow, **options):
    return Lab(policy(*(allow or ("ok.test",))), **options)


class Storm(threading.Thread):
    """Whatever a guest could send at once, from the moment it has an interface, for as long as it has one."""

    def __init__(self, netns, first):
        """first: (slot, address) of a guest attached before; the next ones follow it."""
        super().__init__(daemon=True)
        self._netns, self._first, self._over, self.sent, self.links = netns, first, threading.Event(), 0, 0
        self.start()

    def run(self):
        while not self._over.is_set():
            try:
                with self._netns.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                    raw.bind(("eth0", 0))
                    self._flood(raw)
            except OSError:
                time.sleep(0.001)  # no namespace, no interface, or not up

    def _flood(self, raw):
        mine = raw.getsockname()[4]
        slot = int.from_bytes(mine[3:], "big")
        mark, address = self._first
        own = socket.inet_ntoa((int.from_bytes(packed(address), "big") + slot - mark).to_bytes(4, "big"))
        batch = []
        for source in (own, "10.9.8.7"):
            for place in ("93.184.216.34", "93.184.216.36"):
                batch += [ipv4(source, place, 6, tcp(source, place, port)) for port in (443, 7, 2222)]
            batch += [ipv4(source, "93.184.216.53", 17, udp(source, "93.184.216.53", port, dns_client.query_bytes("ok.test")))
                      for port in (53, 443)]
        batch = [ethernet(to, mine, IPV4, packet) for packet in batch for to in (b"\x06" + mine[1:], BROADCAST)]
        started = False
        while not self._over.is_set():
            for frame in batch:
                raw.send(frame)
                self.sent += 1
                if not started:
                    started, self.links = True, self.links + 1

    def stop(self):
        self._over.set()
        self.join(10)
        assert not self.is_alive()


@hang_guard(240)
def test_15_frames_before_the_attachment_is_complete_and_after_it_is_gone():
    with lab() as made:
        set_canaries(made)
        other = made.bare_guest("g2")
        first = int(far_end(made, made.guest)[1:]), made.guest.ipv4
        storm = Storm(other.netns, first)
        try:
            for number in range(9):
                before = storm.links
                made.enforcer.ctl_ok("guest", "attach", "g2", "--netns", other.netns.path, "--label=lab=yes")
                wait_for(lambda: storm.links > before, what="the storm to begin")
                if number % 3 == 2:
                    other.netns.remove()
                    wait_for(lambda: "g2" not in made.enforcer.ctl_ok("guest", "list"), 10, "the guest to be gone")
                    other.netns.create()
                else:
                    made.enforcer.ctl_ok("guest", "detach", "g2")
        finally:
            storm.stop()
        assert storm.sent > 1000, storm.sent
        silent(made)
        equal(made.enforcer.records(type="decision", decision="allow"), [])
        equal(made.world.dns_queries(), [], "questions to the world")
        other.attach({"lab": "yes"})
        live(made, OK)


@hang_guard(150)
def test_16_another_agent_at_the_attachment():
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made)
        inner, name = gateway(made), far_end(made, made.guest)
        # A filter of somebody else that lets everything pass, in front of all that tc has.
        inner.run(["tc", "qdisc", "add", "dev", name, "clsact"], check=True)
        inner.run(["tc", "filter", "add", "dev", name, "ingress", "prio", "1", "bpf", "bytecode", "1,6 0 0 4294967295,", "classid", "1:1"],
                  check=True)
        for reason, sent in judged(link).items():
            dropped(made, reason, sent, link, reason)
        link.syn_answered(4)
        inner.run(["tc", "qdisc", "del", "dev", name, "clsact"], check=True)
        for reason, sent in judged(link).items():
            dropped(made, reason, sent, link, reason)
        lost = lambda: made.enforcer.records(type="event", event="enforcement_lost", guest="g1")
        equal([r for r in lost()], [], "the alarm without a cause")
        silent(made)
        # Our program taken off, by whichever way it is on, with a guest that sends meanwhile.
        storm = Storm(made.guest.netns, (int(name[1:]), made.guest.ipv4))
        try:
            wait_for(lambda: storm.sent > 100, what="the storm to begin")
            for number, direction in enumerate(("ingress", "egress"), 1):
                pin = f"{pins(made)}/links/{name}-{direction}"
                if os.path.exists(pin):
                    subprocess.run(["bpftool", "link", "detach", "pinned", pin], check=True, timeout=30)
                else:
                    inner.run(["tc", "filter", "del", "dev", name, direction], check=True)
                wait_for(lambda: len(lost()) == number, 30, "the alarm")
        finally:
            storm.stop()
        silent(made)
        summarised_and_answered(made, link)
        # A program of somebody else in front of ours: the guard behind both lets nothing in, and soon ours is the first again.
        if "tcx" not in made.enforcer.ctl_ok("status"):
            print("no TCX on this kernel")
            return
        with inner.entered():
            foreign = tcx.attach_in_front(tcx.load_accept_all(), socket.if_nametoindex(name))
        try:
            link.send([link.tcp(v, port) for v in FAMILIES for port in (443, 2222)])
            silent(made)
            wait_for(lambda: len(lost()) == 3, 30, "the alarm")
            answered(made, link)
            for reason, sent in judged(link).items():
                dropped(made, reason, sent, link, f"{reason}, with a program of somebody else behind ours")
            silent(made)
        finally:
            os.close(foreign)
        answered(made, link)
        equal(len(lost()), 3, "alarms")


@hang_guard(150)
def test_18_no_socket_to_hand_the_frame_to():
    with lab(guests=TWO) as made, RawLink(made) as link:
        set_canaries(made)
        syns = lambda: [link.tcp(v, port, destination=to) for v in FAMILIES for port in (443, 2222)
                        for to in (PLACE[v], link.gateway[v], HOST[v])]
        questions = lambda: [link.udp(v, 53, destination=to, payload=dns_client.query_bytes("ok.test")) for v in FAMILIES
                             for to in (link.gateway[v], PLACE[v])]
        strays = lambda: [link.tcp(v, port, flags=flags, ack=1) for v in FAMILIES for port in (443, 2222)
                          for flags in (ACK, RST, FIN | ACK)]
        everything = lambda: syns() + questions() + strays()
        count = len(everything())
        # The daemon is dead.
        with drops(made, "no_listener", count):
            made.enforcer.enforcerd.kill()
            link.send(everything())
            made.wire_silent()
            made.enforcer.start_enforcerd()
        silent(made)
        answered(made, link)
        # Its sockets were taken out of the maps, and nobody is there to put them back.
        made.enforcer.hostd.signal(signal.SIGSTOP)
        listeners, dns = f"{pins(made)}/maps/listeners", f"{pins(made)}/maps/dns_socket"
        for path, numbers in ((listeners, (0, 1)), (dns, (0,))):
            for number in numbers:
                subprocess.run(["bpftool", "map", "delete", "pinned", path, "key", str(number), "0", "0", "0"], check=True, timeout=30)
        dropped(made, "no_listener", everything(), link, "empty maps")
        silent(made)
        # In their place are sockets of another namespace, which would be glad to have the frames.
        with made.host.socket() as foreign, made.host.socket(kind=socket.SOCK_DGRAM) as deaf:
            foreign.bind(("0.0.0.0", 4444))
            foreign.listen(8)
            foreign.settimeout(0.1)
            deaf.bind(("0.0.0.0", 4444))
            deaf.settimeout(0.1)
            for path, numbers, descriptor in ((listeners, (0, 1), foreign.fileno()), (dns, (0,), deaf.fileno())):
                there = obtain(path)
                for number in numbers:
                    put(there, struct.pack("I", number), struct.pack("Q", descriptor))
                os.close(there)
            dropped(made, "sk_assign_fail", everything(), link, "sockets of another namespace")
            for ear in (foreign.accept, lambda: deaf.recv(100)):
                with contextlib.suppress(TimeoutError):
                    raise AssertionError(f"a frame reached another namespace: {ear()}")
        silent(made)
        made.enforcer.enforcerd.kill()
        made.enforcer.hostd.signal(signal.SIGCONT)
        made.enforcer.start_enforcerd()
        answered(made, link)
