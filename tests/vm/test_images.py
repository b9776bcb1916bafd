"""Guests' images: how they are built, what becomes of a build that fails or is killed, and what hostd makes of a file that changed."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile

from lib.expect import Skip, equal
from lib.images import KERNEL_ROOT, command
from lib.images import try_build as build
from lib.lab import REPOSITORY, work_folder
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.vm_lab import run, vm_lab

_folders = itertools.count()


def folder():
    """A new one each time."""
    return work_folder(f".{next(_folders)}")


def contents(path):
    return {name: open(f"{path}/{name}", "rb").read() for name in sorted(os.listdir(path))}


@contextlib.contextmanager
def stand_in(script):
    """The environment of a build whose mmdebstrap is this shell script."""
    if not shutil.which("mkfs.erofs"):
        raise Skip("erofs-utils is missing: deploy/install-packages image-root")
    with tempfile.TemporaryDirectory() as programs:
        with open(f"{programs}/mmdebstrap", "w") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(f"{programs}/mmdebstrap", 0o755)
        yield {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}


def old_image(output):
    os.makedirs(f"{output}/agent")
    with open(f"{output}/agent/image.json", "w") as file:
        file.write("the old one")


def is_as_before(output):
    equal(os.listdir(output), ["agent"], "what is in the folder of the images")
    equal(contents(f"{output}/agent"), {"image.json": b"the old one"}, "the old image")


def mounts_below(path):
    with open("/proc/self/mounts") as file:
        return [line for line in file if path in line]


def test_image_of_the_same_things_has_the_same_bytes():
    with folder() as first, folder() as second:
        for output in (first, second, second):  # and again over one that is there
            done = build("mini", output)
            equal(done.returncode, 0, done.stderr)
            equal(os.listdir(output), ["mini"], "what is in the folder of the images")
        equal(contents(f"{first}/mini"), contents(f"{second}/mini"), "the two images")
        described = json.loads(contents(f"{first}/mini")["image.json"])
        equal(set(described["files"]), {"vmlinuz", "initramfs"}, "files")
        equal((described["profile"], described["memory_mib"]), ("mini", 256), "profile and memory")


def test_build_that_lacks_something_says_what_and_leaves_the_old_image():
    with folder() as output, folder() as empty:
        equal(build("mini", output).returncode, 0, "the first build")
        before = contents(f"{output}/mini")
        for more, complaint in ((["--kernel-root", empty], f"no kernel {empty}/boot/vmlinuz-*-cloud-amd64: apt-get install"),
                                (["--kernel", "1.2.3"], "no kernel"), (["--init", "/nonexistent"], "/nonexistent is missing")):
            done = build("mini", output, *more)
            equal(done.returncode, 1, f"{more}: {done.stderr}")
            assert done.stderr.startswith("vm-images/build: ") and complaint in done.stderr, done.stderr
            equal(contents(f"{output}/mini"), before, "the old image")
        equal(build("maxi", output).returncode, 2, "a profile that does not exist")


def test_image_is_not_built_where_others_could_lead_it_astray():
    kim = 54321

    def refused(output, complaint):
        done = build("mini", output)
        equal((done.returncode, os.path.lexists(f"{output}/mini/vmlinuz")), (1, False), f"{output}: {done.stdout}{done.stderr}")
        assert done.stderr.startswith(f"vm-images/build: {output}: ") and complaint in done.stderr, done.stderr

    with folder() as parent, folder() as elsewhere:
        for name, mode, owner, complaint in (("open", 0o777, 0, "others may write to"), ("sticky", 0o1777, 0, "others may write to"),
                                             ("group", 0o775, 0, "others may write to"), ("kims", 0o755, kim, f"belongs to uid {kim}")):
            output = f"{parent}/{name}"
            os.mkdir(output)
            os.chown(output, owner, 54399)  # a group that nobody knows
            os.chmod(output, mode)
            refused(output, f"{output} {complaint}" if owner else f"{complaint} {output}")
            equal(os.listdir(output), [], "what is in it")
            if name != "sticky":  # nor below it
                refused(f"{output}/deep/images", f"{output} {complaint}" if owner else f"{complaint} {output}")
                equal(os.listdir(output), [], "what is in it")
        for kind, tag, who, rights, mask, writes in (("access", 0x02, kim, 7, 7, True), ("access", 0x08, 54399, 7, 7, True),
                                                     ("default", 0x02, kim, 7, 7, True), ("access", 0x02, kim, 5, 7, False),
                                                     ("access", 0x02, kim, 7, 5, False), ("access", 0x02, 0, 7, 7, False)):
            output = f"{parent}/acl-{kind}-{tag}-{who}-{rights}-{mask}"
            os.mkdir(output, 0o755)
            listed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in (
                (0x01, 7, 0xFFFFFFFF), *([(tag, rights, who)] if tag == 0x02 else []), (0x04, 5, 0xFFFFFFFF),
                *([(tag, rights, who)] if tag == 0x08 else []), (0x10, mask, 0xFFFFFFFF), (0x20, 5, 0xFFFFFFFF)))
            os.setxattr(output, f"system.posix_acl_{kind}", listed)
            if writes:
                refused(output, f"setfacl -{'b' if kind == 'access' else 'k'} {output}")
                equal(os.listdir(output), [], "what is in it")
            else:
                equal(build("mini", output).returncode, 0, f"a list of rights that gives nobody else anything: {output}")
        os.symlink(elsewhere, f"{parent}/link")
        refused(f"{parent}/link", "is a symbolic link")
        refused(f"{parent}/link/deep", "is a symbolic link")
        with open(f"{parent}/file", "w"):
            refused(f"{parent}/file", "is not a folder")
        equal(os.listdir(elsewhere), [], "behind the link")
        for planted in ("mini", ".mini.x.new"):
            output = f"{parent}/planted{len(planted)}"
            os.mkdir(output, 0o755)
            os.symlink(elsewhere, f"{output}/{planted}")
            done = build("mini", output)
            assert done.returncode == 1 and f"{output}/{planted} is a symbolic link" in done.stderr, done.stderr
            equal((os.listdir(output), os.listdir(elsewhere)), ([planted], []), "what is left")
        # The control: below a folder where others may write but rename nothing of ours, and in one that is made.
        equal(build("mini", f"{parent}/sticky/own").returncode, 0, "in a sticky folder")
        equal(build("mini", f"{parent}/new/images").returncode, 0, "in a new folder")


def test_root_file_system_is_made_by_root_only_and_needs_its_programs():
    with folder() as output, folder() as empty, stand_in("exit 0") as environment:
        nobody = {"user": 65534, "group": 65534, "extra_groups": []}
        if os.access(REPOSITORY, os.X_OK) and subprocess.run(["test", "-r", f"{REPOSITORY}/vm-images/build"], **nobody).returncode == 0:
            done = build("agent", output, env={**environment, "PATH": os.environ["PATH"]} if shutil.which("mmdebstrap") else environment,
                         **nobody)
            assert done.returncode == 1 and "only root can make it" in done.stderr, done.stderr
        done = build("agent", output, env={**os.environ, "PATH": empty})
        assert done.returncode == 1 and "mmdebstrap is missing: apt-get install mmdebstrap" in done.stderr, done.stderr
        equal(os.listdir(output), [], "what is left")


def test_failed_installation_shows_why_and_leaves_the_old_image():
    with folder() as output:
        old_image(output)
        with stand_in("echo 'I: extracting archives' >&2; echo 'E: the mirror has no such package' >&2; exit 25") as environment:
            done = build("agent", output, env=environment)
            equal(done.returncode, 1, done.stderr)
            assert "extracting archives" in done.stdout and "E: the mirror has no such package" in done.stdout, done.stdout
            assert done.stderr == "vm-images/build: mmdebstrap failed; the reason is above\n", done.stderr
        is_as_before(output)
        with stand_in("echo 'dpkg: error: write: No space left on device' >&2; exit 25") as environment:
            done = build("agent", output, env=environment)
            assert done.returncode == 1 and "no space left" in done.stderr, done.stderr
        is_as_before(output)


def test_build_without_room_is_refused_before_it_begins():
    with folder() as output:
        old_image(output)
        small = f"{output}/small"
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50m,mode=755", "small", small], check=True)
        try:
            done = build("mini", small)
            assert done.returncode == 1 and f"{small}: 50 MiB are free, and this build needs 64 MiB" in done.stderr, done.stderr
            equal(os.listdir(small), [], "what is left")
        finally:
            subprocess.run(["umount", small], check=True)


STUCK = 'for last; do root=$before; before=$last; done; mount -t tmpfs held "$root"; touch "$root/held"; echo "I: held" >&2; exec sleep 1000'


@contextlib.contextmanager
def stuck_build(output):
    """A build in the middle of its installation, with a mount of its own; gives the process."""
    with stand_in(STUCK) as environment:
        process = subprocess.Popen(command("agent", output), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert any(line.rstrip().endswith("held") for line in process.stdout), process.stderr.read()
            yield process
        finally:
            process.kill()
            process.communicate()


def sleepers(output):
    """Processes that work in this folder, or did."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/mounts") as file:
            if any(output in line for line in file):
                found.append(pid)
    return found


def test_interrupted_build_leaves_nothing_but_the_old_image():
    for number in (signal.SIGINT, signal.SIGTERM):
        with folder() as output:
            old_image(output)
            with stuck_build(output) as process:
                assert sleepers(output), "the control: a build that runs is seen"
                equal(mounts_below(output), [], "mounts of the host while it runs")
                process.send_signal(number)
                _, complaint = process.communicate(timeout=60)
                equal(process.returncode, 1, complaint)
                equal(complaint, f"vm-images/build: interrupted by {number.name}; nothing was changed\n", "what is said")
            is_as_before(output)
            equal(sleepers(output), [], "processes left")


def test_killed_build_leaves_no_process_and_no_mount_and_the_next_one_removes_its_folder():
    with folder() as output:
        old_image(output)
        with stuck_build(output) as process:
            process.kill()
            process.wait(30)
            wait_for(lambda: not sleepers(output), 30, "the installation to end with its build")
            equal(mounts_below(output), [], "mounts of the host")
        equal(len(os.listdir(output)), 2, "the old image and the killed build's folder")
        with stand_in("exit 1") as environment:
            build("agent", output, env=environment)
        is_as_before(output)


def test_build_does_not_take_the_folder_of_one_that_runs():
    with folder() as output:
        old_image(output)
        with stuck_build(output), stand_in("exit 1") as environment:
            before = set(os.listdir(output))
            build("agent", output, env=environment)
            equal(set(os.listdir(output)), before, "the folder of the build that runs")


@hang_guard(240)
def test_tool_builds_lists_and_shows_and_no_guest_starts_from_a_file_that_changed():
    with folder() as output, vm_lab(images={"roots": [output]}) as lab:
        ctl = lab.enforcer.ctl
        done = ctl("image", "build", "mini", "--kernel-root", KERNEL_ROOT)
        equal(done.returncode, 0, done.stdout + done.stderr)
        listed = json.loads(lab.enforcer.ctl_ok("image", "list", "-o", "json"))["images"]
        equal([(image["name"], image["folder"]) for image in listed], [("mini", f"{output}/mini")], "images")
        equal(ctl("image", "show", "mini").returncode, 0, "show")
        equal(run(lab, "--", "true").returncode, 0, "a guest of the image as it was built")

        with open(f"{output}/mini/initramfs", "r+b") as file:
            file.seek(1000)
            byte = file.read(1)
            file.seek(1000)
            file.write(bytes([byte[0] ^ 1]))
        refused = run(lab, "--", "true")
        assert refused.returncode == 125 and "its SHA-256 is" in refused.stderr, (refused.returncode, refused.stderr)
        shown = ctl("image", "show", "mini")
        assert shown.returncode == 3 and "another content" in shown.stdout, shown.stdout
