"""What the peers have in common: the client's connections are led to a proxy on the host, which has port 8443."""

from accounting import family
from lib.netns import Netns, connect_namespaces
from lib.processes import wait_for
from topology import CPU_OF_PROXY, Topology

PORT = 8443
REDIRECT = """table ip bench {{
 chain pre {{
  type nat hook prerouting priority -100
  iifname "to-client" tcp dport 443 redirect to :{port}
 }}
}}
"""
START_SECONDS = 30


class RedirectedPeer(Topology):
    RULES = REDIRECT
    proxy = None

    def start(self):
        self.client_netns = Netns(f"{self.lab.prefix}-client").create()
        self.lab.guests["client"] = _Removable(self.client_netns)
        connect_namespaces(self.client_netns, self.lab.host, "eth0", "to-client")
        self.client_netns.ip("addr add 100.64.9.2/24 dev eth0", "route add default via 100.64.9.1")
        self.lab.host.ip("addr add 100.64.9.1/24 dev to-client")
        self.lab.host.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"], check=True)  # nothing slips past a proxy unnoticed
        self.lab.host.run(["nft", "-f", "-"], check=True, input=self.RULES.format(port=PORT))
        self.write_targets({name: self.addresses[name] for name in self.used})
        self.start_proxy()

    def start_proxy(self):
        self.name_file = self.write("names", "".join(f"{name}\n" for name in self.names))
        self.proxy = self.run_in(self.lab.host, CPU_OF_PROXY, "proxy", self.command(), self.environment())

        def listens():
            if not self.proxy.alive():
                raise RuntimeError(f"the proxy ended:\n{self.proxy.output()[-2000:]}")
            with self.lab.host.socket() as probe:
                return probe.connect_ex(("127.0.0.1", PORT)) == 0
        wait_for(listens, START_SECONDS, "the proxy to listen")

    def write(self, name, text):
        path = f"{self.folder}/{name}"
        with open(path, "w") as file:
            file.write(text)
        return path

    def pids(self):
        return family(self.proxy.pid)

    def command(self):
        """Writes the configuration; what starts the proxy in the foreground."""
        raise NotImplementedError

    def environment(self):
        return {}


class _Removable:
    def __init__(self, netns):
        self.netns = netns

    def remove(self):
        self.netns.remove()
