"""A clean Debian of its own to install packages in: a root file system from this machine's mirrors, in a mount namespace that
has it as its root (pivot_root, for a chroot may make no user namespaces), with bpffs and /run of its own."""

import os
import shutil
import subprocess

from lib.debian_root import make_root
from lib.lab import REPOSITORY
from lib.processes import Process, wait_for

TESTS = f"{REPOSITORY}/tests"
ENVIRONMENT = ["LC_ALL=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
               "PYTHONPATH=/mnt/tests", "PYTHONDONTWRITEBYTECODE=1"]
# $1: the root; $2: this repository's tests; the others: paths that are also there inside.
ENTER = """
set -e
root=$1 tests=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t bpf bpf "$root/sys/fs/bpf"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/mnt/tests"
mount --bind -o ro "$tests" "$root/mnt/tests"
for path; do
  mkdir -p "$root$(dirname "$path")"
  if [ -d "$path" ]; then mkdir -p "$root$path"; else touch "$root$path"; fi
  mount --bind "$path" "$root$path"
done
cd "$root"
pivot_root . .
umount -l .
touch /run/entered
exec sleep infinity
"""


class CleanRoot:
    """Made by `with`; nothing of it is left afterwards."""

    def __init__(self, folder, packages, namespace, paths=()):
        """packages: of Debian, beside the smallest system. namespace: the network of what runs inside. paths: files and folders of
        this machine that are in the same place inside."""
        self.folder, self.root, self.packages, self.namespace, self.paths = folder, f"{folder}/root", packages, namespace, paths
        self.holder = None

    def __enter__(self):
        make_root(self.folder, self.packages)
        self.holder = Process(["unshare", "--mount", "sh", "-c", ENTER, "sh", self.root, TESTS, *self.paths], f"{self.folder}/holder.log")
        try:
            wait_for(self._entered, 30, "the namespace of the clean root")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _entered(self):
        if not self.holder.alive():
            raise AssertionError(f"the clean root: {self.holder.output()}")
        return os.path.exists(self.path("/run/entered"))

    def path(self, inside):
        """A path inside as this process reaches it."""
        return f"/proc/{self.holder.pid}/root{inside}"

    def command(self, argv):
        """argv, wrapped so that it runs inside; the wrapping does not fork."""
        return self.namespace.command(["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "env", "-i", *ENVIRONMENT, *argv])

    def run(self, *argv, timeout=120):
        return subprocess.run(self.command(argv), capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)

    def run_ok(self, *argv, timeout=120):
        done = self.run(*argv, timeout=timeout)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def start(self, argv, log):
        return Process(self.command(argv), f"{self.folder}/{log}")

    def take(self, *files):
        """Copies files of this machine into /root inside; their paths there."""
        for file in files:
            shutil.copy(file, self.path("/root"))
        return [f"/root/{os.path.basename(file)}" for file in files]

    def write(self, inside, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), "w") as file:
            file.write(text)
        os.chmod(self.path(inside), mode)

    def files(self):
        """Every path of the root's own file system, folders included."""
        return set(self.run_ok("find", "/", "-xdev", "-path", "/mnt/tests", "-prune", "-o", "-print").splitlines())

    def __exit__(self, *_):
        if self.holder:
            self.holder.kill()
        # What was mounted is gone with the namespace, whose last process this was.
        shutil.rmtree(self.root, ignore_errors=True)
