"""`doctor` on a host that serves, and inside a real microVM: what it says of runtimes is what they do."""

import json
import subprocess

from lib.expect import equal
from lib.runner import hang_guard
from lib.vm_lab import create, run, vm_lab

AT = ("--guest", "g1", "--")
# Programs that say what the real ones would say of a truststore with, and without, the guest's CA.
JAVA_WITHOUT = """
printf '#!/bin/sh\\n' > /usr/bin/java
printf '#!/bin/sh\\necho "SHA-256: 00:11:22"\\n' > /usr/bin/keytool
chmod +x /usr/bin/java /usr/bin/keytool
"""
JAVA_WITH = """
print=$(openssl x509 -in /usr/local/share/ca-certificates/enforcer.crt -noout -fingerprint -sha256 | sed 's/.*=//')
printf '#!/bin/sh\\necho "SHA-256: %s"\\n' "$print" > /usr/bin/keytool
"""


def in_guest(lab, script):
    done = run(lab, *AT, "/bin/busybox", "sh", "-c", script)
    equal(done.returncode, 0, f"exit status of {script!r}: {done.stderr}")


def doctor(lab, status=0):
    """{runtime: (installed, trust)} of g1."""
    done = lab.enforcer.ctl("doctor", "--guest", "g1", "-o", "json", timeout=240)
    equal(done.returncode, status, f"exit status: {done.stdout}{done.stderr}")
    return {entry["runtime"]: (entry["installed"], entry["trust"]) for entry in json.loads(done.stdout)["runtimes"]}


@hang_guard(300)
def test_doctor_finds_a_host_that_serves_well():
    with vm_lab() as lab:
        answer = json.loads(lab.enforcer.ctl("doctor", "-o", "json").stdout)
        verdicts = {check["name"]: check["verdict"] for check in answer["checks"]}
        for name in ("enforcerd", "enforcer-hostd", "audit log", "kernel", "images"):
            equal(verdicts.get(name), "ok", f"{name}: {answer}")
        assert "mini" in next(check["found"] for check in answer["checks"] if check["name"] == "images"), answer
        lab.enforcer.hostd.kill()
        broken = lab.enforcer.ctl("doctor", "--no-headers")
        equal(broken.returncode, 3, "exit status without hostd")
        assert "systemctl start enforcer-hostd" in broken.stdout, broken.stdout


@hang_guard(300)
def test_doctor_says_what_runtimes_of_a_guest_trust():
    with vm_lab() as lab:
        create(lab, "g1")
        found = doctor(lab)
        for runtime in ("system store", "openssl", "curl", "wget"):
            equal(found[runtime], (True, "yes"), runtime)
        for runtime in ("git", "node", "java", "docker"):
            equal(found[runtime], (False, ""), f"{runtime}, which mini has not")
        in_guest(lab, JAVA_WITHOUT)
        equal(doctor(lab, status=3)["java"], (True, "no"))
        in_guest(lab, JAVA_WITH)
        equal(doctor(lab)["java"], (True, "yes"))
        table = lab.enforcer.ctl_ok("doctor", "--guest", "g1", timeout=240)
        assert table.startswith("RUNTIME"), table


@hang_guard(300)
def test_guest_that_answers_doctor_with_anything_else_is_refused_unseen():
    with vm_lab() as lab:
        create(lab, "g1")
        for lie in (r"printf '\033[2Jprobe 1\n'", r"printf 'probe 1\nhas ls\ndone\n'", "while :; do echo probe 1; done", "exit 3"):
            in_guest(lab, f"rm -f /bin/sh; cat > /bin/sh <<'END'\n#!/bin/busybox sh\n{lie}\nEND\nchmod +x /bin/sh")
            refused = lab.enforcer.ctl("doctor", "--guest", "g1", timeout=240)
            equal((refused.returncode, refused.stdout), (1, ""), f"{lie}: {refused.stderr}")
            assert "the probe in the guest" in refused.stderr and "\x1b" not in refused.stderr, refused.stderr
        in_guest(lab, "ln -sf /bin/busybox /bin/sh")
        equal(doctor(lab)["curl"], (True, "yes"), "afterwards")


@hang_guard(300)
def test_doctor_cannot_look_into_what_is_no_microvm():
    with vm_lab() as lab:
        subprocess.run(["ip", "netns", "add", f"{lab.prefix}box"], check=True, timeout=30)
        try:
            lab.enforcer.ctl_ok("guest", "attach", "box", "--netns", f"/run/netns/{lab.prefix}box")
            refused = lab.enforcer.ctl("doctor", "--guest", "box")
            equal(refused.returncode, 1, "exit status")
            assert "enforcerctl ca export box" in refused.stderr, refused.stderr
            equal(lab.enforcer.ctl("doctor", "--guest", "nobody").returncode, 5, "exit status for no guest")
        finally:
            lab.enforcer.ctl("guest", "detach", "box")
            subprocess.run(["ip", "netns", "del", f"{lab.prefix}box"], check=False, timeout=30)
