"""HTTPS servers of the world that are programs (https_program.py), and a client that no enforcer stands before."""

import json
import os
import sys

from lib.guest import PRIVATE_ETC, CurlReply, Guest
from lib.processes import wait_for
from lib.world import DNS_IPV4


class HttpsPeer:
    """PROGRAM of this folder at the address of its names, which the world's DNS is made to lead there. spec: what else it is told."""

    def __init__(self, lab, program, names, address, **spec):
        self.world, stem = lab.world, f"{lab.folder}/{program}"
        self.log, self._faults = f"{stem}.jsonl", f"{stem}.faults"
        certificates = {name: lab.world.authority.issue([name])[:2] for name in names}
        with open(f"{stem}.json", "w") as file:
            json.dump({"address": address, "port": 443, "certificates": certificates, "log": self.log, "faults": self._faults,
                       **spec}, file)
        process = lab.world.start_process([sys.executable, "-m", f"lib.{program}", f"{stem}.json"], f"{program}.log")
        for name in names:
            if lab.world.records.get(name) != [address]:
                lab.world.set_addresses(name, [address])

        def serves():
            assert process.alive(), process.output()
            return self.events(event="ready")
        wait_for(serves, 30, program)

    def events(self, **match):
        """What it noted: events(event="request", host="vault.test")."""
        if not os.path.exists(self.log):
            return []
        with open(self.log) as file:
            found = [json.loads(line) for line in file if line.endswith("\n")]
        return [e for e in found if all(e.get(key) == value for key, value in match.items())]

    def break_with(self, *faults):
        """From now on; none: it serves again. Each {"path", "host", "delay", "status", "body"}."""
        with open(f"{self._faults}.new", "w") as file:
            json.dump(faults, file)
        os.rename(f"{self._faults}.new", self._faults)


class Outsider(Guest):
    """In the world itself, with its DNS and its authority. What a server refuses here, it refuses by itself: the control of tests
    in which Enforcer made it accept."""

    def __init__(self, lab):
        self.netns, self.folder, self.name, self.name_server = lab.world.netns, lab.folder, "outsider", DNS_IPV4
        self.processes = []
        self.trust(lab.world.authority)
        for name, text in (("outsider.resolv", f"nameserver {DNS_IPV4}\n"), ("outsider.nsswitch", "hosts: dns\npasswd: files\n")):
            with open(f"{lab.folder}/{name}", "w") as file:
                file.write(text)

    def command(self, argv):
        return self.netns.command(["unshare", "-m", "sh", "-c", PRIVATE_ETC, "sh", f"{self.folder}/outsider.resolv",
                                   f"{self.folder}/outsider.nsswitch", *argv])

    def trust_enforcer(self):
        """There is none here."""
        return self

    def curl(self, url, *options, timeout=20) -> CurlReply:
        return super().curl(url, "-4", *options, timeout=timeout)
