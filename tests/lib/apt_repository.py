"""A signed apt repository with one package, made by Debian's own tools: a folder that any web server may serve."""

import os
import subprocess

SUITE = "stable"


class AptRepository:
    """The files are below `folder`; `key` is what verifies its InRelease."""

    def __init__(self, folder, package, content):
        self.folder, self.key = folder, f"{folder}/key.gpg"
        self._home = f"{folder}.gpg"
        os.makedirs(f"{folder}/pool")
        self._package(package, content)
        dists = f"dists/{SUITE}"
        os.makedirs(f"{folder}/{dists}/main/binary-all")
        self._write(f"{dists}/main/binary-all/Packages", self._run("apt-ftparchive", "packages", "pool"))
        release = [f"APT::FTPArchive::Release::{key}={value}" for key, value in
                   {"Suite": SUITE, "Codename": SUITE, "Architectures": "all", "Components": "main"}.items()]
        self._write(f"{dists}/Release", self._run("apt-ftparchive", *[word for option in release for word in ("-o", option)],
                                                  "release", dists))
        self._sign(f"{dists}/Release", f"{dists}/InRelease")

    def _package(self, name, content):
        tree = f"{self.folder}.tree"
        os.makedirs(f"{tree}/DEBIAN")
        os.makedirs(f"{tree}/usr/share/{name}")
        with open(f"{tree}/DEBIAN/control", "w") as file:
            file.write(f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@apt.test>\nDescription: a test\n")
        with open(f"{tree}/usr/share/{name}/content", "wb") as file:
            file.write(content)
        self._run("dpkg-deb", "--root-owner-group", "--build", "-Znone", tree, f"pool/{name}_1.0_all.deb")

    def _sign(self, plain, signed):
        os.makedirs(self._home, mode=0o700)
        gpg = ["gpg", "--homedir", self._home, "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
        try:
            self._run(*gpg, "--quick-generate-key", "Test Archive <archive@apt.test>", "ed25519", "sign", "2d")
            self._run(*gpg, "--clearsign", "--output", signed, plain)
            self._run(*gpg, "--output", self.key, "--export")
        finally:
            self._run("gpgconf", "--homedir", self._home, "--kill", "all")  # gpg has left an agent behind

    def _run(self, *argv):
        return subprocess.run(argv, cwd=self.folder, check=True, capture_output=True, text=True, timeout=60).stdout

    def _write(self, path, text):
        with open(f"{self.folder}/{path}", "w") as file:
            file.write(text)
