"""Placeholders: what a guest's tools find where they look for a credential, and that it is none."""

import base64
import json
import re

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.world import SECRET

FORMS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "GH_TOKEN": "ghp_{}", "KEY": "token"}
KEYS = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}], "placeholder": {"env": FORMS}}}
RULE = 'cred.test http: [{paths: ["/**"]}], credential: token'


def environment(lab, guest="g1"):
    return json.loads(lab.enforcer.ctl_ok("guest", "environment", guest, "-o", "json"))["environment"]


def test_placeholders_have_the_names_and_forms_that_the_credential_says():
    with Lab(policy(RULE), credentials=KEYS) as lab:
        found = environment(lab)
        equal(set(found), set(FORMS))
        assert re.fullmatch("ENFORCER[A-Z2-7]{12}", found["AWS_ACCESS_KEY_ID"]), found
        assert re.fullmatch("[A-Za-z0-9]{40}", found["AWS_SECRET_ACCESS_KEY"]), found
        assert re.fullmatch("ghp_enforcer-[a-z2-7]{32}", found["GH_TOKEN"]), found
        assert re.fullmatch("enforcer-[a-z2-7]{32}", found["KEY"]), found
        equal(len(set(found.values())), 4)
        equal(lab.enforcer.ctl_ok("guest", "environment", "g1"),
              "".join(f"{name}={found[name]}\n" for name in sorted(found)))
        assert SECRET not in json.dumps(found)


def test_placeholders_are_others_for_each_guest_and_each_boot_and_the_same_across_a_restart():
    with Lab(policy(RULE), guests=("g1", "g2"), credentials=KEYS) as lab:
        first, second = environment(lab, "g1"), environment(lab, "g2")
        assert not set(first.values()) & set(second.values()), (first, second)
        equal(environment(lab, "g1"), first)
        lab.enforcer.ctl_ok("reload")
        equal(environment(lab, "g1"), first)
        lab.enforcer.enforcerd.stop()
        lab.enforcer.start_enforcerd()
        wait_for(lambda: all(name in lab.enforcer.ctl_ok("guest", "list") for name in ("g1", "g2")), what="the guests to be known again")
        equal((environment(lab, "g1"), environment(lab, "g2")), (first, second))
        lab.enforcer.ctl_ok("guest", "detach", "g1")
        equal(lab.enforcer.ctl("guest", "environment", "g1").returncode, 5)
        lab.guest.attach({"lab": "yes"})
        again = environment(lab, "g1")
        equal(set(again), set(first))
        assert not set(again.values()) & set(first.values()), (again, first)


def test_guest_has_placeholders_of_what_its_own_policies_add_and_of_nothing_else():
    both = policy(RULE, guests="{names: [g1]}") + "---\n" + policy('cred.test http: [{paths: ["/**"]}]', name="q", guests="{names: [g2]}")
    with Lab(both, guests=("g1", "g2"), credentials=KEYS) as lab:
        equal((len(environment(lab, "g1")), environment(lab, "g2")), (4, {}))
        done = lab.enforcer.ctl("guest", "environment", "g2")
        equal((done.returncode, done.stdout), (0, ""), done.stderr)
        lab.enforcer.write_policy(both.replace(", credential: token", ""))
        lab.enforcer.ctl_ok("reload")
        equal(environment(lab, "g1"), {})


def test_environment_is_for_those_who_may_start_commands():
    with Lab(policy(RULE), credentials=KEYS) as lab:
        done = lab.host.run(["setpriv", f"--reuid={ENFORCERD_UID}", f"--regid={ENFORCERD_UID}", "--clear-groups",
                             lab.enforcer.program("enforcerctl"), "--socket", f"{lab.enforcer.run_dir}/enforcerd.sock",
                             "guest", "environment", "g1"])
        equal((done.returncode, done.stdout), (4, ""), done.stderr)
        equal(len(environment(lab)), 4, "the control")


def test_placeholder_on_its_way_to_where_it_does_not_belong_is_reported_and_passed_on():
    rules = (RULE, 'mitm.test http: [{paths: ["/**"]}]')
    with Lab(policy(*rules), guests=("g1", "g2"), credentials=KEYS) as lab:
        lab.guest.trust_enforcer()
        found = environment(lab)

        def strayed():
            return lab.enforcer.metric("enforcer_placeholders_strayed_total", credential="token")
        equal(lab.guest.curl("https://cred.test/", "-H", f"Authorization: Bearer {found['GH_TOKEN']}").status, 200)
        equal(lab.guest.curl("https://mitm.test/", "-H", "Authorization: Bearer of-somebody").status, 200)
        equal(strayed(), 0, "the control: where it belongs, and what is none")
        encoded = base64.b64encode(f"bot:{found['KEY']}".encode()).decode()
        ways = [("/", "-H", f"Authorization: Bearer {found['GH_TOKEN']}"), ("/", "-H", f"Authorization: Basic {encoded}"),
                (f"/x?key={found['KEY']}",), (f"/{found['KEY']}",), ("/", "-d", f"a={found['AWS_SECRET_ACCESS_KEY']}"),
                ("/", "-H", "Transfer-Encoding: chunked", "-d", f"id={found['AWS_ACCESS_KEY_ID']}")]
        for count, (path, *options) in enumerate(ways, 1):
            for version in ("--http1.1", "--http2"):
                equal(lab.guest.curl(f"https://mitm.test{path}", version, *options).status, 200, f"{path} {options}")
            equal(strayed(), 2 * count, f"{path} {options}")
        equal(lab.guest.curl("https://cred.test/", "-d", found["KEY"]).status, 200)
        equal(strayed(), 2 * len(ways) + 1, "where its credential goes, but in another place")
        heads = [event["head"] for event in lab.world.events(event="request") if event["listener"].startswith("93.184.216.40")]
        equal(sum(found["GH_TOKEN"] in head for head in heads), 2, "it is passed on")
        records = lab.enforcer.records(type="event", event="placeholder_strayed")
        assert {record["detail"] for record in records} >= {"GH_TOKEN (credential token) in a request to mitm.test",
                                                            "KEY (credential token) in a request to cred.test"}, records
        equal({record["guest"] for record in records}, {"g1"})
