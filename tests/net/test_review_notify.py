"""The command of `review.notify`: told of each held request once, and somebody to ask where nobody watches."""

import json
import os

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.processes import wait_for
from lib.reviewers import arrived, asking, held_lab, pending, ticket_ids, tickets

FAILURES = "enforcer_review_notify_failures_total"


class Notices:
    """A command whose runs leave what they were given below `folder`: notices.jsonl, and environment."""

    def __init__(self, made, status=0):
        self.folder = f"{made.folder}/notices"
        os.makedirs(self.folder)
        os.chown(self.folder, ENFORCERD_UID, ENFORCERD_UID)
        self.command = f"{made.folder}/notify"
        with open(self.command, "w") as file:
            file.write(f"#!/bin/sh\n/usr/bin/env >> {self.folder}/environment\n/bin/cat >> {self.folder}/notices.jsonl\nexit {status}\n")
        os.chmod(self.command, 0o755)
        made.enforcer.write_config(review={"clientWait": "20s", "notify": [self.command]})
        made.enforcer.start()
        made.attach("g1").trust_enforcer()

    def text(self, name="notices.jsonl"):
        path = f"{self.folder}/{name}"
        if not os.path.exists(path):
            return ""
        with open(path) as file:
            return file.read()

    def wait(self, count=1):
        """So many, whole; as they are, not parsed."""
        return wait_for(lambda: (text := self.text()).count("\n") >= count and text, what=f"{count} notices").splitlines()


def test_command_is_told_of_each_held_request_once_and_is_somebody_to_ask():
    with held_lab(start=False) as made:
        notices = Notices(made)
        equal(made.guest.curl("https://ok.test/").status, 200, "the control: what needs nobody passes")
        for number, (verdict, status) in enumerate(((("approve", "-y"), 200), (("reject",), 403)), 1):
            with asking(made.guest, url=f"https://ok.test/stack/{verdict[0]}?a=%1b") as (asked,):
                line = notices.wait(number)[-1]
                ticket = ticket_ids(made)[0]
                told, shown = json.loads(line), json.loads(made.enforcer.ctl_ok("review", "show", ticket, "-o", "json"))["review"]
                equal(told.keys(), shown.keys())
                equal({key: told[key] for key in told if key != "clients"}, {key: shown[key] for key in shown if key != "clients"})
                equal((told["review_id"], told["state"], told["path"]), (ticket, "pending", f"/stack/{verdict[0]}"))
                assert line.isascii() and line.isprintable(), line
                equal((asked.done(), len(arrived(made))), (False, number - 1), "held")
                made.enforcer.ctl_ok("review", verdict[0], ticket, *verdict[1:])
                equal(asked.result().status, status)
        equal(len(notices.wait()), 2, "what comes of a request is no notice")
        equal([event["target"] for event in arrived(made)], ["/stack/approve?a=%1b"])
        environment = {line.partition("=")[0] for line in notices.text("environment").splitlines()}
        assert environment <= {"PATH", "PWD", "SHLVL", "_"}, environment  # the last three are the shell's own
        equal(made.enforcer.metric(FAILURES), 0)


def test_identical_requests_are_one_notice():
    with held_lab(start=False) as made:
        notices = Notices(made)
        with asking(made.guest, count=2) as asked:
            ticket = wait_for(lambda: tickets(made.enforcer, state="pending", clients=2), what="two clients")[0]
            with asking(made.guest, url="https://ok.test/other") as (other,):  # the control: told of after anything of those
                pending(made.enforcer, 2)
                told = [json.loads(line) for line in notices.wait(2)]
                equal(sorted(notice["path"] for notice in told), ["/other", "/stack/a"])
                for pending_ticket in ticket_ids(made):
                    made.enforcer.ctl_ok("review", "reject", pending_ticket)
                equal([future.result().status for future in (*asked, other)], [403] * 3)
        equal([notice["review_id"] for notice in told if notice["path"] == "/stack/a"], [ticket["review_id"]])
        equal(len(notices.wait()), 2)


def test_command_that_fails_is_counted_and_the_request_is_held_all_the_same():
    with held_lab(start=False) as made:
        notices = Notices(made, status=3)
        equal(made.enforcer.metric(FAILURES), 0)
        with asking(made.guest) as (asked,):
            ticket = ticket_ids(made)[0]
            notices.wait()
            wait_for(lambda: made.enforcer.metric(FAILURES) == 1, what="the failure to be counted")
            assert not asked.done(), "held"
            made.enforcer.ctl_ok("review", "approve", ticket, "-y")
            equal(asked.result().status, 200)
        assert "review.notify: " in made.enforcer.enforcerd.output()
