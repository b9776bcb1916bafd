"""hostd alone on a bench, for a test in enforcerd's place; and guests that wait, for an image that takes an hour to check."""

import json
import os
import shutil

from lib.daemons import Enforcer
from lib.lab import build_folder, names_of
from lib.netns import Netns
from lib.processes import wait_for


class Bench:
    """hostd in a namespace of its own, and guests' namespaces; all of it gone at the end."""

    def __enter__(self):
        prefix, self.folder = names_of(os.environ["ENFORCER_TEST"], build_folder())
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.prefix = prefix
        self.host = Netns(f"{prefix}-host")
        self.enforcer = Enforcer(build_folder(), self.host, self.folder, prefix)
        self.enforcer.write_config()
        self.enforcer.teardown()
        self.host.create()
        self.guests = []
        self.socket_path = f"{self.enforcer.run_dir}/hostd.sock"
        return self

    def start(self):
        """hostd, until it serves: the socket of a killed one may still be there."""
        self.enforcer.start_hostd()
        wait_for(lambda: self.enforcer.hostd.output().count(" is up (") == self.starts() + 1, 20, "hostd to be up")
        self._starts = self.starts() + 1
        return self

    def starts(self):
        return getattr(self, "_starts", 0)

    def namespace(self, name):
        made = Netns(f"{self.prefix}-{name}").create()
        self.guests.append(made)
        return made

    def gateway(self):
        return Netns(os.path.basename(self.enforcer.gateway_path))

    def __exit__(self, kind, error, trace):
        try:
            if kind is not None and self.enforcer.hostd:
                print(f"---- hostd.log\n{self.enforcer.hostd.output()}")
            reports = self.enforcer.crash_reports()
            assert not reports, "\n".join(reports)
        finally:
            for guest in self.guests:
                guest.remove()
            self.enforcer.teardown()
            self.host.remove()


def image_that_takes_long_to_check(folder):
    """An image with a kernel of 4 TiB, all of it a hole, which hostd hashes for an hour; the folder that it is in."""
    os.makedirs(f"{folder}/images/huge")
    sizes = {"vmlinuz": 4 << 40, "initramfs": 1}
    for name, size in sizes.items():
        with open(f"{folder}/images/huge/{name}", "wb") as file:
            file.truncate(size)
    files = {name: {"size": size, "sha256": "0" * 64} for name, size in sizes.items()}
    with open(f"{folder}/images/huge/image.json", "w") as file:
        json.dump({"profile": "huge", "kernel_version": "6.1", "memory_mib": 64, "files": files}, file)
    return f"{folder}/images"


def ask_waiting(link, number, name):
    """Asks for a guest of that image, without waiting for the answer; number: of the request."""
    link.send(type="create_guest", request=number, name=name, labels={}, owner=0, owner_group=0, image="huge", memory_mib=0, cpus=1,
              disk_mib=64, workspaces=[], ephemeral=False)


def refusal(link):
    """The next answer: (number of the request, code of its error)."""
    reply = link.until("reply")[0]
    return reply["request"], reply["error"]["code"]
