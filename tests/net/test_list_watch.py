"""-w of lists: redrawn for a person, rows that change for everybody else."""

import json

from lib.expect import equal
from lib.lab import Lab, policy
from lib.person import Person
from lib.processes import Process, wait_for


def watching(lab, *words):
    return Process([lab.enforcer.program("enforcerctl"), "--config", lab.enforcer.config_path, *words, "-w"],
                   f"{lab.folder}/{'-'.join(words)}.txt", lab.host)


def test_person_sees_the_list_redrawn_and_gets_the_terminal_back():
    with Lab(policy("ok.test")) as lab:
        person = Person(lab, "guest", "list", "-w")
        person.waits_for("g1 ")
        person.waits_for("q ends")
        assert not person.cooked(), "keys are read as they come"
        lab.bare_guest("g2").attach({"lab": "yes"})
        person.waits_for("g2 ")
        person.types("q")
        person.waits_for("\x1b[?1049l")
        person.ends()


def test_rows_are_printed_when_they_are_new_or_change_and_not_when_they_only_grow_older():
    with Lab(policy("ok.test")) as lab:
        table = watching(lab, "guest", "list")
        document = watching(lab, "guest", "list", "-o", "json")
        policies = watching(lab, "policy", "list", "-o", "name")
        try:
            wait_for(lambda: "g1" in table.output() and "g1" in document.output() and "p" in policies.output(), what="the first rows")
            lab.bare_guest("g2").attach({"lab": "yes"})
            wait_for(lambda: "\ng2 " in table.output(), what="the new row")
            equal(table.output().count("NAME"), 1, "headers")
            equal(table.output().count("\ng1 "), 1, f"rows of a guest that did nothing: {table.output()}")
            lab.guest.query("ok.test")
            wait_for(lambda: table.output().count("\ng1 ") >= 2, what="the row whose counts changed")
            wait_for(lambda: len(document.output().splitlines()) >= 2, what="another document")
            last = json.loads(document.output().splitlines()[-1])
            equal([guest["name"] for guest in last["guests"]], ["g1", "g2"])
            lab.enforcer.write_policy(policy("ok.test", name="another"))
            lab.enforcer.ctl_ok("reload")
            wait_for(lambda: "another\n" in policies.output() and "gone: p\n" in policies.output(), what="the other policy")
            lab.enforcer.ctl_ok("guest", "detach", "g2")
            wait_for(lambda: "gone: g2\n" in table.output(), what="the end of the guest")
            lab.enforcer.enforcerd.kill()
            wait_for(lambda: "is enforcerd running?" in table.output(), what="what is wrong to be said")
            assert table.alive(), "it goes on"
        finally:
            for process in (table, document, policies):
                process.stop()


def test_list_that_cannot_be_shown_ends_at_once():
    with Lab(policy("ok.test")) as lab:
        lab.enforcer.enforcerd.stop()
        refused = lab.enforcer.ctl("guest", "list", "-w")
        assert refused.returncode == 1 and "is enforcerd running?" in refused.stderr, refused.stderr
