"""Programs that npm has and Debian has not. Each is installed once, in one version, into the build folder."""

import fcntl
import json
import os
import shutil
import subprocess

from lib.expect import Skip
from lib.runner import TESTS

INSTALL_SECONDS = 600


def installed(name, version, also=None):
    """The folder of the package, after it has been installed where it is missing. `also`: versions of what it depends on."""
    folder = f"{os.path.dirname(TESTS)}/build/npm-{name}-{version}"
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(folder):
            fresh = f"{folder}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            os.makedirs(fresh)
            with open(f"{fresh}/package.json", "w") as file:
                json.dump({"private": True, "dependencies": {name: version, **(also or {})}}, file)
            argv = ["npm", "install", "--prefix", fresh, "--no-audit", "--no-fund", "--ignore-scripts"]
            try:
                subprocess.run(argv, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS, cwd=fresh)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                raise Skip(f"{name} is not there, and npm cannot install it: {str(error.stderr).strip()[-400:]}") from None
            os.rename(fresh, folder)
    return f"{folder}/node_modules/{name}"
