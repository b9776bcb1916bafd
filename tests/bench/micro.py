"""What one packet, one decision and one record cost, without daemons; whatever is answered wrong fails.

datapath  nanoseconds of the BPF programs for each packet (datapath.cc says how)
decide    nanoseconds of a decision, and what it takes to load and compile the rules (decide.cc)
audit     nanoseconds of a record of the audit log, and how many a second (audit.cc)
"""

import json
import os
import subprocess
import sys
import tempfile

RULES = (10, 1_000, 100_000)
RECORDS = 300_000


def _lines(program, *arguments):
    """The JSON lines that a program prints."""
    argv = [f"{os.environ['ENFORCER_BUILD']}/tests/bench/{program}", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{program}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def datapath():
    rows = _lines("bench_datapath")
    print(f"\n{'BPF, ns for each packet':<36}{'in a row':>10}{'alone':>10}{'live':>10}")
    for row in rows:
        print(f"{row['packet']:<36}" + "".join(f"{row.get(column, '-'):>10}" for column in ("in_a_row_ns", "alone_ns", "live_ns")))
    return rows


def decide():
    rows = [_lines("bench_decide", rules)[0] for rules in RULES]
    print(f"\n{'decide(), ns':<14}{'exact':>10}{'wildcard':>10}{'miss':>10}{'load ms':>12}{'compile ms':>12}{'peak MiB':>10}")
    for row in rows:
        print(f"{row['rules']:>7} rules " + "".join(f"{row[column]:>10}" for column in ("exact_ns", "wildcard_ns", "miss_ns")) +
              f"{row['load_ms']:>12}{row['compile_ms']:>12}{row['peak_mib']:>10}")
    return rows


def audit():
    with tempfile.TemporaryDirectory() as folder:
        rows = _lines("bench_audit", folder, RECORDS)
    print(f"\n{'audit, records of one write':<30}{'a second':>10}{'CPU ns':>10}{'bytes':>10}")
    for row in rows:
        print(f"{row['together']:<30}{row['records_per_second']:>10}{row['cpu_ns']:>10}{row['bytes']:>10}")
    return rows


def main():
    datapath()
    decide()
    audit()
    return 0


if __name__ == "__main__":
    sys.exit(main())
