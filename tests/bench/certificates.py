"""The certificates of a run: one authority, which every client, proxy and origin of the bench trusts and proxies mint with, a leaf for
all names, and one for each name (proxies that mint by copying the origin's certificate would otherwise make one for all)."""

import os
import subprocess

from lib.certificates import CertificateAuthority


class Certificates:
    def __init__(self, folder):
        os.chmod(folder, 0o755)  # enforcerd, which is nobody in particular, reads the authority's certificate
        self.folder = folder
        self.authority = CertificateAuthority(folder, "Enforcer Bench CA")
        self.authority_key = f"{folder}/ca.key"
        self.chain, self.key, _ = self.authority.issue(["*.bench.test"])
        self.both, self.authority_both = f"{folder}/both.pem", f"{folder}/ca-both.pem"
        for target, parts in ((self.both, (self.chain, self.key)), (self.authority_both, (self.authority_key, self.authority.certificate))):
            with open(target, "w") as file:
                for part in parts:
                    with open(part) as source:
                        file.write(source.read())

    def of(self, name):
        return f"{self.folder}/{name}.pem"

    def issue_each(self, names):
        """A leaf for each of the names, with the key of the leaf for all."""
        missing = [name for name in names if not os.path.exists(self.of(name))]
        argv = ["openssl", "req", "-x509", "-new", "-key", self.key, "-days", "2", "-subj", "/CN={}", "-CA", self.authority.certificate,
                "-CAkey", self.authority_key, "-out", f"{self.folder}/{{}}.pem", "-addext", "subjectAltName=DNS:{}",
                "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run(["xargs", "-P", "2", "-I", "{}", *argv], input="\n".join(missing), text=True, check=True, capture_output=True)
