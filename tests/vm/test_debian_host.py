"""Enforcer on a host as Debian 12 lays it: the oldest kernel that is promised (6.1, where BPF attaches by clsact), real systemd, and
cgroups of version 2."""

import os
import subprocess
import tempfile

from lib.debian_host import DebianHost, libraries_of
from lib.expect import equal
from lib.lab import REPOSITORY, build_folder
from lib.runner import hang_guard

PLACE = "/tmp/enforcer-tests"
POLICY = """apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: agents}
spec:
  guests: {matchLabels: {role: agent}}
  allow:
    - {name: origin, to: ["ok.test:80"], private: true}
"""
# An origin at an address that is nobody's, and names for it.
ORIGIN = """set -e
ip link add origin type dummy
ip address add 10.9.9.9/32 dev origin
ip link set origin up
echo fine > /var/www/html/index.html
systemctl restart nginx
printf 'no-resolv\\nlisten-address=127.0.0.1\\nbind-interfaces\\naddress=/test/10.9.9.9\\n' > /etc/dnsmasq.conf
systemd-run --unit names dnsmasq --keep-in-foreground
echo nameserver 127.0.0.1 > /etc/resolv.conf
"""


def installed(root):
    """As deploy/README.md says it: cmake --install."""
    subprocess.run(["cmake", "--install", build_folder()], env={**os.environ, "DESTDIR": root}, check=True, stdout=subprocess.DEVNULL)
    with open(f"{root}/etc/enforcer/policies/agents.yaml", "w") as file:
        file.write(POLICY)


def programs():
    return [f"{build_folder()}/userspace/{name}/{program}" for name, program in
            (("enforcerd", "enforcerd"), ("hostd", "enforcer-hostd"), ("enforcerctl", "enforcerctl"))]


@hang_guard(900)
def test_fresh_debian_runs_it_under_its_own_systemd_kernel_and_cgroups():
    os.makedirs(PLACE, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="debian-", dir=PLACE) as folder, DebianHost(folder, libraries_of(programs()), installed) as host:
        assert host.ok("uname -r").startswith("6.1."), host.ok("uname -r")
        equal(host.ok("stat -fc %T /sys/fs/cgroup").strip(), "cgroup2fs")
        host.ok(ORIGIN)
        host.ok("systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload")
        host.ok("systemctl enable --now enforcer-hostd enforcerd || { journalctl --no-pager -u enforcer-hostd -u enforcerd; false; }")
        host.ok("enforcerctl status --wait 60s")
        assert "attached by clsact" in host.ok("enforcerctl status")
        rows = [line.split() for line in host.ok("enforcerctl doctor --no-headers").splitlines()]
        assert not [row for row in rows if "fail" in row], rows

        # Where the whole host sees it, though hostd itself is in a mount namespace of its own.
        assert "enforcer-default" in host.ok("ip netns list")
        host.ok("mkdir -p /etc/netns/box && echo nameserver 192.0.2.1 > /etc/netns/box/resolv.conf")  # whoever is asked, it is the enforcer
        host.ok("ip netns add box && enforcerctl guest attach g1 --netns /run/netns/box --label role=agent")
        equal(host.ok(in_box("ok.test")), "200")
        assert host.run(in_box("other.test"))[0] != 0
        equal(host.ok("enforcerctl log --guest g1 --decision deny -o jsonl | grep -c other.test") != "0\n", True)

        # Each daemon by itself; the guest has its network again, untouched.
        for unit in ("enforcerd", "enforcer-hostd"):
            host.ok(f"systemctl restart {unit} && enforcerctl status --wait 60s")
            equal(host.ok(in_box("ok.test")), "200", f"after a restart of {unit}")
        host.ok("systemctl stop enforcerd")
        assert host.run(in_box("ok.test"))[0] != 0, "no egress without enforcerd"
        host.ok("systemctl start enforcerd && enforcerctl status --wait 60s")
        equal(host.ok(in_box("ok.test")), "200", "after it came back")


def in_box(name):
    return f"ip netns exec box curl -sS -m 20 -o /dev/null -w '%{{http_code}}' http://{name}/"
