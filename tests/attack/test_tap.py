"""What a guest's network driver writes into the headers that only the host's tap sees."""

import subprocess

from lib.expect import equal
from lib.lab import build_folder


def test_13_hostile_virtio_headers():
    """Through a real tap and the programs behind it, by tests/bpf: a lab's guests are namespaces, which have no tap."""
    done = subprocess.run([f"{build_folder()}/tests/bpf/bpf_tests", "--no-colors", "--test-case=hostile_virtio_headers*"],
                          capture_output=True, text=True, timeout=80)
    equal(done.returncode, 0, done.stdout[-3000:])
    assert "1 passed | 0 failed" in done.stdout, done.stdout[-3000:]
