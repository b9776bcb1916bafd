"""enforcerd is unprivileged: no capability, seccomp on, no core dump, no exec; and it refuses to be root."""

import os
import subprocess

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import Process

ONE_SANITIZER = "look at the daemon's rights"


def test_enforcerd_runs_without_capabilities_and_under_seccomp():
    with Lab(policy("ok.test")) as lab:
        for thread in os.listdir(f"/proc/{lab.enforcer.enforcerd.pid}/task"):
            with open(f"/proc/{lab.enforcer.enforcerd.pid}/task/{thread}/status") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            equal({status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, {"0000000000000000"})
            equal((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), status["Name"])
            equal(set(status["Uid"].split()) | set(status["Gid"].split()), {str(ENFORCERD_UID)})
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_enforcerd_leaves_no_core_file_and_cannot_be_read_by_its_own_user():
    with Lab(policy("ok.test")) as lab:
        with open(f"/proc/{lab.enforcer.enforcerd.pid}/limits") as file:
            core = [line for line in file if line.startswith("Max core file size")][0]
        equal(core.split()[4:6], ["0", "0"], core)
        equal(os.stat(f"/proc/{lab.enforcer.enforcerd.pid}/mem").st_uid, 0, "owner of /proc/PID of a process that is not dumpable")


def test_enforcerd_refuses_to_be_root():
    with Lab(start=False) as lab:
        process = Process([lab.enforcer.program("enforcerd"), "--config", lab.enforcer.config_path], f"{lab.folder}/root.log",
                          lab.host)
        equal(process.wait(), 1)
        assert "root" in process.output(), process.output()


def test_hostd_refuses_to_be_anybody_else():
    with Lab(start=False) as lab:
        process = Process([lab.enforcer.program("enforcer-hostd"), "--config", lab.enforcer.config_path],
                          f"{lab.folder}/nobody.log", lab.host, user=ENFORCERD_UID)
        equal(process.wait(), 1)
        assert "root" in process.output(), process.output()


def test_hostd_listens_to_nobody_but_enforcerd():
    with Lab(policy("ok.test")) as lab:
        mode = os.stat(f"{lab.enforcer.run_dir}/hostd.sock")
        equal((mode.st_mode & 0o777, mode.st_uid, mode.st_gid), (0o660, 0, ENFORCERD_UID))
        bpffs = os.stat(lab.enforcer.bpffs)
        equal((bpffs.st_mode & 0o777, bpffs.st_uid), (0o700, 0))
        log = os.stat(lab.enforcer.audit_path)
        equal((log.st_mode & 0o777, log.st_uid), (0o640, ENFORCERD_UID))


def test_gateway_namespace_holds_our_sockets_and_nothing_else():
    with Lab(policy("ok.test")) as lab:
        inside = ["nsenter", f"--net={lab.enforcer.gateway_path}"]
        names = subprocess.run([*inside, "ip", "-o", "link"], capture_output=True, text=True).stdout
        found = {line.split(": ")[1].split("@")[0] for line in names.splitlines()}
        assert all(name == "lo" or name[0] == "g" and name[1:].isdigit() for name in found), found
        routes = subprocess.run([*inside, "ip", "route"], capture_output=True, text=True).stdout
        assert "via" not in routes, routes
