"""The bench itself, briefly and with Enforcer alone: its checks hold, and do not for a proxy that does its work wrongly. No figure counts."""

import argparse
import os
import sys
import tempfile

from lib.expect import Skip, equal
from lib.lab import REPOSITORY
from lib.runner import hang_guard

sys.path.insert(0, f"{REPOSITORY}/tests/bench")
import tables  # noqa: E402
from bench import Bench  # noqa: E402
from certificates import Certificates  # noqa: E402
from peers.enforcer import EnforcerPeer  # noqa: E402

ONE_SANITIZER = "measure Enforcer beside a peer"


class WrongHeader(EnforcerPeer):
    def __init__(self, *arguments):
        super().__init__(*arguments, value="another-value")


def run(peer, *workloads):
    """One short round."""
    if os.cpu_count() < 2:
        raise Skip("the bench needs two processors")
    options = argparse.Namespace(rounds=1, seconds=0.3, workloads=workloads)
    with tempfile.TemporaryDirectory(prefix="enforcer-bench-") as folder:
        bench = Bench(options, {"enforcer": peer}, Certificates(folder), os.environ["ENFORCER_TEST"])
        bench.run()
    return bench


@hang_guard(300)
def test_bench_of_enforcer_alone_is_without_fault():
    bench = run(EnforcerPeer, "W2", "W3", "W3h2", "W6")
    equal(bench.failures, [])
    for workload in bench.results:
        (figures,) = bench.results[workload]["enforcer"]
        assert figures.values and all(value >= 0 for value in figures.values.values()), figures
        assert "\n| enforcer | " in bench.show(tables.markdown), bench.show(tables.markdown)


@hang_guard(300)
def test_bench_fails_when_the_header_has_a_wrong_value():
    bench = run(WrongHeader, "W3", "W3h2")
    for workload in ("W3", "W3h2"):
        assert any(workload in failure and "403" in failure for failure in bench.failures), bench.failures
