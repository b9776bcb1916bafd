"""Interruptions: policies that come and fail, and a daemon that is killed and stopped, while a guest tries all the time."""

import contextlib
import os
import signal
import threading

from lib.control import control, generation
from lib.expect import equal
from lib.guest import exchange
from lib.lab import RULE, Lab, policy
from lib.load import Flood
from lib.oracles import live, served
from lib.policy_files import HEAD, written
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name
from lib.world import HOST_IPV4

NAMES = ("ok.test", f"mitm.test {RULE}", "tcp.test:7 tcp")
CANARIES = [("0.0.0.0", port) for port in (22, 443, 2222)] + [("127.0.0.1", 9901)]


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


def canary_silent(made):
    """CANARY0."""
    equal(made.canary_visits(), [], "visits to the canaries")


class Probes:
    """Questions of a guest, all the time, whose answers never change: [what was answered wrongly]."""

    def __init__(self, made, allowed, denied):
        self.wrong, self.rounds, self._stop = [], 0, threading.Event()
        self._made, self._allowed, self._denied = made, allowed, denied
        self._place = made.guest.resolve(allowed)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.is_set():
            try:
                self._round()
            except Exception as error:
                self.wrong.append(repr(error))
                return
            self.rounds += 1

    def _round(self):
        guest = self._made.guest
        for name in self._denied:
            if (answer := guest.query(name)).rcode != "NXDOMAIN":
                self.wrong.append((name, answer))
        if not (answer := guest.query(self._allowed)).addresses:
            self.wrong.append((self._allowed, answer))
        with contextlib.suppress(ConnectionError), guest.connect("93.184.216.35", 443) as client:
            if received := client.recv(1):
                self.wrong.append(("the address of other.test", received))
        with contextlib.suppress(ConnectionError), guest.connect(self._place, 443) as client:
            received, how = exchange(client, client_hello(server_name(self._denied[0])))
            if received.startswith(b"\x16") or how == "timeout":
                self.wrong.append(("the allowed address with a denied name", received, how))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


@hang_guard(150)
def test_162_probes_while_a_hundred_policies_come_and_fail():
    text = [policy("ok.test", f"n{number}.wild.test",
                   extra='  deny:\n    - {name: no, to: ["other.test", "evil.test"]}\n') for number in range(2)]
    broken = [text[0] + "  alow: []\n", text[0].replace("ok.test", "ok..test"), text[0][:-3], "\0", policy("other.test") + "---\n[",
              text[0] + policy("other.test"),
              policy("other.test", "other.test credential: none"), HEAD + "  allow: [{name: x, to: ['**.test', 'com:0']}]\n"]
    with lab(config={"limits": {"dnsPerSecond": 10_000, "decisionsPerMinute": 1_000_000}}) as made:
        main, beside = f"{made.enforcer.policies}/policy.yaml", f"{made.enforcer.policies}/beside.yaml"
        written(main, text[0])
        made.enforcer.ctl_ok("reload")
        pid = made.enforcer.enforcerd.pid
        made.world.witness.clear()
        with Probes(made, "ok.test", ["other.test", "evil.test", "hidden.test"]) as probes:
            for number in range(50):
                before = generation(made)
                written(f"{main}.new", text[number % 2])
                os.rename(f"{main}.new", main)
                if number % 5 == 4:  # by signal, several at once
                    for _ in range(3):
                        made.enforcer.enforcerd.signal(signal.SIGHUP)
                    wait_for(lambda: generation(made) > before, what="the reload by signal")
                else:
                    equal(control(made, "POST", "/v1/reload")[0], 200)
                # And one that is wrong: it fails, is said everywhere, and the one before stays.
                wait_for(lambda: not control(made, "GET", "/v1/status")[1]["last_reload"].get("error"), what="the signals to be worked off")
                kept = generation(made)
                written(beside, broken[number % len(broken)])
                status, answer = control(made, "POST", "/v1/reload")
                equal(status, 400, f"{broken[number % len(broken)]!r}: {answer}")
                assert generation(made) == kept or number % 5 == 4, "a generation for what did not load"
                os.unlink(beside)
        equal(probes.wrong, [])
        assert probes.rounds > 20, f"the control: {probes.rounds} rounds"
        made.wire_silent()
        failed = wait_for(lambda: (r := made.enforcer.records(type="event", event="policy_reload_failed")) and len(r) >= 50 and r,
                          what="the failures on record")
        assert all("beside.yaml" in record["detail"] for record in failed), failed[:3]
        equal(made.enforcer.ctl("reload").returncode, 0)
        written(beside, broken[0])
        equal(made.enforcer.ctl("reload").returncode, 3)
        os.unlink(beside)
        equal((made.enforcer.enforcerd.pid, made.enforcer.enforcerd.alive()), (pid, True))
        made.enforcer.ctl_ok("reload")
        made.guest.trust(made.world.authority)
        live(made, "https://ok.test/")


@hang_guard(240)
def test_165_killed_and_stopped_again_and_again_under_a_flood():
    with lab("ok.test", "other.test:8443", f"mitm.test {RULE}", guests=("g1", "g2")) as made:
        made.canary(*CANARIES)
        g1 = made.guests["g1"]
        places = [g1.resolve("ok.test"), g1.resolve("other.test"), "93.184.216.35", "93.184.216.53", HOST_IPV4, g1.gateway]
        flood = Flood(g1, places)

        def hello(name):
            """One whole attempt that must lead nowhere, whatever state the daemon is in."""
            with contextlib.suppress(OSError), g1.connect(places[1], 443, timeout=0.3) as client:
                received, _ = exchange(client, client_hello(server_name(name)), limit=1)
                assert not received.startswith(b"\x16"), f"{name} was served"
        try:
            wait_for(lambda: flood.connected > 3, what="the flood to get through")
            made.world.witness.clear()
            for number in range(20):
                if number % 4 == 3:
                    made.enforcer.enforcerd.signal(signal.SIGSTOP)
                    for name in ("other.test", "evil.test"):
                        hello(name)
                    made.enforcer.enforcerd.signal(signal.SIGCONT)
                else:
                    # No SIGSEGV: the sanitizer's own handler would report it. To the kernel each is the same sudden end.
                    made.enforcer.enforcerd.signal((signal.SIGKILL, signal.SIGABRT, signal.SIGTERM)[number % 3])
                    hello("other.test")
                    made.enforcer.enforcerd.kill()
                    hello("evil.test")
                    before = flood.connected
                    made.enforcer.start_enforcerd()
                    wait_for(lambda: flood.connected > before, 20, f"service after end {number}")
                hello("other.test")
            made.wire_silent()
            assert flood.attempts > 100, f"the control: {flood.attempts} attempts"
        finally:
            flood.stop()
        canary_silent(made)
        with made.host.socket() as client:
            client.connect(("127.0.0.1", 2222))
        wait_for(made.canary_visits, what="the control: the canary sings")
        # What the flood left half open counts against the guest for a moment.
        for guest in made.guests.values():
            guest.trust_enforcer()
            wait_for(lambda: guest.curl("https://mitm.test/").status == 200, 20, f"{guest.name} to be served")
        served(made)
