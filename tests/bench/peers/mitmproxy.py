"""mitmproxy in transparent mode: the list and the header are an addon of a few lines (mitmproxy_addon.py), certificates are made."""

import os

from peers.redirected import PORT, RedirectedPeer
from topology import HEADER


class MitmproxyPeer(RedirectedPeer):
    NEEDS = ["/usr/bin/mitmdump"]

    def command(self):
        home = f"{self.folder}/mitmproxy"
        os.makedirs(home)
        os.symlink(self.pki.authority_both, f"{home}/mitmproxy-ca.pem")
        return ["mitmdump", "--mode", "transparent", "--listen-port", str(PORT), "-q", "--set", f"confdir={home}", "--set", "flow_detail=0",
                "--set", "connection_strategy=lazy", "--set", f"ssl_verify_upstream_trusted_ca={self.authority}",
                "-s", f"{os.path.dirname(os.path.abspath(__file__))}/mitmproxy_addon.py"]

    def environment(self):
        return {"BENCH_NAMES": self.name_file, "BENCH_KIND": self.kind, "BENCH_HEADER": HEADER, "BENCH_VALUE": self.value,
                "PYTHONDONTWRITEBYTECODE": "1"}
