"""Files for processes that run as nobody: a checkout below a closed home directory is copied to where everybody may look."""

import hashlib
import os
import shutil
import stat

COPIES = "/tmp/enforcer-tests/copies"


def reachable(path):
    """The path itself when every folder above it may be searched by others; else a copy that can be reached."""
    folder = os.path.realpath(path)
    while folder != "/":
        folder = os.path.dirname(folder)
        if os.path.exists(path) and not os.stat(folder).st_mode & stat.S_IXOTH:
            return _copy(path)
    return path


def _copy(path):
    digest = hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:8]
    copy = f"{COPIES}/{digest}/{os.path.basename(path)}"
    os.makedirs(os.path.dirname(copy), mode=0o755, exist_ok=True)
    if os.stat(os.path.dirname(COPIES)).st_uid != 0:
        raise RuntimeError(f"{COPIES} belongs to somebody else")
    if os.path.isdir(path):
        shutil.copytree(path, copy, dirs_exist_ok=True, copy_function=_renew)
    else:
        _renew(path, copy)
    return copy


def _renew(path, copy):
    """Another test may be using the copy, or making it."""
    if not os.path.exists(copy) or os.stat(copy).st_mtime_ns != os.stat(path).st_mtime_ns:
        fresh = f"{copy}.{os.getpid()}"
        shutil.copy2(path, fresh)
        os.replace(fresh, copy)
