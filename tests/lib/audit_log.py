"""The audit log as files: what is in it, in which order, and that any terminal can show it."""

import contextlib
import os
import re
import subprocess

from lib.daemons import ENFORCERD_UID, record_file
from lib.expect import equal


def decided(lab, **match):
    """How many decisions are on record, folded ones counted."""
    return sum(record.get("count", 1) for record in lab.enforcer.records(type="decision", **match))


def audit_files(lab):
    """The log, oldest file first."""
    names = sorted(filter(record_file, os.listdir(lab.enforcer.audit_folder)),
                   key=lambda name: -int(name.rpartition(".")[2]) if name[-1].isdigit() else 1)
    return [f"{lab.enforcer.audit_folder}/{name}" for name in names]


def audit_bytes(lab):
    data = b""
    for path in audit_files(lab):
        with open(path, "rb") as file:
            data += file.read()
    return data


def printable(data, what):
    """No control character, no octet beyond ASCII; lines apart."""
    data = data.encode(errors="surrogateescape") if isinstance(data, str) else data
    found = re.search(rb"[^\n -~]", data)
    assert not found, f"{what}: {data[max(0, found.start() - 60):found.start() + 60]!r}"


def numbered(records):
    """Each record's number is the one after the record's before."""
    numbers = [record["seq"] for record in records]
    equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "sequence numbers")


@contextlib.contextmanager
def small_filesystem(folder, size):
    """A tmpfs of this size over the folder, writable for enforcerd."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=750,uid={ENFORCERD_UID},gid={ENFORCERD_UID}", "none", folder],
                   check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


class Disk:
    """An ext4 file system of its own over the folder, writable for enforcerd: one that can freeze, break and be replaced.

    What the kernel does with a disk that goes wrong: a frozen one keeps every writer waiting (fsfreeze(8)); a broken one is
    read-only from then on (mount option errors=remount-ro, Documentation/admin-guide/ext4)."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        try:
            self._make(f"{self.folder}.disk", self.folder)
        except BaseException:
            self.__exit__()
            raise
        return self

    @staticmethod
    def _make(image, folder):
        with open(image, "wb") as file:
            file.truncate(16 * 1024 * 1024)
        owner = f"root_owner={ENFORCERD_UID}:{ENFORCERD_UID}"
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", f"lazy_itable_init=0,{owner}", image], check=True)
        Disk._mount(image, folder)
        os.chmod(folder, 0o750)

    @staticmethod
    def _mount(image, folder):
        subprocess.run(["mount", "-o", "loop,errors=remount-ro", image, folder], check=True)

    def freeze(self):
        subprocess.run(["fsfreeze", "--freeze", self.folder], check=True)

    def thaw(self):
        subprocess.run(["fsfreeze", "--unfreeze", self.folder], check=True)

    def break_down(self):
        source = subprocess.run(["findmnt", "-no", "SOURCE", self.folder], check=True, stdout=subprocess.PIPE, text=True).stdout
        with open(f"/sys/fs/ext4/{os.path.basename(source.strip())}/trigger_fs_error", "w") as file:
            file.write("1")

    def replace(self):
        """What an administrator does: the files go to a new disk, and that takes the place of the broken one."""
        image, aside = f"{self.folder}.disk2", f"{self.folder}.aside"
        os.mkdir(aside)
        self._make(image, aside)
        subprocess.run(["cp", "-a", *(f"{self.folder}/{name}" for name in os.listdir(self.folder) if name != "lost+found"),
                        aside], check=True)
        subprocess.run(["umount", aside], check=True)
        subprocess.run(["umount", "-l", self.folder], check=True)
        self._mount(image, self.folder)

    def __exit__(self, *error):
        # A process that still writes keeps a frozen one from going.
        subprocess.run(["fsfreeze", "--unfreeze", self.folder], stderr=subprocess.DEVNULL)
        subprocess.run(["umount", "-l", f"{self.folder}.aside"], stderr=subprocess.DEVNULL)
        subprocess.run(["umount", "-l", self.folder], stderr=subprocess.DEVNULL)
