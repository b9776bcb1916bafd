"""The Debian packages of a build, packed by cpack, and what dpkg's own tools say of them."""

import glob
import os
import subprocess

from lib.lab import REPOSITORY, build_folder
from lib.markdown_page import scripts, section

NAMES = ["enforcer", "enforcerctl", "enforcer-dashboards"]
RELEASE = 1


def pack(output, *definitions, environment=None, umask=0o022):
    """{name of package: its file}, of the build under test as it is. definitions: settings of cpack."""
    done = subprocess.run([f"{REPOSITORY}/deploy/debian/pack", build_folder(), output,
                           *[word for definition in definitions for word in ("-D", definition)]],
                          env={**os.environ, **(environment or {})}, umask=umask, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise AssertionError(f"cpack: {done.stdout}{done.stderr}")
    return packages_in(output)


def packages_in(folder):
    """{name of package: its file}."""
    return {name: glob.glob(f"{folder}/{name}_*.deb")[0] for name in NAMES}


def install_blocks():
    """What the README's "Install" has people run, word for word: how packages are built, and how they are installed."""
    with open(f"{REPOSITORY}/README.md", encoding="utf-8") as file:
        build, install = scripts(section(file.read(), "## Install"))
    return build, install


def field(package, name):
    return subprocess.run(["dpkg-deb", "--field", package, name], capture_output=True, text=True, check=True).stdout.strip()


def dependencies(packages):
    """Names of the packages that these depend on beside each other: of alternatives the first one."""
    entries = [entry for package in packages for entry in field(package, "Depends").split(",") if entry.strip()]
    return sorted({entry.split("|")[0].split("(")[0].strip().removesuffix(":any") for entry in entries} - set(NAMES))


def unpacked(package, folder):
    """The folder that stands for "/", with the files of the package below."""
    subprocess.run(["dpkg-deb", "--extract", package, folder], check=True, timeout=60)
    return folder
