"""The whole suite: builds what is needed, runs the six speeds and the checks, counts. Called by tests/run."""

import argparse
import concurrent.futures
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from lib import children, reachable, runner
from lib.runner import SANITIZERS

ROOT = os.path.dirname(runner.TESTS)
SPEEDS = ["check", "unit", "bpf", "fuzz", "net", "attack", "vm"]
BUILD_SECONDS = 2400
AS_INSTALLED = ["enforcerd", "enforcer-hostd", "enforcerctl", "enforcer-init", "manual", "manual_pages", "bpf_tests"]
PROGRAMS_AT_A_TIME = 2
LONGEST_PROGRAMS = ["unit_policy", "unit_credentials"]  # first, so that nothing else waits for them in the end
MACHINES_AT_A_TIME = 3  # tests of the folder vm; each QEMU takes most of a processor, and waits for much
RUN_ALONE = 3
_SUMMARY = re.compile(r"\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed")


class Suite:
    def __init__(self, options):
        self.options = options
        self.begun = time.monotonic()
        self.counts = {"pass": 0, "fail": 0, "skip": 0}
        self.failures = []
        self.verdicts = {}
        self.skipped = []  # attacks that a build with sanitizers cannot run
        self.left = set()  # what only --all runs, and would have been run
        self.logs = f"{ROOT}/build/test-logs"
        os.makedirs(self.logs, exist_ok=True)

    def say(self, text):
        elapsed = int(time.monotonic() - self.begun)
        print(f"[{elapsed // 60:2}:{elapsed % 60:02}] {text}", flush=True)

    def wants(self, speed):
        return not self.options.only or speed in self.options.only

    def selected(self, name):
        return not self.options.words or any(word in name for word in self.options.words)

    def report(self, name, outcome, seconds, output):
        """One test; `name` starts with what it ran on: "net/asan allowed_name_..."."""
        self.counts[outcome] += 1
        if outcome == "fail":
            self.failures.append(name)
            self.say(f"FAIL {name} ({seconds:.1f} s)\n{indented(output[-12000:])}")
        elif outcome == "skip":
            self.say(f"SKIP {name}: {skip_reason(output)}")
        elif self.options.verbose:
            self.say(f"ok   {name} ({seconds:.1f} s)")

    # ---- building

    def build(self, preset, targets=(), definitions=()):
        """True when the preset is built. Half of the job is the configuration, whose failures are shown in full."""
        begun = time.monotonic()
        self.say(f"building {preset} {' '.join(targets)}")
        log = f"{self.logs}/build-{preset}.log"
        with open(log, "w") as output:
            for argv in (["cmake", "--preset", preset, *definitions], ["cmake", "--build", f"build/{preset}", *targets_of(targets)]):
                if children.run(argv, BUILD_SECONDS, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT) != 0:
                    with open(log) as file:
                        text = file.read()
                    first = text.find("FAILED:")
                    self.report(f"build {preset}", "fail", time.monotonic() - begun,
                                text[first:first + 12000] if first >= 0 else text)
                    return False
        self.say(f"built {preset} in {time.monotonic() - begun:.0f} s")
        return True

    # ---- programs that contain many tests

    def doctests(self, preset, folder, prefix, env=None):
        """The doctest programs of a folder: each test case counts; lines `SKIP: why` of a test case count as skips."""
        place = f"{ROOT}/build/{preset}/tests/{folder}"
        names = [name for name in (sorted(os.listdir(place)) if os.path.isdir(place) else [])
                 if name.startswith(prefix) and os.path.isfile(f"{place}/{name}") and os.access(f"{place}/{name}", os.X_OK) and
                 self.selected(name)]
        names.sort(key=lambda name: name not in LONGEST_PROGRAMS)

        def run_one(name):
            begun = time.monotonic()
            status, output = run_to_file([f"{place}/{name}", "--no-colors"], f"{self.logs}/{folder}-{preset}-{name}.log", 300,
                                         {**SANITIZERS, **(env or {})})
            return status, output, time.monotonic() - begun
        with concurrent.futures.ThreadPoolExecutor(PROGRAMS_AT_A_TIME) as pool:
            for name, outcome in zip(names, pool.map(run_one, names)):
                self.report_doctest(f"{folder}/{preset} {name}", *outcome)

    def report_doctest(self, label, status, output, taken):
        summary = _SUMMARY.search(output)
        skips = re.findall(r"^SKIP: (.*)$", output, re.MULTILINE)
        for reason in skips:
            self.say(f"SKIP {label}: {reason}")
        passed, failed = (int(n) for n in summary.groups()) if summary else (0, 0)
        if status != 0 and failed == 0:
            failed = 1  # it crashed, hung or a sanitizer spoke
        self.counts["pass"] += passed - min(passed, len(skips))
        self.counts["skip"] += len(skips)
        self.counts["fail"] += failed
        if failed:
            self.failures.append(label)
            self.say(f"FAIL {label} ({status})\n{indented(output[-12000:])}")
        else:
            self.say(f"{label}: {passed} passed in {taken:.1f} s")

    def fuzz(self):
        """Every fuzz program: first over its corpus, a regression test of each input ever kept; then it searches for a while."""
        place = f"{ROOT}/build/asan/tests/fuzz"
        names = [n for n in sorted(os.listdir(place)) if n.endswith("_fuzz") and self.selected(n)]
        self.say(f"fuzzing: {len(names)} programs, {self.options.fuzz_seconds} s each, {PROGRAMS_AT_A_TIME} at a time")
        with concurrent.futures.ThreadPoolExecutor(PROGRAMS_AT_A_TIME) as pool:
            for name, (outcome, seconds, output, summary) in zip(names, pool.map(self.fuzz_one, names)):
                self.report(f"fuzz {name}", outcome, seconds, output)
                self.say(f"fuzz {name}: {summary}")

    def fuzz_one(self, name):
        """(outcome, seconds, output, what was done). What breaks the program is kept beside the logs."""
        begun = time.monotonic()
        corpus, log = f"{ROOT}/tests/fuzz/corpus/{name.removesuffix('_fuzz')}", f"{self.logs}/{name}.log"
        inputs = sorted(os.path.join(corpus, entry) for entry in os.listdir(corpus)) if os.path.isdir(corpus) else []
        if not inputs:
            return "fail", 0, f"no corpus in {corpus}", "no corpus"
        program, seconds = f"{ROOT}/build/asan/tests/fuzz/{name}", self.options.fuzz_seconds
        status, output = run_to_file([program, "-timeout=20", *inputs], log, 300, SANITIZERS)
        found = "not searched"
        if status == 0:
            with tempfile.TemporaryDirectory() as fresh:
                search = [program, "-timeout=20", f"-max_total_time={seconds}", f"-artifact_prefix={log}.", fresh, corpus]
                status, output = run_to_file(search, log, seconds + 300, SANITIZERS)
            runs, coverage = re.findall(r"Done (\d+) runs", output), re.findall(r"cov: (\d+)", output)
            found = f"{runs[-1] if runs else '?'} runs, coverage {coverage[-1] if coverage else '?'}"
        summary = f"{len(inputs)} inputs replayed, {found}"
        return "pass" if status == 0 else "fail", time.monotonic() - begun, output, summary

    def functions(self, folder, preset, jobs, report=None, words=()):
        """The Python tests of a folder, against the programs of a preset. What fails while others run beside it is shown and run once
        more alone: two cores under a sanitizer are sometimes too slow for three labs. That counts; more than a few failures are not
        the machine's."""
        self.say(f"{folder} tests on {preset}, {jobs} at a time")
        report = report or (lambda name, *rest: self.report(f"{folder}/{preset} {name.removeprefix('test_')}", *rest))
        build, logs, failed = f"{ROOT}/build/{preset}", f"{self.logs}/{folder}-{preset}", []

        def first(name, outcome, *rest):
            if outcome == "fail":
                failed.append((name, *rest))
            else:
                report(name, outcome, *rest)
        tests = runner.discover(folder, words or self.options.words)
        if not self.options.all:
            self.left |= {f"{test.left_to_all} ({folder}/{os.path.basename(test.path)})" for test in tests if test.left_to_all}
            tests = [test for test in tests if not test.left_to_all]
        if preset == "tsan":
            without = {os.path.basename(test.path) for test in tests if test.one_sanitizer}
            self.say(f"on asan only, for enforcerd's threads do nothing in them of their own: {', '.join(sorted(without)) or 'none'}")
            tests = [test for test in tests if not test.one_sanitizer]
        runner.run_all(tests, build, jobs, logs, first)
        for name, seconds, output in failed:
            if jobs == 1 or len(failed) > RUN_ALONE:
                report(name, "fail", seconds, output)
                continue
            self.say(f"FAILED beside others, runs once more alone: {folder}/{preset} {name} ({seconds:.1f} s)\n{indented(output[-12000:])}")
            again = runner.run_one(folder, name, build, logs)
            self.say(f"{'FAILED' if again[0] == 'fail' else 'passed'} alone: {folder}/{preset} {name}")
            report(name, *again)

    def attacks(self, folder, preset, jobs, words=()):
        """Tests of which some are rows of the catalogue of attacks, `test_ID_what_is_tried`: the worst that became of those on any build is
        kept for the table."""
        def report(name, outcome, seconds, output):
            name = name.removeprefix("test_")
            if name[0].isdigit():
                verdicts = self.verdicts.get(name, "not run"), {"pass": "closed", "skip": "not run"}.get(outcome, "OPEN")
                self.verdicts[name] = next(v for v in ("OPEN", "closed", "not run") if v in verdicts)
            if outcome == "skip":
                self.skipped.append(f"test_{name}")
            self.report(f"{folder}/{preset} {name}", outcome, seconds, output)
        self.functions(folder, preset, jobs, report, words)

    def show_verdicts(self):
        if self.verdicts:
            self.say("the catalogue of attacks:")
        for name, verdict in sorted(self.verdicts.items(), key=lambda item: (int(re.match(r"\d+", item[0]).group()), item[0])):
            number, _, what = name.partition("_")
            print(f"    {number:>4}  {verdict:7}  {what.replace('_', ' ')}", flush=True)

    # ---- the order of things: cheap first, so that a mistake is seen early

    def run(self):
        if self.wants("check"):
            self.functions("check", "asan", 2)
        asan = not self.options.only or set(self.options.only) & {"unit", "bpf", "fuzz", "net", "attack"}
        if asan and self.build("asan"):
            if self.wants("unit"):
                self.doctests("asan", "unit", "unit_", {"ASAN_OPTIONS": SANITIZERS["ASAN_OPTIONS"].replace("leaks=0", "leaks=1")})
            if self.wants("bpf"):
                self.doctests("asan", "bpf", "bpf_")
            if self.wants("fuzz"):
                self.fuzz()
            if self.wants("net"):
                self.functions("net", "asan", self.options.jobs)
            if self.wants("attack"):
                self.attacks("attack", "asan", self.options.jobs)
        if (self.wants("unit") or self.wants("net")) and not self.options.no_tsan and self.build("tsan"):
            if self.wants("unit"):
                self.doctests("tsan", "unit", "unit_")
            if self.wants("net"):
                os.environ["ENFORCER_FAMILY"] = "6"  # lib/guest.py; the round before was over IPv4
                self.functions("net", "tsan", self.options.jobs)
                del os.environ["ENFORCER_FAMILY"]
        attacks = self.wants("attack") and (self.options.all or self.skipped)
        if (self.wants("vm") or attacks) and self.build("release", AS_INSTALLED, ["-DBUILD_TESTING=ON"]):
            if attacks:
                self.attacks("attack", "release", self.options.jobs, () if self.options.all else tuple(self.skipped))
            if self.wants("vm"):
                self.attacks("vm", "release", MACHINES_AT_A_TIME)
        return self.finish()

    def finish(self):
        self.show_verdicts()
        if not self.options.all and not self.options.only:
            self.left.add("the attacks once more on the build as it is installed")
        for what in sorted(self.left):
            self.say(f"left to tests/run --all: {what}")
        self.say(f"logs in {self.logs}")
        shutil.rmtree(reachable.COPIES, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(reachable.COPIES))  # stays while it holds what failed tests left to look at
        for name in self.failures:
            print(f"failed: {name}")
        if self.counts["pass"] + self.counts["fail"] == 0:
            print("nothing was run")
            self.counts["fail"] = 1
        print("{pass} passed, {fail} failed, {skip} skipped".format(**self.counts), flush=True)
        return 1 if self.counts["fail"] or children.interrupted() else 0


def targets_of(targets):
    return ["--target", *targets] if targets else []


def indented(text):
    return "\n".join("    " + line for line in text.splitlines())


def skip_reason(output):
    found = re.findall(r"^SKIP: (.*)$", output, re.MULTILINE)
    return found[-1] if found else "no reason given"


def run_to_file(argv, log, seconds, env):
    """(exit status or what happened, output)."""
    with open(log, "w") as output:
        status = children.run(argv, seconds, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              env={**os.environ, **env})
    with open(log, errors="replace") as file:
        return status, file.read()


def main():
    parser = argparse.ArgumentParser(
        prog="tests/run", description="Installs packages, builds and runs the tests. Examples: sudo tests/run | "
        "sudo tests/run --only unit,net | sudo tests/run --only net invariant_11")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help=",".join(SPEEDS))
    parser.add_argument("--all", action="store_true",
                        help="also what takes longer, of which tests/run says what it left out")
    parser.add_argument("--jobs", type=int, default=4, help="net and attack tests at a time (default 4)")
    parser.add_argument("--fuzz-seconds", type=int, default=10, help="how long each fuzz program searches (default 10)")
    parser.add_argument("--no-tsan", action="store_true", help="leave the ThreadSanitizer round out")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each test that passes, too")
    parser.add_argument("words", nargs="*", help="run only the tests whose name contains one of these")
    options = parser.parse_args()
    if unknown := set(options.only) - set(SPEEDS):
        parser.error(f"--only knows {','.join(SPEEDS)}, not {','.join(sorted(unknown))}")
    suite = Suite(options)
    children.end_when_interrupted()
    try:
        return suite.run()
    except KeyboardInterrupt as interrupt:
        suite.say(f"interrupted by {interrupt}")
        return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
