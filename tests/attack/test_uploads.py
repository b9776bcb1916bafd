"""How much of what a guest knows may leave it, even where everything else is allowed."""

from lib.expect import equal
from lib.lab import RULE, Lab, policy
from lib.oracles import live
from lib.processes import wait_for

MEBIBYTE = 1 << 20
LIMITED = "  limits: {uploadBytesPerHour: 1Mi}\n"


def send(made, guest, url, size):
    path = f"{made.folder}/upload"
    with open(path, "wb") as file:
        file.write(bytes(size))
    return guest.curl(url, "-T", path, timeout=60)


def test_193_upload_of_everything_to_an_allowed_host():
    """By way of what passes through and of what is intercepted, at once and in pieces: the budget is one for all connections of a
    guest, and another guest has its own."""
    for target, url, layer in ((f"mitm.test {RULE}", "https://mitm.test/", "http"), ("ok.test", "https://ok.test/", "tls")):
        with Lab(policy(target, extra=LIMITED), guests=("g1", "g2")) as made:
            if layer == "http":
                for guest in made.guests.values():
                    guest.trust_enforcer()
            live(made, url)
            sent = 0
            while sent < 2 * MEBIBYTE and send(made, made.guest, url, 200_000).status == 200:
                sent += 200_000
            assert MEBIBYTE - 400_000 < sent < MEBIBYTE + 400_000, f"{sent} bytes in pieces"
            record = made.enforcer.wait_record(type="decision", decision="deny", reason="limit_bytes", guest="g1")
            equal(record["rule"], "allow-0")
            made.world.witness.clear()
            assert made.guest.curl(url).status in (0, 429), "and nothing more, however small"
            made.wire_silent()
            assert send(made, made.guests["g2"], url, 4 * MEBIBYTE).status != 200
            arrived = sum(end["bytes_up"] for end in made.enforcer.records(type="end", guest="g2"))
            assert arrived < 4 * MEBIBYTE, f"{arrived} bytes at once"
            wait_for(lambda: made.enforcer.metric("enforcer_denied_total", guest="g2", reason="limit_bytes") > 0, what="g2's denial")
