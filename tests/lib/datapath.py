"""The datapath as root on the host finds it: the gateway namespace, a guest's link in it, and what is pinned."""

import glob
import json
import os
import re
import subprocess

from lib.netns import Netns


def gateway(lab):
    """The namespace that holds the other ends of the guests' links: where a frame that passed would be."""
    return Netns(os.path.basename(lab.enforcer.gateway_path))


def far_end(lab, guest):
    """The name of the gateway's end of a guest's link: both ends have the same address but for the first octet."""
    own = guest.netns.run(["ip", "-o", "link", "show", "dev", "eth0"]).stdout
    rest = re.search(r"link/ether 02(\S+)", own).group(1)
    shown = gateway(lab).run(["ip", "-o", "link", "show"]).stdout
    return next(line.split(": ")[1].split("@")[0] for line in shown.splitlines() if f"link/ether 06{rest}" in line)


def pins(lab):
    """The folder of the pinned maps and links."""
    return glob.glob(f"{lab.enforcer.bpffs}/abi-*")[0]


def slot_of(lab, guest):
    """The guest's number, which names its link in the gateway namespace."""
    return int(far_end(lab, guest)[1:])


def shown(*argv):
    """What bpftool shows, as data."""
    return json.loads(subprocess.run(["bpftool", "-j", *argv], check=True, capture_output=True, text=True, timeout=30).stdout)
