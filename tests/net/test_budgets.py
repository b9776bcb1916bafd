"""What a guest may send within an hour, over all its connections and in every kind of session."""

from lib.expect import equal, refused_at_once
from lib.lab import Lab, policy
from lib.processes import wait_for

FIRST = 400_000  # bytes of an upload that fits
RULE = 'http: [{methods: [GET, PUT], paths: ["/**"]}]'
LIMITED = "  limits: {uploadBytesPerHour: 1Mi}\n"


def upload(lab, url, size):
    path = f"{lab.folder}/upload"
    with open(path, "wb") as file:
        file.write(bytes(size))
    return lab.guest.curl(url, "-T", path, timeout=40)


def over_budget(lab, layer):
    """The second upload was broken off, and what comes now is denied at once, whatever it is."""
    record = lab.enforcer.wait_record(type="decision", decision="deny", reason="limit_bytes")
    equal((record["layer"], record["rule"]), (layer, "allow-0"))
    end = lab.enforcer.wait_record(type="end", reason="limit_bytes")
    assert (1 << 20) - 2 * FIRST < end["bytes_up"] < (1 << 20) + (2 << 20), end  # a piece is at most a pipe too much
    equal(end["outcome"], "denied")
    lab.world.witness.clear()
    refused_at_once(lab.guest, lab.guest.resolve("tcp.test"), 7)
    lab.wire_silent()
    assert lab.enforcer.metric("enforcer_denied_total", reason="limit_bytes") >= 2


def test_upload_that_passes_through_is_broken_off_at_the_budget():
    with Lab(policy("ok.test", "tcp.test:7 tcp", extra=LIMITED), guests=("g1", "g2")) as lab:
        equal(upload(lab, "https://ok.test/", FIRST).status, 200)
        assert upload(lab, "https://ok.test/", 20 << 20).exit_code != 0
        over_budget(lab, "tls")
        equal(lab.guests["g2"].curl("https://ok.test/").status, 200, "another guest has its own budget")


def test_upload_through_interception_is_answered_429_at_the_budget():
    with Lab(policy(f"mitm.test {RULE}", "tcp.test:7 tcp", extra=LIMITED)) as lab:
        lab.guest.trust_enforcer()
        equal(upload(lab, "https://mitm.test/", FIRST).status, 200)
        reply = upload(lab, "https://mitm.test/", 20 << 20)
        assert reply.status in (0, 429), reply.talk  # the answer, or the reset behind it
        over_budget(lab, "http")


def test_upload_whose_last_octets_are_too_many_is_no_request_at_the_origin():
    """What is told to be denied was not done."""
    with Lab(policy(f"mitm.test {RULE}", extra=LIMITED)) as lab:
        lab.guest.trust_enforcer()
        equal(upload(lab, "https://mitm.test/", FIRST).status, 200)
        last = (1 << 20) - FIRST + 100  # less than a part of it too many
        assert upload(lab, "https://mitm.test/", last).status in (0, 429)
        lab.enforcer.wait_record(type="end", reason="limit_bytes")
        equal([e["body_bytes"] for e in lab.world.events(event="request") if e["method"] == "PUT"], [FIRST])


def test_downloads_do_not_count():
    with Lab(policy("ok.test", extra=LIMITED)) as lab:
        for _ in range(3):
            reply = lab.guest.curl(f"https://ok.test/bytes/{4 << 20}", timeout=40)
            equal((reply.status, len(reply.body)), (200, 4 << 20))
        wait_for(lambda: len(lab.enforcer.records(type="end", outcome="completed")) +
                 len(lab.enforcer.records(type="end", outcome="guest_reset")) == 3, what="three downloads")
        equal(lab.enforcer.records(reason="limit_bytes"), [])
