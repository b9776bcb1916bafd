"""The image's folder: made aside, and put in place in one step. Whoever looks meanwhile sees the old image or the new one,
and a build that fails or is interrupted leaves the old one as it was."""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import tempfile

from .step import stop

AT_FDCWD, RENAME_EXCHANGE = -100, 2


@contextlib.contextmanager
def work_folder(output, name):
    """A folder beside the image, gone at the end. It is locked, so that a later build can tell one that is in use from what
    a build that was killed has left. `output`: of require_own()."""
    with _opened(output) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # until ours is made and locked
        for left in output.glob(f".{name}.*.new"):
            if left.is_symlink():
                stop(f"{left} is a symbolic link, which no build has made: remove it")
            with _opened(left) as other:
                if _lock(other):
                    shutil.rmtree(left)
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".new", dir=output))
        mine = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        _lock(mine)
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(mine)


@contextlib.contextmanager
def _opened(folder):
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def describe(folder, description):
    """Writes image.json: what the image is, and what each of its files must be."""
    files = {}
    for path in sorted(folder.iterdir()):
        path.chmod(0o644)
        with open(path, "rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        files[path.name] = {"size": path.stat().st_size, "sha256": digest.hexdigest()}
    text = json.dumps({**description, "files": files}, indent=2) + "\n"
    (folder / "image.json").write_text(text)
    (folder / "image.json").chmod(0o644)
    return files


def put_in_place(folder, target):
    """`folder` becomes `target`; what was `target` becomes `folder`, which its maker removes. A signal waits: half of this
    would be an image that is gone."""
    if target.is_symlink():
        stop(f"{target} is a symbolic link: remove it, and build again")
    everything = signal.valid_signals()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, everything)
    try:
        if not target.exists():
            folder.rename(target)
            folder.mkdir()  # for its maker to remove
        elif ctypes.CDLL(None, use_errno=True).renameat2(AT_FDCWD, bytes(folder), AT_FDCWD, bytes(target), RENAME_EXCHANGE) != 0:
            stop(f"cannot replace {target}: {os.strerror(ctypes.get_errno())}")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def require_space(output, mebibytes):
    free = shutil.disk_usage(output).free >> 20
    if free < mebibytes:
        stop(f"{output}: {free} MiB are free, and this build needs {mebibytes} MiB")
