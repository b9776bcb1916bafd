"""The audit log's disk goes wrong: what cannot be recorded is not allowed, nothing is lost in silence, and it mends by itself."""

import concurrent.futures
import contextlib

from lib.audit_log import Disk
from lib.expect import equal
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.tls_hello import client_hello, server_name

NAME = "ok.test"


@contextlib.contextmanager
def lab_on_disk():
    with Lab(policy(NAME), config={"workers": 2}, start=False) as lab, Disk(lab.enforcer.audit_folder) as disk:
        lab.enforcer.start()
        guest = lab.attach("g1")
        for _ in range(3):
            equal(guest.curl(f"https://{NAME}/").status, 200)
        yield lab, guest, disk


def served_again(lab, guest):
    wait_for(lambda: guest.curl(f"https://{NAME}/").status == 200, 30, "service after the disk works again")
    gap = lab.enforcer.wait_record(event="audit_gap")
    assert gap["count"] >= 1, gap
    verified = lab.enforcer.ctl("audit", "verify")
    equal(verified.returncode, 0, verified.stdout + verified.stderr)


def hello(guest, address, seconds):
    """"answered" by the origin, "refused", or "silence" for so many seconds."""
    with guest.connect(address, 443, timeout=seconds) as client:
        data, how = exchange(client, client_hello(server_name(NAME)), limit=1)
    if data.startswith(b"\x16"):
        return "answered"
    return "silence" if how == "timeout" else "refused"


def test_read_only_disk_denies_and_a_new_one_is_taken_without_a_restart():
    with lab_on_disk() as (lab, guest, disk):
        before = len(lab.world.connections(NAME))
        disk.break_down()
        for _ in range(5):
            equal(hello(guest, guest.resolve(NAME), 10), "refused")
        equal(len(lab.world.connections(NAME)), before, "connections to the origin")
        assert lab.enforcer.metric("enforcer_audit_write_errors_total") > 0
        assert lab.enforcer.metric("enforcer_denied_total", reason="audit_unavailable") > 0
        disk.replace()
        served_again(lab, guest)


def test_frozen_disk_lets_nothing_pass_and_holds_one_worker_only():
    with lab_on_disk() as (lab, guest, disk):
        before = len(lab.world.connections(NAME))
        address = guest.resolve(NAME)
        disk.freeze()
        try:
            # Which worker a connection comes to is the kernel's choice, so there are enough of them for both.
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                seen = list(pool.map(lambda _: hello(guest, address, 8), range(12)))
            assert "answered" not in seen and "refused" in seen, seen
            equal(len(lab.world.connections(NAME)), before, "connections to the origin")
        finally:
            disk.thaw()
        served_again(lab, guest)
        assert lab.enforcer.metric("enforcer_audit_write_errors_total") > 0
