"""The workloads, and one measurement of each: Round(peer, seconds).run() is Figures, with everything that was not as it must be.

A start is proved before anything is measured: octets that arrive complete and in order, a chain and a name that verify. Afterwards each
operation is checked by the client (tests/bench/client.cc, tls_client.cc), and their number by the origin's and the proxy's own counters.
"""

import dataclasses
import json
import os
import time

from accounting import Meter, resident_kib
from lib.processes import Process, Timeout, wait_for
from topology import CPU_OF_ENDS, CPU_OF_PROXY, HEADER, VALUE

BULK_BYTES = 1 << 40
PROOF_BYTES = 3 << 20
IDLE = {"raw": 5000, "tls": 2000}
SETTLE_SECONDS = 1
COUNTED_SECONDS = 20  # repeated denials are summed up once a second


@dataclasses.dataclass(frozen=True)
class Workload:
    title: str
    kind: str           # of origin: raw or tls
    listed: int = 100   # names that the proxy allows
    used: int = 100     # of them that the client uses; a guest of Enforcer has 4,096 at most
    own_certificates: bool = False
    origin: str = "http2"  # what a tls origin speaks beside HTTP/1.1, or ""


WORKLOADS = {
    "W1": Workload("bulk download through passthrough, 1 and 16 connections", "raw"),
    "W2": Workload("new passthrough connections, 64 at once and one at a time; a list of 100 names", "raw"),
    "W2k": Workload("as W2; a list of 10,000 names, 4,000 of them used in turn", "raw", 10_000, 4000),
    "W2k100": Workload("as W2; a list of 100,000 names, 4,000 of them used in turn", "raw", 100_000, 4000),
    "W3": Workload("GET of 1 KiB on open connections, HTTP/1.1 in TLS 1.3 on both sides, a header added; 32 at once and one at a time", "tls",
                   origin=""),
    "W3h2": Workload("as W3; the client speaks HTTP/2, and the origin offers it: 4 connections with 8 streams each, and 1 with 1", "tls"),
    "W4": Workload("a new TLS connection for each GET, 32 at once: one name; 1,000 names, each for the first time (cold); the same again "
                   "(warm)", "tls", 1001, 1001, True),
    "W5p": Workload("memory for each open connection that is passed through, 5,000 of them", "raw"),
    "W5i": Workload("memory for each open connection that is intercepted, 2,000 of them", "tls"),
    "W6": Workload("denied names, 64 at once and one at a time", "raw"),
}


@dataclasses.dataclass
class Figures:
    values: dict = dataclasses.field(default_factory=dict)
    busy: list | None = None  # percent of each processor while the most was asked for
    faults: list = dataclasses.field(default_factory=list)


class Round:
    """One peer, freshly started, in namespaces of its own."""

    def __init__(self, peer, workload, seconds):
        self.peer, self.workload, self.seconds = peer, workload, seconds
        self.raw = peer.kind == "raw"
        self.figures = Figures()
        self.operations = 0

    def run(self):
        measure = {"W1": self.bulk, "W2": self.connections, "W2k": self.connections, "W2k100": self.connections, "W3": self.requests,
                   "W3h2": self.requests_of_http2, "W4": self.handshakes, "W5p": self.held, "W5i": self.held, "W6": self.denials}
        self.load("whole" if self.raw else "once", self.peer.targets if self.raw else self._first_target(), 1, PROOF_BYTES)
        decision = "deny" if self.workload == "W6" else "allow"
        accepted, tally, self.operations = self.peer.connections_of_the_origin(), self.peer.tally(decision), 0
        measure[self.workload]()
        self._compare_counters(decision, accepted, tally)
        return self.figures

    # ---- the loads

    def argv(self, mode, targets, connections, *more, seconds=None):
        program = "bench_client" if self.raw else "bench_tls_client"
        argv = ["taskset", "-c", CPU_OF_ENDS, f"{self.peer.build}/tests/bench/{program}", mode, targets, str(connections),
                str(seconds or self.seconds)]
        if not self.raw:
            argv.append(self.peer.authority)
            more = ([f"header={HEADER}: {VALUE}"] if not self.peer.ADDS_HEADER else []) + \
                   ([f"groups={self.peer.KEY_SHARES}"] if self.peer.KEY_SHARES else []) + [m for m in more if isinstance(m, str)]
        return argv + [str(m) for m in more]

    def load(self, *arguments, **options):
        done = self.peer.client_netns.run(self.argv(*arguments, **options), timeout=170)
        if done.returncode != 0:
            raise RuntimeError(f"{done.stdout}{done.stderr}")
        result = json.loads(done.stdout)
        self._note(result, done.stderr, arguments)
        return result

    def _note(self, result, said, arguments):
        self.operations += result["operations"]
        if result["errors"]:
            self.figures.faults.append(f"{arguments[0]}, {arguments[2]} at once: {result['errors']} failed ({said.strip()})")
        if not result["operations"]:
            self.figures.faults.append(f"{arguments[0]}, {arguments[2]} at once: nothing succeeded")

    def measured(self, *arguments):
        """(figures of the client, seconds of CPU; None: there is no proxy)."""
        with Meter(self.peer.pids, CPU_OF_PROXY) as meter:
            result = self.load(*arguments)
        self.figures.busy = self.figures.busy or meter.busy
        return result, meter.cpu if self.peer.pids() else None

    def rate(self, mode, targets, connections, what, many=(), one=()):
        """How many a second at so many at once, at what CPU each, and the latency of one at a time."""
        if mode == "new":
            self.load("whole", self.peer.targets, len(self.peer.used))  # everybody has seen every name before
        self.load(mode, targets, connections, *many, seconds=self.seconds / 2)
        result, cpu = self.measured(mode, targets, connections, *many)
        done = max(1, result["operations"])
        self.figures.values[f"{what}/s"] = result["operations"] / result["seconds"]
        if cpu is not None:
            self.figures.values[f"CPU us/{what}"] = cpu * 1e6 / done
        alone = self.load(mode, targets, 1, *one)
        self.figures.values |= {"p50 us": alone["p50"], "p99 us": alone["p99"]}

    # ---- the workloads

    def bulk(self):
        for connections in (1, 16):
            result, cpu = self.measured("bulk", self.peer.targets, connections, BULK_BYTES)
            self.figures.values[f"Gbit/s c{connections}"] = result["bytes"] * 8 / result["seconds"] / 1e9
            if cpu is not None:
                self.figures.values[f"CPU ms/GiB c{connections}"] = cpu * 1000 / max(1e-9, result["bytes"] / (1 << 30))

    def connections(self):
        self.rate("new", self.peer.targets, 64, "connection")

    def requests(self):
        self.rate("keep", self.peer.targets, 32, "request")

    def requests_of_http2(self):
        self.rate("keep", self.peer.targets, 4, "request", ("h2=8",), ("h2=1",))

    def handshakes(self):
        self.rate("fresh", self._first_target(), 32, "connection")
        with open(self.peer.targets) as file, open(f"{self.peer.folder}/rest", "w") as rest:
            rest.writelines(file.readlines()[1:])
        for what in ("cold", "warm"):
            result, cpu = self.measured("once", f"{self.peer.folder}/rest", 32)
            self.figures.values[f"{what} names/s"] = result["operations"] / result["seconds"]
            if cpu is not None:
                self.figures.values[f"CPU us/{what} name"] = cpu * 1e6 / max(1, result["operations"])

    def held(self):
        self.load("new" if self.raw else "fresh", self.peer.targets, 32, seconds=1)
        before = resident_kib(self.peer.pids())
        holder = Process(self.argv("idle", self.peer.targets, IDLE[self.peer.kind], seconds=60), f"{self.peer.folder}/idle.log",
                         self.peer.client_netns)
        try:
            wait_for(lambda: holder.output().endswith("}\n"), 90, "the connections to be open")
            *said, last = holder.output().splitlines()
            result = json.loads(last)
            self._note(result, " ".join(said), ("idle", "", IDLE[self.peer.kind]))
            time.sleep(SETTLE_SECONDS)
            after = resident_kib(self.peer.pids())
        finally:
            holder.kill()
        self.figures.values |= {"KiB/connection": (after - before) / max(1, result["operations"]), "MiB before": before / 1024}

    def denials(self):
        before = self.peer.connections_of_the_origin()
        self.rate("deny", self.peer.denied_targets, 64, "denial")
        if reached := self.peer.connections_of_the_origin() - before:
            self.figures.faults.append(f"{reached} connections of denied names reached the origin")

    # ---- what must agree

    def _compare_counters(self, decision, accepted, tally):
        """Each operation is at least one connection of the origin, where the client speaks to it itself, and one decision."""
        arrived = self.peer.connections_of_the_origin() - accepted
        if self.raw and decision == "allow" and arrived < self.operations:
            self.figures.faults.append(f"{self.operations} operations, but {arrived} connections of the origin")

        def missing():
            counted = self.peer.tally(decision)
            return [f"{counted[name] - tally[name]:.0f} {name}" for name in tally if counted[name] - tally[name] < self.operations]
        try:
            wait_for(lambda: not missing(), COUNTED_SECONDS, "the counters", interval=0.2)
        except Timeout:
            self.figures.faults.append(f"{self.operations} operations, but {' and '.join(missing())}")

    def _first_target(self):
        path = f"{self.peer.folder}/first"
        if not os.path.exists(path):
            with open(self.peer.targets) as file, open(path, "w") as first:
                first.write(file.readline())
        return path
