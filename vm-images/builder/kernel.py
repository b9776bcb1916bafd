"""The guests' kernel: Debian's cloud kernel, installed or only unpacked, and the modules that init loads."""

import pathlib
import re
import shutil
import subprocess

from .step import stop

HOW_TO_GET = ("apt-get install linux-image-cloud-amd64; or, so that this machine does not boot it itself, 'apt-get download' the "
              "package it depends on, unpack that with 'dpkg -x PACKAGE FOLDER' and say --kernel-root FOLDER")


class Kernel:
    def __init__(self, root, version):
        """`version`: the one asked for; None: the newest cloud kernel below `root`."""
        if not shutil.which("modinfo"):
            stop("modinfo is missing: apt-get install kmod")
        pattern = f"vmlinuz-{version}" if version else "vmlinuz-*-cloud-amd64"
        kernels = sorted((root / "boot").glob(pattern), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)])
        if not kernels:
            stop(f"no kernel {root / 'boot' / pattern}: {HOW_TO_GET}")
        self.image = kernels[-1]
        self.version = self.image.name.removeprefix("vmlinuz-")
        self.folder = root / "lib/modules" / self.version

    def modules_in_order(self, names):
        """Files of these modules and of everything they need, each behind the ones it depends on. Asks the files themselves:
        the modules.dep of a kernel package that was only unpacked does not exist."""
        files = {path.name.split(".")[0].replace("-", "_"): path for path in sorted(self.folder.rglob("*.ko*"))}
        built_in = {pathlib.Path(line).stem.replace("-", "_") for line in self._built_in()}
        order = []

        def visit(name):
            if name in built_in:
                return
            if name not in files:
                stop(f"{self.folder} has no module {name}")
            depends = subprocess.run(["modinfo", "-F", "depends", files[name]], check=True, stdout=subprocess.PIPE, text=True).stdout
            for other in filter(None, depends.strip().split(",")):
                visit(other.replace("-", "_"))
            if files[name] not in order:
                order.append(files[name])

        for name in names:
            visit(name)
        return order

    def _built_in(self):
        try:
            return (self.folder / "modules.builtin").read_text().split()
        except FileNotFoundError:
            return []

    def put_modules(self, tree, names):
        """The modules and the file `order`, one name a line, as init/modules.h reads them."""
        paths = self.modules_in_order(names)
        names = [path.name.split(".")[0] + ".ko" for path in paths]
        for path, name in zip(paths, names):
            tree.file(f"lib/modules/enforcer/{name}", module_bytes(path))
        tree.file("lib/modules/enforcer/order", "".join(name + "\n" for name in names).encode())


def module_bytes(path):
    """Kernels of other Debian releases ship compressed modules; init wants them plain."""
    tools = {".xz": ["xz", "-dc"], ".zst": ["zstd", "-dcq"], ".gz": ["gzip", "-dc"]}
    if path.suffix in tools:
        return subprocess.run([*tools[path.suffix], path], check=True, stdout=subprocess.PIPE).stdout
    return path.read_bytes()
