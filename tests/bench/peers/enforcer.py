"""Enforcer as it is installed, with a policy of all names, the audit log and counters; only the limits are out of the way."""

import subprocess
import time

from lib import dns_client
from topology import CPU_OF_PROXY, HEADER, Topology

MANY = 10**9
LIMITS = {"connections": 60_000, "halfOpen": 60_000, "requestsPerMinute": MANY, "decisionsPerMinute": MANY, "dnsPerSecond": MANY}
NAMES_IN_A_FILE = 25_000  # of policy, which has 1 MiB at most
ASKED_AT_ONCE = 100
SETTLES_SECONDS = 3  # a credential file that has just changed is read for each request (credentials/file_source.h)


class EnforcerPeer(Topology):
    def __init__(self, test, workload, pki, **options):
        super().__init__(test, workload, pki, config={"workers": 1, "limits": LIMITS,
                                                      "originTrust": {"files": [pki.authority.certificate]}}, **options)
        if self.kind == "tls":
            binding = [{"to": ["**.bench.test"], "as": "header", "name": HEADER}]
            self.lab.credentials = {"inject": {"binding": binding, "secret": self.value}}

    def start(self):
        enforcer = self.lab.enforcer
        more = ', http: [{paths: ["/**"]}], credential: inject' if self.kind == "tls" else ""
        for number, start in enumerate(range(0, len(self.names), NAMES_IN_A_FILE)):
            names = ", ".join(self.names[start:start + NAMES_IN_A_FILE])
            enforcer.write_policy(f"apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: bench-{number}}}\n"
                                  "spec:\n  guests: {matchLabels: {lab: yes}}\n"
                                  f"  allow:\n    - {{name: names, to: [{names}]{more}}}\n", f"bench-{number}.yaml")
        enforcer.start()
        for daemon in (enforcer.hostd, enforcer.enforcerd):
            subprocess.run(["taskset", "-a", "-c", "-p", CPU_OF_PROXY, str(daemon.pid)], check=True, capture_output=True)
        guest = self.lab.attach("g1")
        self.client_netns = guest.netns
        self.write_targets(resolve_all(guest, self.used))
        if self.kind == "tls":
            time.sleep(SETTLES_SECONDS)
            self.authority = f"{self.folder}/guest-ca.pem"
            with open(self.authority, "w") as file:
                file.write(enforcer.ctl_ok("ca", "export", "g1"))

    def pids(self):
        return [self.lab.enforcer.enforcerd.pid, self.lab.enforcer.hostd.pid]

    def tally(self, decision):
        enforcer = self.lab.enforcer
        if errors := enforcer.metric("enforcer_audit_write_errors_total"):
            raise RuntimeError(f"{errors:.0f} audit records could not be written")
        if decision == "deny":  # the same denial again within a second is a count in one record
            records = sum(record.get("count", 1) for record in enforcer.records(type="decision", decision=decision))
        else:
            records = enforcer.metric("enforcer_audit_events_total")
        return {"decisions": enforcer.metric("enforcer_decisions_total", decision=decision), "audit records": records}


def resolve_all(guest, names):
    """{name: address inside the guest}, many questions at a time over one socket."""
    found, waiting, left = {}, {}, list(enumerate(names))[::-1]
    with guest.socket_towards(guest.gateway, 2, timeout=2) as udp:
        udp.connect((guest.gateway, 53))
        while left or waiting:
            while left and len(waiting) < ASKED_AT_ONCE:
                number, name = left.pop()
                waiting[number & 0xFFFF] = (number, name)
                udp.send(dns_client.query_bytes(name, "A", identifier=number & 0xFFFF))
            try:
                answer = dns_client.parse(udp.recv(4096))
            except TimeoutError:  # datagrams may be lost: all of them once more
                left += waiting.values()
                waiting = {}
                continue
            number_and_name = waiting.pop(answer.identifier, None)
            if number_and_name and not answer.addresses:
                raise RuntimeError(f"{number_and_name[1]}: {answer}")
            if number_and_name:
                found[number_and_name[1]] = answer.addresses[0]
    return {name: found[name] for name in names}
