"""The initramfs of `mini`, which is all it has: enforcer-init, busybox, curl, openssl, the libraries they link and the CA
bundle, from what is installed on this machine."""

import os
import pathlib
import re
import subprocess

from .step import stop

PACKAGES = "apt-get install busybox-static curl openssl ca-certificates"
BUSYBOX = "/bin/busybox"
PROGRAMS = ["/usr/bin/curl", "/usr/bin/openssl"]
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
FOLDERS = ["dev", "proc", "sys", "tmp", "run", "root", "etc", "bin", "sbin", "usr/bin", "usr/sbin", "usr/lib/ssl", "etc/ssl/certs"]
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
LINKS = {
    "usr/lib/ssl/certs": "/etc/ssl/certs",
    "usr/lib/ssl/cert.pem": CA_BUNDLE,
}


def require_packages():
    for path in [BUSYBOX, *PROGRAMS, CA_BUNDLE]:
        if not os.path.exists(path):
            stop(f"{path} is missing: {PACKAGES}")


def libraries_of(program):
    """What the dynamic linker would load: (path as the program sees it, real file)."""
    text = subprocess.run(["ldd", program], check=True, stdout=subprocess.PIPE, text=True).stdout
    if "not found" in text:
        stop(f"{program}: a library is missing: {PACKAGES}")
    for match in re.finditer(r"(?:=> )?(/\S+) \(0x", text):
        yield match.group(1), pathlib.Path(match.group(1)).resolve()


def put_programs(tree):
    for folder in FOLDERS:
        tree.folder(folder)
    tree.file("bin/busybox", pathlib.Path(BUSYBOX).read_bytes(), 0o755)
    for applet in subprocess.run([BUSYBOX, "--list-full"], check=True, stdout=subprocess.PIPE, text=True).stdout.split():
        if applet not in tree.entries:
            tree.link(applet, BUSYBOX)
    for program in PROGRAMS:
        tree.file(program, pathlib.Path(program).read_bytes(), 0o755)
        for path, real in libraries_of(program):
            tree.file(path, real.read_bytes(), 0o755)
    tree.file(CA_BUNDLE, pathlib.Path(CA_BUNDLE).read_bytes())
    for path, text in TEXTS.items():
        tree.file(path, text.encode())
    for path, target in LINKS.items():
        tree.link(path, target)
