"""Our own relay that does nothing but look the name up and splice, behind TPROXY, as Enforcer is: without connection tracking."""

from peers.redirected import PORT, RedirectedPeer

TPROXY = """table ip bench {{
 chain pre {{
  type filter hook prerouting priority -150
  iifname "to-client" tcp dport 443 tproxy to :{port} meta mark set 1 accept
 }}
}}
"""


class FloorPeer(RedirectedPeer):
    CANNOT = {workload: "passes through only" for workload in ("W3", "W3h2", "W4", "W5i")}
    RULES = TPROXY

    def command(self):
        self.lab.host.ip("rule add fwmark 1 lookup 100", "route add local default dev lo table 100")
        return [f"{self.build}/tests/bench/bench_floor", str(PORT), self.name_file]
