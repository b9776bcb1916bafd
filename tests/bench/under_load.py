"""What goes on beside the load of a guest: policies that are loaded again, and records that are written.

reload  new connections, 64 at once, while the policy is written anew and loaded again, over and over, and other connections stay open:
        none of them may fail or be closed, and every reload must be in force
audit   records a second that the daemon writes for allowed connections and for denials, every one for another name: none may be missing
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

from accounting import cpu_seconds
from certificates import Certificates
from lib.control import generation
from rig import AT_ONCE, SECONDS, Rig, finished

RULES = 10_000
HELD = 500
RELOAD_SECONDS = 10
DENIED_NAMES = 100_000  # more than there are denials in a second: the same twice within one is one record


def reload(pki):
    with Rig("load-reload", pki, rules=RULES) as rig, rig.held(HELD):
        quiet = rig.new_connections()
        first, taken = generation(rig.lab), []
        client = rig.client("new", AT_ONCE, RELOAD_SECONDS, "reload.log")
        while client.alive():
            rig.write_rules("other" if len(taken) % 2 == 0 else "allow")
            begun = time.monotonic()
            rig.lab.enforcer.ctl_ok("reload")
            taken.append(time.monotonic() - begun)
        loaded = finished(client)
        if (now := generation(rig.lab)) != first + len(taken):
            raise RuntimeError(f"{len(taken)} reloads, but generation {first} became {now}")
        if (active := rig.lab.enforcer.metric("enforcer_connections_active")) != HELD:
            raise RuntimeError(f"{HELD} connections were open, now {active:.0f} are")
    print(f"\nreload: {len(taken)} times {RULES:,} rules in {RELOAD_SECONDS} s, {max(taken) * 1000:.0f} ms at most; "
          f"{loaded['operations']:,} connections meanwhile, none failed, and none of {HELD} open ones was closed\n"
          f"        latency of a connection p50 {loaded['p50']} us, p99 {loaded['p99']} us; "
          f"without reloads p50 {quiet['p50']} us, p99 {quiet['p99']} us", flush=True)


def audit(pki):
    with Rig("load-audit", pki) as rig:
        with open(rig.targets) as file:
            addresses = [line.split()[0] for line in file]
        with open(rig.denied_targets, "w") as file:
            file.writelines(f"{addresses[number % len(addresses)]} d{number}.denied.test\n" for number in range(DENIED_NAMES))
        print()
        for mode, what, records_each in (("new", "allowed connections", 2), ("deny", "denials", 1)):
            targets = rig.targets if mode == "new" else rig.denied_targets
            finished(rig.client(mode, AT_ONCE, 1, f"audit-warm-{mode}.log", targets))
            before, cpu = written(rig), cpu_seconds(rig.pids())
            figures = finished(rig.client(mode, AT_ONCE, SECONDS, f"audit-{mode}.log", targets))
            cpu, records = cpu_seconds(rig.pids()) - cpu, written(rig) - before
            if records < records_each * figures["operations"]:
                raise RuntimeError(f"{figures['operations']} {what}, but {records} records")
            print(f"audit: {records / figures['seconds']:,.0f} records a second, for {figures['operations'] / figures['seconds']:,.0f} "
                  f"{what} a second at {cpu * 1e6 / figures['operations']:.0f} us of CPU each", flush=True)
        numbers = [record["seq"] for record in rig.lab.enforcer.records()]
        if numbers != list(range(1, len(numbers) + 1)):
            raise RuntimeError(f"the log has gaps: {len(numbers)} records, the last is {numbers[-1]}")


def written(rig):
    """Records so far; a record that could not be written is an error."""
    if errors := rig.lab.enforcer.metric("enforcer_audit_write_errors_total"):
        raise RuntimeError(f"{errors:.0f} audit records could not be written")
    return int(rig.lab.enforcer.metric("enforcer_audit_events_total"))


def main():
    os.environ["ENFORCER_BUILD"] = os.path.abspath(os.environ["ENFORCER_BUILD"])
    with tempfile.TemporaryDirectory() as folder:
        pki = Certificates(folder)
        reload(pki)
        audit(pki)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("under_load: told to end"))  # whatever was made is removed
    try:
        main()
    except (RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        sys.exit(f"under_load: {error}")
