"""The proxies that are measured: Enforcer, and a tuned haproxy, each with a client's namespace on one side and the origin's on
the other. Both get the same list of names, and both look at the ClientHello before anything is dialled.

haproxy is what transparent SNI filtering looks like without Enforcer: connections are redirected to it, it dials the original
destination, and splices.
"""

import os
import subprocess

from lib.lab import Lab, names_of
from lib.netns import Netns, connect_namespaces
from lib.processes import Process, wait_for

ADDRESS = "93.184.216.80"
NAMES = [f"h{number}.bench.test" for number in range(100)]
RENO = "net.ipv4.tcp_congestion_control=reno"  # the machine's default may pace with timers, which costs a third on a veth
PORTS = "net.ipv4.ip_local_port_range=1024 65535"
CPU_OF_PROXY, CPU_OF_ENDS = "0", "1"


class Peer:
    def __init__(self, test):
        rules = ", ".join(NAMES)
        policy = ("apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: bench}\nspec:\n  guests: {matchLabels: {lab: yes}}\n"
                  f"  allow:\n    - {{name: names, to: [{rules}]}}\n")
        many = 10**9
        self.lab = Lab(policy, guests=("g1",), test=test, start=False, config={
            "workers": 1, "limits": {"connections": 20000, "halfOpen": 20000, "requestsPerMinute": many,
                                     "decisionsPerMinute": many, "dnsPerSecond": 100000}})
        self.folder = names_of(test, os.environ["ENFORCER_BUILD"])[1]
        self.targets, self.denied_targets = f"{self.folder}/targets", f"{self.folder}/denied"

    def __enter__(self):
        self.lab.__enter__()
        try:
            world = self.lab.world
            world.netns.ip(f"addr add {ADDRESS}/24 dev to-host")
            for name in NAMES:
                world.records[name] = [ADDRESS]
            world.set_addresses(NAMES[0], [ADDRESS])
            for namespace in (world.netns, self.lab.host):
                namespace.run(["sysctl", "-q", "-w", RENO, PORTS], check=True)
            self.origin = Process(["taskset", "-c", CPU_OF_ENDS, f"{os.environ['ENFORCER_BUILD']}/tests/bench/bench_origin",
                                   ADDRESS, "443"], f"{self.folder}/bench_origin.log", world.netns)
            world.processes.append(self.origin)
            wait_for(lambda: "ready" in self.origin.output(), what="the origin")
            self.start()
            self.client_netns.run(["sysctl", "-q", "-w", RENO, PORTS], check=True)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *why):
        self.lab.__exit__(*why)

    def write_targets(self, addresses):
        """addresses: {name: address that the client connects to}."""
        with open(self.targets, "w") as file:
            file.writelines(f"{address} {name}\n" for name, address in addresses.items())
        with open(self.denied_targets, "w") as file:
            file.writelines(f"{address} not-on-the-list.test\n" for address in addresses.values())


class EnforcerPeer(Peer):
    def start(self):
        enforcer = self.lab.enforcer
        enforcer.start()
        guest = self.lab.attach("g1")
        self.client_netns = guest.netns
        subprocess.run(["taskset", "-a", "-c", "-p", CPU_OF_PROXY, str(enforcer.enforcerd.pid)], check=True, capture_output=True)
        self.write_targets({name: guest.resolve(name) for name in NAMES})

    def pids(self):
        return [self.lab.enforcer.enforcerd.pid]


class HaproxyPeer(Peer):
    CONFIG = """global
  maxconn 6000
  nbthread 1
  tune.pipesize 1048576
defaults
  mode tcp
  option splice-request
  option splice-response
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind 0.0.0.0:8443
  tcp-request inspect-delay 5s
  tcp-request content accept if {{ req.ssl_sni -m str -f {names} }}
  tcp-request content reject if WAIT_END or {{ req.ssl_hello_type 1 }}
  default_backend out
backend out
  server original 0.0.0.0:0
"""

    def start(self):
        self.client_netns = Netns(f"{self.lab.prefix}-client").create()
        self.lab.guests["client"] = _Removable(self.client_netns)
        connect_namespaces(self.client_netns, self.lab.host, "eth0", "to-client")
        self.client_netns.ip("addr add 100.64.9.2/24 dev eth0", "route add default via 100.64.9.1")
        self.lab.host.ip("addr add 100.64.9.1/24 dev to-client")
        self.lab.host.run(["nft", "-f", "-"], check=True, input="table ip bench {\n chain pre {\n  type nat hook prerouting priority -100\n"
                          '  iifname "to-client" tcp dport 443 redirect to :8443\n }\n}\n')
        with open(f"{self.folder}/names", "w") as file:
            file.writelines(f"{name}\n" for name in NAMES)
        with open(f"{self.folder}/haproxy.cfg", "w") as file:
            file.write(self.CONFIG.format(names=f"{self.folder}/names"))
        self.proxy = Process(["taskset", "-c", CPU_OF_PROXY, "haproxy", "-db", "-f", f"{self.folder}/haproxy.cfg"],
                             f"{self.folder}/haproxy.log", self.lab.host)
        self.lab.world.processes.append(self.proxy)
        self.write_targets({name: ADDRESS for name in NAMES})
        wait_for(lambda: self.lab.host.socket().connect_ex(("127.0.0.1", 8443)) == 0, what="haproxy to listen")

    def pids(self):
        return [self.proxy.pid]


class _Removable:
    def __init__(self, netns):
        self.netns = netns

    def remove(self):
        self.netns.remove()


PEERS = {"enforcer": EnforcerPeer, "haproxy": HaproxyPeer}
