"""enforcerctl review against the running daemon: what a person is shown and told, and the keys of the live view. What a verdict does to
a request is in test_review.py."""

import json
import re
import signal

from lib.control import control
from lib.expect import equal
from lib.person import Person
from lib.processes import wait_for
from lib.reviewers import Reviewer, arrived, asking, held_lab, pending, present, ticket_ids, write_accounts

BOTH = "  review:\n    - {name: both, to: [ok.test], http: [{methods: [DELETE]}], approvals: 2}\n"
RELEASED = "released: the client that waits sends it now\n"


def watched(watcher, change):
    """Waits for the first such line of `review watch -o jsonl`."""
    found = lambda: [line for line in map(json.loads, watcher.output().splitlines()) if line["change"] == change]
    return wait_for(found, what=f"{change} to be told")[0]


def test_person_is_shown_the_request_and_told_what_a_yes_does():
    with held_lab() as lab, Reviewer(lab.enforcer).watching() as watcher:
        lab.guest.trust_enforcer()
        with asking(lab.guest, url="https://ok.test/v1/stacks/a?x=1") as (asked,):
            ticket = pending(lab.enforcer)[0]
            equal((ticket["host"], ticket["registrable_domain"], ticket["method"], ticket["path"], ticket["query"]),
                  ("ok.test", "ok.test", "DELETE", "/v1/stacks/a", "x=1"))
            equal((ticket["guest"], ticket["rule"], ticket["reason"], ticket["clients"]), ("g1", "destructive", "Ask us.", 1))
            short = ticket["review_id"][-8:]
            shown = lab.enforcer.ctl_ok("review", "show", short)
            assert shown.startswith("  domain       ok.test\n"), shown
            assert '    | "/v1/stacks/a"\n' in shown and f"  fingerprint  {ticket['fingerprint']}\n" in shown, shown
            done = lab.enforcer.ctl("review", "approve", short, "-y", "--comment", "as planned")
            equal(done.returncode, 0, done.stderr)
            assert "A yes lets guest g1 send this one request, once:\n" in done.stderr, done.stderr
            assert done.stderr.endswith(RELEASED), done.stderr
            equal(asked.result().status, 200)
        equal(watched(watcher, "approved")["by"], {"uid": 0, "name": "root"})
        watched(watcher, "sent")


def test_watcher_is_told_the_comment_of_a_rejection_which_is_final():
    with held_lab() as lab, Reviewer(lab.enforcer).watching() as watcher:
        lab.guest.trust_enforcer()
        with asking(lab.guest) as (asked,):
            ticket = ticket_ids(lab)[0]
            lab.enforcer.ctl_ok("review", "reject", ticket[-8:], "--comment", "not today")
            equal(asked.result().status, 403)
        equal(watched(watcher, "rejected")["review"]["rejection"]["comment"], "not today")
        equal(lab.enforcer.ctl("review", "approve", ticket, "-y").returncode, 7)


def test_first_of_two_is_told_that_another_must_agree_and_strangers_nothing():
    with held_lab(rule=BOTH, start=False) as lab:
        write_accounts(lab.enforcer)
        lab.enforcer.start()
        lab.attach("g1").trust_enforcer()
        ann, bob, eve = (Reviewer(lab.enforcer, name) for name in ("ann", "bob", "eve"))
        with ann.watching(), asking(lab.guest) as (asked,):
            review = ticket_ids(lab)[0]
            for verb in (("list",), ("show", review), ("reject", review)):
                equal(eve.ctl("review", *verb).returncode, 4, verb)
                equal(eve.ctl("review", *verb).stdout, "", verb)
            first = ann.ctl("review", "approve", review, "-y")
            assert first.stderr.endswith("approved 1 of 2: 1 more must agree\n"), first.stderr
            second = bob.ctl("review", "approve", review, "-y")
            assert second.stderr.endswith(RELEASED), second.stderr
            equal(asked.result().status, 200)


def test_one_no_is_enough_where_two_must_agree_also_roots():
    with held_lab(rule=BOTH) as lab, Reviewer(lab.enforcer).watching() as watcher:
        lab.guest.trust_enforcer()
        with asking(lab.guest) as (asked,):
            ticket = pending(lab.enforcer)[0]
            equal(lab.enforcer.ctl("review", "approve", ticket["review_id"], "-y").returncode, 4)
            equal(watched(watcher, "refused_verdict")["by"]["uid"], 0)
            equal(pending(lab.enforcer)[0]["approvals"], [])
            lab.enforcer.ctl_ok("review", "reject", ticket["review_id"])
            equal(asked.result().status, 403)
        equal(arrived(lab), [])


def test_approval_names_the_request_that_was_shown():
    with held_lab() as lab, Reviewer(lab.enforcer).watching():
        lab.guest.trust_enforcer()
        with asking(lab.guest) as (asked,):
            ticket = pending(lab.enforcer)[0]
            path = f"/v1/reviews/{ticket['review_id']}/approve"
            equal(control(lab, "POST", path, json.dumps({"fingerprint": "0" * 64}))[0], 409)
            equal(control(lab, "POST", path, json.dumps({"comment": "no fingerprint"}))[0], 400)
            equal(control(lab, "POST", path, json.dumps({"fingerprint": ticket["fingerprint"], "force": True}))[0], 400)
            equal(arrived(lab), [])
            equal(control(lab, "POST", path, json.dumps({"fingerprint": ticket["fingerprint"]}))[0], 200)  # the control
            equal(asked.result().status, 200)


def test_approver_is_told_that_no_client_waits():
    with held_lab(wait="1s") as lab, Reviewer(lab.enforcer).watching():
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://ok.test/retry", "-X", "DELETE").status, 503)
        done = lab.enforcer.ctl("review", "approve", ticket_ids(lab)[0], "-y")
        assert re.search(r"approved, and no client waits: the next identical request within \d+m \d+s passes once\n\Z", done.stderr), \
            done.stderr


HOSTILE = "\x1b]8;;https://evil.example\x07safe\x1b]8;;\x07\x1b]0;title\x07\x1b[6n\u202etxt.exe\u202c"


def test_hostile_text_of_a_guest_is_quoted_everywhere():
    with held_lab() as lab, Reviewer(lab.enforcer).watching() as watcher:
        lab.guest.trust_enforcer()
        body = HOSTILE + "\n  approvals    1 of 1\n" + " " * 4096 + "already approved by root"
        with asking(lab.guest, "-X", "PUT", "-H", "X-Note: \u202eapproved by root\u202c", "-H", "Content-Type: text/plain",
                    "--data-binary", body) as (asked,):
            review = ticket_ids(lab)[0]
            wait_for(watcher.output, what="a line of the watcher")
            shown = lab.enforcer.ctl_ok("review", "show", review)
            for text in (shown, lab.enforcer.ctl_ok("review", "list"), lab.enforcer.ctl_ok("review", "list", "-o", "json"),
                         watcher.output()):
                assert re.fullmatch(r"[\n -~]*", text), repr(text)
            facts, _, guest = shown.partition("What the guest wrote")
            equal(re.findall(r"^  approvals    (.*)$", shown, re.MULTILINE), ["0 of 1"])
            assert "already approved" not in facts and "evil.example" not in facts, facts
            assert all(line.startswith("    | ") or line.startswith("  ") and line.endswith(":") for line in guest.splitlines()[1:]), guest
            lab.enforcer.ctl_ok("review", "reject", review)
            equal(asked.result().status, 403)


def test_person_approves_and_rejects_by_keyboard():
    with held_lab() as lab:
        lab.guest.trust_enforcer()
        person = Person(lab)
        person.waits_for("Nothing waits for a decision.")
        assert not person.cooked(), "keys are read as they come"
        with asking(lab.guest, url="https://ok.test/yes") as (asked,):
            person.waits_for("ok.test")
            person.types("\r")
            person.waits_for('| "/yes"')
            person.types("a")
            person.waits_for("A yes lets guest g1 send this one request, once:")
            equal(arrived(lab), [])
            person.types("y\r")
            equal(asked.result().status, 200)
        person.waits_for("Nothing waits for a decision.")
        with asking(lab.guest, url="https://ok.test/no") as (asked,):
            person.waits_for("ok.test")
            person.types("rnot now\r")
            equal(asked.result().status, 403)
        equal([event["target"] for event in arrived(lab)], ["/yes"])
        person.resize(50, 12)
        person.waits_for("Nothing waits for a decision.")
        person.types("q")
        person.waits_for("\x1b[?1049l")
        person.ends()


def test_live_view_gives_the_terminal_back_when_it_is_killed_and_nobody_is_there_any_more():
    with held_lab() as lab:
        lab.guest.trust_enforcer()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            person = Person(lab)
            person.waits_for("Nothing waits for a decision.")
            person.signal(number)
            person.waits_for("\x1b[?1049l")
            person.ends()
        wait_for(lambda: present(lab.enforcer) == 0, what="nobody to be there")
        equal(lab.guest.curl("https://ok.test/x", "-X", "DELETE").status, 403)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="no_reviewer")


def test_live_view_reconnects_after_a_restart_of_the_daemon():
    with held_lab() as lab:
        lab.guest.trust_enforcer()
        person = Person(lab)
        person.waits_for("Nothing waits for a decision.")
        lab.enforcer.enforcerd.stop()
        person.waits_for("trying again")
        lab.enforcer.start_enforcerd()
        lab.guest.trust_enforcer()
        wait_for(lambda: present(lab.enforcer) == 1, what="the view to be there again")
        with asking(lab.guest, url="https://ok.test/after") as (asked,):
            person.waits_for("ok.test")
            person.types("ay\r")
            equal(asked.result().status, 200)
        person.types("q")
        person.ends()
