"""Enforcer on a host as Debian 12 lays it: the oldest kernel that is promised (6.1, where BPF attaches by clsact), real systemd, and
cgroups of version 2. It is installed as the README says."""

import os
import shutil

from lib.debian_host import DebianHost
from lib.expect import equal
from lib.lab import work_folder
from lib.packages import RELEASE, dependencies, install_blocks, pack
from lib.processes import wait_for
from lib.runner import hang_guard

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


@hang_guard(1800)
def test_packages_run_on_debian_12_under_its_own_systemd_kernel_and_cgroups_and_are_upgraded_and_purged():
    with work_folder() as folder:
        packages = pack(f"{folder}/one")
        newer = pack(f"{folder}/newer", f"CPACK_DEBIAN_PACKAGE_RELEASE={RELEASE + 1}")

        def put(root):
            for place, built in (("build/packages", packages), ("newer", newer)):
                os.makedirs(f"{root}/root/{place}")
                for package in built.values():
                    shutil.copy(package, f"{root}/root/{place}")
        with DebianHost(folder, dependencies(packages.values()), put) as host:
            live(host)


def live(host):
    assert host.ok("uname -r").startswith("6.1."), host.ok("uname -r")
    equal(host.ok("stat -fc %T /sys/fs/cgroup").strip(), "cgroup2fs")
    host.ok(ORIGIN)
    _, install = install_blocks()
    said = host.ok(f"set -ex\ncd /root\n{install}", seconds=400)
    for command in ("apt install", "enforcerctl status", "enforcerctl image build mini", "enforcerctl doctor"):
        assert f"+ {command}" in said, said
    host.ok(f"cat > /etc/enforcer/policies/agents.yaml <<'END'\n{POLICY}END")
    host.ok("systemctl reload enforcerd && enforcerctl status --wait 60s || { journalctl --no-pager -u enforcer-hostd -u enforcerd; false; }")
    assert "attached by clsact" in host.ok("enforcerctl status")
    rows = [line.split() for line in host.ok("enforcerctl doctor --no-headers").splitlines()]
    assert rows and not [row for row in rows if "fail" in row], rows

    # Where the whole host sees it, though hostd itself is in a mount namespace of its own.
    assert "enforcer-default" in host.ok("ip netns list")
    host.ok("mkdir -p /etc/netns/box && echo nameserver 192.0.2.1 > /etc/netns/box/resolv.conf")  # whoever is asked, it is the enforcer
    host.ok("ip netns add box && enforcerctl guest attach g1 --netns /run/netns/box --label role=agent")
    equal(host.ok(in_box("ok.test")), "200")
    assert host.run(in_box("other.test"))[0] != 0
    assert "other.test" in host.ok("enforcerctl log --guest g1 --decision deny -o jsonl")

    # A microVM's cgroup of version 2 bounds it from its start; emulated in an emulated machine, it need not boot.
    host.ok("systemd-run --unit vm enforcerctl run --image mini --name vm --memory 256 --cpus 1 --label role=agent -- true")
    limits = host.ok("for _ in $(seq 100); do cd /sys/fs/cgroup/system.slice/enforcer-hostd.service/enforcer-default-* 2>/dev/null && "
                     "grep -q . cgroup.procs && break; sleep 0.5; done; cat cpu.max memory.max pids.max").split()
    equal(limits[:2], ["200000", "100000"], "one virtual processor, and as much for QEMU itself")
    assert len(limits) == 4 and 256 << 20 < int(limits[2]) < 1 << 30 and int(limits[3]) < 1000, limits
    host.ok("enforcerctl guest delete vm")
    wait_for(lambda: host.run("ls -d /sys/fs/cgroup/system.slice/enforcer-hostd.service/enforcer-default-*")[0] != 0,
             60, "the end of the microVM's cgroup", interval=1)

    # Each daemon by itself; the guest has its network again, untouched. Then both, by an upgrade.
    for what in ("systemctl restart enforcerd", "systemctl restart enforcer-hostd", "dpkg --install /root/newer/*.deb"):
        host.ok(f"{what} && enforcerctl status --wait 60s")
        equal(host.ok(in_box("ok.test")), "200", f"after {what}")
    host.ok("systemctl stop enforcerd")
    assert host.run(in_box("ok.test"))[0] != 0, "no egress without enforcerd"
    host.ok("systemctl start enforcerd && enforcerctl status --wait 60s")
    equal(host.ok(in_box("ok.test")), "200", "after it came back")

    host.ok("systemctl stop enforcerd enforcer-hostd && dpkg --purge enforcer enforcerctl enforcer-dashboards")
    left = host.run("ls -d /etc/enforcer /var/lib/enforcer /var/log/enforcer /run/enforcer /run/netns/enforcer-* /sys/fs/bpf/enforcer/default")[1]
    equal([line for line in left.splitlines() if "cannot access" not in line and line != "/etc/enforcer"], [], "left after a purge")
    equal(host.run("systemctl is-active enforcerd enforcer-hostd")[1].split(), ["inactive", "inactive"])


def in_box(name):
    return f"ip netns exec box curl -sS -m 20 -o /dev/null -w '%{{http_code}}' http://{name}/"
