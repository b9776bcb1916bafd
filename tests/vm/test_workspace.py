"""A folder of the host in a guest, at the same path: whose its files are, and that it is all of the host that there is."""

import os
import signal
import stat
import subprocess

from lib import images
from lib.expect import equal
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.workspace_lab import GUEST_UIDS, KIM, WorkspaceLab, processes


def owner(path):
    status = os.lstat(path)
    return status.st_uid, status.st_gid


@hang_guard(300)
def test_files_of_a_workspace_are_the_user_s_on_both_sides():
    with WorkspaceLab() as lab:
        lab.write(f"{lab.project}/from-here", "here\n")
        record = lab.guest_with(lab.project)
        done = lab.inside("id -u; pwd; cat from-here; echo there > from-there; mkdir folder; ln -s from-there link; mv from-there moved")
        equal((done.returncode, done.stdout, done.stderr), (0, f"{KIM}\n{lab.project}\nhere\n", ""), "in the guest")
        equal({name: owner(f"{lab.project}/{name}") for name in ("moved", "folder", "link")},
              dict.fromkeys(("moved", "folder", "link"), (KIM, KIM)), "owners on the host")
        with open(f"{lab.project}/moved") as file:
            equal(file.read(), "there\n", "what the guest wrote")

        # root of the guest is root of nothing here.
        done = lab.inside("id -u; echo r > by-root; echo changed > from-here", "--root")
        equal((done.returncode, done.stdout), (0, "0\n"), done.stderr)
        guest_uid = GUEST_UIDS + record["slot"]
        equal(owner(f"{lab.project}/by-root"), (guest_uid, guest_uid), "a file of the guest's root")
        equal(owner(f"{lab.project}/from-here"), (KIM, KIM), "a file of kim's that it changed")

        lab.write(f"{lab.project}/later", "later\n")
        equal(lab.inside("cat later").stdout, "later\n", "a file that was made here while the guest ran")
        lab.kim.ctl("guest", "delete", "g1")
        lab.gone(record)
        equal(owner(f"{lab.project}/moved"), (KIM, KIM), "files stay")


@hang_guard(300)
def test_git_works_in_a_workspace():
    with WorkspaceLab() as lab:
        lab.guest_with(lab.project)
        done = lab.inside("git init -q . && echo text > file && git add file && "
                          "git -c user.name=k -c user.email=k@x commit -qm first && git status --porcelain && git log --oneline | wc -l && "
                          "git checkout -qb other && git gc -q && git fsck --strict")
        equal((done.returncode, done.stdout.split()), (0, ["1"]), f"git in the guest: {done.stderr}")
        here = subprocess.run(["git", "--no-optional-locks", "-c", f"safe.directory={lab.project}", "-C", lab.project, "status", "--porcelain", "--branch"],
                              capture_output=True, text=True, timeout=30)
        equal((here.returncode, here.stdout), (0, "## other\n"), f"git here: {here.stderr}")
        strangers = [path for folder, folders, files in os.walk(lab.project) for path in
                     (f"{folder}/{name}" for name in [*folders, *files]) if owner(path) != (KIM, KIM)]
        equal(strangers, [], "files that are not kim's")


@hang_guard(300)
def test_read_only_workspace_cannot_be_written_by_anybody_in_the_guest():
    with WorkspaceLab() as lab:
        other = lab.make("kim/other")
        lab.write(f"{lab.project}/file", "x\n")
        lab.guest_with(f"{lab.project}:ro", other)
        for options in ((), ("--root",)):
            for script in ("echo y > file", "echo y > new", "rm file", "mkdir d", "chmod 600 file", "ln file l", "mv file f", "touch file"):
                done = lab.inside(f"cd {lab.project} && {script}", *options)
                assert done.returncode != 0 and "Read-only file system" in done.stderr, (script, options, done)
        remounted = lab.inside(f"mount -o remount,rw {lab.project}; echo y > {lab.project}/file", "--root")
        assert remounted.returncode != 0, remounted  # what the guest says of its mount is not what holds
        with open(f"{lab.project}/file") as file:
            equal(file.read(), "x\n", "the file")
        equal(lab.inside(f"cat {lab.project}/file; echo w > {other}/new && cat {other}/new").stdout, "x\nw\n", "the control")


@hang_guard(300)
def test_nothing_else_of_the_host_is_in_the_guest():
    with WorkspaceLab() as lab:
        lab.write(f"{lab.home}/beside", "SECRET\n")
        lab.write(f"{lab.project}/roots", "SECRET\n", owner=0, mode=0o600)
        lab.write(f"{lab.project}/others", "SECRET\n", owner=KIM + 1, mode=0o640)
        lab.write(f"{lab.project}/public", "public\n", owner=0, mode=0o644)
        secret = f"{lab.project}/private"
        os.mkdir(secret, 0o700)
        os.symlink(lab.home, f"{lab.project}/to-home")
        os.symlink("../beside", f"{lab.project}/to-beside")
        os.symlink("/proc/self/root/etc/hostname", f"{lab.project}/to-proc")
        os.link("/etc/hostname", f"{lab.project}/hard") if os.stat("/etc").st_dev == os.stat(lab.project).st_dev else None
        lab.guest_with(lab.project)

        mounts = [line.split() for line in lab.inside("cat /proc/mounts").stdout.splitlines()]
        shared = [(mount[1], set(mount[3].split(",")) & {"rw", "nosuid", "nodev"}) for mount in mounts if mount[2] in ("virtiofs", "9p", "fuse")]
        equal(shared, [(lab.project, {"rw", "nosuid", "nodev"})], "file systems that are not the guest's own")
        # Everything from the root of the host's folders down, as root: the path to the workspace, and the workspace.
        seen = set(lab.inside(f"find {lab.folder}", "--root").stdout.split())
        way = {lab.folder, lab.root, lab.home, lab.project}
        equal({path for path in seen if not path.startswith(lab.project + "/")}, way, "what the guest sees outside")
        equal({os.path.relpath(path, lab.project) for path in seen if path.startswith(lab.project + "/")},
              set(os.listdir(lab.project)), "what it sees inside")

        for options in ((), ("--root",)):
            for path in ("roots", "others", "private/x", "to-beside", "to-home/beside", "../beside", "../../kim/beside",
                         f"{lab.home}/beside", "to-proc"):
                done = lab.inside(f"cat {path}", *options)
                assert done.returncode != 0 or "SECRET" not in done.stdout and done.stdout != open("/etc/hostname").read(), (path, options, done)
            equal(lab.inside("cat public", *options).stdout, "public\n", "the control: what everybody here may read")
            for script in ("echo x > roots", "echo x > others", "echo x > public", f"chown {KIM + 1} public", "chmod 666 roots", "touch private/x"):
                done = lab.inside(script, *options)
                assert done.returncode != 0, (script, options)
        for script in (f"touch f; chown {KIM + 1} f", "mknod b b 8 0", "mknod c c 1 3", "mknod n c 0 1"):
            done = lab.inside(script, "--root")
            assert done.returncode != 0, script
        equal(stat.S_ISREG(os.lstat(f"{lab.project}/f").st_mode), True, "the control: the file before its chown")
        # A link that the guest makes is text here, and leads the server nowhere.
        done = lab.inside("ln -s /etc/shadow out && cat out", "--root")
        equal(os.readlink(f"{lab.project}/out"), "/etc/shadow")
        assert done.stdout != open("/etc/shadow").read(), "the host's file"


@hang_guard(300)
def test_folder_that_may_not_be_shared_is_refused_with_a_reason_and_nothing_is_left():
    with WorkspaceLab() as lab:
        os.symlink(lab.project, f"{lab.home}/link")
        lab.write(f"{lab.home}/file", "x")
        closed, foreign = lab.make("closed", owner=0, mode=0o700), lab.make("foreign", owner=0)
        os.mkdir(f"{closed}/inner")
        for path, words in (("/etc", "is not below one of"), (foreign, "may not write it")):
            done = lab.run("--workspace", path, "--", "true")
            equal(done.returncode, 125, f"exit status for {path}: {done.stderr}")
            assert words in done.stderr and path in done.stderr, (path, done.stderr)
        # The tool looks before it asks, and follows links; hostd refuses by itself.
        for path, words in ((lab.root, "is not below one of"), ("/", "empty component"), (f"{lab.home}/file", "is not a folder"),
                            (f"{lab.home}/missing", "does not exist"), (f"{closed}/inner", "may not reach it"),
                            (closed, "may not read it"), (foreign, "may not write it"), (f"{lab.home}/link", "symbolic link"),
                            (f"{lab.root}/kim/../kim/project", "'..'"), ("project", "absolute")):
            answer = lab.ask_for_guest(path)
            assert words in answer, (path, answer)
        equal(lab.run("--workspace", f"{foreign}:ro", "--", "cat", "/proc/1/comm").returncode, 0, "the control: reading is allowed")
        equal(os.listdir(f"{lab.enforcer.run_dir}/guests"), [], "folders of guests")
        equal(lab.record("g1"), None, "a record")
        pids = subprocess.run(["pgrep", "-P", str(lab.enforcer.hostd.pid)], capture_output=True, text=True).stdout.split()
        wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids), 20, "every child of hostd to be gone")


@hang_guard(300)
def test_image_without_a_root_says_that_it_shares_nothing():
    with WorkspaceLab() as lab:
        images.build("mini", f"{lab.folder}/images")
        done = lab.kim.ctl("run", "--image", "mini", "--workspace", lab.project, "--", "true", timeout=60)
        equal(done.returncode, 125, done.stderr)
        assert "image 'mini' cannot share folders of the host" in done.stderr, done.stderr
        equal(lab.kim.ctl("run", "--image", "mini", "--", "true", timeout=120).returncode, 0, "the control: the image itself works")


@hang_guard(300)
def test_workspace_outlives_hostd_and_ends_with_its_guest():
    with WorkspaceLab() as lab:
        record = lab.guest_with(lab.project)
        lab.enforcer.hostd.kill()
        lab.enforcer.start_hostd()
        wait_for(lambda: lab.inside("echo back > back").returncode == 0, 60, "the guest to be reached again", interval=1)
        equal(owner(f"{lab.project}/back"), (KIM, KIM), "a file made after the restart")
        os.kill(record["machine"]["pid"], signal.SIGKILL)
        lab.gone(record)

        record = lab.guest_with(lab.project, name="g2")
        lab.enforcer.hostd.kill()
        os.kill(record["machine"]["pid"], signal.SIGKILL)  # while nobody looks
        lab.enforcer.start_hostd()
        lab.gone(record)


@hang_guard(300)
def test_end_of_a_workspace_s_server_is_an_event():
    with WorkspaceLab() as lab:
        record = lab.guest_with(lab.project)
        server = record["machine"]["workspaces"][0]["pid"]
        below = processes(server)
        equal(lab.enforcer.records(type="event", event="workspace_lost"), [], "events before")
        os.kill(server, signal.SIGKILL)
        lost = lab.enforcer.wait_record(10, type="event", event="workspace_lost")
        equal(lost["guest"], "g1")
        assert f"the server of {lab.project} is gone" in lost["detail"], lost
        assert not any(os.path.exists(f"/proc/{pid}") for pid in below[1:]), "processes of the server"
        lab.kim.ctl("guest", "delete", "g1")
        lab.gone(record)
