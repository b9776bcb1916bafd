"""A root file system of Debian, made by the builder of images from this machine's mirrors."""

import pathlib
import shutil
import sys

from lib.expect import Skip
from lib.lab import REPOSITORY

sys.path.insert(0, f"{REPOSITORY}/vm-images")
from builder import debian  # noqa: E402

# A whole Debian, with what images leave out (manuals, licences): packages are tested in it.
DPKG_OPTIONS = ["force-unsafe-io"]


def make_root(folder, packages):
    """Makes folder/root with the smallest system and these packages, and says where it is. Skips where this machine lacks the programs or
    a mirror; an installation that fails is a failure."""
    missing = [program for program in ("mmdebstrap", "unshare", "setpriv") if not shutil.which(program)]
    if missing:
        raise Skip(f"{', '.join(missing)} missing: deploy/install-packages image-root")
    try:
        debian.sources()
    except SystemExit as stopped:
        raise Skip(str(stopped)) from None
    root = pathlib.Path(f"{folder}/root")
    root.mkdir(parents=True)
    try:
        debian.make_root(root, packages, pathlib.Path(f"{folder}/root.log"), DPKG_OPTIONS)
    except SystemExit as stopped:
        raise AssertionError(str(stopped)) from None
    return root
