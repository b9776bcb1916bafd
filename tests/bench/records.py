"""What a record takes: octets of the audit log for a connection, a request and a denial, each done many times by one guest.

Names and rules are of usual length; a record grows with them, with the guest's labels and with the path of a request. Denials of the same
text within a second are one record with a count, so that each has a name of its own here. As root; the build is ENFORCER_BUILD.
"""

import os
import signal
import sys

from lib.expect import refused_at_once
from lib.lab import RULE, Lab, policy
from lib.processes import wait_for

TIMES = 40
ALLOWED = policy("ok.test", f"mitm.test {RULE}")


def log_of(lab):
    with open(lab.enforcer.audit_path, "rb") as file:
        return file.read()


def measured(lab, what, act, expected):
    """act(number) is done TIMES times; expected: how many records each of them makes."""
    before, had = log_of(lab), len(lab.enforcer.records())
    for number in range(TIMES):
        act(number)
    wait_for(lambda: len(lab.enforcer.records()) >= had + expected * TIMES, what=f"the records of {what}")
    grown = log_of(lab)[len(before):]
    records = grown.count(b"\n")
    if records != expected * TIMES:
        raise RuntimeError(f"{what}: {records} records for {TIMES} times, not {expected} each")
    print(f"records: {what}: {len(grown) / TIMES:.0f} octets in {expected} of them", flush=True)


def fetch(guest, url):
    status = guest.curl(url).status
    if status != 200:
        raise RuntimeError(f"{url}: {status}")


def main():
    os.environ["ENFORCER_BUILD"] = os.path.abspath(os.environ["ENFORCER_BUILD"])
    os.environ["ENFORCER_TEST"] = "bench-records"
    with Lab(ALLOWED) as lab:
        guest = lab.guest
        measured(lab, "a connection passed through", lambda _: fetch(guest, "https://ok.test/"), 2)
        guest.trust_enforcer()
        measured(lab, "a connection intercepted, with one request", lambda _: fetch(guest, "https://mitm.test/v1/items"), 2)
        measured(lab, "a name denied", lambda number: guest.query(f"host-{number}.example.com"), 1)
        measured(lab, "an address denied", lambda number: refused_at_once(guest, f"93.184.216.{100 + number}", 443), 1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("records: told to end"))  # whatever was made is removed
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"records: {error}")
