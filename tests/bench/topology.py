"""What is around every peer: a lab without daemons, and a world whose DNS knows the names and whose origins have the ends' processor."""

import os
import shutil

import origins
from lib.lab import Lab, names_of
from lib.processes import Process, wait_for
from lib.world import DNS_IPV4

ADDRESSES = [f"93.184.216.{number}" for number in range(80, 96)]
CPU_OF_PROXY, CPU_OF_ENDS = "0", "1"
HEADER, VALUE = "X-Inject", "value-that-only-the-proxy-knows"
SETTINGS = ["net.ipv4.tcp_congestion_control=reno",  # the machine's default may pace with timers, which costs a third on a veth
            "net.ipv4.ip_local_port_range=1024 65535"]
DENIED = "not-on-the-list.test"
TTL_SECONDS = 3600  # a name is asked for once, not again while the figures are taken


class Topology:
    """A proxy with a client's namespace on one side and the origins' on the other; the sides are filled in by the peers."""

    NEEDS = []       # files without which it cannot run
    CANNOT = {}      # workload: why it has no figures there
    ADDS_HEADER = True
    KEY_SHARES = ""  # the client's, where a proxy does not take the usual one
    FILES = 20_000   # descriptors of a process: the hard limit of a usual machine

    def __init__(self, test, workload, pki, value=VALUE, **lab):
        """value: what the proxy puts into the header; the origin wants VALUE."""
        self.kind, self.pki, self.value, self.workload = workload.kind, pki, value, workload
        self.names = [f"h{number}.bench.test" for number in range(workload.listed)]
        self.used = self.names[::max(1, workload.listed // workload.used)][:workload.used]
        self.addresses = {name: ADDRESSES[number % len(ADDRESSES)] for number, name in enumerate(self.names)}
        self.build = os.environ["ENFORCER_BUILD"]
        self.lab = Lab(test=test, start=False, **lab)
        self.folder = names_of(test, self.build)[1]
        self.authority = pki.authority.certificate
        self.targets, self.denied_targets = f"{self.folder}/targets", f"{self.folder}/denied"

    @classmethod
    def missing(cls):
        return [path for path in cls.NEEDS if not os.path.exists(path)]

    def __enter__(self):
        self.lab.__enter__()
        try:
            self._start_world()
            self.start()
            self.client_netns.run(["sysctl", "-q", "-w", *SETTINGS], check=True)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *why):
        try:
            self.lab.__exit__(*why)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)  # also after a failure, of which the logs were shown

    def _start_world(self):
        """In place of the lab's own DNS and origins, and without the witness, which would copy every packet."""
        world = self.lab.world
        world.witness.close()
        for process in world.processes:
            process.kill()
        world.netns.ip(*[f"addr add {address}/24 dev to-host" for address in ADDRESSES])
        for namespace in (world.netns, self.lab.host):
            namespace.run(["sysctl", "-q", "-w", *SETTINGS], check=True)
        self.hosts = f"{self.folder}/bench-hosts"
        with open(self.hosts, "w") as file:
            file.writelines(f"{address} {name}\n" for name, address in self.addresses.items())
        dns = self.start_end("dns", ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--no-resolv",
                                     "--no-hosts", "--local=/test/", f"--addn-hosts={self.hosts}", f"--local-ttl={TTL_SECONDS}",
                                     f"--listen-address={DNS_IPV4}", "--bind-interfaces", "--log-facility=-", "--no-ping"])
        wait_for(lambda: f"read {self.hosts}" in dns.output(), what="dnsmasq to read its names")
        if self.kind == "raw":
            return origins.start_raw(self)
        own = self.used if self.workload.own_certificates else []
        self.pki.issue_each(own)
        origins.start_tls(self, HEADER, VALUE, {name: self.pki.of(name) for name in own},
                          self.workload.origin)

    def start_end(self, name, argv):
        return self.run_in(self.lab.world.netns, CPU_OF_ENDS, name, argv)

    def run_in(self, namespace, processor, name, argv, env=None):
        """A process that ends with the topology."""
        process = Process(["taskset", "-c", processor, *argv], f"{self.folder}/{name}.log", namespace, env=env)
        self.lab.world.processes.append(process)
        return process

    def connections_of_the_origin(self):
        """How many it has accepted so far."""
        with open(f"/proc/{self.origin_pid()}/net/snmp") as file:
            names, values = [line.split() for line in file if line.startswith("Tcp:")]
        return int(values[names.index("PassiveOpens")])

    def origin_pid(self):
        return next(p.pid for p in self.lab.world.processes if p.log.endswith("/origin.log"))

    def write_targets(self, addresses):
        """addresses: {name: address that the client connects to}."""
        with open(self.targets, "w") as file:
            file.writelines(f"{address} {name}\n" for name, address in addresses.items())
        with open(self.denied_targets, "w") as file:
            file.writelines(f"{address} {DENIED}\n" for address in addresses.values())

    # What a peer fills in.

    def start(self):
        """Starts the proxy; sets client_netns and writes the targets."""
        raise NotImplementedError

    def pids(self):
        """Every process of the proxy."""
        raise NotImplementedError

    def tally(self, decision):
        """How many times the proxy decided so ("allow" or "deny"), by its own counters; {} when it has none."""
        return {}
