"""The test CA: trusted by the clients of the tests of one run, by nobody else, and gone with it.

The world's certificates are the same for every test of a run: to make them takes more time than most tests do. The runner makes them
once (`share`), each test has a copy, and what it issues beside them stays its own. A test without a runner makes all of them.
"""

import contextlib
import hashlib
import os
import shutil
import ssl
import subprocess
import tempfile

SHARED = "ENFORCER_TEST_PKI"  # the variable that names their folder


@contextlib.contextmanager
def share(names):
    """Tests that are started meanwhile find the CA, and a leaf for each of these names."""
    with tempfile.TemporaryDirectory() as folder:
        made = CertificateAuthority(folder)
        for name in names:
            made.issue([name])
        os.environ[SHARED] = folder
        try:
            yield
        finally:
            del os.environ[SHARED]


def shared_authority(folder):
    """That CA with its leaves, copied to this folder, which is not there yet; a new one without leaves when nobody shares one."""
    if SHARED in os.environ:
        shutil.copytree(os.environ[SHARED], folder)
        os.chmod(folder, 0o755)
    return CertificateAuthority(folder)


class CertificateAuthority:
    def __init__(self, folder, name="Enforcer Test CA"):
        """The CA that is in the folder, or else a new one there."""
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.certificate = f"{folder}/ca.pem"
        self._key = f"{folder}/ca.key"
        if os.path.exists(self.certificate):
            return
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate,
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, names):
        """A new leaf for these names; returns (chain file, key file, SHA-256 fingerprint as `openssl x509` prints it)."""
        certificate, key = self._files(names[0])
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", f"/CN={names[0]}", "-CA", self.certificate, "-CAkey", self._key,
                 "-keyout", key, "-out", certificate,
                 "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
                 "-addext", "basicConstraints=critical,CA:FALSE")
        return certificate, key, _fingerprint(certificate)

    def leaf(self, name):
        """The same for one name: the one that is there, or else a new one."""
        certificate, key = self._files(name)
        return (certificate, key, _fingerprint(certificate)) if os.path.exists(certificate) else self.issue([name])

    def _files(self, name):
        stem = f"{self.folder}/{name.replace('*', '_')}"
        return f"{stem}.pem", f"{stem}.key"


def _fingerprint(certificate):
    with open(certificate) as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).digest().hex(":").upper()


def _openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True, timeout=30).stdout
