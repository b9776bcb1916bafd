"""One instance of Enforcer: its configuration, both daemons, the tool, and what they leave to read (audit log, metrics)."""

import contextlib
import json
import os
import re
import shutil
import subprocess

from lib.processes import Process, Timeout, wait_for
from lib.reachable import reachable
from lib.world import DNS_IPV4, SECRET

# A uid no account has: the daemon must need nothing from /etc/passwd, and owns nothing on the machine.
ENFORCERD_UID = 64777
METRICS = ("127.0.0.1", 9464)
_SANITIZER_REPORT = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error:|WARNING: ThreadSanitizer|"
                               r"CHECK failed")

_RECORD_FILE = re.compile(r"audit\.jsonl(\.\d+)?")


def record_file(name):
    """Whether a file of the audit folder holds records; the head file does not."""
    return _RECORD_FILE.fullmatch(name) is not None


class Enforcer:
    def __init__(self, build, host, folder, instance):
        self.build, self.host, self.folder, self.instance = build, host, folder, instance
        self.config_path = f"{folder}/enforcer.yaml"
        self.policies = f"{folder}/policies"
        self.credentials = f"{folder}/credentials"
        self.audit_folder = f"{folder}/audit"
        self.audit_path = f"{self.audit_folder}/audit.jsonl"
        self.run_dir = f"/run/enforcer/{instance}"
        self.state_dir = f"/var/lib/enforcer/{instance}"
        self.gateway_path = f"/run/netns/enforcer-{instance}"
        self.bpffs = f"/sys/fs/bpf/enforcer/{instance}"
        self.hostd = self.enforcerd = None
        self.admins = None  # the gid of enforcer-admin, where those accounts have another one than the machine
        self.accounts = None  # a folder with the passwd and group that enforcerd sees (reviewers.py)
        self.config = {
            "instance": instance, "workers": 2, "dns": {"servers": [f"{DNS_IPV4}:53"]}, "policies": [self.policies],
            "credentials": [self.credentials], "originTrust": {"system": False, "files": [f"{folder}/pki/ca.pem"]},
            "audit": {"path": self.audit_path}, "metrics": {"listen": "%s:%d" % METRICS}, "accelerator": "tcg",
        }
        os.makedirs(self.policies)
        os.makedirs(self.credentials)
        os.makedirs(self.audit_folder)
        os.chown(self.audit_folder, ENFORCERD_UID, ENFORCERD_UID)

    def program(self, name):
        folder = {"enforcer-hostd": "hostd"}.get(name, name)
        return reachable(f"{self.build}/userspace/{folder}/{name}")

    def write_config(self, **changes):
        """Top-level keys replaced by `changes`, mappings among them merged; JSON is YAML."""
        merged = {**self.config}
        for key, value in changes.items():
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
        with open(self.config_path, "w") as file:
            json.dump(merged, file, indent=1)

    def write_policy(self, text, name="policy.yaml"):
        with open(f"{self.policies}/{name}", "w") as file:
            file.write(text)

    def write_credential(self, name, binding, source=None, secret=SECRET, **more):
        """A Credential object; binding: the entries of `inject`; more: other keys of its spec. Without a source the secret is in a file
        of its own."""
        if source is None:
            path = f"{self.credentials}/{name}.secret"
            with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
                file.write(secret + "\n")
            os.chown(path, ENFORCERD_UID, ENFORCERD_UID)
            source = {"file": path}
        with open(f"{self.credentials}/{name}.yaml", "w") as file:
            json.dump({"apiVersion": "enforcer.dev/v1", "kind": "Credential", "metadata": {"name": name},
                       "spec": {"source": source, "inject": binding, **more}}, file)

    def start(self, wait=True):
        self.start_hostd(wait)
        self.start_enforcerd(wait)

    def start_hostd(self, wait=True):
        self.hostd = Process([self.program("enforcer-hostd"), "--config", self.config_path,
                              "--enforcerd-user", str(ENFORCERD_UID),
                              *(["--admin-group", str(self.admins)] if self.admins else [])], f"{self.folder}/hostd.log", self.host)
        if wait:
            self._wait(self.hostd, self.hostd_serves, "hostd to serve")

    def start_enforcerd(self, wait=True):
        self.enforcerd = Process([self.program("enforcerd"), "--config", self.config_path],
                                 f"{self.folder}/enforcerd.log", self.host, user=ENFORCERD_UID, accounts=self.accounts)
        if wait:
            self._wait(self.enforcerd, self.ready, "enforcerd to be ready")

    def _wait(self, process, condition, what):
        def check():
            if not process.alive():
                raise AssertionError(f"{process.name} ended with {process.popen.returncode}:\n{process.output()}")
            return condition()
        try:
            wait_for(check, seconds=30, what=what)
        except Timeout as timeout:
            raise Timeout(f"{timeout}\n{process.output()}") from None

    def hostd_serves(self):
        """Its socket is there, and an enforcerd that runs has found it (it looks once a second)."""
        if not os.path.exists(f"{self.run_dir}/hostd.sock"):
            return False
        if not (self.enforcerd and self.enforcerd.alive()):
            return True
        status = self.ctl("-o", "json", "status")
        return status.returncode == 0 and json.loads(status.stdout)["hostd"]["connected"]

    def ready(self):
        """/-/ready says that the listeners are in the datapath."""
        try:
            return self.http("/-/ready")[0] == 200
        except OSError:
            return False

    def http(self, path):
        """GET from the metrics listener: (status, body)."""
        with self.host.socket() as client:
            client.settimeout(10)
            client.connect(METRICS)
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            reply = b""
            while data := client.recv(1 << 16):
                reply += data
        head, _, body = reply.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), body.decode()

    def metrics(self):
        """Every sample as {'name{label="value"}': number}."""
        samples = {}
        for line in self.http("/metrics")[1].splitlines():
            if line and not line.startswith("#"):
                key, value = line.rsplit(" ", 1)
                samples[key] = float(value)
        return samples

    def metric(self, name, **labels):
        """The sum of the samples of a family that carry these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(value for key, value in self.metrics().items()
                   if key.partition("{")[0] == name and all(w in key for w in wanted))

    def ctl(self, *arguments, timeout=60, **options):
        """enforcerctl as root, in the host's namespace: a CompletedProcess with text."""
        return self.host.run([self.program("enforcerctl"), "--config", self.config_path, *arguments], timeout=timeout, **options)

    def ctl_ok(self, *arguments, **options):
        done = self.ctl(*arguments, **options)
        if done.returncode != 0:
            raise AssertionError(f"enforcerctl {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def records(self, **match):
        """The audit log's records, those of rotated files included: records(type="decision", reason="rule")."""
        def files():  # oldest first
            found = {e.name: e.inode() for e in os.scandir(self.audit_folder) if record_file(e.name)}
            return sorted(found.items(), key=lambda f: -int(f[0].rpartition(".")[2]) if f[0][-1].isdigit() else 0)

        for _ in range(100):  # a rotation while we read would show a record twice or not at all
            before, found = files(), []
            with contextlib.suppress(FileNotFoundError):
                for name, _inode in before:
                    with open(f"{self.audit_folder}/{name}", errors="replace") as file:
                        found += [json.loads(line) for line in file if line.endswith("\n")]
                if files() == before:
                    break
        else:
            raise AssertionError("the audit log rotates faster than it can be read")
        return [r for r in found if all(r.get(key) == value for key, value in match.items())]

    def wait_record(self, seconds=20, **match):
        """The first record that matches; waits for it."""
        return wait_for(lambda: self.records(**match), seconds, f"an audit record with {match}")[0]

    def crash_reports(self):
        """What sanitizers and CHECK wrote to the daemons' output."""
        reports = []
        for name in ("hostd.log", "enforcerd.log"):
            path = f"{self.folder}/{name}"
            if os.path.exists(path):
                with open(path, errors="replace") as file:
                    text = file.read()
                if found := _SANITIZER_REPORT.search(text):
                    reports.append(f"{name}:\n{text[max(0, found.start() - 200):found.start() + 6000]}")
        return reports

    def stop(self):
        """Both daemons by SIGTERM; what they left stays."""
        statuses = {p.name: p.stop() for p in (self.enforcerd, self.hostd) if p}
        return statuses

    def qemu(self, guest):
        """The pid of a guest's QEMU by hostd's record of it; None when there is none. (Another instance on this machine gives
        its QEMUs the same uids.)"""
        folder = f"{self.state_dir}/hostd"
        for name in os.listdir(folder):
            if name.endswith(".json"):
                with contextlib.suppress(FileNotFoundError), open(f"{folder}/{name}") as file:
                    record = json.load(file)
                    if record["name"] == guest and (pid := record.get("machine", {}).get("pid")):
                        return pid
        return None

    def teardown(self):
        """Everything of the instance is gone afterwards, whatever state it was in."""
        for process in (self.enforcerd, self.hostd):
            if process:
                process.kill()
        if os.path.exists(self.program("enforcer-hostd")) and os.path.exists(self.config_path):
            done = subprocess.run([self.program("enforcer-hostd"), "--config", self.config_path, "--teardown"],
                                  capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                raise AssertionError(f"teardown: exit {done.returncode}\n{done.stdout}{done.stderr}")
        left = [path for path in (self.run_dir, self.gateway_path, self.bpffs) if os.path.exists(path)]
        shutil.rmtree(self.state_dir, ignore_errors=True)
        if left:
            raise AssertionError(f"teardown left {left}")
