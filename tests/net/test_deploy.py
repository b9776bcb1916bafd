"""The systemd units: the daemons work under what their units allow, say so to the service manager, and need all of it.

No systemd runs here: lib/as_service.py does to a daemon what systemd would, by the values of the unit file.
"""

import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import Lab, REPOSITORY, policy
from lib.microvm import runs
from lib.processes import Process, wait_for
from lib.runner import hang_guard
from lib.service_unit import ServiceUnit
from lib.small_root import build_small_agent
from lib.workspace_lab import require_user_namespaces

ONE_SANITIZER = "start the daemons with fewer rights"

UNITS = {name: ServiceUnit(f"{REPOSITORY}/deploy/systemd/{name}.service") for name in ("enforcerd", "enforcer-hostd")}


class Manager:
    """The end of $NOTIFY_SOCKET that systemd would have, for one daemon."""

    def __init__(self, lab, name):
        self.path = f"{lab.folder}/{name}.notify"
        if os.path.exists(self.path):
            os.unlink(self.path)  # of a daemon before
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.heard = []

    def environment(self, unit):
        return {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(unit.seconds("WatchdogSec") * 1_000_000)}

    def hears(self, message, seconds=30):
        """The next messages up to one that begins so; it is what is waited for."""
        self.socket.settimeout(seconds)
        while True:
            self.heard.append(self.socket.recv(4096).decode())
            if self.heard[-1].startswith(message):
                return self.heard[-1]

    def nothing_new(self):
        self.socket.setblocking(False)
        try:
            return self.socket.recv(4096).decode() == "WATCHDOG=1"
        except BlockingIOError:
            return True


class ServiceLab(Lab):
    """A lab whose daemons run as their units say."""

    def __init__(self, *arguments, without=(), **options):
        super().__init__(*arguments, start=False, **options)
        self.without = without

    def make_folders(self):
        """What tmpfiles.d makes for the instance `default`."""
        for folder, mode in (("/run/enforcer", 0o755), (self.enforcer.run_dir, 0o1775), ("/var/lib/enforcer", 0o755),
                             (self.enforcer.state_dir, 0o1770)):
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, mode)
            if mode & 0o1000:
                os.chown(folder, 0, ENFORCERD_UID)

    def prepare(self):
        """ExecStartPre=+ of hostd: without the sandbox, but in a mount namespace of its own all the same, as systemd runs it. What
        stands for the host's first process is this one."""
        line = UNITS["enforcer-hostd"].value("ExecStartPre")
        assert line.startswith("+"), line
        words = line.removeprefix("+").replace("/proc/1/", f"/proc/{os.getpid()}/").split()
        equal(words[-2:], ["/usr/sbin/enforcer-hostd", "--prepare"], "the end of ExecStartPre")
        done = self.host.run(["unshare", "--mount", "--propagation", "slave", *words[:-2], self.enforcer.program("enforcer-hostd"), "--config",
                              self.enforcer.config_path, "--prepare"])
        equal((done.returncode, done.stderr), (0, ""))

    def launch(self, name, user=None, writable=()):
        unit, manager = UNITS[name], Manager(self, name)
        program = [self.enforcer.program(name), "--config", self.enforcer.config_path]
        if name == "enforcer-hostd":
            program += ["--enforcerd-user", str(ENFORCERD_UID)]
        without = self.without if name == "enforcer-hostd" else ()
        process = Process(unit.command(program, writable, user, without),
                          f"{self.folder}/{name.removeprefix('enforcer-')}.log", self.host, env=manager.environment(unit))
        process.name = name
        return process, manager

    def start_hostd(self):
        self.make_folders()
        self.prepare()
        self.enforcer.hostd, self.hostd_manager = self.launch("enforcer-hostd")

    def start_enforcerd(self):
        self.make_folders()
        self.enforcer.enforcerd, self.enforcerd_manager = self.launch("enforcerd", ENFORCERD_UID, [self.enforcer.audit_folder])

    def start_both(self):
        self.start_hostd()
        self.hostd_manager.hears("READY=1")
        self.start_enforcerd()
        self.enforcerd_manager.hears("READY=1")
        wait_for(self.enforcer.ready, 30, "enforcerd to have the datapath")


def test_traffic_flows_between_daemons_confined_as_their_units_say():
    with ServiceLab(policy("ok.test")) as lab:
        lab.start_both()
        guest = lab.attach("g1")
        equal(guest.curl("https://ok.test/").status, 200)
        equal(guest.query("other.test").rcode, "NXDOMAIN")
        wait_for(lambda: lab.enforcer.metric("enforcer_datapath_packets_total", verdict="steered") > 0, what="the counters to be read")
        enforcerd, hostd = lab.enforcer.enforcerd.status(), lab.enforcer.hostd.status()
        equal({enforcerd[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, {"0" * 16})
        equal((enforcerd["Seccomp"], enforcerd["NoNewPrivs"], hostd["Seccomp"], hostd["NoNewPrivs"]), ("2", "1", "2", "1"))
        equal(bin(int(hostd["CapEff"], 16)).count("1"), len(UNITS["enforcer-hostd"].capabilities()))
        with open(f"/proc/{lab.enforcer.enforcerd.pid}/mountinfo") as file:
            root = [line for line in file if line.split()[4] == "/"][-1]
        assert root.split()[5].startswith("ro"), "the file system that enforcerd sees is read-only: " + root


def test_service_manager_hears_that_daemons_are_ready_alive_reloading_and_stopping():
    with ServiceLab(policy("ok.test")) as lab:
        lab.start_hostd()
        lab.hostd_manager.hears("READY=1")
        assert os.path.exists(f"{lab.enforcer.run_dir}/hostd.sock"), "ready, but it does not listen"
        lab.start_enforcerd()
        lab.enforcerd_manager.hears("READY=1")
        lab.enforcer.ctl_ok("status")
        wait_for(lab.enforcer.ready, 30, "enforcerd to have the datapath")
        for manager in (lab.hostd_manager, lab.enforcerd_manager):
            for _ in range(2):
                manager.hears("WATCHDOG=1", 10)
        guest = lab.attach("g1")
        equal(guest.query("other.test").rcode, "NXDOMAIN")
        lab.enforcer.write_policy(policy("ok.test", "other.test"))
        lab.enforcer.enforcerd.signal(signal.SIGHUP)  # ExecReload
        assert re.search(r"^MONOTONIC_USEC=\d+$", lab.enforcerd_manager.hears("RELOADING=1", 10), re.MULTILINE)
        lab.enforcerd_manager.hears("READY=1", 10)
        equal(guest.query("other.test").rcode, "NOERROR")
        for process, manager in ((lab.enforcer.enforcerd, lab.enforcerd_manager), (lab.enforcer.hostd, lab.hostd_manager)):
            process.signal(signal.SIGTERM)
            manager.hears("STOPPING=1", 10)
            equal(process.wait(30), 0)


def test_each_daemon_is_ready_without_the_other():
    with ServiceLab(policy("ok.test")) as lab:
        lab.start_enforcerd()
        lab.enforcerd_manager.hears("READY=1")
        equal(json.loads(lab.enforcer.ctl("-o", "json", "status").stdout)["hostd"]["connected"], False)
        equal(lab.enforcer.http("/-/healthy")[0], 200)
        equal(lab.enforcer.http("/-/ready")[0], 503)
        lab.start_hostd()
        lab.hostd_manager.hears("READY=1")
        wait_for(lab.enforcer.ready, 30, "enforcerd to have found hostd")
        equal(lab.attach("g1").curl("https://ok.test/").status, 200)
        lab.enforcer.enforcerd.kill()
        lab.enforcer.hostd.kill()
        lab.start_hostd()
        lab.hostd_manager.hears("READY=1")


def test_mounts_that_the_host_must_see_are_made_before_the_sandbox():
    with ServiceLab(policy("ok.test")) as lab:
        lab.make_folders()
        hostd, _ = lab.launch("enforcer-hostd")
        equal(hostd.wait(20), 1, "hostd in its sandbox, without ExecStartPre")
        assert "/run/netns" in hostd.output(), hostd.output()
        lab.start_both()
        guest = lab.attach("g1")  # whose namespace was mounted after hostd's sandbox was made
        links = subprocess.run(["nsenter", f"--net={lab.enforcer.gateway_path}", "ip", "-o", "link"], capture_output=True, text=True)
        assert re.search(r": g\d+@", links.stdout), f"what the host sees at {lab.enforcer.gateway_path}: {links}"
        guest.netns.remove()
        wait_for(lambda: "namespace gone" in lab.enforcer.hostd.output(), 10, "hostd to see that the namespace is gone")


def endless_kernel():
    """A kernel that does nothing for ever: an ELF file with the entry point of PVH (Xen's note 18), where `hlt` is."""
    code = b"\xfa\xf4\xeb\xfd"  # cli; hlt; jmp to hlt
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", 0x100100)
    header_size, count = 64 + 2 * 56, 2
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0x100100, 64, 0, 0, 64, 56, count, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 256, 0x100100, 0x100100, len(code), len(code), 4)
    notes = struct.pack("<IIQQQQQQ", 4, 4, header_size, 0, 0, len(note), len(note), 4)
    return (header + load + notes + note).ljust(256, b"\0") + code


def write_image(folder):
    """An image that starts and never says hello."""
    os.makedirs(f"{folder}/still")
    parts = {"vmlinuz": endless_kernel(), "initramfs": b"nothing"}
    for name, data in parts.items():
        with open(f"{folder}/still/{name}", "wb") as file:
            file.write(data)
    with open(f"{folder}/still/image.json", "w") as file:
        files = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in parts.items()}
        json.dump({"profile": "mini", "kernel_version": "none", "memory_mib": 256, "files": files}, file)


# What fails without each capability: where hostd ends, in its log; else what the tool says.
NOT_STARTED = {"CAP_NET_ADMIN": "nft failed", "CAP_SYS_ADMIN": "cannot enter a network namespace", "CAP_CHOWN": "cannot listen"}
NO_MACHINE = {"CAP_SETUID": "changing the user", "CAP_SETGID": "dropping groups", "CAP_SETPCAP": "dropping capabilities"}
ELSEWHERE = {"CAP_NET_BIND_SERVICE", "CAP_SYS_PTRACE", "CAP_KILL", "CAP_SETFCAP"}


def test_list_of_hostd_s_capabilities_is_the_list_of_those_proved_here():
    equal(UNITS["enforcer-hostd"].capabilities(), set(NOT_STARTED) | set(NO_MACHINE) | ELSEWHERE)


def test_hostd_does_not_start_without_the_capabilities_for_networks_and_sockets():
    for capability, complaint in NOT_STARTED.items():
        with ServiceLab(without=[capability]) as lab:
            lab.start_hostd()
            equal(lab.enforcer.hostd.wait(20), 1, f"hostd without {capability}")
            assert complaint in lab.enforcer.hostd.output(), f"{capability}: {lab.enforcer.hostd.output()}"


def test_there_is_no_dns_socket_without_net_bind_service():
    with ServiceLab(without=["CAP_NET_BIND_SERVICE"]) as lab:
        lab.start_hostd()
        lab.hostd_manager.hears("READY=1")
        lab.start_enforcerd()
        wait_for(lambda: "cannot bind to port 53" in lab.enforcer.hostd.output(), 20, "hostd to fail")


def attach_by_process(lab):
    """`guest attach --netns /proc/PID/ns/net` of a namespace that has no name."""
    with subprocess.Popen(["unshare", "--net", "sleep", "60"]) as process:
        try:
            wait_for(lambda: os.stat(f"/proc/{process.pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino, 10, "unshare")
            return lab.enforcer.ctl("guest", "attach", "c1", "--netns", f"/proc/{process.pid}/ns/net")
        finally:
            process.kill()


def test_namespaces_of_other_processes_are_out_of_reach_without_sys_ptrace():
    with ServiceLab() as lab:
        lab.start_both()
        equal(attach_by_process(lab).returncode, 0)
    with ServiceLab(without=["CAP_SYS_PTRACE"]) as lab:
        lab.start_both()
        refused = attach_by_process(lab)
        assert refused.returncode != 0 and "Permission denied" in refused.stderr, refused


class MachineLab(ServiceLab):
    """With an image whose guest stands still."""

    def __enter__(self):
        super().__enter__()
        write_image(f"{self.folder}/images")
        self.enforcer.write_config(images={"roots": [f"{self.folder}/images"]})
        self.start_both()
        return self

    def create(self):
        """Begins to create the guest `vm`, which will not say hello."""
        return Process([self.enforcer.program("enforcerctl"), "--config", self.enforcer.config_path, "guest", "create", "vm",
                        "--image", "still"], f"{self.folder}/create.log", self.host)

    def machine(self):
        """The pid of its QEMU; None when there is none."""
        return self.enforcer.qemu("vm")


def test_microvm_is_made_ended_and_outlives_hostd_under_the_unit_s_restrictions():
    with MachineLab() as lab:
        creating = lab.create()
        pid = wait_for(lab.machine, 20, "QEMU to run")
        lab.enforcer.hostd.stop()  # KillMode=process
        assert runs(pid), "QEMU ended with hostd"
        lab.start_hostd()
        wait_for(lab.enforcer.hostd_serves, 20, "hostd to be found")
        equal(lab.machine(), pid)
        lab.enforcer.ctl_ok("guest", "delete", "vm")
        wait_for(lambda: not runs(pid), 10, "QEMU to end")
        creating.wait(20)


@hang_guard(150)
def test_microvm_is_not_made_without_the_capabilities_to_confine_it():
    for capability, complaint in NO_MACHINE.items():
        with MachineLab(without=[capability]) as lab:
            creating = lab.create()
            equal(creating.wait(20), 1, f"creating a guest without {capability}")
            assert complaint in creating.output(), f"{capability}: {creating.output()}"


def test_microvm_is_not_ended_without_kill():
    with MachineLab(without=["CAP_KILL"]) as lab:
        creating = lab.create()
        pid = wait_for(lab.machine, 20, "QEMU to run")
        try:
            lab.enforcer.ctl("guest", "delete", "vm")
            wait_for(lambda: "ending QEMU: Operation not permitted" in lab.enforcer.hostd.output(), 20, "hostd to fail")
            assert runs(pid), "QEMU ended"
        finally:
            os.kill(pid, signal.SIGKILL)
        creating.wait(20)


@hang_guard(240)
def test_workspace_is_shared_under_the_unit_s_restrictions_and_root_s_need_setfcap():
    for without, status in (([], 0), (["CAP_SETFCAP"], 125)):
        with ServiceLab(without=without) as lab:
            roots = f"{lab.folder}/homes"
            os.makedirs(f"{roots}/root/project")
            require_user_namespaces()
            build_small_agent(f"{lab.folder}/images")
            lab.enforcer.write_config(images={"roots": [f"{lab.folder}/images"]}, workspaces={"roots": [roots]})
            lab.make_folders()
            lab.prepare()
            # As ReadWritePaths has the roots of the packaged configuration.
            lab.enforcer.hostd, lab.hostd_manager = lab.launch("enforcer-hostd", writable=[roots])
            lab.hostd_manager.hears("READY=1")
            lab.start_enforcerd()
            wait_for(lab.enforcer.ready, 30, "enforcerd to have the datapath")
            done = lab.enforcer.ctl("run", "--image", "agent", "--workspace", f"{roots}/root/project", "--", "sh", "-c",
                                    "touch file; chmod 4755 file", timeout=100)
            if without:
                equal(done.returncode, status, done.stderr)
                assert "uid_map: Operation not permitted" in done.stderr, done.stderr
                continue
            # The file is root's; that it is not a setuid one is RestrictSUIDSGID's doing.
            assert done.returncode != 0 and "Operation not permitted" in done.stderr, done
            made = os.stat(f"{roots}/root/project/file")
            equal((made.st_uid, made.st_mode & 0o6000), (0, 0), "owner and bits of the file")
