"""Real clients in a guest: what the machine's own configuration says is kept from them, and the guest's CA is named as a guest's
image names it. Everything they leave is in a folder of the test."""

import contextlib
import os
import signal
import subprocess

from lib.processes import Timeout


class Clients:
    def __init__(self, lab, guest=None):
        """From now on the guest trusts its own CA."""
        self.guest = (guest or lab.guest).trust_enforcer()
        self.folder = f"{lab.folder}/clients-{self.guest.name}"
        os.makedirs(self.folder, exist_ok=True)
        self.certificate = certificate = self.guest._certificate
        self.environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.folder, "LANG": "C.UTF-8",
            "SSL_CERT_FILE": certificate, "CURL_CA_BUNDLE": certificate, "REQUESTS_CA_BUNDLE": certificate,
            "NODE_EXTRA_CA_CERTS": certificate, "GIT_SSL_CAINFO": certificate, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        }

    def path(self, name, content=None):
        """Of a file in the clients' folder, with this content."""
        path = f"{self.folder}/{name}"
        if content is not None:
            with open(path, "wb" if isinstance(content, bytes) else "w") as file:
                file.write(content)
        return path

    def run(self, *argv, timeout=100, input=None, stdin=None, cwd=None):
        """A CompletedProcess, whatever became of it. What it started ends with it."""
        process = subprocess.Popen(self.guest.command(list(argv)), stdin=subprocess.PIPE if input else stdin or subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd or self.folder,
                                   env=self.environment, start_new_session=True)
        try:
            output, errors = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            output, errors = process.communicate(timeout=10)
            raise Timeout(f"{' '.join(argv)}: not done in {timeout} s\n{output[-3000:]}\n{errors[-6000:]}") from None
        finally:
            _end(process)
        return subprocess.CompletedProcess(argv, process.returncode, output, errors)

    def ok(self, *argv, **options):
        """What a client wrote that ended well."""
        done = self.run(*argv, **options)
        assert done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def start(self, *argv, log):
        """One that goes on while the test does other things; its standard output is the log."""
        return self.guest.start(["env", "-i", *[f"{key}={value}" for key, value in self.environment.items()], *argv], log)


def _end(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def digest(path):
    return subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True, timeout=300).stdout.split()[0]
