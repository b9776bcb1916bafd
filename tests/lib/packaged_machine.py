"""A clean Debian with the network of a lab, whose daemons run as the units of installed packages say. Where they need systemd to do
something, the test does it; what maintainer scripts ask of systemd is noted."""

import contextlib
import json
import os

from lib import images
from lib.clean_root import CleanRoot
from lib.expect import equal
from lib.lab import Lab, policy
from lib.packages import dependencies
from lib.processes import wait_for
from lib.service_unit import ServiceUnit
from lib.vm_lab import BOOT_SECONDS
from lib.world import DNS_IPV4

DAEMONS = ("enforcer-hostd", "enforcerd")
CALLS = "/root/systemctl.log"
SYSTEMCTL = f"""#!/bin/sh
# Stands for a systemd that runs: agrees to everything, and notes what it was asked. What needs none is systemctl's own work.
case "$*" in --root=*) exec /usr/bin/systemctl "$@" ;; esac
echo "$*" >>{CALLS}
"""


class PackagedMachine:
    def __init__(self, root, lab):
        self.root, self.lab, self.daemons = root, lab, {}
        self.images = f"{lab.folder}/images"

    def configure(self):
        """What an administrator writes first. Returns the text of enforcer.yaml."""
        with open(self.root.path("/etc/enforcer/enforcer.yaml")) as file:
            text = file.read()
        for default, ours in (("servers: []", f"servers: ['{DNS_IPV4}']"), ("files: []", f"files: [{self.lab.folder}/pki/ca.pem]"),
                              ("accelerator: auto ", "accelerator: tcg "),
                              ("roots: [/var/lib/enforcer/images]", f"roots: [{self.images}]")):
            equal(text.count(default), 1, default)
            text = text.replace(default, ours)
        self.root.write("/etc/enforcer/enforcer.yaml", text)
        self.root.write("/etc/enforcer/policies/lab.yaml", policy("ok.test"))
        return text

    def start(self):
        for name in DAEMONS:
            self._start(name, f"/usr/lib/systemd/system/{name}.service")
        wait_for(self._serves, 40, "the daemons to serve")

    def _start(self, name, path):
        unit = ServiceUnit(self.root.path(path))
        uid, writable = "0", ""
        if user := unit.value("User"):
            uid = self.root.run_ok("id", "-u", user).strip()
            equal(self.root.run_ok("id", "-g", user).strip(), uid, "the number of its group")
        if logs := unit.value("LogsDirectory"):
            writable = f"/var/log/{logs}"
            self.root.run_ok("install", "-d", "-o", uid, "-g", uid, "-m", unit.value("LogsDirectoryMode"), writable)
        if before := unit.value("ExecStartPre"):
            # As systemd runs it: in a mount namespace of its own. What stands for the host's first process is the root's.
            words = before.removeprefix("+").replace("/proc/1/", f"/proc/{self.root.holder.pid}/").split()
            self.root.run_ok("unshare", "--mount", "--propagation", "slave", *words)
        self.daemons[name] = self.root.start(["python3", "-m", "lib.as_service", path, writable, uid, "",
                                              *unit.value("ExecStart").split()], f"{name}.log")

    def _serves(self):
        for process in self.daemons.values():
            assert process.alive(), process.output()
        return self.lab.enforcer.ready() and json.loads(self.root.run_ok("enforcerctl", "-o", "json", "status"))["hostd"]["connected"]

    def stop(self):
        """As systemd stops the units: nothing but the daemons themselves (KillMode=process)."""
        for name in reversed(DAEMONS):
            equal(self.daemons[name].stop(20), 0, self.daemons[name].output())
        self.daemons = {}

    def programs(self):
        """The files that the daemons run, as the kernel names them: with " (deleted)" once they were replaced."""
        return [os.readlink(f"/proc/{self.daemons[name].pid}/exe") for name in DAEMONS]

    def asked_of_systemd(self):
        """What maintainer scripts had systemd do since the last call."""
        with open(self.root.path(CALLS), "r+") as file:
            calls = file.read().splitlines()
            file.truncate(0)
        return calls

    def attach(self):
        """The guest g1, a namespace."""
        guest = self.lab.guests["g1"]
        self.root.run_ok("enforcerctl", "guest", "attach", "g1", "--netns", guest.netns.path, "--label=lab=yes")
        guest.learn_addresses()
        return guest

    def boot(self, name):
        """A microVM; the pid of its QEMU."""
        self.root.run_ok("enforcerctl", "guest", "create", name, "--image", "mini", "--label=lab=yes", timeout=BOOT_SECONDS)
        return self.qemu(name)

    def qemu(self, name):
        folder = self.root.path("/var/lib/enforcer/default/hostd")
        for record in os.listdir(folder):
            if record.endswith(".json"):
                with open(f"{folder}/{record}") as file:
                    read = json.load(file)
                if read["name"] == name:
                    return read["machine"]["pid"]
        raise AssertionError(f"no record of {name}")


@contextlib.contextmanager
def packaged_machine(packages):
    """With what the packages depend on, but not with them. Its systemd is a double that is not "running" yet (boot_systemd)."""
    with Lab(start=False, guests=()) as lab:
        lab.bare_guest("g1")
        images.build("mini", f"{lab.folder}/images")
        with CleanRoot(lab.folder, dependencies(packages), lab.host, [lab.guests["g1"].netns.path, f"{lab.folder}/images",
                                                                      f"{lab.folder}/pki"]) as root:
            root.write("/usr/local/bin/systemctl", SYSTEMCTL, 0o755)
            root.write(CALLS, "")
            machine = PackagedMachine(root, lab)
            try:
                yield machine
            finally:
                for process in machine.daemons.values():
                    process.kill()
                root.run("enforcer-hostd", "--teardown")


def boot_systemd(machine):
    """From now on maintainer scripts see a systemd that runs."""
    os.makedirs(machine.root.path("/run/systemd/system"))
