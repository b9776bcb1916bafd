"""Requests that were approved when the policy had become another one since they were asked about: what people agreed to is sent while
the same rule asks, and otherwise the policy of that moment decides. The desk has not withdrawn anything in these courses of events, so
the last look before the sending is all there is (tests/unit/review/approval_test.cc has its whole table)."""

import concurrent.futures
import contextlib
import json
import signal
import time

from lib.expect import equal
from lib.guest import read_response
from lib.lab import policy
from lib.processes import wait_for
from lib.reviewers import ALLOW, HELD, Reviewer, arrived, asking, held_lab, pending, ticket_ids, tickets
from lib.threads import idle_threads, stopped


def reason_of(body):
    """Of a denial; the origin's answer has none."""
    return json.loads(body)["reason"] if body.startswith(b"{") else None


def last_words(made, review_id):
    """(decision, reason, rule, approvers) of what is on record about the request behind a review, but for the question itself."""
    def records():
        return [r for r in made.enforcer.records(type="decision", review_id=review_id) if r["decision"] != "review"]
    return [(r["decision"], r["reason"], r.get("rule", ""), r["approvers"]) for r in wait_for(records, what="what came of the request")]


def reloads(made):
    return made.enforcer.records(type="event", event="policy_reload")


def client_of_the_first_worker(made, pid, other):
    """A connection to ok.test that is served while the other worker's thread stands still."""
    for _ in range(24):
        client = made.guest.tls("ok.test")
        with stopped(pid, other), contextlib.suppress(TimeoutError):
            client.settimeout(1)
            client.sendall(b"GET / HTTP/1.1\r\nHost: ok.test\r\n\r\n")
            equal(read_response(client)[0], 200)
            client.settimeout(20)
            return client
        client.close()
    raise AssertionError("every connection went to the same worker")


def test_approval_after_a_reload_and_before_the_withdrawal_goes_by_the_new_policy():
    """Questions are withdrawn when every worker has the new policies. One that stands still holds that up, and an approval comes
    between."""
    allow = f"ok.test {ALLOW}"
    asks = policy(allow, extra=HELD % "5m")
    never = "  deny:\n    - {name: never, to: [ok.test], http: [{methods: [DELETE]}]}\n"
    cases = (("/same", policy(allow, extra="  # the same rule\n" + HELD % "5m"), 200, None, ("allow", "approved", "destructive")),
             ("/changed", policy(allow, extra=HELD % "6m"), 403, "stale_approval", ("deny", "stale_approval", "destructive")),
             ("/denied", policy(allow, extra=HELD % "5m" + never), 403, "rule", ("deny", "rule", "never")),
             ("/lifted", policy(allow), 200, None, ("allow", "rule", "allow-0")),
             ("/gone", policy("other.test"), 403, "name", ("deny", "name", "")))  # and so the connection: the last one
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        pid = made.enforcer.enforcerd.pid
        other, = wait_for(lambda: idle_threads(pid), what="the second worker to have nothing to do")
        reviews = {}
        with client_of_the_first_worker(made, pid, other) as client:
            for path, text, status, reason, words in cases:
                with stopped(pid, other):
                    client.sendall(f"DELETE {path} HTTP/1.1\r\nHost: ok.test\r\n\r\n".encode())
                    ticket = reviews[path] = ticket_ids(made)[0]
                    before = len(reloads(made))
                    made.enforcer.write_policy(text)
                    made.enforcer.enforcerd.signal(signal.SIGHUP)
                    wait_for(lambda count=before: len(reloads(made)) > count, what="the reload")
                    equal([t["review_id"] for t in tickets(made.enforcer, state="pending")], [ticket], "nothing is withdrawn yet")
                    made.enforcer.ctl_ok("review", "approve", ticket, "-y")
                    answer = read_response(client)
                    equal((answer[0], None if answer[0] == 200 else reason_of(answer[2])), (status, reason), path)
                    equal(last_words(made, ticket), [(*words, ["root"])], path)
                made.enforcer.write_policy(asks)
                made.enforcer.ctl_ok("reload")
        equal({t["review_id"]: t["state"] for t in tickets(made.enforcer)}, dict.fromkeys(reviews.values(), "sent"))
        equal([event["target"] for event in arrived(made)], ["/same", "/lifted"])


EXPIRING = """  allow:
    - {name: api, to: [ok.test], http: [{paths: [/lifted, /other, /steady]}]}
    - {name: soon-closed, to: [ok.test], http: [{paths: [/closed]}], expires: "%(end)s"}
    - {name: plain, to: [cred.test], http: [{paths: ["/**"]}]}
    - {name: adds, to: [cred.test], http: [{paths: ["/**"]}], credential: token, expires: "%(end)s"}
  review:
    - {name: soon-lifted, to: [ok.test], http: [{paths: [/lifted]}], expires: "%(end)s"}
    - {name: a-first, to: [ok.test], http: [{paths: [/other]}], expires: "%(end)s"}
    - {name: b-second, to: [ok.test], http: [{paths: [/other]}]}
    - {name: steady, to: [ok.test], http: [{paths: [/steady]}]}
    - {name: keyed, to: [cred.test], http: [{paths: [/keyed]}]}
---
apiVersion: enforcer.dev/v1
kind: Guardrail
metadata: {name: rail}
spec:
  review:
    - {name: house, to: [ok.test], http: [{paths: [/closed]}]}
"""


def test_rules_that_expire_while_requests_are_held_are_gone_when_people_agree():
    outcomes = {  # path: who asked, status, reason, the record
        "/steady": ("steady", 200, None, ("allow", "approved", "steady")),
        "/lifted": ("soon-lifted", 200, None, ("allow", "rule", "api")),
        "/other": ("a-first", 403, "stale_approval", ("deny", "stale_approval", "b-second")),
        "/keyed": ("keyed", 403, "stale_approval", ("deny", "stale_approval", "keyed")),
        "/closed": ("house", 403, "request", ("deny", "request", "")),
    }
    credentials = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}]}}
    with held_lab(credentials=credentials) as made, Reviewer(made.enforcer).watching(), \
            concurrent.futures.ThreadPoolExecutor(len(outcomes)) as pool:
        made.guest.trust_enforcer()
        end = int(time.time()) + 8
        made.enforcer.write_policy(policy(extra=EXPIRING % {"end": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))}))
        made.enforcer.ctl_ok("reload")
        asked = {path: pool.submit(made.guest.curl, f"https://{'cred' if path == '/keyed' else 'ok'}.test{path}", "-X", "DELETE")
                 for path in outcomes}
        questions = {ticket["path"]: ticket for ticket in pending(made.enforcer, len(outcomes))}
        assert time.time() < end, "they were held too late for this test"
        equal({path: ticket["rule"] for path, ticket in questions.items()}, {path: said[0] for path, said in outcomes.items()})
        time.sleep(max(0.0, end + 0.1 - time.time()))
        equal(len(tickets(made.enforcer, state="pending")), len(outcomes), "nobody withdraws what expires")
        for ticket in questions.values():
            made.enforcer.ctl_ok("review", "approve", ticket["review_id"], "-y")
        for path, (_, status, reason, words) in outcomes.items():
            reply = asked[path].result()
            equal((reply.status, reason_of(reply.body)), (status, reason), path)
            equal(last_words(made, questions[path]["review_id"]), [(*words, ["root"])], path)
        equal({t["state"] for t in tickets(made.enforcer)}, {"sent"})
        equal(sorted(event["target"] for event in arrived(made)), ["/lifted", "/steady"])


def test_request_whose_body_comes_after_a_reload_is_asked_about_by_the_new_policy():
    allow = f"ok.test {ALLOW}"
    asks = policy(allow, extra=HELD % "5m")
    never = "  deny:\n    - {name: never, to: [ok.test], http: [{methods: [PUT]}]}\n"
    cases = (("/changed", policy(allow, extra=HELD % "6m"), 200, None), ("/lifted", policy(allow), 200, None),
             ("/denied", policy(allow, extra=HELD % "5m" + never), 403, "rule"))
    with held_lab() as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        for path, text, status, reason in cases:
            with made.guest.tls("ok.test") as client:
                client.sendall(f"PUT {path} HTTP/1.1\r\nHost: ok.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n".encode())
                equal(client.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n", "it would be held, and so its body is wanted")
                made.enforcer.write_policy(text)
                made.enforcer.ctl_ok("reload")
                client.sendall(b"body")
                if path == "/changed":
                    ticket = ticket_ids(made)[0]
                    made.enforcer.ctl_ok("review", "approve", ticket, "-y")
                answer = read_response(client)
                equal((answer[0], None if answer[0] == 200 else reason_of(answer[2])), (status, reason), path)
            made.enforcer.write_policy(asks)
            made.enforcer.ctl_ok("reload")
        equal([(t["path"], t["state"]) for t in tickets(made.enforcer)], [("/changed", "sent")], "nobody is asked in vain")
        equal(last_words(made, ticket), [("allow", "approved", "destructive", ["root"])])
        equal([event["target"] for event in arrived(made, "PUT")], ["/changed", "/lifted"])


def test_approval_is_no_way_past_a_budget_that_was_used_up_meanwhile():
    with held_lab(extra="  limits: {uploadBytesPerHour: 1Mi}\n") as made, Reviewer(made.enforcer).watching():
        made.guest.trust_enforcer()
        upload = f"{made.folder}/upload"
        with open(upload, "wb") as file:
            file.write(bytes(4 << 20))
        with asking(made.guest, url="https://ok.test/before") as (asked,):  # the control
            made.enforcer.ctl_ok("review", "approve", ticket_ids(made)[0], "-y")
            equal(asked.result().status, 200)
        with asking(made.guest, url="https://ok.test/after") as (asked,):
            ticket = ticket_ids(made)[0]
            assert made.guest.curl("https://other.test/", "-X", "POST", "--data-binary", f"@{upload}").status in (0, 429)
            made.enforcer.wait_record(type="end", reason="limit_bytes")
            made.enforcer.ctl_ok("review", "approve", ticket, "-y")
            reply = asked.result()
        equal((reply.status, reason_of(reply.body)), (429, "limit_bytes"))
        equal(last_words(made, ticket), [("deny", "limit_bytes", "destructive", ["root"])])
        equal([event["target"] for event in arrived(made)], ["/before"])
