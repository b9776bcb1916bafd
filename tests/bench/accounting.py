"""What a measurement costs: processor time and memory of processes, and how busy the two processors were."""

import contextlib
import os

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid):
    """A process and everything it started that is still there."""
    found = [pid]
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                for child in file.read().split():
                    found += family(int(child))
    return found


def cpu_seconds(pids):
    """User and system time, ended threads and children that were waited for included."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            total += sum(map(int, file.read().rpartition(")")[2].split()[11:15]))
    return total / TICKS


def resident_kib(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return total


def ksoftirqd(processor):
    """The thread to which the kernel puts off a processor's packets; [] when it is not visible from here."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/comm") as file:
            if file.read().strip() == f"ksoftirqd/{processor}":
                return [int(pid)]
    return []


def _busy():
    """[(ticks not idle, all ticks)] of each processor since the start of the machine."""
    with open("/proc/stat") as file:
        rows = [[int(n) for n in line.split()[1:9]] for line in file if line.startswith("cpu") and line[3].isdigit()]
    return [(sum(row) - row[3] - row[4], sum(row)) for row in rows]


class Meter:
    """Of a `with`: `cpu`, the seconds that pids() used meanwhile with the packets put off on the proxy's processor; `busy`, percent."""

    def __init__(self, pids, processor):
        self._pids, self._softirq = pids, ksoftirqd(processor)

    def __enter__(self):
        self._before, self._busy_before = cpu_seconds(self._pids() + self._softirq), _busy()
        return self

    def __exit__(self, *why):
        self.cpu = cpu_seconds(self._pids() + self._softirq) - self._before
        self.busy = [100 * (now[0] - then[0]) / max(1, now[1] - then[1]) for then, now in zip(self._busy_before, _busy())][:2]
