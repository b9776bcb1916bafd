"""Reproducible: whoever builds a commit, as the README says and in whatever folder, gets the same packages."""

import hashlib
import os
import shutil
import subprocess

from lib.expect import equal
from lib.lab import REPOSITORY, work_folder
from lib.packages import NAMES, install_blocks, pack, packages_in
from lib.runner import hang_guard

LEFT_TO_ALL = "everything compiled again in another folder, to see that packages are the same bytes"
SAME_TIME = {"SOURCE_DATE_EPOCH": "1700000000"}  # a copy without git does not know when its commit was made


def copy_of_sources(folder):
    listed = subprocess.run(["git", "-c", f"safe.directory={REPOSITORY}", "ls-files", "--cached", "--others", "--exclude-standard"],
                            cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines()
    for path in listed:
        if os.path.isfile(f"{REPOSITORY}/{path}"):
            os.makedirs(os.path.dirname(f"{folder}/{path}"), exist_ok=True)
            shutil.copy(f"{REPOSITORY}/{path}", f"{folder}/{path}")


def build_as_the_readme_says(folder):
    build, _ = install_blocks()
    # Without the cache every file really is compiled again, and not everybody has one.
    done = subprocess.run(["sh", "-exc", build], cwd=folder, env={**os.environ, "CCACHE_DISABLE": "1", **SAME_TIME}, capture_output=True, text=True,
                          timeout=6600)
    equal(done.returncode, 0, (done.stdout + done.stderr)[-4000:])


def digests(packages):
    found = {}
    for name in NAMES:
        with open(packages[name], "rb") as file:
            found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


@hang_guard(7200)
def test_second_build_in_another_folder_gives_the_same_packages():
    with work_folder() as folder:
        clone = f"{folder}/elsewhere/with/a/longer/path"
        copy_of_sources(clone)
        build_as_the_readme_says(clone)
        equal(digests(packages_in(f"{clone}/build/packages")), digests(pack(f"{folder}/one", environment=SAME_TIME)))
