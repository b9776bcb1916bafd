"""sslsplit: intercepts and makes certificates, and no more: no list of names, no header (the client says it), the origin is not verified."""

from peers.redirected import PORT, RedirectedPeer


class SslsplitPeer(RedirectedPeer):
    NEEDS = ["/usr/bin/sslsplit"]
    CANNOT = {workload: "intercepts only" for workload in ("W1", "W2", "W2k", "W2k100", "W5p", "W6")} | {"W3h2": "no HTTP/2"}
    ADDS_HEADER = False
    KEY_SHARES = "P-256:X25519"  # another first share costs it a round trip

    def command(self):
        return ["sslsplit", "-k", self.pki.authority_key, "-c", self.authority, "-K", self.pki.key, "-u", "root",
                "ssl", "0.0.0.0", str(PORT), "netfilter"]

    def __exit__(self, *why):
        if self.proxy:
            self.proxy.stop()  # it passes SIGTERM on to its second process, which would outlive a killed one
        super().__exit__(*why)
