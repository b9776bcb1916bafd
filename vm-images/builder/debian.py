"""A Debian root file system: packages from the Debian mirrors that this machine's apt uses, and nothing else, as one erofs.

The same versions of packages give the same bytes. What a build would leave of itself is removed (logs, caches, ids, the
names of this machine), times are bounded, and the file system has a fixed id. Times of files are kept where packages set
them: Python's compiled files name the time of their source, and would be compiled anew in each guest.
"""

import os
import pathlib
import re
import shutil
import subprocess
import time

from .step import output_of, say, step, stop

PACKAGES = {"mmdebstrap": "mmdebstrap", "mkfs.erofs": "erofs-utils", "unshare": "util-linux", "setpriv": "util-linux"}
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
EPOCH = 1_700_000_000  # what maintainer scripts take for now, where they ask SOURCE_DATE_EPOCH
FILE_SYSTEM_ID = "656e666f-7263-4572-8000-000000000001"
# lz4hc in clusters of 32 KiB: 325 MB instead of 367 for `agent`, and not slower to read (README.md).
EROFS_OPTIONS = ["-zlz4hc", "-C32768"]
# For dpkg, here and in the guest. Nobody reads manuals there, licences stay; and a root that is thrown away need not survive
# a loss of power in the middle of an installation, which dpkg would wait for the disk for.
DPKG_OPTIONS = ["force-unsafe-io", "path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright", "path-exclude=/usr/share/man/*",
                "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/locale/*", "path-include=/usr/share/locale/locale.alias"]
# What differs between two builds, or says where the build was done; folders are emptied.
OF_THE_BUILD = ["etc/hostname", "etc/resolv.conf", "etc/hosts", "etc/machine-id", "etc/apt/apt.conf.d/99mmdebstrap",
                "var/lib/dbus/machine-id", "var/cache/ldconfig/aux-cache", "var/lib/systemd/random-seed",
                "var/lib/apt/lists", "var/cache/apt", "var/cache/debconf", "var/log", "tmp", "var/tmp", "run"]


def require_programs():
    for program, package in PACKAGES.items():
        if not shutil.which(program):
            stop(f"{program} is missing: apt-get install {package}")
    if not os.path.exists(KEYRING):
        stop(f"{KEYRING} is missing: apt-get install debian-archive-keyring")
    if os.geteuid() != 0:
        stop("a root file system has files of many owners, so only root can make it: sudo vm-images/build")


def package_names(lists):
    """Of files in profiles/: a package at the beginning of each line, then why it is there."""
    names = []
    for path in lists:
        lines = [line.split() for line in path.read_text().splitlines()]
        names += [words[0] for words in lines if words and not words[0].startswith("#")]
    return names


def sources():
    """Lines for sources.list: what this machine's apt has of Debian itself. Anybody else's packages stay outside."""
    text = output_of("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ARCHITECTURE)",
                     "Created-By: Packages", "Origin: Debian")
    architecture = output_of("dpkg", "--print-architecture").strip()
    found = {tuple(line.split()[:3]) for line in text.splitlines() if line.split()[3] == architecture}
    if not found:
        stop("apt knows no mirror of Debian: name one in /etc/apt/sources.list, and run apt-get update")
    return [f"deb [signed-by={KEYRING}] {mirror} {suite} {component}" for mirror, suite, component in sorted(found)]


def suite_of(lines):
    """The release that the sources are of, without -updates and -security."""
    suites = {re.split("[-/]", line.split()[3])[0] for line in lines}
    if len(suites) != 1:
        stop(f"apt's sources are of several releases, so which one is wanted is not clear: {', '.join(sorted(suites))}")
    return suites.pop()


def make_root(root, packages, log, dpkg_options=DPKG_OPTIONS):
    """Fills the folder `root`, which keeps the options of dpkg. In a mount and a process namespace of its own, so that an end of the build, whatever it is,
    ends all of it and leaves no mount behind."""
    lines = sources()
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "SOURCE_DATE_EPOCH": str(EPOCH), **_proxy()}
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
               "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
               "--aptopt=APT::Install-Recommends false", *[f"--dpkgopt={option}" for option in dpkg_options],
               f"--include={','.join(packages)}", suite_of(lines), str(root), "-"]
    with open(log, "w") as output:
        mmdebstrap = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.PIPE, text=True,
                                      errors="replace", env=environment)
        mmdebstrap.stdin.write("\n".join(lines) + "\n")
        mmdebstrap.stdin.close()
        try:
            _follow(mmdebstrap.stderr, output)
        finally:
            mmdebstrap.kill()  # it has ended, unless we were interrupted; then all that is in its namespace ends, too
            mmdebstrap.stderr.read()  # until the last of them has
            status = mmdebstrap.wait()
    if status != 0:
        _give_up("mmdebstrap", log)


def _follow(stream, output):
    """Everything goes to the log; its own steps are said, with the seconds since the beginning."""
    began = time.monotonic()
    for line in stream:
        output.write(line)
        output.flush()
        if line.startswith("I: "):
            say(f"  {time.monotonic() - began:4.0f} s  {line.removeprefix('I: ').strip()}")


def _proxy():
    """The proxy of this machine, and of its apt, by environment: as an option of apt it would stay in the image."""
    proxies = {name: os.environ[name] for name in ("http_proxy", "https_proxy") if name in os.environ}
    for scheme in ("http", "https"):
        assigned = output_of("apt-config", "shell", "proxy", f"Acquire::{scheme}::Proxy").strip()
        if assigned:
            proxies[f"{scheme}_proxy"] = assigned.removeprefix("proxy=").strip("'")
    return proxies


def _give_up(program, log):
    text = log.read_text(errors="replace")
    say(f"---- the end of what {program} wrote:\n" + "\n".join(text.splitlines()[-40:]) + "\n----")
    if "No space left on device" in text:
        stop(f"{log.parent}: no space left")
    stop(f"{program} failed; the reason is above")


def tidy(root):
    """Removes what is of this build and not of its packages."""
    for name in OF_THE_BUILD:
        path = root / name
        if path.is_dir() and not path.is_symlink():
            for inside in path.iterdir():
                shutil.rmtree(inside) if inside.is_dir() and not inside.is_symlink() else inside.unlink()
        else:
            path.unlink(missing_ok=True)
    for old in [*root.glob("var/lib/dpkg/*-old"), *root.glob("etc/*-"), *root.glob("etc/ssh/ssh_host_*")]:
        old.unlink()
    (root / "etc/machine-id").touch()  # empty: whoever needs one makes it at boot
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)


def put_files(root, folder):
    """Copies what a profile adds (profiles/NAME.root/...), owned by root; programs stay programs. A file `.folder` stands for the
    folder that it is in, which git would not keep empty."""
    for source in sorted(path for path in folder.rglob("*") if path.is_file()):
        target = root / source.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.name == ".folder":
            continue
        shutil.copyfile(source, target)
        os.chown(target, 0, 0)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
    for sudoers in (root / "etc/sudoers.d").glob("*"):
        sudoers.chmod(0o440)


def bound_times(root):
    """No file is newer than the newest source of Python: what maintainer scripts made gets that time."""
    newest = max(int(path.lstat().st_mtime) for path in root.glob("usr/lib/python3*/**/*.py"))
    for folder, folders, files in os.walk(root):
        for path in (os.path.join(folder, name) for name in ["", *folders, *files]):
            if os.lstat(path).st_mtime > newest:
                os.utime(path, (newest, newest), follow_symlinks=False)
    return newest


def make_erofs(root, image, log):
    newest = bound_times(root)
    # Not -T, which would give all files one time: by its environment mkfs.erofs takes the time only for itself.
    with open(log, "w") as output:
        done = subprocess.run(["mkfs.erofs", "--quiet", "--preserve-mtime", *EROFS_OPTIONS, "-U", FILE_SYSTEM_ID, str(image),
                               str(root)], stdout=output, stderr=output, env={**os.environ, "SOURCE_DATE_EPOCH": str(newest)})
    if done.returncode != 0:
        _give_up("mkfs.erofs", log)


def versions(root):
    lines = output_of("dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${Package} ${Version}\n").splitlines()
    return dict(sorted(line.split() for line in lines))


def build(image, packages, extra_files, work):
    """Makes the file `image` with these packages and the files of these folders; the packages and their versions."""
    root, log = pathlib.Path(work) / "root", pathlib.Path(work) / "log"
    root.mkdir()
    try:
        with step(f"installing Debian packages ({len(packages)} and what they need)"):
            make_root(root, packages, log)
        with step("removing what differs from build to build"):
            tidy(root)
        for folder in extra_files:
            put_files(root, folder)
        found = versions(root)
        with step(f"compressing the root file system ({len(found)} packages)"):
            make_erofs(root, image, log)
    finally:
        with step("removing what was only for the build"):
            shutil.rmtree(root)
        log.unlink(missing_ok=True)
    return found
