"""A corporate proxy in the world: Debian's tinyproxy (CONNECT) or microsocks (SOCKS 5), at an address of private space.

    with Tinyproxy(lab, password=PASSWORD) as proxy:   # the only way to the world's origins from here on
        lab.guest.curl("https://ok.test/")
        proxy.asked("ok.test:443")                     # how often it was asked for that
"""

import contextlib

from lib.guest import PRIVATE_ETC
from lib.processes import Process, wait_for
from lib.world import DNS_IPV4, HOST_IPV4, HOST_IPV6

ADDRESS, NAME, USER, PASSWORD = "10.77.0.9", "proxy.test", "bot", "CORP-PROXY-PASSWORD-0123456789"


def egress(scheme="http", port=3128, **more):
    """The `egress` of a configuration."""
    return {"egress": {"proxy": f"{scheme}://{NAME}:{port}", **more}}


def credential(port=3128, secret=PASSWORD, name="corp", **binding):
    """Lab's `credentials`: the password, bound to the proxy."""
    return {name: {"binding": [{"to": [f"{NAME}:{port}"], "as": "basic", "username": USER, **binding}], "secret": secret}}


def close_the_direct_way(lab):
    """From here on the world resets what comes from the host itself, to wherever but the proxy."""
    rules = f"""table inet closed {{
  chain input {{
    type filter hook input priority 0
    ip saddr {HOST_IPV4} ip daddr != {ADDRESS} meta l4proto tcp reject with tcp reset
    ip6 saddr {HOST_IPV6} meta l4proto tcp reject with tcp reset
  }}
}}
"""
    done = lab.world.netns.run(["nft", "-f", "-"], input=rules)
    assert done.returncode == 0, done.stderr


def give_it_a_place(lab):
    """The proxy's address and name, with or without a proxy there."""
    lab.world.netns.ip(f"addr add {ADDRESS}/32 dev to-host")
    lab.world.set_addresses(NAME, [ADDRESS])


class _RealProxy:
    def __init__(self, lab, password=None):
        self.lab, self.password = lab, password

    def __enter__(self):
        give_it_a_place(self.lab)
        close_the_direct_way(self.lab)
        folder = self.lab.folder
        with open(f"{folder}/proxy.resolv", "w") as file:
            file.write(f"nameserver {DNS_IPV4}\n")
        with open(f"{folder}/nsswitch", "w") as file:
            file.write("hosts: dns\npasswd: files\ngroup: files\n")
        argv = ["unshare", "-m", "sh", "-c", PRIVATE_ETC, "sh", f"{folder}/proxy.resolv", f"{folder}/nsswitch", *self.command()]
        self.process = Process(argv, f"{folder}/proxy.log", self.lab.world.netns)
        wait_for(self._listens, what="the proxy to listen")
        return self

    def _listens(self):
        assert self.process.alive(), self.process.output()
        with contextlib.suppress(ConnectionRefusedError), self.lab.world.netns.socket() as probe:
            probe.connect((ADDRESS, self.port))
            return True
        return False

    def asked(self, what):
        return self.process.output().count(what)

    def __exit__(self, *_):
        self.process.kill()


class Tinyproxy(_RealProxy):
    port = 3128

    def command(self):
        path = f"{self.lab.folder}/tinyproxy.conf"
        with open(path, "w") as file:
            file.write(f"Port {self.port}\nListen {ADDRESS}\nTimeout 60\nMaxClients 50\nLogLevel Connect\n")
            if self.password:
                file.write(f"BasicAuth {USER} {self.password}\n")
        return ["tinyproxy", "-d", "-c", path]


class Microsocks(_RealProxy):
    port = 1080

    def command(self):
        login = ["-u", USER, "-P", self.password] if self.password else []
        return ["microsocks", "-i", ADDRESS, "-p", str(self.port), *login]
