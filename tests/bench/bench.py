"""Runs the workloads round by round, every peer once in each round, in turn; prints medians and ratios of the same round.

W1 bulk download through passthrough, 1 and 16 connections. W2 new passthrough connections: how many a second at 64 at once,
and the latency of one at a time. W6 denials a second at 64 at once. idle: memory of the proxy's processes per open connection.

CPU is what the proxy's processes used (user and system), per operation: on a machine with other work it is the figure to trust.
The proxy has CPU 0 and one worker, both ends share CPU 1.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from lib.processes import Process, wait_for
from peers import ADDRESS, PEERS

WORKLOADS = ["W1", "W2", "W6", "idle"]
IDLE_CONNECTIONS = 2000
TICKS = os.sysconf("SC_CLK_TCK")
BULK_BYTES = 1 << 40


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_kib(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return total


class Round:
    """One peer, freshly started, in namespaces of its own."""

    def __init__(self, peer, seconds):
        self.peer, self.seconds = peer, seconds

    def client(self, mode, targets, connections, seconds=None, *more):
        argv = ["taskset", "-c", "1", f"{os.environ['ENFORCER_BUILD']}/tests/bench/bench_client", mode, targets,
                str(connections), str(seconds or self.seconds), *map(str, more)]
        done = self.peer.client_netns.run(argv, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def measured(self, mode, targets, connections, *more):
        """(figures, CPU seconds of the proxy meanwhile)."""
        before = cpu_seconds(self.peer.pids())
        figures = self.client(mode, targets, connections, None, *more)
        return figures, cpu_seconds(self.peer.pids()) - before

    def w1(self):
        result = {}
        for connections in (1, 16):
            figures, cpu = self.measured("bulk", self.peer.targets, connections, BULK_BYTES)
            result[f"Gbit/s c{connections}"] = figures["bytes"] * 8 / figures["seconds"] / 1e9
            result[f"CPU ms/GiB c{connections}"] = cpu * 1000 / (figures["bytes"] / (1 << 30))
        return result

    def w2(self):
        many, cpu = self.measured("new", self.peer.targets, 64)
        one, _ = self.measured("new", self.peer.targets, 1)
        return {"conn/s c64": many["operations"] / many["seconds"], "CPU us/conn": cpu * 1e6 / many["operations"],
                "p50 us c1": one["p50"], "p99 us c1": one["p99"], "errors": many["errors"] + one["errors"]}

    def w6(self):
        many, cpu = self.measured("deny", self.peer.denied_targets, 64)
        return {"denials/s c64": many["operations"] / many["seconds"], "CPU us/denial": cpu * 1e6 / many["operations"],
                "p99 us c64": many["p99"], "errors": many["errors"]}

    def idle(self):
        before = resident_kib(self.peer.pids())
        log = f"{self.peer.folder}/idle.log"
        holder = Process([f"{os.environ['ENFORCER_BUILD']}/tests/bench/bench_client", "idle", self.peer.targets,
                          str(IDLE_CONNECTIONS), "60"], log, self.peer.client_netns)
        wait_for(lambda: holder.output().endswith("}\n"), 60, "the connections to be open")
        figures = json.loads(holder.output())
        time.sleep(1)
        after = resident_kib(self.peer.pids())
        holder.kill()
        return {"KiB/connection": (after - before) / max(1, figures["operations"]), "errors": figures["errors"]}


def table(workload, results):
    """results: {peer: [figures of each round]}."""
    print(f"\n{workload}: median [least - most], and the median of the same-round ratios to haproxy")
    for name in next(iter(results.values()))[0]:
        cells = []
        for peer, rounds in results.items():
            values = [r[name] for r in rounds]
            cell = f"{peer} {statistics.median(values):10.1f} [{min(values):.1f} - {max(values):.1f}]"
            if peer != "haproxy" and name != "errors" and all(r[name] for r in results["haproxy"]):
                ratios = [mine / other[name] for mine, other in zip(values, results["haproxy"])]
                cell += f" = {statistics.median(ratios):.2f} x"
            cells.append(cell)
        print(f"  {name:<16}" + "   ".join(cells))


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Enforcer beside haproxy, as ratios.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("workloads", nargs="*", metavar="|".join(WORKLOADS))
    options = parser.parse_args()
    workloads = options.workloads or WORKLOADS
    if unknown := set(workloads) - set(WORKLOADS):
        parser.error(f"unknown workload {sorted(unknown)}")
    os.environ["ENFORCER_BUILD"] = os.path.abspath(os.environ["ENFORCER_BUILD"])
    results = {workload: {name: [] for name in PEERS} for workload in workloads}
    for number in range(options.rounds):
        for workload in workloads:
            for name in sorted(PEERS, reverse=number % 2 == 1):
                with PEERS[name](f"bench-{name}-{workload}") as peer:
                    figures = getattr(Round(peer, options.seconds), workload.lower())()
                results[workload][name].append(figures)
                print(f"round {number + 1} {workload} {name}: " + ", ".join(f"{k} {v:.1f}" for k, v in figures.items()), flush=True)
    print(f"\nproxy on CPU 0 with one worker, client and origin on CPU 1, origin {ADDRESS}; load average "
          f"{os.getloadavg()[0]:.1f}; kernel {os.uname().release}")
    for workload in workloads:
        table(workload, results[workload])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, subprocess.SubprocessError) as error:
        sys.exit(f"bench: {error}")
