"""The life of the Debian packages on a clean Debian: installed, upgraded under live guests, removed, purged."""

import os

from lib.expect import equal
from lib.lab import work_folder
from lib.microvm import runs
from lib.packages import NAMES, RELEASE, pack
from lib.packaged_machine import boot_systemd, packaged_machine
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.vm_lab import BOOT_SECONDS

LEFT_TO_ALL = "the life of the packages without systemd, with a microVM"
# What dpkg and its tools keep for themselves, and accounts, which stay (deploy/debian/postrm).
OF_DPKG = ("/var/lib/dpkg", "/var/log/dpkg.log", "/var/cache/debconf", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
           "/etc/.pwd.lock")
BY_HAND = {"/etc/enforcer", "/etc/enforcer/policies", "/etc/enforcer/policies/lab.yaml"}
UNITS = ("enforcer-hostd.service", "enforcerd.service")
WANTED = [f"/etc/systemd/system/multi-user.target.wants/{unit}" for unit in UNITS]


def files(machine):
    return {path for path in machine.root.files() if not path.startswith(OF_DPKG) and not path.startswith("/root/")}


def check_traffic(machine, guest):
    """What is allowed works in both guests, and what is not does not."""
    equal(guest.curl("https://ok.test/").status, 200)
    equal(guest.query("other.test").rcode, "NXDOMAIN")
    looked_up = machine.root.run("enforcerctl", "guest", "exec", "vm", "--", "nslookup", "ok.test", timeout=BOOT_SECONDS)
    assert looked_up.returncode == 0 and "198.1" in looked_up.stdout, looked_up
    refused = machine.root.run("enforcerctl", "guest", "exec", "vm", "--", "nslookup", "other.test", timeout=BOOT_SECONDS)
    assert refused.returncode != 0, refused
    equal(machine.lab.world.connections("other.test"), [])


def install(machine, packages):
    return machine.root.run_ok("dpkg", "--install", *machine.root.take(*[packages[name] for name in NAMES]), timeout=200)


@hang_guard(900)
def test_invariant_11_packages_are_upgraded_under_live_guests_and_leave_nothing_when_purged():
    with work_folder(".packages") as folder:
        packages = pack(f"{folder}/one")
        newer = pack(f"{folder}/newer", f"CPACK_DEBIAN_PACKAGE_RELEASE={RELEASE + 1}")
        with packaged_machine(packages.values()) as machine:
            live(machine, packages, newer)


def live(machine, packages, newer):
    before, root = files(machine), machine.root
    # As in a chroot where an image is made: no systemd, no service is started, but both will be.
    install(machine, packages)
    equal(machine.asked_of_systemd(), [])
    for link in WANTED:
        assert os.path.islink(root.path(link)), f"{link} is missing"
    equal(root.run("enforcerctl", "status").returncode, 3, "the daemons do not run")
    root.run_ok("enforcerctl", "explain", "--policy", "/usr/share/enforcer/policies/coding-agent.yaml", "-l", "role=coding-agent",
                "github.com:443")

    boot_systemd(machine)
    edited = machine.configure()
    machine.start()
    guest, qemu = machine.attach(), machine.boot("vm")
    check_traffic(machine, guest)

    # While files are replaced the old daemons serve; then both are restarted, and the guests are the same.
    install(machine, newer)
    calls = machine.asked_of_systemd()
    assert [call for call in calls if "stop" in call] == [], calls
    restarts = [call for call in calls if "restart" in call]
    assert len(restarts) >= 1 and all(unit in " ".join(restarts) for unit in UNITS), calls
    assert all(program.endswith(" (deleted)") for program in machine.programs()), machine.programs()
    check_traffic(machine, guest)
    machine.stop()
    assert guest.curl("https://ok.test/", timeout=3).exit_code != 0, "a way out without enforcerd"
    machine.start()
    assert not any(program.endswith(" (deleted)") for program in machine.programs()), machine.programs()
    check_traffic(machine, guest)
    equal(machine.qemu("vm"), qemu)
    with open(root.path("/etc/enforcer/enforcer.yaml")) as file:
        equal(file.read(), edited, "the administrator's configuration")

    # Guests are not left to themselves: as long as hostd runs, and would make more of them, there is no removal.
    refused = root.run("dpkg", "--remove", "enforcer")
    assert refused.returncode != 0 and runs(qemu), refused
    root.run_ok("dpkg", "--configure", "-a")
    machine.asked_of_systemd()
    check_traffic(machine, guest)
    machine.stop()
    root.run_ok("dpkg", "--remove", "enforcer")
    calls = machine.asked_of_systemd()
    assert any("stop" in call and all(unit in call for unit in UNITS) for call in calls), calls
    wait_for(lambda: not runs(qemu), 10, "QEMU to end")
    assert not os.path.exists(root.path("/run/netns/enforcer-default")), "the gateway's namespace"
    assert not os.path.exists(root.path("/sys/fs/bpf/enforcer/default")), "pinned programs"
    for kept in ("/etc/enforcer/enforcer.yaml", "/var/log/enforcer/audit.jsonl"):
        assert os.path.exists(root.path(kept)), f"{kept} went without a purge"

    root.run_ok("dpkg", "--purge", *NAMES)
    equal(files(machine) - before, BY_HAND)
    equal(before - files(machine), set(), "what went that was not theirs")
    equal(os.path.exists(root.path("/run/enforcer")), False)
