"""A guest of the net tests: an empty network namespace, boxed in by `enforcerctl guest attach`.

Root inside, so raw sockets work: a test may send whatever a hostile guest could. Commands run with a private /etc/resolv.conf
that points at the gateway, as a microVM's would.
"""

import contextlib
import dataclasses
import os
import re
import socket
import ssl
import subprocess

from lib import dns_client
from lib.netns import Netns
from lib.processes import Process

PRIVATE_ETC = ('mount --make-rprivate / && mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && '
                'mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@"')

# What a guest dials names and asks its DNS over, where a test does not say: "4" or "6". The suite runs the net tests on both (TSan on 6).
FAMILY = os.environ.get("ENFORCER_FAMILY", "4")


@dataclasses.dataclass
class CurlReply:
    exit_code: int
    status: int       # of HTTP, 0 when there was no response
    body: bytes
    talk: str         # curl -v's own words
    seconds: float
    first_byte: float  # seconds until it came


class Guest:
    def __init__(self, enforcer, name, folder, prefix):
        self.enforcer, self.name, self.folder = enforcer, name, folder
        self.netns = Netns(f"{prefix}-{name}")
        self.processes = []
        self._certificate = None

    def create(self):
        self.netns.create()
        return self

    def attach(self, labels=None):
        """Boxes the namespace in and learns its addresses."""
        self.enforcer.ctl_ok("guest", "attach", self.name, "--netns", self.netns.path,
                             *[f"--label={key}={value}" for key, value in (labels or {}).items()])
        self.learn_addresses()
        return self

    def learn_addresses(self):
        shown = self.netns.run(["ip", "-o", "addr", "show", "dev", "eth0"]).stdout
        self.ipv4 = re.search(r"inet (\S+?)[ /]", shown).group(1)
        self.ipv6 = re.search(r"inet6 (fd\S+?)/", shown).group(1)
        routes = self.netns.run(["ip", "-4", "route"]).stdout
        self.gateway = re.search(r"default via (\S+)", routes).group(1)
        self.gateway_ipv6 = re.search(r"default via (\S+)", self.netns.run(["ip", "-6", "route"]).stdout).group(1)
        self.name_server = self.gateway_ipv6 if FAMILY == "6" else self.gateway
        with open(f"{self.folder}/{self.name}.resolv", "w") as file:
            file.write(f"nameserver {self.name_server}\noptions timeout:2 attempts:3\n")
        with open(f"{self.folder}/nsswitch", "w") as file:
            file.write("hosts: dns\npasswd: files\ngroup: files\n")

    def command(self, argv):
        return self.netns.command(["unshare", "-m", "sh", "-c", PRIVATE_ETC, "sh", f"{self.folder}/{self.name}.resolv",
                                   f"{self.folder}/nsswitch", *argv])

    def run(self, argv, timeout=30, **options):
        options.setdefault("text", True)
        return subprocess.run(self.command(argv), capture_output=True, timeout=timeout, **options)

    def start(self, argv, log):
        """A process in the guest that goes on while the test does other things."""
        process = Process(self.command(argv), f"{self.folder}/{log}")
        self.processes.append(process)
        return process

    def trust(self, authority):
        """curl() verifies against this CA from now on."""
        self._certificate = authority.certificate

    def trust_enforcer(self):
        """curl() verifies against this guest's own CA from now on: it accepts what is intercepted, and nothing else."""
        self._certificate = f"{self.folder}/{self.name}-ca.pem"
        with open(self._certificate, "w") as file:
            file.write(self.enforcer.ctl_ok("ca", "export", self.name))
        return self

    def curl(self, url, *options, timeout=20):
        argv = ["curl", f"-{FAMILY}", "-sS", "-v", "--max-time", str(timeout), "--noproxy", "*", *options,
                "-w", "%{stderr}\ncurl-status %{http_code} %{time_total} %{time_starttransfer}\n", url]
        if self._certificate:
            argv[1:1] = ["--cacert", self._certificate]
        done = self.run(argv, timeout=timeout + 10, text=False)
        talk = done.stderr.decode(errors="replace")
        found = re.search(r"curl-status (\d+) ([\d.]+) ([\d.]+)\n\Z", talk)
        return CurlReply(done.returncode, int(found.group(1)), done.stdout, talk, float(found.group(2)), float(found.group(3)))

    def socket_towards(self, address, kind=socket.SOCK_STREAM, timeout=10):
        return self.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind, timeout=timeout)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0, timeout=10):
        made = self.netns.socket(family, kind, protocol)
        made.settimeout(timeout)
        return made

    def connect(self, host, port, timeout=10):
        """A TCP connection to an address, or to a name by way of our DNS."""
        address = host if _is_address(host) else self.resolve(host)
        client = self.socket_towards(address, timeout=timeout)
        try:
            client.connect((address, port))
        except OSError:
            client.close()
            raise
        return client

    def tls(self, host, port=443, protocols=None):
        """TLS to a name as a client that trusts this guest's own CA (trust_enforcer() first)."""
        context = ssl.create_default_context(cafile=self._certificate)
        if protocols:
            context.set_alpn_protocols(protocols)
        return context.wrap_socket(self.connect(host, port), server_hostname=host)

    def query(self, name, kind="A", server=None, timeout=15, message=None):
        """A DNS query over UDP from inside the guest; server: the gateway unless said otherwise."""
        server = server or self.name_server
        with self.socket_towards(server, socket.SOCK_DGRAM, timeout) as udp:
            udp.connect((server, 53))
            # And again, as resolvers do, for a datagram may be lost while a link is a few milliseconds old; not soon, for it counts.
            pause = min(timeout, 3)
            udp.settimeout(pause)
            for _ in range(int(timeout / pause)):
                udp.send(message or dns_client.query_bytes(name, kind))
                with contextlib.suppress(TimeoutError):
                    return dns_client.parse(udp.recv(4096))
        raise TimeoutError(f"no answer for {name} from {server} in {timeout} s")

    def resolve(self, name):
        answer = self.query(name, "AAAA" if FAMILY == "6" else "A")
        if not answer.addresses:
            raise AssertionError(f"{name}: {answer}")
        return answer.addresses[0]

    def resolve_both(self, name):
        """Its addresses for this guest, one of each family."""
        return [self.query(name, kind).addresses[0] for kind in ("A", "AAAA")]

    def remove(self):
        for process in self.processes:
            process.kill()
        self.netns.remove()


def exchange(client, data, limit=1 << 20):
    """Sends data and reads to the end of file: (bytes read, how it ended: "end", "reset" or "timeout")."""
    received = b""
    try:
        if data:
            client.sendall(data)
        while len(received) < limit:
            piece = client.recv(1 << 16)
            if not piece:
                return received, "end"
            received += piece
    except (ConnectionResetError, BrokenPipeError):
        return received, "reset"
    except TimeoutError:
        return received, "timeout"
    return received, "limit"


def read_response(client):
    """(status, headers, body) of one response."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = client.recv(65536)
        assert piece, data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {key.lower(): value.strip() for key, value in (line.split(":", 1) for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += client.recv(65536)
    return int(status.split(" ")[1]), headers, body


def _is_address(text):
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
            return True
        except OSError:
            continue
    return False
