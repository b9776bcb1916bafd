"""Real guests: microVMs, from `guest create` until they run and until their first answer from an origin, and what goes through one.

As root, with ENFORCER_KERNEL_ROOT as for tests/vm. Under TCG, QEMU emulates the guest's processor, and that is what the figures show.
"""

import os
import signal
import statistics
import subprocess
import sys
import time

from accounting import cpu_seconds
from lib.serving import Serving, read_head
from lib.vm_lab import create, run, vm_lab

MACHINES = 5
PORT = 8000
BYTES = 64 << 20
PIECE = b"x" * (1 << 20)


class Files(Serving):
    """GET: so many octets. PUT: how many came."""

    def serve(self, client):
        if read_head(client).startswith(b"GET"):
            client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % BYTES)
            for _ in range(BYTES // len(PIECE)):
                client.sendall(PIECE)
            return
        came, last = 0, b""
        while not last.endswith(b"\r\n0\r\n\r\n"):  # of chunked octets that are all zero
            piece = client.recv(len(PIECE))
            if not piece:
                raise EOFError
            came, last = came + piece.count(0), last[-8:] + piece[-8:]
        client.sendall(b"HTTP/1.0 200 OK\r\n\r\n%d" % came)


def start(lab):
    ready, answered = [], []
    for number in range(MACHINES):
        begun = time.monotonic()
        create(lab, f"g{number}")
        ready.append(time.monotonic() - begun)
        status = run(lab, "--guest", f"g{number}", "--", "curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}", "https://ok.test/").stdout
        answered.append(time.monotonic() - begun)
        if status != "200":
            raise RuntimeError(f"the first answer to g{number}: {status}")
    print(f"machines: running after {statistics.median(ready):.2f} s [{min(ready):.2f} - {max(ready):.2f}], "
          f"the first answer of an origin after {statistics.median(answered):.2f} s, {MACHINES} one after the other", flush=True)


def transfer(lab, what, command, expected):
    """command: a shell's in the guest; prints how many octets went through, and the seconds that it took."""
    pids = [lab.enforcer.enforcerd.pid]
    before = cpu_seconds(pids)
    done = run(lab, "--guest", "g0", "--", "sh", "-c", command)
    cpu = cpu_seconds(pids) - before
    octets, seconds = done.stdout.split() if done.returncode == 0 else ("0", "0")
    if int(octets) != expected:
        raise RuntimeError(f"{what}: {octets} of {expected} octets: {done.stderr}")
    print(f"machines: {what} {expected / float(seconds) / 1e6:.0f} MB/s, "
          f"{cpu * 1000 / (expected / (1 << 30)):.0f} ms of enforcerd's CPU for each GiB", flush=True)


def main():
    os.environ["ENFORCER_BUILD"] = os.path.abspath(os.environ["ENFORCER_BUILD"])
    os.environ["ENFORCER_TEST"] = "bench-machines"
    with vm_lab("ok.test:443", f"tcp.test:{PORT} tcp") as lab:
        start(lab)
        place = f"http://tcp.test:{PORT}/"
        with Files(lab.world.netns, lab.world.records["tcp.test"][0], PORT):
            transfer(lab, "download", f"curl -sS -o /dev/null -w '%{{size_download}} %{{time_total}}' {place}", BYTES)
            transfer(lab, "upload", f"head -c {BYTES} /dev/zero | curl -sS -T - -w ' %{{time_total}}' {place}", BYTES)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("machines: told to end"))  # whatever was made is removed
    try:
        main()
    except (RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        sys.exit(f"machines: {error}")
