"""git over smart HTTP through interception."""

import os
import random

from lib.expect import equal
from lib.git_clients import commit, serve
from lib.lab import Lab, policy

LARGE = random.Random(5).randbytes(3 << 20)  # git sends a pack of more than 1 MiB in pieces
# Not over HTTP/2: when a window holds back the last of them, this git may wait for itself (remote-curl asked again after its end).
PIECES = ["-c", "http.version=HTTP/1.1"]


def test_git_clone_push_and_fetch():
    with Lab(policy('git.test http: [{paths: ["/**"]}]')) as lab:
        clients, server, nginx = serve(lab)
        for tree in ("mine", "theirs"):
            clients.ok("git", "clone", "--quiet", "https://git.test/acme/widgets.git", tree)
        for name, content, options in (("small", LARGE[:100_000], []), ("large", LARGE, PIECES)):
            commit(clients, "mine", name, content)
            clients.ok("git", *options, "-C", "mine", "push", "--quiet")
            equal(clients.ok("git", "-C", "mine", "rev-parse", "HEAD").strip(), server.tip("acme/widgets.git"), name)
        clients.ok("git", "-C", "theirs", "pull", "--quiet")
        with open(clients.path("theirs/large"), "rb") as file:
            assert file.read() == LARGE
        clients.ok("git", "-C", "theirs", "fsck", "--full", "--strict")
        assert nginx.requests(method="POST", target="/acme/widgets.git/git-receive-pack", status=200)
        lab.enforcer.wait_record(type="decision", decision="allow", layer="http", path="/acme/widgets.git/git-receive-pack")


def test_git_push_is_denied_where_only_fetch_is_allowed():
    with Lab(policy("git.test git: {repos: [acme/widgets], operations: [fetch]}")) as lab:
        clients, server, nginx = serve(lab)
        server.create("acme/other.git")
        before = server.tip("acme/widgets.git")
        clients.ok("git", "clone", "--quiet", "https://git.test/acme/widgets.git", "mine")
        commit(clients, "mine", "small", b"two\n")
        refused = clients.run("git", "-C", "mine", "push")
        assert refused.returncode != 0 and "403" in refused.stderr, refused.stderr
        lab.enforcer.wait_record(type="decision", decision="deny", layer="http", path="/acme/widgets.git/info/refs?service=*")
        assert clients.run("git", "clone", "https://git.test/acme/other.git").returncode != 0
        assert not os.path.exists(clients.path("other"))
        equal(server.tip("acme/widgets.git"), before)
        equal({r["target"].split("?")[0] for r in nginx.requests()}, {"/acme/widgets.git/info/refs", "/acme/widgets.git/git-upload-pack"})
        clients.ok("git", "-C", "mine", "pull", "--quiet")
