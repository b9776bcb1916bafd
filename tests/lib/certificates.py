"""The test CA: trusted by the clients of one test, by nobody else, and gone with it."""

import os
import subprocess


class CertificateAuthority:
    def __init__(self, folder, name="Enforcer Test CA"):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.certificate = f"{folder}/ca.pem"
        self._key = f"{folder}/ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate,
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, names):
        """A leaf for these names; returns (chain file, key file, SHA-256 fingerprint as `openssl x509` prints it)."""
        stem = f"{self.folder}/{names[0].replace('*', '_')}"
        certificate, key = f"{stem}.pem", f"{stem}.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", f"/CN={names[0]}", "-CA", self.certificate, "-CAkey", self._key,
                 "-keyout", key, "-out", certificate,
                 "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
                 "-addext", "basicConstraints=critical,CA:FALSE")
        printed = _openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
        return certificate, key, printed.strip().split("=", 1)[1]


def _openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, timeout=30).stdout
