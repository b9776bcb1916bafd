"""The world of a test: a namespace behind the "host" with a real DNS server and real origins on global-looking addresses.

The addresses matter: Enforcer refuses every destination that is not globally routable, so a world made of documentation
ranges would make every negative test pass for the wrong reason.
"""

import contextlib
import json
import os
import signal
import sys

from lib.certificates import shared_authority
from lib.netns import Netns, connect_namespaces
from lib.processes import Process, wait_for
from lib.witness import Witness

HOST_IPV4, HOST_IPV6 = "93.184.216.1", "2600:9000::1"
DNS_IPV4 = "93.184.216.53"

# Every name of the world with its addresses. What a policy allows is up to the test: that a name exists here, and is
# served, is what makes a refusal the enforcer's own.
RECORDS = {
    "ok.test": ["93.184.216.34", "2600:9000::34"],
    "other.test": ["93.184.216.35", "2600:9000::35"],
    "tcp.test": ["93.184.216.36"],
    "a.wild.test": ["93.184.216.37"],
    "b.a.wild.test": ["93.184.216.37"],
    "cdn.test": ["93.184.216.38"],
    "hidden.test": ["93.184.216.38"],
    "six.test": ["2600:9000::34"],
    "garbage.test": ["93.184.216.39"],
    "private.test": ["10.0.0.1"],
    "loopback.test": ["127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "mapped.test": ["::ffff:10.0.0.1"],
    "mixed.test": ["93.184.216.34", "10.0.0.1"],
    "host.test": [HOST_IPV4],
    "nowhere.test": ["93.184.216.99"],
    "mitm.test": ["93.184.216.40"],
    "cred.test": ["93.184.216.41"],
    "evil.test": ["93.184.216.42"],
    # The world of the incident: an agent reads costs, and its plan is to delete an environment.
    "ce.us-east-1.amazonaws.com": ["93.184.216.50"],
    "cloudformation.us-east-1.amazonaws.com": ["93.184.216.51"],
    "api.model.test": ["93.184.216.52"],
    "control.test": ["93.184.216.54"],
    # Behind servers of their own, which a test starts where it needs them (nginx_server.py, ssh_server.py).
    "web.test": ["93.184.216.55", "2600:9000::55"],
    "git.test": ["93.184.216.56"],
    "npm.test": ["93.184.216.57"],
    "apt.test": ["93.184.216.58"],
    "ssh.test": ["93.184.216.59"],
    "registry.test": ["93.184.216.66"],
    "h2.test": ["93.184.216.70"],
    "second.h2.test": ["93.184.216.70"],
    "h1.test": ["93.184.216.71"],
    "grpc.test": ["93.184.216.72"],
    "ws.test": ["93.184.216.73"],
    # AWS, what mints tokens, and what sends back what it is sent (aws_server.py, token_server.py, echo_server.py).
    "s3.us-east-1.amazonaws.com": ["93.184.216.64"],
    "lab-bucket.s3.us-east-1.amazonaws.com": ["93.184.216.64"],
    "sts.us-east-1.amazonaws.com": ["93.184.216.64"],
    "cloudformation.eu-west-1.amazonaws.com": ["93.184.216.64"],
    "login.test": ["93.184.216.65"],
    "service.test": ["93.184.216.65"],
    "api.github.test": ["93.184.216.65"],
    "vault.test": ["93.184.216.65"],
    "echo.test": ["93.184.216.62"],
}
TLS_NAMES = ["ok.test", "other.test", "a.wild.test", "b.a.wild.test", "cdn.test", "hidden.test", "six.test", "mitm.test",
             "cred.test", "evil.test", "ce.us-east-1.amazonaws.com", "cloudformation.us-east-1.amazonaws.com",
             "api.model.test", "control.test"]


# What only an origin and Enforcer know: the value of every test's credential.
SECRET = "S3CR3T-CANARY-0123456789abcdef"
TOKEN_NAMES = ["cred.test", "ce.us-east-1.amazonaws.com", "cloudformation.us-east-1.amazonaws.com"]


class World:
    def __init__(self, host, folder, prefix):
        self.host = host
        self.folder = folder
        self.netns = Netns(f"{prefix}-world")
        self.processes = []
        self.records = {name: list(addresses) for name, addresses in RECORDS.items()}
        self.fingerprints = {}

    def start(self, watch=None):
        """watch: a file whose content the origins note when the first byte of a connection arrives."""
        self.netns.create()
        connect_namespaces(self.netns, self.host, "to-host", "to-world")
        addresses = {DNS_IPV4} | {a for name in RECORDS for a in self.records[name]
                                  if a.startswith(("93.184.216.", "2600:9000::"))}
        addresses -= {HOST_IPV4, "93.184.216.99"}
        self.netns.ip(*[f"addr add {a}/{'64 nodad' if ':' in a else '24'} dev to-host" for a in sorted(addresses)])
        self.host.ip(f"addr add {HOST_IPV4}/24 dev to-world", f"addr add {HOST_IPV6}/64 dev to-world nodad",
                     "route add default via 93.184.216.53")
        self.witness = Witness(self.netns, "to-host")
        self.authority = shared_authority(f"{self.folder}/pki")
        self._start_dns()
        self._start_origins(watch)

    def _start_dns(self):
        self._hosts = f"{self.folder}/hosts"
        self._write_hosts()
        self.dns = self.start_process(["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root",
                                       "--no-resolv", "--no-hosts", "--local=/test/", f"--addn-hosts={self._hosts}",
                                       f"--listen-address={DNS_IPV4}", "--bind-interfaces", "--log-queries",
                                       "--log-facility=-", "--no-ping", "--cache-size=0"], "dns.log")
        wait_for(lambda: "read " in self.dns.output(), what="dnsmasq to read its names")

    def _start_origins(self, watch):
        certificates = {}
        for name in TLS_NAMES:
            chain, key, self.fingerprints[name] = self.authority.leaf(name)
            certificates[name] = [chain, key]
        listeners = []
        for address in sorted({a for name in TLS_NAMES for a in self.records[name]}):
            mine = {n: c for n, c in certificates.items() if address in self.records[n]}
            token = SECRET if set(mine) & set(TOKEN_NAMES) else None
            listeners.append({"address": address, "port": 443, "kind": "http", "certificates": mine, "token": token})
            listeners.append({"address": address, "port": 80, "kind": "http"})
        listeners.append({"address": "93.184.216.34", "port": 8443, "kind": "http",
                          "certificates": {"ok.test": certificates["ok.test"]}})
        for port, kind in ((7, "echo"), (25, "banner"), (9, "mute"), (13, "digest")):
            listeners.append({"address": "93.184.216.36", "port": port, "kind": kind})
        listeners.append({"address": "93.184.216.39", "port": 443, "kind": "garbage"})
        self.start_origin("origins", listeners, watch=watch)

    def start_origin(self, name, listeners, namespace=None, watch=None):
        """A further origin; namespace: the world unless said otherwise (a canary runs in the host's)."""
        spec, log = f"{self.folder}/{name}.json", f"{self.folder}/{name}.jsonl"
        with open(spec, "w") as file:
            json.dump({"log": log, "watch": watch, "listeners": listeners}, file)
        program = os.path.join(os.path.dirname(__file__), "origin.py")
        process = self.start_process([sys.executable, program, spec], f"{name}.log", namespace)

        def ready():
            if not process.alive():
                raise AssertionError(f"origin {name} ended:\n{process.output()}")
            return any(e["event"] == "ready" for e in self.events(name))
        wait_for(ready, what=f"origin {name}")
        return process

    def start_process(self, argv, log, namespace=None):
        """A server of the world, which ends with it."""
        process = Process(argv, f"{self.folder}/{log}", namespace or self.netns)
        self.processes.append(process)
        return process

    def wait_for_program(self, process, port, target, status, seconds):
        """Until it answers so on the loopback of the world."""
        def answers():
            assert process.alive(), process.output()
            with contextlib.suppress(OSError), self.netns.socket() as client:
                client.settimeout(seconds / 3)
                client.connect(("127.0.0.1", port))
                client.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                return f" {status} ".encode() in client.recv(100)
            return False
        wait_for(answers, seconds, f"{target} of port {port} to be answered with {status}")

    def _write_hosts(self):
        with open(self._hosts, "w") as file:
            for name, addresses in self.records.items():
                file.writelines(f"{address} {name}\n" for address in addresses)

    def set_addresses(self, name, addresses):
        """What the world's DNS says from now on."""
        self.records[name] = list(addresses)
        self._write_hosts()
        before = self.dns.output().count("read ")
        self.dns.signal(signal.SIGHUP)
        wait_for(lambda: self.dns.output().count("read ") > before, what="dnsmasq to read its names again")

    def dns_queries(self):
        """Names asked of the world's DNS so far."""
        return [line.split("] ", 1)[1].split(" ")[0] if "] " in line else line
                for line in self.dns.output().splitlines() if "query[" in line]

    def events(self, origin="origins", **match):
        """What an origin noted: events(event="request", host="ok.test")."""
        log = f"{self.folder}/{origin}.jsonl"
        if not os.path.exists(log):
            return []
        with open(log) as file:
            found = [json.loads(line) for line in file if line.endswith("\n")]
        return [e for e in found if all(e.get(key) == value for key, value in match.items())]

    def connections(self, place, port=443):
        """Connections accepted at this address, or at any address of this name."""
        return [e for address in self.records.get(place, [place])
                for e in self.events(event="connect", listener=f"{address}:{port}")]

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
        if hasattr(self, "witness"):
            self.witness.close()
        self.netns.remove()
