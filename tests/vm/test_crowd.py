"""Many microVMs at once. No time counts."""

import json
import os
import re

from lib.crowd import Crowd
from lib.expect import equal
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.vm_lab import vm_lab

ALONE = "twenty machines take all processors"

GUESTS = [f"crowd-{number}" for number in range(20)]
MEMORY_MIB = 128
KERNEL_KEEPS_MIB = 48  # of a guest's memory, for itself, before it counts


def machines(lab):
    """{name: hostd's record of its machine}."""
    folder = f"{lab.enforcer.state_dir}/hostd"
    found = {}
    for name in os.listdir(folder):
        if name.startswith("guest-") and name.endswith(".json"):
            with open(f"{folder}/{name}") as file:
                record = json.load(file)
            found[record["name"]] = record["machine"]
    return found


def links(lab):
    """Names of the interfaces in the gateway's namespace."""
    return sorted(line.split(": ")[1] for line in lab.enforcer.host.run(
        ["nsenter", f"--net={lab.enforcer.gateway_path}", "ip", "-o", "link"]).stdout.splitlines())


@hang_guard(400)
def test_twenty_guests_at_once_have_their_own_memory_answers_and_records_and_leave_nothing():
    """Each asks for something of its own that is allowed, and for a name of its own that is not."""
    with vm_lab("ok.test:443") as lab:
        alone = links(lab)
        script = ("hostname; grep MemTotal /proc/meminfo; number=$(hostname | tr -dc 0-9); "
                  "curl -sSk https://ok.test/bytes/$((1000 + number)) | wc -c; curl -sk https://$(hostname).other.test/; echo $?")
        with Crowd(lab, GUESTS, script, "--memory", str(MEMORY_MIB)) as crowd:
            for number, name in enumerate(GUESTS):
                said = crowd.output(name).split("\n")
                equal((said[0], said[2:]), (name, [str(1000 + number), "6", ""]), f"{name}: its name, its octets, curl's status")
                memory = int(re.search(r"\d+", said[1]).group()) / 1024
                assert MEMORY_MIB - KERNEL_KEEPS_MIB < memory < MEMORY_MIB, f"{name}: {memory} MiB"
            made = machines(lab)
            equal(sorted(made), sorted(GUESTS), "guests that run at once")
            equal(len({machine["pid"] for machine in made.values()}), len(GUESTS), "QEMUs")
            listed = json.loads(lab.enforcer.ctl_ok("-o", "json", "guest", "list"))["guests"]
            equal({guest["state"] for guest in listed}, {"running"}, "states")
            equal(len({guest["ipv4"] for guest in listed}), len(GUESTS), "addresses")
            for machine in made.values():
                with open(f"/proc/{machine['pid']}/cmdline", "rb") as file:
                    assert f"\0-m\0{MEMORY_MIB}M\0".encode() in file.read(), machine
            for number, name in enumerate(GUESTS):
                equal([r["host"] for r in lab.enforcer.records(type="decision", decision="allow", layer="tls", guest=name)], ["ok.test"],
                      f"{name}: what is allowed")
                denied = {r["host"] for r in lab.enforcer.records(type="decision", decision="deny", guest=name)}
                equal(denied, {f"{name}.other.test"}, f"{name}: what is denied")
                equal(len(lab.world.events(event="request", target=f"/bytes/{1000 + number}")), 1, f"{name}: requests at the origin")
            equal(len(links(lab)), len(alone) + len(GUESTS), "interfaces of the gateway")
            statuses = crowd.end()
        equal(statuses, dict.fromkeys(GUESTS, 0), "exit statuses")
        wait_for(lambda: not machines(lab), 60, "hostd to forget the guests")
        wait_for(lambda: not any(os.path.exists(f"/proc/{machine['pid']}") for machine in made.values()), 60, "every QEMU to end")
        wait_for(lambda: not any(os.path.exists(c) for machine in made.values() for c in machine["cgroups"]), 60, "their cgroups to go")
        wait_for(lambda: links(lab) == alone, 60, "their interfaces to go")
        equal(os.listdir(f"{lab.enforcer.run_dir}/guests"), [], "folders of guests")
        equal(json.loads(lab.enforcer.ctl_ok("-o", "json", "guest", "list"))["guests"], [], "guests left")
