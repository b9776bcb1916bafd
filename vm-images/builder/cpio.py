"""An initramfs: a tree of files as one cpio archive. Entries are sorted, times and owners are zero, so the same files give
the same bytes.

It is not compressed: under TCG decompressing takes longer than reading (vm-images/README.md has numbers).
"""

import os
import stat


class Tree:
    """Path without leading slash -> (mode, content, device number)."""

    def __init__(self):
        self.entries = {}

    def folder(self, path):
        if path and path not in self.entries:
            self.folder(os.path.dirname(path))
            self.entries[path] = (stat.S_IFDIR | 0o755, b"", 0)

    def file(self, path, content, mode=0o644):
        path = path.lstrip("/")
        self.folder(os.path.dirname(path))
        self.entries[path] = (stat.S_IFREG | mode, content, 0)

    def link(self, path, target):
        self.folder(os.path.dirname(path))
        self.entries[path] = (stat.S_IFLNK | 0o777, target.encode(), 0)

    def device(self, path, major, minor):
        self.folder(os.path.dirname(path))
        self.entries[path] = (stat.S_IFCHR | 0o600, b"", (major, minor))

    def cpio(self):
        """The "newc" format of Documentation/driver-api/early-userspace/buffer-format.rst."""
        out = bytearray()
        entries = sorted(self.entries.items()) + [("TRAILER!!!", (0, b"", 0))]
        for inode, (path, (mode, content, device)) in enumerate(entries, start=1):
            major, minor = device or (0, 0)
            name = path.encode() + b"\0"
            fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name), 0)
            out += b"070701" + b"".join(b"%08x" % field for field in fields) + name
            out += b"\0" * (-len(out) % 4)
            out += content
            out += b"\0" * (-len(out) % 4)
        return bytes(out)
