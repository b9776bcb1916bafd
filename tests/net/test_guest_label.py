"""`guest label`: policies select by the new labels at once, live sessions are decided again, and the change is on record."""

import json

from lib.control import control
from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for

BY_ROLE = policy("ok.test", name="web", guests="{matchLabels: {role: web}}") + "---\n" + policy("other.test", name="everybody")


def label(lab, *words):
    return lab.enforcer.ctl_ok("guest", "label", *words)


def labels_of(lab, name):
    return json.loads(lab.enforcer.ctl_ok("guest", "get", name, "-o", "json"))["guest"]["labels"]


def test_label_that_a_policy_selects_by_opens_and_closes_for_that_guest_alone():
    with Lab(BY_ROLE, guests=("g1", "g2")) as lab:
        one, two = lab.guests["g1"], lab.guests["g2"]
        generation = lab.enforcer.metric("enforcer_policy_generation")
        equal(one.query("ok.test").rcode, "NXDOMAIN", "the control: before")
        said = label(lab, "g1", "role=web", "team=x")
        equal(said, "g1: lab=yes,role=web,team=x; everybody,web\n")
        equal(one.curl("https://ok.test/").status, 200, "with the label")
        equal(two.query("ok.test").rcode, "NXDOMAIN", "of the guest without it")
        record = lab.enforcer.wait_record(type="decision", decision="allow", host="ok.test", layer="tls")
        equal((record["guest"], record["labels"]), ("g1", {"lab": "yes", "role": "web", "team": "x"}))
        event = lab.enforcer.wait_record(type="event", event="guest_labelled", guest="g1")
        who, _, change = event["detail"].partition(": ")
        assert who.startswith("uid 0 (pid "), event
        equal(json.loads(change), {"remove": [], "set": {"role": "web", "team": "x"}})
        changed = lab.enforcer.wait_record(type="event", event="guest_labels", guest="g1")
        equal((changed["labels_before"], changed["labels"]), ({"lab": "yes"}, {"lab": "yes", "role": "web", "team": "x"}))
        assert changed["seq"] < event["seq"], "the change is on record before who asked for it"
        equal(label(lab, "g1", "role-"), "g1: lab=yes,team=x; everybody\n")
        equal(one.query("ok.test").rcode, "NXDOMAIN", "without the label again")
        equal(one.curl("https://other.test/").status, 200, "what another policy allows")
        equal(lab.enforcer.metric("enforcer_policy_generation"), generation, "no policy has changed")


def test_live_session_that_no_policy_allows_after_a_change_of_labels_is_closed_and_others_live_on():
    with Lab(BY_ROLE) as lab:
        label(lab, "g1", "role=web")
        trust = ["--cacert", lab.world.authority.certificate]
        clients = {name: lab.guest.start(["curl", "-sSN", *trust, f"https://{name}/drip/60"], f"drip-{name}")
                   for name in ("ok.test", "other.test")}
        for client in clients.values():
            wait_for(lambda client=client: "dripped" in client.output(), what="a download to begin")
        label(lab, "g1", "team=x")
        label(lab, "g1", "role=other")
        assert clients["ok.test"].wait(5) != 0, "the download of the policy that selects the guest no more goes on"
        lab.enforcer.wait_record(type="end", host="ok.test", outcome="policy_changed")
        equal(clients["other.test"].wait(15), 0, "the other download")
        equal(clients["other.test"].output().count("dripped"), 60)


def test_changed_labels_outlive_both_daemons():
    with Lab(BY_ROLE) as lab:
        label(lab, "g1", "role=web", "lab=yes")
        for end, start in ((lab.enforcer.hostd, lab.enforcer.start_hostd), (lab.enforcer.enforcerd, lab.enforcer.start_enforcerd)):
            end.kill()
            start()
            wait_for(lambda: lab.guest.query("ok.test").rcode == "NOERROR", 20, "the policy of its label to be in force again")
            equal(labels_of(lab, "g1"), {"lab": "yes", "role": "web"})


def test_labels_that_cannot_be_are_refused_and_nothing_changes():
    with Lab(BY_ROLE) as lab:
        before = labels_of(lab, "g1")
        equal(lab.enforcer.ctl("guest", "label", "nobody", "a=1").returncode, 5)
        many = lab.enforcer.ctl("guest", "label", "g1", *(f"k{i}=v" for i in range(64)))
        assert many.returncode == 1 and "65 labels, and 64 is the limit" in many.stderr, many.stderr
        event = lab.enforcer.wait_record(type="event", event="guest_label_failed", guest="g1")
        assert event["detail"].startswith("uid 0 (pid "), event
        for change in ({"set": {f"k{i}": "v" for i in range(65)}}, {"remove": [f"k{i}" for i in range(65)]}):
            equal(control(lab, "POST", "/v1/guests/g1/labels", json.dumps(change))[0], 400)
        equal(control(lab, "POST", "/v1/guests/g1/labels", json.dumps({"set": {"a": "two\nlines"}}))[0], 400)
        equal(labels_of(lab, "g1"), before)
        label(lab, "g1", *(f"k{i}=v" for i in range(63)))
        equal(len(labels_of(lab, "g1")), 64, "the control: as many as may be")
        lab.enforcer.hostd.kill()
        gone = lab.enforcer.ctl("guest", "label", "g1", "role=web")
        equal(gone.returncode, 1, "without hostd, which keeps them")
        equal(len(labels_of(lab, "g1")), 64)


def test_labels_are_changed_by_admins_only():
    with Lab(BY_ROLE) as lab:
        refused = lab.host.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", lab.enforcer.program("enforcerctl"),
                                "--config", lab.enforcer.config_path, "guest", "label", "g1", "role=web"], timeout=60)
        equal(refused.returncode, 4, refused.stderr)
        equal(labels_of(lab, "g1"), {"lab": "yes"})
        label(lab, "g1", "role=web")
        equal(labels_of(lab, "g1"), {"lab": "yes", "role": "web"}, "the control: root")
