"""Enforcer in namespaces with so many rules, workers and guests, and the load of one guest: what the rows of growth are measured with."""

import contextlib
import json
import resource
import subprocess
import time

from accounting import cpu_seconds, resident_kib
from lib.guest import Guest
from lib.processes import Process, wait_for
from peers.enforcer import LIMITS, EnforcerPeer, resolve_all
from topology import CPU_OF_ENDS, CPU_OF_PROXY
from workloads import Workload

RULES_IN_A_FILE = 10_000  # some 500 KB: a file has 1 MiB at most
USED_NAMES = 100          # of a list; all over it
BOTH = f"{CPU_OF_PROXY},{CPU_OF_ENDS}"
AT_ONCE = 64
SECONDS, RUNS = 2, 3
IDLE_SECONDS = 5
HELD_SECONDS = 1000       # longer than anything measured meanwhile
SPARE_FILES = 500         # of a process, for what is not a connection


class Rig(EnforcerPeer):
    """With one worker, the daemons have a processor of their own as in the tables beside other proxies; with more, all share both."""

    def __init__(self, test, pki, rules=USED_NAMES, workers=1):
        super().__init__(test, Workload("", "raw", rules, min(rules, USED_NAMES)), pki)
        self.lab.config["workers"] = workers
        self.workers = workers
        self.attach_seconds = []  # of each guest

    def start(self):
        enforcer = self.lab.enforcer
        self.write_rules("allow")
        enforcer.start()
        for process in (enforcer.hostd, enforcer.enforcerd, *([] if self.workers == 1 else self.lab.world.processes)):
            if process.alive():
                processors = CPU_OF_PROXY if self.workers == 1 else BOTH
                subprocess.run(["taskset", "-a", "-c", "-p", processors, str(process.pid)], check=True, capture_output=True)
        guest = self.attach_one()
        self.client_netns = guest.netns
        self.write_targets(resolve_all(guest, self.used))

    def __exit__(self, *why):
        for daemon in (self.lab.enforcer.hostd, self.lab.enforcer.enforcerd):
            if daemon:
                daemon.kill()  # before namespaces by the hundred go, for which hostd would have to wait with the kernel
        super().__exit__(*why)

    def attach_one(self):
        """One more guest; notes the time from `guest attach` on a namespace that is there to the first answer of its DNS."""
        lab = self.lab
        name = f"g{len(lab.guests) + 1}"
        guest = lab.guests[name] = Guest(lab.enforcer, name, lab.folder, lab.prefix).create()
        begun = time.monotonic()
        lab.enforcer.ctl_ok("guest", "attach", name, "--netns", guest.netns.path, "--label=lab=yes")
        attached = time.monotonic()
        guest.learn_addresses()
        asked = time.monotonic()
        guest.resolve(self.used[0])
        self.attach_seconds.append(attached - begun + time.monotonic() - asked)
        return guest

    def write_rules(self, prefix):
        """One rule for each name; prefix: of the rules' names."""
        for first in range(0, len(self.names), RULES_IN_A_FILE):
            rules = [f"    - {{name: {prefix}-{first + number}, to: [{name}]}}\n"
                     for number, name in enumerate(self.names[first:first + RULES_IN_A_FILE])]
            self.lab.enforcer.write_policy(f"apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: bench-{first}}}\n"
                                           "spec:\n  guests: {matchLabels: {lab: yes}}\n  allow:\n" + "".join(rules), f"bench-{first}.yaml")

    def client(self, mode, connections, seconds, log, targets=None):
        """A client that runs meanwhile."""
        processors = CPU_OF_ENDS if self.workers == 1 else BOTH
        return Process(["taskset", "-c", processors, f"{self.build}/tests/bench/bench_client", mode, targets or self.targets,
                        str(connections), str(seconds)], f"{self.folder}/{log}", self.client_netns)

    def new_connections(self):
        """Figures of a client that opens one after the other, 64 at once, with enforcerd's CPU microseconds for each; every one succeeded.
        Of some runs the one in the middle: other work on the machine makes each dearer."""
        finished(self.client("new", AT_ONCE, SECONDS / 2, "warm.log"))
        runs = []
        for _ in range(RUNS):
            before = cpu_seconds([self.lab.enforcer.enforcerd.pid])
            figures = finished(self.client("new", AT_ONCE, SECONDS, "new.log"))
            cpu = cpu_seconds([self.lab.enforcer.enforcerd.pid]) - before
            runs.append(figures | {"cpu_us": cpu * 1e6 / figures["operations"], "per_second": figures["operations"] / figures["seconds"]})
        return sorted(runs, key=lambda run: run["cpu_us"])[RUNS // 2]

    @contextlib.contextmanager
    def held(self, connections):
        """So many connections are open meanwhile; afterwards they are gone."""
        holder = self.client("idle", connections, HELD_SECONDS, f"held-{connections}.log")
        try:
            wait_for(lambda: holder.output().endswith("}\n") or not holder.alive(), 120, f"{connections} connections to be open")
            opened(holder, connections)
            yield
        finally:
            holder.kill()
        wait_for(lambda: self.lab.enforcer.metric("enforcer_connections_active") == 0, 60, "every connection to be gone")

    def burst(self, connections):
        """So many new connections at once, then as many again, for a moment."""
        finished(self.client("new", connections, SECONDS, "burst.log"))

    def idle_cpu(self):
        """Percent of a processor that both daemons use while nothing is going on."""
        before, begun = cpu_seconds(self.pids()), time.monotonic()
        time.sleep(IDLE_SECONDS)
        return 100 * (cpu_seconds(self.pids()) - before) / (time.monotonic() - begun)

    def memory_kib(self):
        """Of both daemons, when nothing has been going on for a moment."""
        time.sleep(1)
        return resident_kib(self.pids())


def finished(client, seconds=60):
    """The figures of a client that has ended, and failed in nothing."""
    status = client.wait(seconds)
    if status != 0:
        raise RuntimeError(f"{client.name}: exit {status}\n{client.output()}")
    return opened(client, 1)


def opened(client, least):
    figures = json.loads(client.output().splitlines()[-1])
    if figures["errors"] or figures["operations"] < least:
        raise RuntimeError(f"{client.name}: {figures['errors']} failed, {figures['operations']} did not\n{client.output()}")
    return figures


def most_connections():
    """That a proxy can have open with two descriptors each, after asking for more descriptors."""
    with open("/proc/sys/fs/nr_open") as file:
        most = int(file.read())
    for limit in (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        with contextlib.suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            break
    return min((resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES) // 2, LIMITS["connections"])
