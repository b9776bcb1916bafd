"""Where an image goes: a folder in which nobody else can put anything. A build runs as root and writes by path, for minutes:
who may rename a folder on that path, or put a link there, could have it write anywhere on the host."""

import errno
import grp
import os
import pathlib
import pwd
import stat
import struct

from .step import stop


_USER, _GROUP, _MASK, _WRITE = 0x02, 0x08, 0x10, 0x02  # tags of entries that name somebody, or bound them; a right


def _trusted():
    """Who may do what we do anyway: root, ourselves, whoever became root by sudo, and whoever owns this program."""
    sudo = os.environ.get("SUDO_UID", "")
    return {0, os.geteuid(), os.stat(__file__).st_uid, *([int(sudo)] if sudo.isdecimal() else [])}


def _has_others(group, trusted):
    """Whether somebody else is in that group. One of which nothing is known has others."""
    try:
        names = set(grp.getgrgid(group).gr_mem)
    except KeyError:
        return True
    accounts = [account for account in pwd.getpwall() if account.pw_gid == group or account.pw_name in names]
    return bool(names - {account.pw_name for account in accounts}) or any(account.pw_uid not in trusted for account in accounts)


def _listed_writers(path, name, trusted):
    """Whether a POSIX ACL of that name gives somebody else the right to write (acl(5); as in linux/posix_acl_xattr.h)."""
    try:
        octets = os.getxattr(path, name, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return False
        raise
    entries = list(struct.iter_unpack("<HHI", octets[4:]))  # behind a version: tag, rights and, where one is named, who
    mask = next((rights for tag, rights, _ in entries if tag == _MASK), 7)
    for tag, rights, who in entries:
        if not rights & mask & _WRITE:
            continue
        if tag == _USER and who not in trusted or tag == _GROUP and _has_others(who, trusted):
            return True
    return False


def _fault(path, status, trusted, is_last):
    """What is wrong with a folder on the way, if anything."""
    if stat.S_ISLNK(status.st_mode):
        return f"{path} is a symbolic link: give the path that it leads to"
    if not stat.S_ISDIR(status.st_mode):
        return f"{path} is not a folder"
    if status.st_uid not in trusted:
        return f"{path} belongs to uid {status.st_uid}, who could have the image written anywhere"
    by_mode = status.st_mode & stat.S_IWOTH or status.st_mode & stat.S_IWGRP and _has_others(status.st_gid, trusted)
    listed = _listed_writers(path, "system.posix_acl_access", trusted)
    # Where it is sticky, others rename nothing of ours; but what they have put there we would find.
    if (by_mode or listed) and (is_last or not status.st_mode & stat.S_ISVTX):
        mend = "chmod go-w" if by_mode else "setfacl -b"
        return f"others may write to {path}, and could have the image written anywhere: {mend} {path}"
    if is_last and _listed_writers(path, "system.posix_acl_default", trusted):
        return f"others may write to what is made in {path}, and could change the image: setfacl -k {path}"
    return None


def require_own(output):
    """Makes the folder where it is missing. The path, absolute and without links, from which nobody but root and ourselves
    leads us astray from now on."""
    path = pathlib.Path(os.path.abspath(output))
    trusted = _trusted()
    for folder in [*reversed(path.parents), path]:
        try:
            os.mkdir(folder, 0o755)
        except FileExistsError:
            pass
        if fault := _fault(folder, os.lstat(folder), trusted, folder == path):
            stop(f"{output}: {fault}")
    return path
