"""A lab whose guests share folders of the host: kim, an account of the test's own, may make guests and has a home with a project."""

import json
import os
import subprocess

from lib.expect import Skip
from lib.lab import Lab
from lib.processes import wait_for
from lib.reviewers import ADMINS, UIDS, Reviewer, write_accounts
from lib.small_root import build_small_agent

KIM = UIDS["kim"]  # uid and gid
BOOT_SECONDS = 120
GUEST_UIDS = 2_000_000  # kGuestUidBase


def require_user_namespaces():
    """The servers of workspaces have one each, and the kernel makes none in a chroot (unshare(2))."""
    if subprocess.run(["unshare", "--user", "true"], capture_output=True).returncode != 0:
        raise Skip("no user namespace can be made here, as in a chroot")


class WorkspaceLab(Lab):
    image = "agent"

    def __init__(self, policy="", credentials=None):
        super().__init__(policy=policy, guests=(), start=False, credentials=credentials)

    def __enter__(self):
        require_user_namespaces()
        super().__enter__()
        try:
            self.root, self.home = f"{self.folder}/homes", f"{self.folder}/homes/kim"
            os.mkdir(self.root)
            self.make("kim", mode=0o700)
            self.project = self.make("kim/project")
            self.enforcer.write_config(images={"roots": [self.make_images()]}, workspaces={"roots": [self.root]})
            write_accounts(self.enforcer)
            self.enforcer.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.kim = Reviewer(self.enforcer, "kim")
        return self

    def make_images(self):
        """The folder in which `image` is."""
        build_small_agent(f"{self.folder}/images")
        return f"{self.folder}/images"

    def make(self, name, owner=KIM, mode=0o755):
        """A folder below the root of workspaces; its path."""
        path = f"{self.root}/{name}"
        os.mkdir(path)
        os.chown(path, owner, owner)
        os.chmod(path, mode)
        return path

    def write(self, path, text, owner=KIM, mode=0o644):
        with open(path, "w") as file:
            file.write(text)
        os.chown(path, owner, owner)
        os.chmod(path, mode)

    def run(self, *arguments, **options):
        """`enforcerctl run` of kim's."""
        return self.kim.ctl("run", "--image", self.image, *arguments, timeout=BOOT_SECONDS, **options)

    def guest_with(self, *workspaces, name="g1", options=()):
        """A guest of kim's that stays."""
        shared = [word for workspace in workspaces for word in ("--workspace", workspace)]
        done = self.run("--name", name, "--keep", *shared, *options, "--", "true")
        assert done.returncode == 0, f"no guest: {done.stdout}{done.stderr}"
        return self.record(name)

    def inside(self, script, *options, name="g1", timeout=60):
        """A shell script in the guest, as kim, in her project; options: "--root"."""
        return self.kim.ctl("guest", "exec", "--cwd", self.project, *options, name, "--", "sh", "-c", script, timeout=timeout)

    def ask_for_guest(self, workspace):
        """What the daemon answers to a request of kim's, whatever the tool would have said of it."""
        body = json.dumps({"name": "asked", "image": "agent", "workspaces": [{"path": workspace}]})
        asked = ["curl", "-sS", "--unix-socket", f"{self.enforcer.run_dir}/enforcerd.sock", "-d", body, "http://enforcer/v1/guests"]
        return self.enforcer.host.run(["setpriv", f"--reuid={KIM}", f"--regid={KIM}", f"--groups={ADMINS}", "--", *asked], timeout=60).stdout

    def record(self, name):
        """hostd's record of the guest; None when there is none."""
        folder = f"{self.enforcer.state_dir}/hostd"
        for file in os.listdir(folder):
            if file.startswith("guest-") and file.endswith(".json"):
                with open(f"{folder}/{file}") as text:
                    record = json.load(text)
                if record["name"] == name:
                    return record
        return None

    def gone(self, record):
        """Waits until nothing is left of a guest: processes, cgroups, the folder of its sockets."""
        machine = record["machine"]
        pids = [machine["pid"], *(workspace["pid"] for workspace in machine["workspaces"])]
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 20, "the guest's processes to end")
        wait_for(lambda: not any(os.path.exists(folder) for folder in machine["cgroups"]), 20, "the guest's cgroups to go")
        wait_for(lambda: not os.path.exists(f"{self.enforcer.run_dir}/guests/{record['name']}"), 20, "the guest's folder to go")


def processes(parent):
    """A process and all below it."""
    found = [parent]
    for pid in found:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            found += [int(word) for word in file.read().split()]
    return found
