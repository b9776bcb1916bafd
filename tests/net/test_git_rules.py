"""What a push does is decided on before any of it reaches the origin: refs, deletions, forced updates. Real git, real `git
http-backend`."""

import concurrent.futures
import contextlib
import random
import time

from lib.expect import equal
from lib.git_clients import clone, commit, serve
from lib.lab import Lab, policy
from lib.reviewers import Reviewer, pending, tickets

REPOSITORY = "acme/widgets.git"
PUSH = "/acme/widgets.git/git-receive-pack"
CHUNKS = ["-c", "http.version=HTTP/1.1"]  # test_clients_git.py says why


def own_branches(*more, extra=""):
    conditions = ", ".join(['refs: ["refs/heads/agent/**", "refs/tags/agent-*"]', *more])
    return Lab(policy(f"git.test git: {{repos: [acme/*], {conditions}}}", extra=extra))


def anything(*conditions, extra=""):
    return Lab(policy(f"git.test git: {{{', '.join(['repos: [acme/*]', *conditions])}}}", extra=extra))


def pushed(clients, *arguments):
    return clients.run("git", "-C", "mine", "push", *arguments)


def refused(clients, nginx, *arguments):
    """The push ends with a 403, and the origin saw nothing of it."""
    before = len(nginx.requests(target=PUSH))
    done = pushed(clients, *arguments)
    assert done.returncode != 0 and "403" in done.stderr, done.stderr
    equal(len(nginx.requests(target=PUSH)), before)


def allowed(clients, *arguments):
    done = pushed(clients, *arguments)
    equal(done.returncode, 0, done.stderr)


def ref(server, name):
    return server.git("-C", f"{server.folder}/{REPOSITORY}", "for-each-ref", "--format=%(objectname)", name).strip()


def head(clients, name="HEAD"):
    return clients.ok("git", "-C", "mine", "rev-parse", name).strip()


def test_push_reaches_only_the_branches_that_the_rule_names():
    with own_branches() as lab:
        clients, server, nginx = serve(lab)
        clone(clients)
        main = server.tip(REPOSITORY)
        commit(clients, "mine", "small", b"two\n")
        allowed(clients, "--quiet", "origin", "HEAD:refs/heads/agent/one")
        equal(ref(server, "refs/heads/agent/one"), head(clients))
        refused(clients, nginx, "origin", "main")
        equal(server.tip(REPOSITORY), main)
        lab.enforcer.wait_record(decision="deny", reason="request", path=PUSH, action="git push acme/widgets refs/heads/main")
        lab.enforcer.wait_record(decision="allow", path=PUSH, action="git push acme/widgets refs/heads/agent/one (new)")
        clients.ok("git", "-C", "mine", "fetch", "--quiet")
        lab.enforcer.wait_record(type="decision", decision="allow", action="git fetch acme/widgets")
        assert "git push acme/widgets refs/heads/main on git.test:443" in lab.enforcer.ctl_ok("log", "--decision", "deny")


def test_one_forbidden_ref_among_allowed_ones_denies_the_push():
    with own_branches() as lab:
        clients, server, nginx = serve(lab)
        clone(clients)
        commit(clients, "mine", "small", b"two\n")
        clients.ok("git", "-C", "mine", "tag", "agent-1")
        clients.ok("git", "-C", "mine", "tag", "v1")
        refused(clients, nginx, "origin", "HEAD:refs/heads/agent/one", "HEAD:refs/heads/main")
        refused(clients, nginx, "origin", "HEAD:refs/heads/agent/one", "v1")
        equal((ref(server, "refs/heads/agent/one"), ref(server, "refs/tags/v1")), ("", ""))
        allowed(clients, "--quiet", "origin", "HEAD:refs/heads/agent/one", "agent-1")
        equal(ref(server, "refs/tags/agent-1"), head(clients))
        record = lab.enforcer.wait_record(type="decision", decision="deny", path=PUSH)
        equal(record["action"], "git push acme/widgets refs/heads/main, refs/heads/agent/one (new)")


def test_deletions_are_denied_where_the_rule_says_so():
    with own_branches("delete: deny") as lab:
        clients, server, nginx = serve(lab)
        clone(clients)
        allowed(clients, "--quiet", "origin", "HEAD:refs/heads/agent/one")
        refused(clients, nginx, "origin", "--delete", "agent/one")
        equal(ref(server, "refs/heads/agent/one"), head(clients))
        lab.enforcer.wait_record(type="decision", decision="deny", action="git push acme/widgets refs/heads/agent/one (delete)")
        lab.enforcer.write_policy(policy('git.test git: {repos: [acme/*], refs: ["refs/heads/agent/**"]}'))
        lab.enforcer.ctl_ok("reload")
        allowed(clients, "--quiet", "origin", "--delete", "agent/one")  # the control
        equal(ref(server, "refs/heads/agent/one"), "")


def test_forced_pushes_are_denied_and_fast_forwards_are_not():
    with anything("force: deny") as lab:
        clients, server, nginx = serve(lab)
        clone(clients)
        for number in range(5):
            commit(clients, "mine", f"file{number}", b"%d\n" % number)
        allowed(clients, "--quiet", "origin", "main")
        equal(server.tip(REPOSITORY), head(clients))
        clients.ok("git", "-C", "mine", "checkout", "--quiet", "-b", "side", "HEAD~2")
        commit(clients, "mine", "side", b"side\n")
        clients.ok("git", "-C", "mine", "checkout", "--quiet", "main")
        clients.ok("git", "-C", "mine", "merge", "--quiet", "-m", "merged", "side")
        allowed(clients, "--quiet", "origin", "main")
        good = server.tip(REPOSITORY)
        equal(good, head(clients))
        clients.ok("git", "-C", "mine", "commit", "--quiet", "--amend", "-m", "amended")
        refused(clients, nginx, "--force", "origin", "main")
        clients.ok("git", "-C", "mine", "reset", "--quiet", "--hard", "HEAD~1")
        refused(clients, nginx, "--force", "origin", "main")  # back, which brings no commit at all
        equal(server.tip(REPOSITORY), good)
        lab.enforcer.wait_record(decision="deny", reason="request", path=PUSH, action="git push --force acme/widgets refs/heads/main")


def test_large_fast_forward_passes_with_what_was_read_of_it():
    content = random.Random(6).randbytes(13 << 20)
    with anything("force: deny", "delete: deny") as lab:
        clients, server, nginx = serve(lab)
        clone(clients)
        commit(clients, "mine", "large", content)
        done = clients.run("git", *CHUNKS, "-C", "mine", "push", "--quiet", "origin", "main")
        equal(done.returncode, 0, done.stderr)
        equal(server.tip(REPOSITORY), head(clients))
        server.git("-C", f"{server.folder}/{REPOSITORY}", "fsck", "--full", "--strict")
        good = head(clients)
        clients.path("mine/large", content[::-1])
        clients.ok("git", "-C", "mine", "commit", "--quiet", "--all", "--amend", "-m", "amended")
        before = len(nginx.requests(target=PUSH))
        rewritten = clients.run("git", *CHUNKS, "-C", "mine", "push", "--force", "origin", "main")
        assert rewritten.returncode != 0 and "403" in rewritten.stderr, rewritten.stderr
        equal(server.tip(REPOSITORY), good)
        equal(len(nginx.requests(target=PUSH)), before + 1)  # git asks first whether it may push, with a push of nothing
        lab.enforcer.wait_record(type="decision", decision="deny", reason="action_unknown", path=PUSH)


def test_deny_rule_means_just_forced_updates_and_deletions():
    deny = "  deny:\n    - {name: no-rewriting, to: [git.test], git: {repos: [acme/*], force: only, delete: only}}\n"
    with anything(extra=deny) as lab:
        clients, server, nginx = serve(lab)
        clone(clients)
        commit(clients, "mine", "small", b"two\n")
        allowed(clients, "--quiet", "origin", "main", "main:refs/heads/other")
        clients.ok("git", "-C", "mine", "pull", "--quiet")
        refused(clients, nginx, "origin", ":other")
        clients.ok("git", "-C", "mine", "commit", "--quiet", "--amend", "-m", "amended")
        refused(clients, nginx, "--force", "origin", "main")
        denied = lab.enforcer.records(type="decision", decision="deny", path=PUSH)
        equal({(r["reason"], r["rule"]) for r in denied}, {("rule", "no-rewriting")})


def test_review_rule_asks_about_forced_pushes_and_no_others():
    review = "  review:\n    - {name: rewriting, to: [git.test], git: {repos: [acme/*], operations: [push], force: only}}\n"
    with anything(extra=review) as lab, Reviewer(lab.enforcer).watching():
        clients, server, nginx = serve(lab)
        clone(clients)

        @contextlib.contextmanager
        def rewriting(message):
            """A forced push that is held: (id of its ticket, future of git's end)."""
            clients.ok("git", "-C", "mine", "commit", "--quiet", "--amend", "-m", message)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                push = pool.submit(pushed, clients, "--force", "origin", "main")
                ticket = pending(lab.enforcer)[0]
                equal((ticket["action"], ticket["rule"]), ("git push --force acme/widgets refs/heads/main", "rewriting"))
                yield ticket["review_id"], push

        commit(clients, "mine", "small", b"two\n")
        allowed(clients, "--quiet", "origin", "main")  # the control: a fast-forward needs nobody
        equal((server.tip(REPOSITORY), tickets(lab.enforcer)), (head(clients), []))
        server.git("-C", f"{server.folder}/{REPOSITORY}", "config", "core.logAllRefUpdates", "always")
        moves = lambda: len(server.git("-C", f"{server.folder}/{REPOSITORY}", "reflog", "show", "main").splitlines())
        good, seen, before = server.tip(REPOSITORY), len(nginx.requests(target=PUSH)), moves()
        with rewriting("not this") as (ticket, push):
            lab.enforcer.ctl_ok("review", "reject", ticket)
            done = push.result()
        assert done.returncode != 0 and "403" in done.stderr, done.stderr
        equal((server.tip(REPOSITORY), len(nginx.requests(target=PUSH)), moves()), (good, seen, before), "rejected")
        with rewriting("this one") as (ticket, push):
            time.sleep(0.3)
            equal((push.done(), server.tip(REPOSITORY), len(nginx.requests(target=PUSH))), (False, good, seen), "held")
            lab.enforcer.ctl_ok("review", "approve", ticket, "-y")
            done = push.result()
        equal(done.returncode, 0, done.stderr)
        equal((server.tip(REPOSITORY), len(nginx.requests(target=PUSH)), moves()), (head(clients), seen + 1, before + 1), "approved")
        equal(len(tickets(lab.enforcer)), 2)


def test_push_that_cannot_be_read_is_denied():
    def line(text):
        return b"%04x" % (len(text) + 4) + text

    one, zero = b"1" * 40, b"0" * 40
    good = line(zero + b" " + one + b" refs/heads/agent/x\0report-status") + b"0000"
    with own_branches() as lab:
        clients, _server, nginx = serve(lab)

        def post(body, *more, version="--http1.1"):
            path = clients.path("body", body)
            return lab.guest.curl(f"https://git.test{PUSH}", version, "-H", "Content-Type: application/x-git-receive-pack-request",
                                  "--data-binary", f"@{path}", *more)

        bad = [b"", b"zzzz", good[:-4], line(b"push-cert\0report-status\n") + b"0000", line(one + b" main") + b"0000",
               line(zero + b" " + one + b" refs/heads/agent/../main\0") + b"0000", line(b"x" * 60_000) * 20]
        for body in bad:
            for version in ("--http1.1", "--http2"):
                reply = post(body, version=version)
                equal((reply.status, b"action_unknown" in reply.body), (403, True), body[:80])
        equal(post(good, "-H", "Content-Encoding: gzip").status, 403)
        equal(nginx.requests(target=PUSH), [])
        # The controls: what can be read comes to the origin whole, also chunked and after an invitation.
        for more in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue")):
            equal(post(good, *more).status, 200)
        equal(post(good, version="--http2").status, 200)
        equal(len(nginx.requests(target=PUSH, status=200)), 4)


def test_explain_answers_about_pushes():
    with own_branches("force: deny") as lab:
        def verdict(*question):
            return lab.enforcer.ctl("explain", "git", *question, "--guest", "g1", "--exit-code").returncode

        equal(verdict("fetch", "git.test/acme/widgets"), 0)
        equal(verdict("push", "git.test/acme/widgets", "refs/heads/agent/x"), 0)
        equal(verdict("push", "git.test/acme/widgets", "refs/heads/agent/x", "refs/heads/main"), 3)
        equal(verdict("push", "git.test/acme/widgets", "+refs/heads/agent/x"), 3)
        equal(verdict("push", "git.test/other/widgets.git", "refs/heads/agent/x"), 3)
