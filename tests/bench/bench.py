"""Runs the workloads round by round, every peer once in each round, in turn, and prints a table for each workload.

CPU is what the proxy's processes used (user and system) and the kernel's packet thread of their processor, per operation: on a machine
with other work it is the figure to trust. The proxy has CPU 0 and one worker, both ends share CPU 1.

Whatever is not as it must be is printed with the tables and makes the exit status 1: see workloads.py for what is checked. A failed
operation of a peer is only printed: its figures are worth less then.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile

import tables
from certificates import Certificates
from host import kernel
from peers import PEERS
from workloads import WORKLOADS, Round

WITHOUT_FAULT = ("enforcer", "direct", "floor")  # ours, and what would mean that the bench itself is broken


def read_options():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Enforcer beside other proxies, as ratios of the same round.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}")
    parser.add_argument("--out", metavar="FOLDER", help="where the tables are written as Markdown, too: results.md")
    parser.add_argument("workloads", nargs="*", metavar="|".join(WORKLOADS))
    options = parser.parse_args()
    options.workloads, options.peers = options.workloads or list(WORKLOADS), options.peers.split(",")
    if unknown := set(options.workloads) - set(WORKLOADS) | set(options.peers) - set(PEERS):
        parser.error(f"unknown: {sorted(unknown)}")
    return options


class Bench:
    def __init__(self, options, peers, pki, name="bench"):
        """name: from which those of namespaces and folders are derived."""
        self.options, self.peers, self.pki, self.name = options, peers, pki, name
        self.results = {w: {name: [] for name, peer in peers.items() if w not in peer.CANNOT} for w in options.workloads}
        self.notes = {w: [f"{name}: none, {peer.CANNOT[w]}" for name, peer in peers.items() if w in peer.CANNOT] for w in options.workloads}
        self.failures = []

    def run(self):
        for number in range(self.options.rounds):
            for workload, results in self.results.items():
                order = list(results)
                for name in order[number % len(order):] + order[:number % len(order)]:
                    self._measure(number + 1, workload, name)

    def _measure(self, number, workload, name):
        """One peer in one workload; one that does not come up has no figures, and that is a fault."""
        figures, faults = None, []
        try:
            with self.peers[name](f"{self.name}-{name}-{workload}", WORKLOADS[workload], self.pki) as peer:
                figures = Round(peer, workload, self.options.seconds).run()
            faults = figures.faults
        except (RuntimeError, AssertionError, OSError, subprocess.SubprocessError) as error:
            faults = [f"no figures: {error}"]
        self.results[workload][name].append(figures)
        shown = ", ".join(f"{key} {tables.number(value)}" for key, value in figures.values.items()) if figures else "-"
        print(f"round {number} {workload} {name}: {shown}", flush=True)
        for fault in faults:
            self.notes[workload].append(f"{name}, round {number}: {fault}")
            print(f"    {fault}", flush=True)
            if figures is None or name in WITHOUT_FAULT:
                self.failures.append(f"{workload} {name}: {fault}")

    def show(self, how):
        parts = []
        for workload, results in self.results.items():
            title = f"{workload}: {WORKLOADS[workload].title}"
            parts.append(how(title, tables.rows_of(results), self.notes[workload]))
        return "\n".join(parts)


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: told to end"))  # whatever was made is removed
    os.environ["ENFORCER_BUILD"] = os.path.abspath(os.environ["ENFORCER_BUILD"])
    skipped = {name: PEERS[name].missing() for name in options.peers if PEERS[name].missing()}
    for name, missing in skipped.items():
        print(f"SKIP {name}: {', '.join(missing)} is missing (tests/bench/run --install-peers)", flush=True)
    peers = {name: PEERS[name] for name in PEERS if name in options.peers and name not in skipped}
    if not peers:
        sys.exit("bench: no peer is left")
    with tempfile.TemporaryDirectory(prefix="enforcer-bench-") as folder:
        bench = Bench(options, peers, Certificates(folder))
        bench.run()
    about = (f"{options.rounds} rounds, {options.seconds:g} s each: median [least-most]; /{tables.BASE}: median of the ratios of the same "
             f"round; the proxy on CPU 0 with one worker, client and origin on CPU 1; kernel {kernel()}, load average "
             f"{os.getloadavg()[0]:.1f}")
    print(f"\n{about}\n\n{bench.show(tables.text)}")
    if options.out:
        os.makedirs(options.out, exist_ok=True)
        with open(f"{options.out}/results.md", "w") as file:
            file.write(f"{about}\n\n{bench.show(tables.markdown)}")
    for failure in bench.failures:
        print(f"failed: {failure}")
    print(f"{len(peers)} peers, {len(skipped)} skipped, {len(bench.failures)} failures")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
