"""A lab in which everything that a guest does is recorded, each by itself: no limit folds or refuses it."""

from lib.lab import RULE, Lab, policy

NAMES = ("ok.test", "ok.test:80", f"mitm.test {RULE}", f"mitm.test:80 {RULE}", "tcp.test:7 tcp")
EAGER = {"limits": {"dnsPerSecond": 10_000, "decisionsPerMinute": 1_000_000, "requestsPerMinute": 1_000_000}}
TOKEN = "T0PS3CR3T"


def recording_lab(*allow, config=None, **options):
    """ok.test passes through, mitm.test is intercepted, both are allowed over clear HTTP too; tcp.test:7 is plain TCP."""
    return Lab(policy(*(allow or NAMES)), config={**EAGER, **(config or {})}, **options)
