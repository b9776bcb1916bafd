"""Guests' images, built by vm-images/build with the init of the build that is tested."""

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
