"""Guests' images, built by vm-images/build with the init of the build that is tested."""

import fcntl
import os
import subprocess

from lib.lab import REPOSITORY, build_folder

KERNEL_ROOT = os.environ.get("ENFORCER_KERNEL_ROOT", "/")
SECONDS = 100  # a guard against hanging, below that of a test (lib.runner); for images that download nothing


def init():
    return f"{build_folder()}/vm-images/enforcer-init"


def command(profile, output, *more):
    """What builds output/PROFILE; more: options, of which the last counts."""
    return [f"{REPOSITORY}/vm-images/build", profile, "--output", output, "--init", init(), "--kernel-root", KERNEL_ROOT, *more]


def try_build(profile, output, *more, **options):
    """The finished process with its output; options: as for subprocess.run."""
    return subprocess.run(command(profile, output, *more), capture_output=True, text=True, timeout=SECONDS, **options)


def build(profile, output, environment=None):
    """The same, which must succeed. environment: instead of ours."""
    done = try_build(profile, output, env=environment)
    if done.returncode != 0:
        raise AssertionError(f"vm-images/build {profile}: {done.stdout}{done.stderr}")


def keep(profile, seconds=SECONDS):
    """The folder of images of the build that is tested, in which this one is as fresh as deploy/guest-image wants it. Tests that want it at
    once wait for one of them to build it."""
    output = f"{build_folder()}/images"
    os.makedirs(output, exist_ok=True)
    with open(f"{output}/{profile}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([f"{REPOSITORY}/deploy/guest-image", profile, build_folder()], capture_output=True, text=True, timeout=seconds)
    if done.returncode != 0:
        raise AssertionError(f"deploy/guest-image {profile}: {done.stdout}{done.stderr}")
    return output
