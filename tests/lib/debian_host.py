"""A whole Debian host in a virtual machine: its own kernel (the oldest that is promised), systemd and cgroups of version 2, none of
which the machine of the tests needs to have. What is tested is installed into it as on any host, and asked over a serial port."""

import base64
import glob
import json
import os
import shutil
import socket
import subprocess

from lib.debian_root import make_root
from lib.expect import Skip
from lib.processes import Process, wait_for

# What such a host has anyway, what `enforcerctl image build mini` needs, and the origin's programs.
PACKAGES = ("systemd-sysv udev dbus linux-image-cloud-amd64 iproute2 python3 curl openssl ca-certificates busybox-static kmod procps "
            "nginx-light dnsmasq-base").split()
SIZE = 4 << 30
BOOT_PATIENCE = 600  # seconds, a guard against hanging: it takes 15 s when nothing else runs

# Answers {"script": ...} with {"status": ..., "output": ...}, a line each.
AGENT = r'''
import base64, json, subprocess
port = open("/dev/virtio-ports/tests", "r+b", buffering=0)
port.write(b'{"status": 0, "output": "up"}\n')
pending = b""
while True:
    pending += port.read(4096) or b""
    line, newline, rest = pending.partition(b"\n")
    if not newline:
        continue
    pending = rest
    done = subprocess.run(["bash", "-c", json.loads(line)["script"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    port.write(json.dumps({"status": done.returncode, "output": base64.b64encode(done.stdout).decode()}).encode() + b"\n")
'''
UNIT = """[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/agent.py
[Install]
WantedBy=multi-user.target
"""


class DebianHost:
    def __init__(self, folder, packages, put):
        """folder: where its disk lies. packages: beside PACKAGES. put(root): puts further files below the folder `root`."""
        missing = [name for name in ("mke2fs", "qemu-system-x86_64") if not shutil.which(name)]
        if missing:
            raise Skip(f"not installed: {', '.join(missing)}")
        self.folder, root = folder, make_root(folder, [*PACKAGES, *packages])
        put(str(root))
        self._put_agent(root)
        for name in ("vmlinuz", "initrd.img"):
            (kernel,) = glob.glob(f"{root}/boot/{name}-*")
            shutil.copy(kernel, f"{folder}/{name}")
        with open(f"{folder}/disk", "wb") as disk:
            disk.truncate(SIZE)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), f"{folder}/disk"], check=True, timeout=300)
        shutil.rmtree(root)
        self.process = self.port = None

    @staticmethod
    def _put_agent(root):
        (root / "usr/local/lib/agent.py").write_text(AGENT)
        (root / "etc/systemd/system/tests.service").write_text(UNIT)
        wanted = root / "etc/systemd/system/multi-user.target.wants"
        wanted.mkdir(parents=True, exist_ok=True)
        (wanted / "tests.service").symlink_to("../tests.service")

    def __enter__(self):
        path = f"{self.folder}/port"
        command = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "3072", "-nodefaults",
                   "-display", "none", "-no-reboot", "-kernel", f"{self.folder}/vmlinuz", "-initrd", f"{self.folder}/initrd.img",
                   "-append", f"root=/dev/vda rw console=ttyS0 systemd.show_status=0 tsc_early_khz={_tsc_khz()}",
                   "-drive", f"file={self.folder}/disk,format=raw,if=none,id=disk,cache=unsafe", "-device", "virtio-blk-pci,drive=disk",
                   "-device", "virtio-rng-pci", "-serial", f"file:{self.folder}/console", "-device", "virtio-serial-pci",
                   "-chardev", f"socket,id=tests,path={path},server=on,wait=off", "-device", "virtserialport,chardev=tests,name=tests"]
        self.process = Process(command, f"{self.folder}/qemu.log")
        try:
            wait_for(lambda: os.path.exists(path), 30, "QEMU to start")
            self.port = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.port.connect(path)
            self._lines = self.port.makefile("r")
            self.port.settimeout(BOOT_PATIENCE)
            assert json.loads(self._lines.readline())["output"] == "up"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.port:
            self.port.close()
        self.process.kill()
        os.unlink(f"{self.folder}/disk")

    def run(self, script, seconds=200):
        """(exit status, output) of a script of bash, as root."""
        self.port.settimeout(seconds)
        self.port.sendall(json.dumps({"script": script}).encode() + b"\n")
        answer = json.loads(self._lines.readline())
        return answer["status"], base64.b64decode(answer["output"]).decode(errors="replace")

    def ok(self, script, seconds=200):
        status, output = self.run(script, seconds)
        assert status == 0, f"{script}\nended with {status}:\n{output}"
        return output


def _tsc_khz():
    with open("/proc/cpuinfo") as file:
        return next(int(float(line.split(":")[1]) * 1000) for line in file if line.startswith("cpu MHz"))
