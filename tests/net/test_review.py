"""Requests that are held for people: nothing leaves before they agree, one request is what they agree to, and whatever comes of it is
one outcome (invariants 1, 3 and 12)."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import threading
import time

from lib.audit_log import small_filesystem
from lib.expect import equal
from lib.guest import read_response
from lib.lab import policy
from lib.processes import wait_for
from lib.reviewers import ALLOW, HELD, Reviewer, arrived, asking, held_lab, pending, ticket_ids, tickets, write_accounts

def test_invariant_1_nothing_leaves_while_a_request_is_held_and_one_request_is_sent_when_it_is_approved():
    with held_lab() as made, Reviewer(made.enforcer).watching() as watcher:
        made.guest.trust_enforcer()
        equal(made.guest.curl("https://ok.test/").status, 200, "the control: what needs nobody passes")
        for version in ("--http1.1", "--http2"):
            time.sleep(0.5)  # what the request before left on the wire
            made.world.witness.clear()
            with asking(made.guest, "-X", "DELETE", version, url=f"https://ok.test/stack/{version[-3:]}") as (asked,):
                ticket = pending(made.enforcer)[0]
                equal((ticket["guest"], ticket["method"], ticket["rule"]), ("g1", "DELETE", "destructive"))
                time.sleep(0.3)
                made.wire_silent()
                assert not asked.done(), "held"
                done = made.enforcer.ctl("review", "approve", ticket["review_id"], "-y")
                equal(done.returncode, 0, done.stderr)
                equal(asked.result().status, 200)
        equal(len(arrived(made)), 2)
        records = made.enforcer.records(type="decision", decision="allow", reason="approved")
        equal([(record["review_id"] != "", record["approvers"]) for record in records], [(True, ["root"])] * 2)
        assert '"approved"' in watcher.output(), watcher.output()


def test_what_follows_on_the_connection_has_nothing_of_the_review():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        with made.guest.tls("ok.test") as client:  # the second has a blank in front of the colon
            client.sendall(b"DELETE /stack/a HTTP/1.1\r\nHost: ok.test\r\n\r\nGET / HTTP/1.1\r\nHost : ok.test\r\n\r\n")
            made.enforcer.ctl_ok("review", "approve", ticket_ids(made)[0], "-y")
            equal((read_response(client)[0], read_response(client)[0]), (200, 400))
        recorded = lambda reason: {"review_id", "approvers"} & set(made.enforcer.wait_record(type="decision", reason=reason))
        equal((len(recorded("approved")), len(recorded("h1_malformed"))), (2, 0))


def fill(enforcer, guest):
    """Nothing can be recorded any more; gives the file that takes the room. The page that the log had begun may still take a few
    records, so denials of DNS, which are shorter than what is recorded of requests, go on until one does not fit."""
    path = f"{enforcer.audit_folder}/filler"
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    names = (f"n{number}.evil.test" for number in itertools.count())

    def full():
        guest.query(next(names))
        return enforcer.metric("enforcer_audit_write_errors_total") > 0
    wait_for(full, what="a record that cannot be written")
    return path


def test_invariant_3_request_whose_approval_cannot_be_recorded_is_not_sent():
    with held_lab(start=False) as made, small_filesystem(made.enforcer.audit_folder, "256k"):
        made.enforcer.start()
        made.attach("g1").trust_enforcer()
        with Reviewer(made.enforcer).watching(), made.guest.tls("ok.test") as living:
            living.sendall(b"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n")  # what is new cannot connect without a record
            equal(read_response(living)[0], 200)
            with asking(made.guest) as (asked,):
                ticket = ticket_ids(made)[0]
                filler = fill(made.enforcer, made.guest)
                made.enforcer.ctl_ok("review", "approve", ticket, "-y")
                reply = asked.result()
            equal((reply.status, json.loads(reply.body)["reason"]), (503, "audit_unavailable"))
            equal(arrived(made), [], "approved, and not on record")
            living.sendall(b"DELETE /stack/b HTTP/1.1\r\nHost: ok.test\r\n\r\n")
            status, _, body = read_response(living)
            equal((status, json.loads(body)["reason"]), (503, "audit_unavailable"), "and one that comes now does not wait")
            equal(arrived(made), [])
            os.unlink(filler)
            wait_for(lambda: made.guest.curl("https://ok.test/").status == 200, 10, "service after the disk has room again")
            with asking(made.guest, url="https://ok.test/stack/c") as (asked,):  # the control
                ticket = wait_for(lambda: tickets(made.enforcer, path="/stack/c", state="pending"), what="the ticket")[0]
                made.enforcer.ctl_ok("review", "approve", ticket["review_id"], "-y")
                equal(asked.result().status, 200)
        equal([event["target"] for event in arrived(made)], ["/stack/c"])
        records = made.enforcer.records(type="decision", decision="allow", reason="approved")
        equal([record["path"] for record in records], ["/stack/c"])


def test_request_that_cannot_be_recorded_is_no_question():
    with held_lab(start=False) as made, small_filesystem(made.enforcer.audit_folder, "256k"):
        made.enforcer.start()
        made.attach("g1").trust_enforcer()
        with Reviewer(made.enforcer).watching() as watcher, made.guest.tls("ok.test") as living:
            living.sendall(b"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n")
            equal(read_response(living)[0], 200)
            with asking(made.guest) as (asked,):
                ticket = ticket_ids(made)[0]
                fill(made.enforcer, made.guest)
                made.enforcer.ctl_ok("review", "approve", ticket, "-y")
                equal(asked.result().status, 503)
            living.sendall(b"DELETE /stack/b HTTP/1.1\r\nHost: ok.test\r\n\r\n")
            equal(read_response(living)[0], 503)
            wait_for(lambda: '"approved"' in watcher.output(), what="the verdict to be told")
            equal([found["path"] for found in tickets(made.enforcer, state="pending")], [], "questions whose request has its answer")
        equal(arrived(made), [])


def test_rejected_request_is_denied_and_says_so():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        with asking(made.guest) as (asked,):
            ticket = pending(made.enforcer)[0]
            made.enforcer.ctl_ok("review", "reject", ticket["review_id"], "--comment", "not on a Friday")
            reply = asked.result()
        equal(reply.status, 403)
        problem = json.loads(reply.body)
        equal((problem["reason"], problem["review_id"], problem["hint"]), ("review_rejected", ticket["review_id"], "Ask us."))
        equal(arrived(made), [])
        made.enforcer.wait_record(type="decision", decision="deny", reason="review_rejected", review_id=ticket["review_id"])


def test_nobody_is_there_to_be_asked():
    with held_lab() as made:
        made.guest.trust_enforcer()
        reply = made.guest.curl("https://ok.test/a", "-X", "DELETE")
        equal((reply.status, json.loads(reply.body)["reason"]), (403, "no_reviewer"))
        with Reviewer(made.enforcer).watching(), asking(made.guest) as (asked,):
            made.enforcer.ctl_ok("review", "approve", ticket_ids(made)[0], "-y")
            equal(asked.result().status, 200, "the control")
        equal(made.guest.curl("https://ok.test/a", "-X", "DELETE").status, 403, "the reviewer has left")


def test_client_is_told_to_come_back_and_its_retry_passes_once():
    with held_lab(wait="1s") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        reply = made.guest.curl("https://ok.test/a", "-X", "DELETE")
        problem = json.loads(reply.body)
        equal((reply.status, problem["reason"]), (503, "review_pending"))
        assert "retry-after: " in reply.talk.lower(), reply.talk
        ticket = pending(made.enforcer)[0]
        equal((ticket["review_id"], ticket["clients"]), (problem["review_id"], 0))
        made.enforcer.ctl_ok("review", "approve", ticket["review_id"], "-y")
        time.sleep(0.3)
        equal(arrived(made), [], "nothing is sent without a client")
        equal(made.guest.curl("https://ok.test/b", "-X", "DELETE").status, 503, "the control: another request is another question")
        equal(made.guest.curl("https://ok.test/a", "-X", "DELETE", "-A", "retry/2").status, 200)
        equal(made.guest.curl("https://ok.test/a", "-X", "DELETE").status, 503, "an approval is used once")
        equal([event["target"] for event in arrived(made)], ["/a"])


def test_client_that_goes_away_sends_nothing():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        for version in ("--http1.1", "--http2"):
            path = f"/gone/{version[-3:]}"
            equal(made.guest.curl(f"https://ok.test{path}", "-X", "DELETE", version, "--max-time", "1").status, 0, "it gave up")
            ticket = wait_for(lambda p=path: [t for t in tickets(made.enforcer, path=p, clients=0)], what="its leaving")[0]
            made.enforcer.ctl_ok("review", "approve", ticket["review_id"], "-y")
            time.sleep(0.3)
            equal([event for event in arrived(made) if event["target"] == path], [])
            equal(made.guest.curl(f"https://ok.test{path}", "-X", "DELETE", version).status, 200, "the control: the next one passes")


def test_invariant_12_other_octets_are_another_question():
    with held_lab(wait="1s") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()

        def put(body, *more, path="/x"):
            return made.guest.curl(f"https://ok.test{path}", "-X", "PUT", "-d", body, *more).status
        equal(put("delete=nothing"), 503)
        made.enforcer.ctl_ok("review", "approve", ticket_ids(made)[0], "-y")
        for body, more, path in (("delete=everything", (), "/x"), ("delete=nothing", ("-H", "X-Mode: force"), "/x"),
                                 ("delete=nothing", (), "/x?force"), ("delete=nothing", (), "/y")):
            equal(put(body, *more, path=path), 503, f"{body} {more} {path}")
        equal(arrived(made, "PUT"), [])
        equal(put("delete=nothing"), 200)
        equal([(event["target"], event["body_bytes"]) for event in arrived(made, "PUT")], [("/x", 14)])


def test_two_people_have_to_agree_and_root_is_not_one_of_them():
    rule = "  review:\n    - {name: both, to: [ok.test], http: [{methods: [DELETE]}], approvals: 2}\n"
    with held_lab(rule=rule, start=False) as made:
        write_accounts(made.enforcer)
        made.enforcer.start()
        made.attach("g1").trust_enforcer()
        ann, bob, eve, root = (Reviewer(made.enforcer, name) for name in ("ann", "bob", "eve", "root"))
        with ann.watching(), asking(made.guest) as (asked,):
            ticket = ticket_ids(made)[0]
            equal(eve.ctl("review", "approve", ticket, "-y").returncode, 4, "eve is no reviewer")
            equal(root.ctl("review", "approve", ticket, "-y").returncode, 4, "root counts where one is enough")
            done = ann.ctl("review", "approve", ticket, "-y")
            equal(done.returncode, 0, done.stderr)
            equal(ann.ctl("review", "approve", ticket, "-y").returncode, 7, "the same person twice")
            time.sleep(0.3)
            assert not asked.done() and arrived(made) == [], "one of two"
            equal(bob.ctl("review", "approve", ticket, "-y").returncode, 0)
            equal(asked.result().status, 200)
        record = made.enforcer.wait_record(type="decision", decision="allow", reason="approved")
        equal(record["approvers"], ["ann", "bob"])
        equal(len(arrived(made)), 1)


def test_whoever_made_the_guest_does_not_approve_for_it():
    with held_lab(start=False) as made:
        write_accounts(made.enforcer)
        made.enforcer.start()
        made.bare_guest("g1")
        kim = Reviewer(made.enforcer, "kim")
        created = kim.ctl("guest", "attach", "g1", "--netns", made.guest.netns.path, "-l", "lab=yes")
        equal(created.returncode, 0, created.stderr)
        made.guest.learn_addresses()
        made.guest.trust_enforcer()
        with kim.watching(), asking(made.guest) as (asked,):
            ticket = ticket_ids(made)[0]
            equal(kim.ctl("review", "approve", ticket, "-y").returncode, 4, "the guest is kim's own")
            equal(Reviewer(made.enforcer, "ann").ctl("review", "approve", ticket, "-y").returncode, 0, "the control")
            equal(asked.result().status, 200)


def test_identical_requests_are_one_question_and_one_is_sent():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        with asking(made.guest, count=3) as asked:
            ticket = wait_for(lambda: tickets(made.enforcer, state="pending", clients=3), what="three clients")[0]
            equal(len(tickets(made.enforcer)), 1)
            made.enforcer.ctl_ok("review", "approve", ticket["review_id"], "-y")
            statuses = sorted(future.result().status for future in asked)
        equal(statuses, [200, 403, 403])
        equal(len(arrived(made)), 1)
        done = made.enforcer.ctl("review", "approve", ticket["review_id"], "-y")
        equal(done.returncode, 7, "late")


def test_reload_withdraws_what_another_rule_asks_and_keeps_what_the_same_rule_asks():
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        with asking(made.guest) as (asked,):
            ticket = ticket_ids(made)[0]
            made.enforcer.write_policy(policy(f"ok.test {ALLOW}", f"mitm.test {ALLOW}", extra="  # the same rule\n" + HELD % "5m"))
            made.enforcer.ctl_ok("reload")
            equal([t["review_id"] for t in tickets(made.enforcer, state="pending")], [ticket], "it lives on")
            made.enforcer.write_policy(policy(f"ok.test {ALLOW}", extra=HELD % "6m"))
            made.enforcer.ctl_ok("reload")
            reply = asked.result()
        equal((reply.status, json.loads(reply.body)["reason"]), (403, "stale_approval"))
        equal(tickets(made.enforcer)[0]["state"], "withdrawn")
        equal(arrived(made), [])


def test_denied_by_a_reload_after_the_approval():
    with held_lab(wait="1s") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        equal(made.guest.curl("https://ok.test/a", "-X", "DELETE").status, 503)
        made.enforcer.ctl_ok("review", "approve", ticket_ids(made)[0], "-y")
        made.enforcer.write_policy(policy(f"ok.test {ALLOW}", extra=HELD % "5m" +
                                          "  deny:\n    - {name: never, to: [ok.test], http: [{methods: [DELETE]}]}\n"))
        made.enforcer.ctl_ok("reload")
        reply = made.guest.curl("https://ok.test/a", "-X", "DELETE")
        equal((reply.status, json.loads(reply.body)["reason"]), (403, "rule"))
        equal([ticket["state"] for ticket in tickets(made.enforcer)], ["withdrawn"])
        equal(arrived(made), [])


def test_approval_is_decided_again_when_the_rule_that_asked_has_expired_meanwhile():
    """Nobody told the desk: there was no reload. Invariant 12: what people agreed to holds while the same rule asks."""
    until = time.time() + 25
    rules = (f'  review:\n    - {{name: ask, to: [ok.test], http: [{{methods: [DELETE]}}], '
             f'expires: "{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))}"}}\n'
             '    - {name: later, to: [ok.test], http: [{methods: [DELETE], paths: ["/later/**"]}]}\n')
    with held_lab(rule=rules, wait="60s") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        with asking(made.guest, url="https://ok.test/first") as (early,):
            made.enforcer.ctl_ok("review", "approve", ticket_ids(made)[0], "-y")
            equal(early.result().status, 200, "the control: approved while the rule asks")
        with asking(made.guest, url="https://ok.test/later/a") as (later,), asking(made.guest, url="https://ok.test/other") as (other,):
            waiting = pending(made.enforcer, 2)
            assert time.time() < until, "the machine is too slow for this test"
            wait_for(lambda: time.time() > until + 1, 30, "the rule to expire")
            for ticket in waiting:
                made.enforcer.ctl_ok("review", "approve", ticket["review_id"], "-y")
            equal((later.result().status, json.loads(later.result().body)["reason"]), (403, "stale_approval"), "another rule asks now")
            equal(other.result().status, 200, "nobody asks now, and the allow is there")
        equal(sorted(event["target"] for event in arrived(made)), ["/first", "/other"])
        made.enforcer.wait_record(type="decision", decision="deny", reason="stale_approval", rule="later")


def test_request_expires_when_nobody_decides():
    with held_lab(timeout="2s") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        reply = made.guest.curl("https://ok.test/a", "-X", "DELETE")
        equal((reply.status, json.loads(reply.body)["reason"]), (403, "review_expired"))
        equal(tickets(made.enforcer)[0]["state"], "expired")


def test_guest_that_ends_takes_its_questions_with_it_and_a_restart_denies():
    with held_lab(guests=("g1", "g2")) as made, Reviewer(made.enforcer).watching():
        for guest in made.guests.values():
            guest.trust_enforcer()
        with asking(made.guests["g1"], "-X", "DELETE", "--max-time", "10") as (gone,), asking(made.guests["g2"]) as (stays,):
            pending(made.enforcer, 2)
            made.enforcer.ctl_ok("guest", "delete", "g1")
            equal([t["guest"] for t in tickets(made.enforcer, state="pending")], ["g2"])
            made.enforcer.enforcerd.stop()
            assert stays.result().status in (0, 403), stays.result()
            equal(gone.result().status, 0, "its link is gone")
        made.enforcer.start_enforcerd()
        equal(tickets(made.enforcer), [])
        equal(arrived(made), [])


def test_bodies_and_questions_are_bounded():
    with held_lab(wait="3s", review={"bodyLimit": "64Ki", "pendingPerGuest": 3}) as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        for size, status in ((65536, 503), (65537, 413)):
            path = f"{made.folder}/{size}"
            with open(path, "wb") as file:
                file.write(os.urandom(size))
            equal(made.guest.curl("https://ok.test/up", "-T", path).status, status, f"{size} octets")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            statuses = list(pool.map(lambda n: made.guest.curl(f"https://ok.test/{n}", "-X", "DELETE").status, range(6)))
        equal(sorted(statuses), [429] * 4 + [503] * 2, "one ticket is the upload's")
        with made.guest.tls("ok.test") as client:  # told before its body is read, which does not come
            client.sendall(b"PUT /late HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 1000\r\n\r\n")
            answer = client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 429 "), answer
        equal(made.guest.curl("https://ok.test/").status, 200, "the control: what needs nobody passes")
        made.enforcer.wait_record(type="decision", decision="deny", reason="queue_full")
        made.enforcer.wait_record(type="decision", decision="deny", reason="hold_body_cap")


RACES = 60  # a thousand, of the desk alone, are in tests/unit/review/race_test.cc


def test_races_of_everything_that_can_happen_have_one_outcome_each():
    """approve, reject, expire and a reload that withdraws, against waiting clients: each request was sent once or never, and the log,
    the clients and the origin agree."""
    with held_lab(timeout="1m", config={"limits": {"requestsPerMinute": 100000, "decisionsPerMinute": 100000}}) as made, \
            Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        answers = []
        for verdict, status in ((("approve", "-y"), 200), (("reject",), 403)):  # the races may all have one winner
            with asking(made.guest, url=f"https://ok.test/race/{verdict[0]}") as (asked,):
                made.enforcer.ctl_ok("review", verdict[0], ticket_ids(made)[0], *verdict[1:])
                answers.append((verdict[0], asked.result().status))
                equal(answers[-1][1], status)
        stop = threading.Event()

        def reload():
            for number in range(1000):
                if stop.wait(0.5):
                    return
                made.enforcer.write_policy(policy(f"ok.test {ALLOW}", extra=HELD % ("2s" if number % 2 else "3s")))
                made.enforcer.ctl("reload")

        def decide(verb):
            while not stop.is_set():
                for ticket in tickets(made.enforcer, state="pending"):
                    made.enforcer.ctl("review", verb, ticket["review_id"], *(["-y"] if verb == "approve" else []))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            others = [pool.submit(reload), pool.submit(decide, "approve"), pool.submit(decide, "reject")]
            try:
                answers += pool.map(lambda n: (n, made.guest.curl(f"https://ok.test/race/{n}", "-X", "DELETE").status), range(RACES))
            finally:
                stop.set()
            for other in others:
                other.result()
        sent = [event["target"] for event in arrived(made)]
        equal(len(sent), len(set(sent)), "no request was sent twice")
        allowed = {record["decision_id"]: record["path"]
                   for record in made.enforcer.records(type="decision", decision="allow", reason="approved")}
        equal(sorted(allowed.values()), sorted(sent))
        # A reload ends what it would not allow, also between the request and its answer.
        cut = [allowed[record["decision_id"]] for record in made.enforcer.records(type="end", outcome="policy_changed")
               if record["decision_id"] in allowed]
        equal(sorted(sent), sorted({f"/race/{n}" for n, status in answers if status == 200} | set(cut)), "who was told so, and nobody else")
        assert {status for n, status in answers if f"/race/{n}" not in cut} <= {200, 403}, answers

        def ends_on_record():
            ends = {}
            for record in made.enforcer.records(type="review"):
                if record["change"] in ("sent", "rejected", "expired", "withdrawn"):
                    ends.setdefault(record["review_id"], []).append(record["change"])
            return ends
        # Written by another thread than the decisions.
        ends = wait_for(lambda: len(e := ends_on_record()) == len(answers) and e, 20, "the end of every question in the log")
        assert all(len(changes) == 1 for changes in ends.values()), ends
        # A reload between the approval's being taken and its request's leaving: spent, and denied all the same.
        taken = {review_id for review_id, changes in ends.items() if changes == ["sent"]}
        overtaken = [record for record in made.enforcer.records(type="decision", decision="deny", reason="stale_approval")
                     if record["review_id"] in taken]
        equal(len(taken), len(sent) + len(overtaken))
        assert {("sent",), ("rejected",)} <= set(map(tuple, ends.values())), ends
