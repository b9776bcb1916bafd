"""How Enforcer grows: python3 growth.py [--out FOLDER] [connections rules guests workers]; one plot for each row.

connections  open ones (passthrough): memory of each, CPU of a new one beside them; the memory that is left when they are gone
rules        one for each name: CPU of a new connection, memory of the daemons
guests       attached namespaces: memory of each, time from `guest attach` to the first answer of its DNS, CPU of one guest's connection,
             and of both daemons while nothing happens
workers      new connections a second, and CPU of each, on both processors with the two ends

CPU of a connection is enforcerd's, user and system. Timing decides nothing; what fails is a connection that failed, and memory that stays.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile

from certificates import Certificates
from host import kernel
from plot import Panel, plot
from rig import Rig, most_connections

CONNECTIONS = (100, 1_000, 5_000, 10_000, 20_000, 50_000)
RULES = (10, 100, 1_000, 10_000, 100_000)
GUESTS = (1, 10, 100, 300, 1_000)
WORKERS = (1, 2)
TIMED_GUESTS = 10   # the last so many of each step
STAYS_AT_MOST = 2   # times the memory of before: what an allocator keeps for the next load
MACHINE = f"{os.cpu_count()} processors, kernel {kernel()}"


def connections(pki):
    most = most_connections()
    steps = [step for step in CONNECTIONS if step <= most] or [most]
    if steps[-1] < most < CONNECTIONS[-1]:
        steps.append(most)
    if steps[-1] < CONNECTIONS[-1]:
        print(f"connections: no more than {most:,} here, for a process may have no more descriptors (two for each)")
    rows = []
    with Rig("growth-connections", pki) as rig:
        rig.new_connections()
        before = rig.memory_kib()
        for step in steps:
            with rig.held(step):
                memory = rig.memory_kib()
                figures = rig.new_connections()
            after = rig.memory_kib()
            rows.append({"open": step, "CPU us": figures["cpu_us"], "MiB": memory / 1024, "KiB each": (memory - before) / step,
                         "MiB after": after / 1024})
            show("connections", rows[-1])
        print(f"connections: {before / 1024:.1f} MiB before all of them, {after / 1024:.1f} MiB after")
        if after > STAYS_AT_MOST * before:
            raise RuntimeError(f"memory stays: {before} KiB before the connections, {after} KiB after")
        rig.burst(steps[-1] // 2)  # the descriptors of those that end take their time
        print(f"connections: {rig.memory_kib() / 1024:.1f} MiB after {steps[-1] // 2:,} begun at once", end="")
        rig.new_connections()
        print(f", {rig.memory_kib() / 1024:.1f} MiB after some more")
    return rows


def rules(pki):
    rows = []
    for count in RULES:
        with Rig(f"growth-rules-{count}", pki, rules=count) as rig:
            figures = rig.new_connections()
            rows.append({"rules": count, "CPU us": figures["cpu_us"], "MiB": rig.memory_kib() / 1024})
        show("rules", rows[-1])
    return rows


def guests(pki):
    rows = []
    with Rig("growth-guests", pki) as rig:
        rig.new_connections()
        alone = rig.memory_kib()
        for step in GUESTS:
            while len(rig.lab.guests) < step:
                rig.attach_one()
            memory = rig.memory_kib()
            rows.append({"guests": step, "ms to ready": statistics.median(rig.attach_seconds[-TIMED_GUESTS:]) * 1000,
                         "CPU us": rig.new_connections()["cpu_us"], "idle %": rig.idle_cpu(), "MiB": memory / 1024})
            if step > 1:
                rows[-1]["KiB each"] = (memory - alone) / (step - 1)
            show("guests", rows[-1])
    return rows


def workers(pki):
    rows = []
    for count in WORKERS:
        with Rig(f"growth-workers-{count}", pki, workers=count) as rig:
            figures = rig.new_connections()
            rows.append({"workers": count, "a second": figures["per_second"], "CPU us": figures["cpu_us"]})
        show("workers", rows[-1])
    return rows


def show(name, row):
    print(f"{name}: " + ", ".join(f"{key} {value:,.1f}" if isinstance(value, float) else f"{key} {value:,}" for key, value in row.items()),
          flush=True)


# name: (what measures it, the title, x with its name, panels: the figure with its name)
ROWS = {
    "connections": (connections, "Open connections (passthrough)", ("open", "open connections"),
                    {"CPU us": "CPU of a new connection, µs", "MiB": "memory of the daemons, MiB"}),
    "rules": (rules, "Rules", ("rules", "rules, one for each name"),
              {"CPU us": "CPU of a new connection, µs", "MiB": "memory of the daemons, MiB"}),
    "guests": (guests, "Attached guests", ("guests", "attached guests"),
               {"CPU us": "CPU of a new connection, µs", "MiB": "memory of the daemons, MiB",
                "ms to ready": "from attach to the first answer, ms", "idle %": "CPU while nothing happens, %"}),
    "workers": (workers, "Workers", ("workers", "workers, on two processors with both ends"),
                {"a second": "new connections a second", "CPU us": "CPU of a new connection, µs"}),
}


def main(out=".", names=ROWS):
    """The plots go into the folder."""
    os.environ["ENFORCER_BUILD"] = os.path.abspath(os.environ["ENFORCER_BUILD"])
    os.makedirs(out, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pki = Certificates(folder)
        for name in names:
            measure, title, (x, x_axis), panels = ROWS[name]
            rows = measure(pki)
            plot(f"{out}/growth-{name}.svg", title, MACHINE, x_axis,
                 [Panel(panel, [(row[x], row[figure]) for row in rows if figure in row]) for figure, panel in panels.items()])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("growth: told to end"))  # whatever was made is removed
    parser = argparse.ArgumentParser(prog="growth.py", description="How Enforcer grows.")
    parser.add_argument("--out", default=".", help="the folder of the plots")
    parser.add_argument("rows", nargs="*", metavar="|".join(ROWS))
    options = parser.parse_args()
    if unknown := set(options.rows) - set(ROWS):
        parser.error(f"unknown: {sorted(unknown)}")
    try:
        main(options.out, options.rows or ROWS)
    except (RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        sys.exit(f"growth: {error}")
