"""`guest list`: since when a guest is there, which policies select it, and what was decided about it."""

import json
import time
from datetime import datetime, timezone

from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for

NOTHING = {"allowed": 0, "denied": 0, "held": 0}


def listed(lab):
    return {guest["name"]: guest for guest in json.loads(lab.enforcer.ctl_ok("guest", "list", "-o", "json"))["guests"]}


def row(lab, name, *options):
    lines = lab.enforcer.ctl_ok("guest", "list", *options).splitlines()
    return dict(zip(lines[0].split(), next(line for line in lines if line.startswith(name)).split()))


def test_guest_list_counts_the_decisions_about_each_guest():
    with Lab(policy("ok.test", "tcp.test:7 tcp", name="web"), guests=("g1", "g2")) as lab:
        equal([guest["decisions"] for guest in listed(lab).values()], [NOTHING, NOTHING])
        equal(lab.guest.curl("https://ok.test/").status, 200)
        once = listed(lab)["g1"]["decisions"]
        assert once["allowed"] >= 2 and once["denied"] == 0, f"a name and a connection were allowed: {once}"
        equal(lab.guest.curl("https://other.test/", timeout=3).status, 0)
        twice = listed(lab)["g1"]["decisions"]
        assert twice["denied"] >= 1 and twice["allowed"] == once["allowed"], twice
        equal(listed(lab)["g2"]["decisions"], NOTHING, "of the guest that did nothing")
        shown = row(lab, "g1")
        equal((shown["STATE"], shown["POLICY"], shown["ALLOWED"], shown["DENIED"], shown["HELD"]),
              ("running", "web", str(twice["allowed"]), str(twice["denied"]), "0"))
        with lab.guest.connect("tcp.test", 7):
            wait_for(lambda: listed(lab)["g1"]["connections"] == 1, what="the connection to be counted")
            equal(row(lab, "g1", "-o", "wide")["CONNECTIONS"], "1")
        wait_for(lambda: listed(lab)["g1"]["connections"] == 0, what="the connection to be over")


def test_guest_list_names_the_policies_that_select_a_guest():
    with Lab(policy("ok.test", name="zebra")) as lab:
        other = lab.bare_guest("g2")
        other.attach({"role": "other"})
        equal({name: guest["policies"] for name, guest in listed(lab).items()}, {"g1": ["zebra"], "g2": []})
        equal(row(lab, "g2")["POLICY"], "-")
        lab.enforcer.write_policy(policy("ok.test", name="zebra") + "---\n" + policy("ok.test", name="ape", guests="{names: [g1, g2]}"))
        lab.enforcer.ctl_ok("reload")
        equal({name: guest["policies"] for name, guest in listed(lab).items()}, {"g1": ["ape", "zebra"], "g2": ["ape"]})
        equal(row(lab, "g1")["POLICY"], "ape,zebra")


def test_guest_was_made_when_it_was_made_whoever_is_restarted():
    began = time.time()
    with Lab(policy("ok.test")) as lab:
        made = listed(lab)["g1"]["created"]
        when = datetime.strptime(made, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
        assert began - 1 <= when <= time.time(), f"{made} is not now"
        time.sleep(1.1)
        for end, start in ((lab.enforcer.hostd, lab.enforcer.start_hostd), (lab.enforcer.enforcerd, lab.enforcer.start_enforcerd)):
            end.kill()
            start()
            wait_for(lambda: listed(lab).get("g1", {}).get("created") == made, 20, "g1 to be known again, as old as it is")
