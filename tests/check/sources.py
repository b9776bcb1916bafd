"""What the checks look at: the files of the repository, without what is built or ignored."""

import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*suffixes, under=""):
    """Paths relative to the root, tracked or new, that end with one of these."""
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard",
                             "--", under or "."], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted({f for f in listed if f.endswith(suffixes or "") and os.path.isfile(f"{ROOT}/{f}")})


def read(path):
    with open(f"{ROOT}/{path}", encoding="utf-8") as file:
        return file.read()


def scripts(interpreter):
    """Files whose first line calls this interpreter, and those with its suffix."""
    suffix = {"bash": ".sh", "python3": ".py"}[interpreter]
    found = []
    for path in files():
        if path.endswith(suffix):
            found.append(path)
        elif "." not in os.path.basename(path) or path.startswith(".ci/"):
            with open(f"{ROOT}/{path}", "rb") as file:
                first = file.readline(100)
            if first.startswith(b"#!") and interpreter.encode() in first:
                found.append(path)
    return found
