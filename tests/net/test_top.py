"""enforcerctl top: live for a person, once for a script."""

import json
import signal

from lib.expect import equal
from lib.lab import Lab, policy
from lib.person import Person
from lib.processes import wait_for


def test_person_sees_guests_and_denials_and_gets_the_terminal_back():
    with Lab(policy("ok.test"), guests=("g1", "g2")) as lab:
        person = Person(lab, "top")
        person.waits_for("Enforcer: 2 guests")
        person.waits_for("Nothing was denied in the last 5 minutes.")
        assert not person.cooked(), "keys are read as they come"
        for _ in range(3):
            lab.guest.query("other.test")
        person.waits_for("other.test")
        person.types("s")
        person.waits_for("s order: denials")
        person.resize(60, 12)
        person.waits_for("Enforcer: 2 guests")
        lab.enforcer.ctl_ok("guest", "detach", "g2")
        person.waits_for("Enforcer: 1 guest,")
        person.types("q")
        person.waits_for("\x1b[?1049l")
        person.ends()
        for number in (signal.SIGTERM, signal.SIGHUP):
            person = Person(lab, "top")
            person.waits_for("Enforcer: 1 guest")
            person.signal(number)
            person.waits_for("\x1b[?1049l")
            person.ends()


def test_live_view_goes_on_after_a_restart_of_the_daemon():
    with Lab(policy("ok.test")) as lab:
        person = Person(lab, "top")
        person.waits_for("Enforcer: 1 guest")
        lab.enforcer.enforcerd.stop()
        person.waits_for("is enforcerd running?")
        lab.enforcer.start_enforcerd()
        lab.guest.query("other.test")
        person.waits_for("other.test")
        person.types("q")
        person.ends()


def test_without_a_terminal_it_is_shown_once():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        lab.guest.query("other.test")
        wait_for(lambda: lab.enforcer.records(type="end"), what="the end of the connection")
        lab.enforcer.wait_record(host="other.test")
        text = lab.enforcer.ctl_ok("top")
        assert "g1" in text and "other.test" in text and "\x1b" not in text, text
        shown = json.loads(lab.enforcer.ctl_ok("top", "-o", "json"))
        guest = shown["guests"][0]
        equal((guest["name"], guest["state"]), ("g1", "running"))
        assert guest["bytes_down"] > 0 and set(guest["per_second"]) == {"allowed", "denied", "held"}, guest
        assert [d for d in shown["denied"] if d["target"].startswith("other.test") and d["guest"] == "g1"], shown
        for wrong in ("0s", "x", "2h"):
            equal(lab.enforcer.ctl("top", "--interval", wrong).returncode, 2, wrong)
