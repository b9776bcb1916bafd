"""The image `agent` with a root file system of what is installed on this machine instead of Debian packages: busybox, git and
what init needs. It is made in seconds, and to hostd and init it is any other image with a root."""

import os
import shutil
import subprocess
import tempfile

from lib import images
from lib.expect import Skip

PROGRAMS = ["/usr/bin/git", "/usr/sbin/mkfs.ext4"]
FOLDERS = ["proc", "sys", "dev", "run", "tmp", "root", "home", "etc/skel", "bin", "sbin", "usr/bin", "usr/sbin", "usr/lib/python3",
           "lib", "lib64", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "opt"]
# The builder asks for the newest of Python's sources and for the packages that are installed.
TEXTS = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", "usr/lib/python3/none.py": "",
         "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
         "var/lib/dpkg/status": "Package: busybox\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody\n"
                                "Description: the one that is here\n"}


def libraries(program):
    """What a program is linked with, its loader included."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]


def _fill(root):
    for folder in FOLDERS:
        os.makedirs(f"{root}/{folder}")
    for name, text in TEXTS.items():
        with open(f"{root}/{name}", "w") as file:
            file.write(text)
    os.chmod(f"{root}/tmp", 0o1777)
    busybox = shutil.which("busybox")
    shutil.copy(busybox, f"{root}/bin/busybox")
    for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            os.symlink("busybox", f"{root}/bin/{applet}")
    for program in PROGRAMS:
        real = os.path.realpath(program)
        shutil.copy(real, f"{root}{program}")
        for library in libraries(real):
            os.makedirs(os.path.dirname(root + library), exist_ok=True)
            shutil.copy(library, root + library)
    os.symlink("../usr/sbin/mkfs.ext4", f"{root}/sbin/mkfs.ext4")
    os.symlink("../bin/busybox", f"{root}/usr/bin/env")


def build_small_agent(output):
    """Makes output/agent with the builder of images itself, whose mmdebstrap is a copy of these files."""
    missing = [p for p in [*PROGRAMS, "mkfs.erofs", "busybox"] if not shutil.which(p)]
    if missing:
        raise Skip(f"{', '.join(missing)} missing: deploy/install-packages image image-root")
    with tempfile.TemporaryDirectory() as work:
        _fill(f"{work}/root")
        os.mkdir(f"{work}/bin")
        with open(f"{work}/bin/mmdebstrap", "w") as file:
            # Its last two arguments are the folder to fill and where sources.list comes from.
            file.write(f'#!/bin/sh\ncat >/dev/null\nfor last; do root=$before; before=$last; done\ncp -a {work}/root/. "$root"\n')
        os.chmod(f"{work}/bin/mmdebstrap", 0o755)
        images.build("agent", output, {**os.environ, "PATH": f"{work}/bin:{os.environ['PATH']}"})
