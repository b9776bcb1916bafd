"""Network namespaces, links between them, and sockets inside them.

A namespace is named, so that a run that was killed can be cleaned up by the next one: every name is derived from the
test's name (see lab.py) and removing is idempotent.
"""

import contextlib
import ctypes
import os
import socket
import subprocess

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def ip_batch(commands, namespace=None, force=False):
    """Runs one `ip` command per line in one process."""
    argv = ["ip"] + (["-n", namespace] if namespace else []) + (["-force"] if force else []) + ["-batch", "-"]
    done = subprocess.run(argv, input="\n".join(commands) + "\n", text=True, capture_output=True, timeout=30)
    if done.returncode != 0 and not force:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}\n" + "\n".join(commands))


class Netns:
    """A network namespace under /run/netns."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"

    def create(self):
        self.remove()
        subprocess.run(["ip", "netns", "add", self.name], check=True, timeout=30)
        self.ip("link set lo up")
        return self

    def remove(self):
        if os.path.exists(self.path):
            # The kernel takes its time over a namespace that had thousands of connections.
            subprocess.run(["ip", "netns", "del", self.name], check=False, timeout=180, capture_output=True)

    def ip(self, *commands):
        ip_batch(commands, self.name)

    def command(self, argv):
        """argv, wrapped so that it runs in this namespace; the process keeps its pid through the wrapping."""
        return ["nsenter", f"--net={self.path}", *argv]

    def run(self, argv, timeout=30, **options):
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        return subprocess.run(self.command(argv), timeout=timeout, **options)

    def entered(self):
        return entered(self.path)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        with self.entered():
            return socket.socket(family, kind, protocol)


@contextlib.contextmanager
def entered(path):
    """This thread is inside the namespace meanwhile. What is opened there stays there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(there)
        yield
    finally:
        _setns(home)
        os.close(home)
        os.close(there)


def _setns(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def connect_namespaces(one, other, interface_one, interface_other):
    """A veth between two namespaces, both ends up."""
    ip_batch([f"link add {interface_one} netns {one.name} type veth peer name {interface_other} netns {other.name}"])
    one.ip(f"link set {interface_one} up")
    other.ip(f"link set {interface_other} up")
