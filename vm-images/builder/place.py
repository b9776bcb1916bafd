"""Where an image goes: a folder in which nobody else can put anything. A build runs as root and writes by path, for minutes:
who may rename a folder on that path, or put a link there, could have it write anywhere on the host."""

import grp
import os
import pathlib
import pwd
import stat

from .step import stop


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


def _fault(path, status, trusted, is_last):
    """What is wrong with a folder on the way, if anything."""
    if stat.S_ISLNK(status.st_mode):
        return f"{path} is a symbolic link: give the path that it leads to"
    if not stat.S_ISDIR(status.st_mode):
        return f"{path} is not a folder"
    if status.st_uid not in trusted:
        return f"{path} belongs to uid {status.st_uid}, who could have the image written anywhere"
    writable = status.st_mode & stat.S_IWOTH or status.st_mode & stat.S_IWGRP and _has_others(status.st_gid, trusted)
    # Where it is sticky, others rename nothing of ours; but what they have put there we would find.
    if writable and (is_last or not status.st_mode & stat.S_ISVTX):
        return f"others may write to {path}, and could have the image written anywhere: chmod go-w {path}"
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
