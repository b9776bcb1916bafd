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
