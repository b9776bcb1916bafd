"""Guests' images, built by vm-images/build with the init of the build that is tested."""

import fcntl
import hashlib
import os
import pathlib
import subprocess

from lib.lab import REPOSITORY, build_folder

KERNEL_ROOT = os.environ.get("ENFORCER_KERNEL_ROOT", "/")
SECONDS = 100  # a guard against hanging, below that of a test (lib.runner); for images that download nothing


def init():
    return f"{build_folder()}/vm-images/enforcer-init"


def command(profile, output, *more):
    """What builds output/PROFILE; more: options, of which the last counts."""
    return [f"{REPOSITORY}/vm-images/build", profile, "--output", output, "--init", init(), "--kernel-root", KERNEL_ROOT, *more]


def try_build(profile, output, *more, seconds=SECONDS, **options):
    """The finished process with its output; options: as for subprocess.run."""
    return subprocess.run(command(profile, output, *more), capture_output=True, text=True, timeout=seconds, **options)


def build(profile, output, environment=None, seconds=SECONDS):
    """The same, which must succeed. environment: instead of ours."""
    done = try_build(profile, output, seconds=seconds, env=environment)
    if done.returncode != 0:
        raise AssertionError(f"vm-images/build {profile}: {done.stdout}{done.stderr}")


def keep(profile, output, seconds=SECONDS):
    """The same, unless what is there was made of the same things. Tests that want it at once wait for one of them to build it."""
    os.makedirs(output, exist_ok=True)
    stamp = pathlib.Path(f"{output}/{profile}.made-of")
    with open(f"{output}/{profile}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made_of = _made_of()
        if not (os.path.exists(f"{output}/{profile}/image.json") and stamp.exists() and stamp.read_text() == made_of):
            print(f"building the image {profile}")
            build(profile, output, seconds=seconds)
            stamp.write_text(made_of)


def _made_of():
    """A digest of all that goes into an image but the packages, of which any will do."""
    folder, digest = pathlib.Path(f"{REPOSITORY}/vm-images"), hashlib.sha256()
    for path in [folder / "build", *sorted(folder.glob("builder/*.py")), *sorted(folder.glob("profiles/**/*")), pathlib.Path(init())]:
        if path.is_file():
            digest.update(f"{path} {path.stat().st_mode}\n".encode() + path.read_bytes())
    digest.update("".join(sorted(path.name for path in pathlib.Path(KERNEL_ROOT).glob("boot/vmlinuz-*"))).encode())
    return digest.hexdigest()
