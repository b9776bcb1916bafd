"""clang-tidy, by the .clang-tidy of the repository, on the folders that every other folder leans on and that are cheap to read.

The rest would take longer than all other tests together: run it by hand, `clang-tidy-19 -p build/asan FILE`.
"""

import concurrent.futures
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from sources import ROOT, files  # noqa: E402

from lib.runner import hang_guard  # noqa: E402

FOLDERS = ["base", "tls"]


@hang_guard(600)
def test_clang_tidy_is_silent():
    sources = [path for folder in FOLDERS for path in files(".cc", under=f"userspace/{folder}")]

    def tidy(path):
        return subprocess.run(["clang-tidy-19", "--quiet", path, "--", "-std=c++23", "-Iuserspace"], cwd=ROOT,
                              capture_output=True, text=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [done.stdout for done in pool.map(tidy, sources) if done.returncode != 0]
    assert not complaints, "\n".join(complaints)
