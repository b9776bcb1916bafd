"""OpenSSH's server in the world, with keys and one account of its own: nothing of the machine's accounts and settings is read."""

import os
import subprocess

from lib.processes import wait_for

# sshd wants a folder in /run, and the account that it serves in /etc: both are its own, in a mount namespace.
_PRIVATE = ('mount --make-rprivate / && mount -t tmpfs -o mode=755 none /run && mkdir -m 755 /run/sshd && '
            'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow && shift && exec "$@"')
_CONFIG = """
ListenAddress 0.0.0.0
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
PidFile none
LogLevel VERBOSE
PrintMotd no
"""


class SshServer:
    """Port 22 of every address of the world; root's commands run in the world."""

    def __init__(self, lab):
        self.folder = folder = f"{lab.folder}/ssh"
        os.makedirs(folder)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{folder}/{name}"], check=True, timeout=30)
        self._write("sshd_config", _CONFIG.format(folder=folder))
        self._write("passwd", f"root:x:0:0:root:{folder}:/bin/sh\nsshd:x:65534:65534:sshd:/run/sshd:/usr/sbin/nologin\n")
        self._write("shadow", "root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n")
        with open(f"{folder}/host.pub") as file:
            self.host_key = " ".join(file.read().split()[:2])
        self.process = lab.world.start_process(["unshare", "-m", "sh", "-c", _PRIVATE, "sh", folder, "/usr/sbin/sshd", "-D", "-e",
                                                "-f", f"{folder}/sshd_config"], "sshd.log")
        wait_for(lambda: "Server listening" in self.process.output() or not self.process.alive(), what="sshd to listen")
        assert self.process.alive(), self.process.output()

    def _write(self, name, text):
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(text)

    def visitors(self):
        return self.process.output().count("\nConnection from ")

    def client(self, folder, host, *more):
        """argv of a client that knows this server's key under this name, and nothing else."""
        known = f"{folder}/known-{host}"
        with open(known, "w") as file:
            file.write(f"{host} {self.host_key}\n")
        return ["ssh", "-F", "none", "-i", f"{self.folder}/user", "-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=none",
                "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", *more, f"root@{host}"]
