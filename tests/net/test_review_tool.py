"""enforcerctl review against the running daemon: a person is shown a held request, and decides about it."""

import contextlib
import json
import re
import signal
import subprocess
import threading

from lib.control import control
from lib.expect import equal
from lib.lab import Lab, policy
from lib.person import Person
from lib.processes import wait_for
from lib.reviewers import Reviewer, present, write_accounts


def reviewed(*, approvals=1):
    return policy('ok.test http: [{paths: ["/**"]}]') + f"""  review:
    - {{name: asks, to: ["other.test"], http: [{{methods: [GET, POST, DELETE], paths: ["/**"]}}], approvals: {approvals},
       reason: "Ask first."}}
"""


class Asking(threading.Thread):
    """A guest's request on its way."""

    def __init__(self, lab, url, *options):
        super().__init__(daemon=True)
        self._call = lambda: lab.guest.curl(url, *options, timeout=70)
        self.reply = None
        self.start()

    def run(self):
        self.reply = self._call()

    def answered(self, seconds=30):
        self.join(seconds)
        assert self.reply is not None, "the request is still held"
        return self.reply


class Watch:
    """`review watch -o jsonl` in the background; while it is open somebody is there to be asked."""

    def __init__(self, lab):
        self._process = subprocess.Popen(lab.host.command([lab.enforcer.program("enforcerctl"), "--config", lab.enforcer.config_path,
                                                           "review", "watch", "-o", "jsonl"]), stdout=subprocess.PIPE, text=True)
        self.changes = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            self.changes.append(json.loads(line))

    def wait(self, change, count=1):
        found = lambda: [c for c in self.changes if c["change"] == change]
        wait_for(lambda: len(found()) >= count, what=f"{count} x {change}")
        return found()[count - 1]

    def stop(self):
        self._process.terminate()
        self._process.wait(10)


@contextlib.contextmanager
def watching(lab):
    before = present(lab.enforcer)
    watch = Watch(lab)
    try:
        wait_for(lambda: present(lab.enforcer) > before, what="the watcher to be there")
        yield watch
    finally:
        watch.stop()


def pending(lab):
    return [json.loads(line) for line in lab.enforcer.ctl_ok("review", "list", "-o", "jsonl").splitlines()]


def one_pending(lab):
    wait_for(lambda: len(pending(lab)) == 1, what="one held request")
    return pending(lab)[0]


def requests_to(lab, prefix):
    return [e for e in lab.world.events(event="request") if e["head"].split(" ")[1].startswith(prefix)]


def test_root_approves_one_request_which_is_sent_once():
    with Lab(reviewed()) as lab, watching(lab) as watch:
        lab.guest.trust_enforcer()
        asking = Asking(lab, "https://other.test/v1/stacks/a?x=1", "-X", "DELETE")
        ticket = one_pending(lab)
        equal((ticket["host"], ticket["registrable_domain"], ticket["method"], ticket["path"], ticket["query"]),
              ("other.test", "other.test", "DELETE", "/v1/stacks/a", "x=1"))
        equal((ticket["guest"], ticket["rule"], ticket["reason"], ticket["clients"]), ("g1", "asks", "Ask first.", 1))
        equal(requests_to(lab, "/v1/stacks"), [], "before the verdict")
        shown = lab.enforcer.ctl_ok("review", "show", ticket["review_id"][-8:])
        assert shown.startswith("  domain       other.test\n"), shown
        assert '    | "/v1/stacks/a"\n' in shown and f"  fingerprint  {ticket['fingerprint']}\n" in shown, shown
        done = lab.enforcer.ctl("review", "approve", ticket["review_id"][-8:], "-y", "--comment", "as planned")
        equal(done.returncode, 0, done.stderr)
        assert "A yes lets guest g1 send this one request, once:\n" in done.stderr, done.stderr
        assert done.stderr.endswith("released: the client that waits sends it now\n"), done.stderr
        equal(asking.answered().status, 200)
        equal(len(requests_to(lab, "/v1/stacks")), 1)
        equal(watch.wait("approved")["by"], {"uid": 0, "name": "root"})
        watch.wait("sent")
        again = lab.enforcer.ctl("review", "approve", ticket["review_id"], "-y")
        equal(again.returncode, 7, again.stderr)
        equal(len(requests_to(lab, "/v1/stacks")), 1, "after a second approval")
        # The next request on the same host is asked about again.
        another = Asking(lab, "https://other.test/v1/stacks/b", "-X", "DELETE")
        lab.enforcer.ctl_ok("review", "reject", one_pending(lab)["review_id"][-6:])
        equal(another.answered().status, 403)
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_rejection_answers_the_client_and_nothing_was_sent():
    with Lab(reviewed()) as lab, watching(lab) as watch:
        lab.guest.trust_enforcer()
        asking = Asking(lab, "https://other.test/gone", "-X", "DELETE")
        ticket = one_pending(lab)
        done = lab.enforcer.ctl("review", "reject", ticket["review_id"][-8:], "--comment", "not today")
        equal(done.returncode, 0, done.stderr)
        reply = asking.answered()
        equal(reply.status, 403)
        equal(watch.wait("rejected")["review"]["rejection"]["comment"], "not today")
        equal(lab.enforcer.ctl("review", "approve", ticket["review_id"], "-y").returncode, 7)
        equal(requests_to(lab, "/gone"), [])
        lab.wire_silent()


def test_no_watcher_means_no_reviewer():
    with Lab(reviewed()) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://other.test/x").status, 403)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="no_reviewer")
        with watching(lab):  # the control
            asking = Asking(lab, "https://other.test/x")
            lab.enforcer.ctl_ok("review", "approve", one_pending(lab)["review_id"], "-y")
            equal(asking.answered().status, 200)


def test_root_alone_is_not_two_people():
    with Lab(reviewed(approvals=2)) as lab, watching(lab) as watch:
        lab.guest.trust_enforcer()
        asking = Asking(lab, "https://other.test/two")
        ticket = one_pending(lab)
        done = lab.enforcer.ctl("review", "approve", ticket["review_id"], "-y")
        equal(done.returncode, 4, done.stderr)
        equal(watch.wait("refused_verdict")["by"]["uid"], 0)
        equal(one_pending(lab)["approvals"], [])
        lab.enforcer.ctl_ok("review", "reject", ticket["review_id"])  # one no is enough, also root's
        equal(asking.answered().status, 403)
        equal(requests_to(lab, "/two"), [])


def test_two_different_members_of_the_group_are_needed_and_others_may_not():
    with Lab(reviewed(approvals=2), start=False) as lab, contextlib.ExitStack() as stack:
        write_accounts(lab.enforcer)
        lab.enforcer.start()
        lab.attach("g1").trust_enforcer()
        ann, bob, eve = (Reviewer(lab.enforcer, name) for name in ("ann", "bob", "eve"))
        stack.enter_context(ann.watching())
        asking = Asking(lab, "https://other.test/two")
        review = one_pending(lab)["review_id"]
        for verb in (("list",), ("show", review), ("approve", review, "-y"), ("reject", review)):
            equal(eve.ctl("review", *verb).returncode, 4, verb)
        first = ann.ctl("review", "approve", review, "-y")
        equal(first.returncode, 0, first.stderr)
        assert first.stderr.endswith("approved 1 of 2: 1 more must agree\n"), first.stderr
        equal(ann.ctl("review", "approve", review, "-y").returncode, 7, "the same person twice")
        second = bob.ctl("review", "approve", review, "-y")
        assert second.stderr.endswith("released: the client that waits sends it now\n"), second.stderr
        equal(asking.answered().status, 200)
        record = lab.enforcer.wait_record(type="decision", layer="http", host="other.test", decision="allow")
        equal(record["review_id"], review)


def test_approval_is_about_the_request_that_was_shown_and_no_other():
    with Lab(reviewed()) as lab, watching(lab):
        lab.guest.trust_enforcer()
        asking = Asking(lab, "https://other.test/one")
        ticket = one_pending(lab)
        path = f"/v1/reviews/{ticket['review_id']}/approve"
        other = "0" * 64
        equal(control(lab, "POST", path, json.dumps({"fingerprint": other}))[0], 409)
        equal(control(lab, "POST", path, json.dumps({"comment": "no fingerprint"}))[0], 400)
        equal(control(lab, "POST", path, json.dumps({"fingerprint": ticket["fingerprint"], "force": True}))[0], 400)
        equal(requests_to(lab, "/one"), [])
        equal(control(lab, "POST", path, json.dumps({"fingerprint": ticket["fingerprint"]}))[0], 200)  # the control
        equal(asking.answered().status, 200)


def test_approval_after_the_client_has_gone_is_for_its_next_try_once():
    with Lab(reviewed()) as lab, watching(lab):
        lab.guest.trust_enforcer()
        lab.guest.curl("https://other.test/retry", "-X", "POST", "-d", "a=1", timeout=2)
        ticket = one_pending(lab)
        wait_for(lambda: one_pending(lab)["clients"] == 0, what="the client to be gone")
        done = lab.enforcer.ctl("review", "approve", ticket["review_id"], "-y")
        assert re.search(r"approved, and no client waits: the next identical request within 1[45]m \d+s passes once\n\Z", done.stderr), \
            done.stderr
        equal(requests_to(lab, "/retry"), [], "nothing is sent without a client")
        equal(lab.guest.curl("https://other.test/retry", "-X", "POST", "-d", "a=1").status, 200)
        equal(len(requests_to(lab, "/retry")), 1)
        asking = Asking(lab, "https://other.test/retry", "-X", "POST", "-d", "a=1")
        lab.enforcer.ctl_ok("review", "reject", one_pending(lab)["review_id"])
        equal(asking.answered().status, 403)
        equal(len(requests_to(lab, "/retry")), 1)


HOSTILE = "\x1b]8;;https://evil.example\x07safe\x1b]8;;\x07\x1b]0;title\x07\x1b[6n\u202etxt.exe\u202c"


def test_hostile_text_of_a_guest_is_quoted_everywhere():
    with Lab(reviewed()) as lab, watching(lab) as watch:
        lab.guest.trust_enforcer()
        body = HOSTILE + "\n  approvals    1 of 1\n" + " " * 4096 + "already approved by root"
        asking = Asking(lab, "https://other.test/quoted", "-H", "X-Note: \u202eapproved by root\u202c", "-H", "Content-Type: text/plain",
                        "--data-binary", body)
        ticket = one_pending(lab)
        wait_for(lambda: watch.changes, what="a line of the watcher")
        for text in (lab.enforcer.ctl_ok("review", "show", ticket["review_id"]), lab.enforcer.ctl_ok("review", "list"),
                     lab.enforcer.ctl_ok("review", "list", "-o", "json"), json.dumps(watch.changes, ensure_ascii=False)):
            assert re.fullmatch(r"[\n -~]*", text), repr(text)
        shown = lab.enforcer.ctl_ok("review", "show", ticket["review_id"])
        facts, _, guest = shown.partition("What the guest wrote")
        equal(re.findall(r"^  approvals    (.*)$", shown, re.MULTILINE), ["0 of 1"])
        assert "already approved" not in facts and "evil.example" not in facts, facts
        assert all(line.startswith("    | ") or line.startswith("  ") and line.endswith(":") for line in guest.splitlines()[1:]), guest
        lab.enforcer.ctl_ok("review", "reject", ticket["review_id"])
        equal(asking.answered().status, 403)


def test_person_approves_and_rejects_by_keyboard():
    with Lab(reviewed()) as lab:
        lab.guest.trust_enforcer()
        person = Person(lab)
        person.waits_for("Nothing waits for a decision.")
        assert not person.cooked(), "keys are read as they come"
        asking = Asking(lab, "https://other.test/yes")
        person.waits_for("other.test")
        person.types("\r")
        person.waits_for('| "/yes"')
        person.types("a")
        person.waits_for("A yes lets guest g1 send this one request, once:")
        equal(requests_to(lab, "/yes"), [])
        person.types("y\r")
        equal(asking.answered().status, 200)
        person.waits_for("Nothing waits for a decision.")
        asking = Asking(lab, "https://other.test/no")
        person.waits_for("other.test")
        person.types("rnot now\r")
        equal(asking.answered().status, 403)
        equal(requests_to(lab, "/no"), [])
        person.resize(50, 12)
        person.waits_for("Nothing waits for a decision.")
        person.types("q")
        person.waits_for("\x1b[?1049l")
        person.ends()


def test_live_view_gives_the_terminal_back_when_it_is_killed_and_nobody_is_there_any_more():
    with Lab(reviewed()) as lab:
        lab.guest.trust_enforcer()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            person = Person(lab)
            person.waits_for("Nothing waits for a decision.")
            person.signal(number)
            person.waits_for("\x1b[?1049l")
            person.ends()
        wait_for(lambda: present(lab.enforcer) == 0, what="nobody to be there")
        equal(lab.guest.curl("https://other.test/x").status, 403)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="no_reviewer")


def test_live_view_reconnects_after_a_restart_of_the_daemon():
    with Lab(reviewed()) as lab:
        lab.guest.trust_enforcer()
        person = Person(lab)
        person.waits_for("Nothing waits for a decision.")
        lab.enforcer.enforcerd.stop()
        person.waits_for("trying again")
        lab.enforcer.start_enforcerd()
        lab.guest.trust_enforcer()
        wait_for(lambda: present(lab.enforcer) == 1, what="the view to be there again")
        asking = Asking(lab, "https://other.test/after")
        person.waits_for("other.test")
        person.types("ay\r")
        equal(asking.answered().status, 200)
        person.types("q")
        person.ends()
