"""Real guests: QEMU microVMs booted by the daemons, used through `enforcerctl run`."""

import glob
import hashlib
import json
import os
import re
import signal
import subprocess

from lib.expect import equal
from lib.microvm import runs
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.vm_lab import create, run, shown, vm_lab

STDIN_WINDOW = 1 << 20  # kStdinWindow


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@hang_guard(240)
def test_run_feels_like_running_the_command_here():
    with vm_lab() as lab:
        done = run(lab, "-e", "WORD=hey", "--cwd", "/tmp", "--", "sh", "-c", "cat; echo $WORD $PWD; echo err >&2; exit 7",
                   input="from here\n")
        equal(done.stdout, "from here\nhey /tmp\n", "standard output")
        equal(done.stderr, "err\n", "standard error")
        equal(done.returncode, 7, "exit status")
        equal(json.loads(lab.enforcer.ctl_ok("-o", "json", "guest", "list"))["guests"], [], "guests left")


@hang_guard(240)
def test_command_killed_by_a_signal_is_128_and_its_number():
    with vm_lab() as lab:
        create(lab, "g1")
        equal(run(lab, "--guest", "g1", "--", "sh", "-c", "kill -TERM $$").returncode, 128 + 15, "exit status")
        missing = run(lab, "--guest", "g1", "--", "nosuchprogram")
        equal(missing.returncode, 127, "exit status")
        assert "nosuchprogram: No such file or directory" in missing.stderr, missing.stderr


@hang_guard(240)
def test_signal_passes_input_that_the_command_does_not_read():
    with vm_lab() as lab:
        create(lab, "g1")
        large = f"{lab.folder}/large"
        with open(large, "wb") as file:
            file.write(os.urandom(16 << 20))
        with open(large, "rb") as file:
            read_whole = run(lab, "--guest", "g1", "--", "md5sum", stdin=file)
        with open(large, "rb") as file:
            equal(read_whole.stdout.split()[0], hashlib.file_digest(file, "md5").hexdigest(), "md5sum of the input")
        for number in (signal.SIGINT, signal.SIGTERM):
            with open(large, "rb") as file:
                running = subprocess.Popen(lab.enforcer.host.command([
                    lab.enforcer.program("enforcerctl"), "--config", lab.enforcer.config_path, "run", "--guest", "g1", "--",
                    "sleep", "100"]), stdin=file)
                try:
                    # The tool reads at the same offset: as far as the window goes, and no further.
                    offset = lambda: os.lseek(file.fileno(), 0, os.SEEK_CUR)
                    wait_for(lambda: offset() > STDIN_WINDOW - (16 << 10), 30, "the window of input to be full")
                    running.send_signal(number)
                    equal(running.wait(timeout=10), 128 + number, "exit status")
                    # What the pipes on the way took counts as read by the command; of 16 MiB that is little.
                    assert offset() <= 2 * STDIN_WINDOW, f"{offset()} bytes of input were taken"
                finally:
                    running.kill()
                    running.wait()


@hang_guard(240)
def test_microvm_reaches_the_allowed_host_with_its_own_certificate_and_nothing_else():
    with vm_lab("ok.test:443") as lab:
        create(lab, "g1")
        at = ["--guest", "g1", "--"]
        allowed = run(lab, *at, "curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}", "https://ok.test/")
        equal((allowed.returncode, allowed.stdout), (0, "200"), "curl of an allowed host")
        chain = run(lab, *at, "sh", "-c", "openssl s_client -connect ok.test:443 -servername ok.test </dev/null 2>/dev/null | "
                                          "openssl x509 -noout -fingerprint -sha256").stdout
        assert lab.world.fingerprints["ok.test"].replace(":", "").lower() in chain.replace(":", "").lower(), chain
        for target in ("https://other.test/", "https://93.184.216.35/", "http://ok.test/"):
            refused = run(lab, *at, "curl", "-sSk", "--max-time", "5", target)
            assert refused.returncode not in (0, 28), f"{target}: {refused}"
        ping = run(lab, *at, "ping", "-c1", "-W3", "93.184.216.34")
        assert ping.returncode != 0, ping.stdout
        equal(lab.world.connections("other.test"), [], "connections to the host that is not allowed")


@hang_guard(240)
def test_first_command_of_a_guest_trusts_its_ca():
    """What is intercepted is verified by curl and openssl from the first command on, and only with this guest's CA."""
    with vm_lab('ok.test http: [{paths: ["/**"]}]', "other.test") as lab:
        first = run(lab, "--", "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "https://ok.test/")
        equal((first.returncode, first.stdout), (0, "200"), f"curl of an intercepted host in the first command: {first.stderr}")
        create(lab, "g2")
        verified = run(lab, "--guest", "g2", "--", "sh", "-c", "openssl s_client -connect ok.test:443 -servername ok.test "
                                                               "-verify_return_error </dev/null >/dev/null 2>&1 && echo verified")
        equal((verified.returncode, verified.stdout), (0, "verified\n"), f"openssl: {verified.stderr}")
        through = run(lab, "--guest", "g2", "--", "curl", "-sS", "https://other.test/")
        equal(through.returncode, 60, "the control: what passes through has the world's certificate, which nobody here vouches for")


@hang_guard(240)
def test_qemu_has_no_privilege_and_no_way_out():
    with vm_lab() as lab:
        create(lab, "g1")
        pid = lab.enforcer.qemu("g1")
        status = status_of(pid)
        equal({key: status[key].strip() for key in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp", "Groups")},
              {"CapEff": "0" * 16, "CapPrm": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2", "Groups": ""},
              "status of QEMU")
        network = subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-o", "addr"], capture_output=True, text=True,
                                 check=True).stdout
        assert not re.search(r"inet6? (?!127\.|::1)", network), network
        routes = subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "route"], capture_output=True, text=True,
                                check=True).stdout
        equal(routes, "", "routes of QEMU's namespace")


@hang_guard(240)
def test_20_second_way_out_of_a_machine():
    """The machine is what it was told to be: one NIC, a console and the channel of commands. No network of QEMU's own, no vsock, no
    shared folder."""
    with vm_lab() as lab:
        create(lab, "g1")
        with open(f"/proc/{lab.enforcer.qemu('g1')}/cmdline", "rb") as file:
            arguments = file.read().decode().split("\0")
        equal(sum(argument.startswith("virtio-net") for argument in arguments), 1, "NICs")
        equal([argument.partition(",")[0] for previous, argument in zip(arguments, arguments[1:]) if previous == "-netdev"], ["tap"])
        for word in ("user,", "slirp", "hostfwd", "vsock", "9p", "virtfs", "vhost-user", "ivshmem", "usb", "smb"):
            assert not any(word in argument for argument in arguments), (word, arguments)
        devices = run(lab, "--guest", "g1", "--", "sh", "-c", "cat /sys/bus/virtio/devices/*/device; ls /sys/class/net").stdout.split()
        kinds = {"0x0001": "net", "0x0003": "console", "0x0004": "rng"}
        equal(set(devices) - {"0x0004"}, {"0x0001", "0x0003", "eth0", "lo"}, f"devices that a guest sees, of {kinds}")
        for place in ("10.0.2.2", "10.0.2.3", "10.0.2.4"):  # where QEMU's own network would have its router, DNS and files
            done = run(lab, "--guest", "g1", "--", "curl", "-sS", "-m", "5", "-o", "/dev/null", f"http://{place}/")
            assert done.returncode != 0, place
        missing = run(lab, "--guest", "g1", "--", "sh", "-c", "ls /dev/vsock /dev/vhost-vsock; grep -c -e 9p -e virtiofs /proc/mounts")
        assert "0" in missing.stdout.split() and "/dev/vsock" not in missing.stdout, missing.stdout


@hang_guard(240)
def test_detached_join_is_made_again_and_a_second_interface_ends_the_machine():
    with vm_lab("ok.test:443") as lab:
        create(lab, "g1")
        pid = lab.enforcer.qemu("g1")

        def answers():
            done = run(lab, "--guest", "g1", "--", "curl", "-sSk", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "https://ok.test/")
            return done.stdout == "200"
        wait_for(answers, 60, "the guest to reach the allowed host", interval=1)
        inside = ["nsenter", "-t", str(pid), "-n"]
        pins = glob.glob(f"{lab.enforcer.bpffs}/abi-*/links/g*")
        for end, link in (("tap", "tap0"), ("eth", "eth0")):
            events = len(lab.enforcer.records(type="event", event="enforcement_lost"))
            pinned = [pin for pin in pins if pin.endswith(f"-{end}")]
            detach = ["bpftool", "link", "detach", "pinned", *pinned] if pinned else [*inside, "tc", "qdisc", "del", "dev", link, "clsact"]
            subprocess.run(detach, check=True, timeout=30)
            wait_for(lambda: len(lab.enforcer.records(type="event", event="enforcement_lost")) > events, 10, "the event")
            wait_for(answers, 60, "the guest to reach the allowed host again", interval=1)
        assert runs(pid), "QEMU ended by what could be repaired"
        subprocess.run([*inside, "ip", "link", "add", "escape", "type", "veth", "peer", "name", "escape2"], check=True, timeout=30)
        equal(lab.enforcer.wait_record(10, type="event", event="second_path")["guest"], "g1")
        wait_for(lambda: not runs(pid), 20, "QEMU to end")
        wait_for(lambda: shown(lab, "g1") is None, 10, "the guest to be gone")


@hang_guard(240)
def test_guest_and_its_qemu_survive_a_restart_of_hostd():
    with vm_lab("ok.test:443") as lab:
        create(lab, "g1")
        pid = lab.enforcer.qemu("g1")
        lab.enforcer.hostd.stop()
        assert runs(pid), "QEMU ended with hostd"
        lab.enforcer.start_hostd()
        wait_for(lambda: (guest := shown(lab, "g1")) and guest["state"] == "running", 60, "g1 to be back")

        def answers():
            done = run(lab, "--guest", "g1", "--", "curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}", "https://ok.test/")
            return done.stdout == "200"
        wait_for(answers, 60, "the guest to reach the allowed host again", interval=1)
        equal(lab.enforcer.qemu("g1"), pid, "QEMU's pid")
        lab.enforcer.ctl_ok("guest", "delete", "g1")
        wait_for(lambda: not runs(pid), 20, "QEMU to end")


@hang_guard(240)
def test_guest_that_ends_is_forgotten():
    with vm_lab() as lab:
        create(lab, "g1")
        pid = lab.enforcer.qemu("g1")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: shown(lab, "g1") is None, 20, "g1 to be gone")
        create(lab, "g1")


@hang_guard(240)
def test_auto_finds_out_whether_kvm_works():
    with vm_lab(accelerator="auto") as lab:
        guest = create(lab, "g1")
        assert guest["accelerator"] in ("kvm", "tcg"), guest
        equal(json.loads(lab.enforcer.ctl_ok("-o", "json", "status"))["accelerator"], guest["accelerator"], "status")
        # Only a device that the guest's uid may open is tried at all.
        if guest["accelerator"] == "tcg" and os.path.exists("/dev/kvm") and os.stat("/dev/kvm").st_mode & 0o006 == 0o006:
            assert "KVM cannot be used here" in lab.enforcer.records(type="event", event="accelerator_fallback")[0]["detail"]
        equal(run(lab, "--guest", "g1", "--", "echo", "works").stdout, "works\n", "output")


@hang_guard(120)
def test_missing_image_is_one_line_that_says_what_to_do():
    with vm_lab(images={"roots": ["/nonexistent/images"]}) as lab:
        done = run(lab, "--", "true")
        equal(done.returncode, 125, "exit status")
        assert "no image 'mini' in /nonexistent/images: build it with 'enforcerctl image build'" in done.stderr, done.stderr
        equal(json.loads(lab.enforcer.ctl_ok("-o", "json", "guest", "list"))["guests"], [], "guests left")
