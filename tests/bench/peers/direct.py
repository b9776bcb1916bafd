"""No proxy: the host's kernel forwards, and the client itself says the header."""

from peers.redirected import RedirectedPeer


class DirectPeer(RedirectedPeer):
    CANNOT = {"W5p": "no proxy", "W5i": "no proxy", "W6": "no proxy"}
    ADDS_HEADER = False
    RULES = ""

    def start_proxy(self):
        self.lab.host.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"], check=True)
        self.lab.world.netns.ip("route add 100.64.9.0/24 via 93.184.216.1")

    def pids(self):
        return []
