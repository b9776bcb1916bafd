"""A lab whose guests are real: QEMU microVMs booted by the daemons, used through `enforcerctl run`."""

import json

from lib import images
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.reachable import reachable

BOOT_SECONDS = 120  # of a loaded machine under TCG; an idle one takes three


def vm_lab(*allow, credentials=None, **config):
    """A lab without attached guests that can boot the image `mini`. credentials: as for Lab."""
    return Lab(policy=policy(*allow) if allow else "", guests=(), credentials=credentials,
               config={"images": {"roots": [reachable(images.keep("mini"))]}, **config})


def run(lab, *arguments, **options):
    labels = () if "--guest" in arguments else ("-l", "lab=yes")
    return lab.enforcer.ctl("run", *labels, *arguments, timeout=BOOT_SECONDS, **options)


def create(lab, name):
    lab.enforcer.ctl_ok("guest", "create", name, "-l", "lab=yes", timeout=BOOT_SECONDS)
    return wait_for(lambda: (guest := shown(lab, name)) and guest["state"] == "running" and guest, BOOT_SECONDS, f"{name} to run")


def shown(lab, name):
    """What `guest list` says about this guest; None when it is not there."""
    guests = json.loads(lab.enforcer.ctl_ok("-o", "json", "guest", "list"))["guests"]
    return next((g for g in guests if g["name"] == name), None)
