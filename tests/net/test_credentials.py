"""Credentials: the origin gets the secret, the guest never does."""

import base64
import json
import os
import time

from lib.expect import equal
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.oracles import denies
from lib.processes import wait_for
from lib.secret0 import leaks, pieces
from lib.world import SECRET

BEARER = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}]}}
RULE = 'cred.test http: [{paths: ["/**"]}], credential: token'


def assert_absent(secret, text, where):
    equal(leaks(text, secret, pieces), [], f"what of the secret is in {where}")


def heads(lab, address):
    return [e["head"] for e in lab.world.events(event="request") if e["listener"].startswith(address)]


def everything_enforcer_wrote(lab):
    found = b""
    for place in (lab.folder, lab.enforcer.run_dir, lab.enforcer.state_dir):
        for folder, _, names in os.walk(place):
            for name in names:
                path = os.path.join(folder, name)
                if not name.endswith(".secret") and not name.startswith("origins.") and os.path.isfile(path):
                    with open(path, "rb") as file:
                        found += file.read()
    return found


def test_invariant_6_the_origin_gets_the_secret_and_nothing_else_does():
    with Lab(policy(RULE), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        reply = lab.guest.curl("https://cred.test/costs", "-H", "Authorization: Bearer placeholder")
        equal((reply.status, reply.body), (200, b"hello from cred.test\n"))
        assert f"Authorization: Bearer {SECRET}\r\n" in heads(lab, "93.184.216.41")[0], "the control: it was sent"
        record = lab.enforcer.wait_record(type="decision", decision="allow", layer="http", host="cred.test")
        equal(record["credential"], "token")
        equal(lab.enforcer.metric("enforcer_credential_injections_total", credential="token", result="injected"), 1)
        for text, where in ((reply.body, "the response"), (reply.talk.encode(), "the response's head"),
                            (everything_enforcer_wrote(lab), "a file"), (lab.enforcer.http("/metrics")[1].encode(), "the metrics"),
                            (lab.enforcer.ctl_ok("credential", "list", "-o", "json").encode(), "credential list"),
                            (lab.enforcer.ctl_ok("explain", "GET https://cred.test/", "--guest", "g1").encode(), "explain")):
            assert_absent(SECRET, text, where)


def test_answers_that_are_searched_come_as_they_are_there():
    """What the origin sent whole is one TLS record; what it goes on sending is not waited for."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with Lab(policy(RULE), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        with lab.guest.tls("cred.test") as client:
            client.sendall(f"GET /raw/{answer.hex()} HTTP/1.1\r\nHost: cred.test\r\n\r\n".encode())
            record = client.recv(65536)  # one at most
            assert record.endswith(b"\r\n\r\nhello"), record
        with lab.guest.tls("cred.test") as client:
            client.sendall(b"GET /held/searched HTTP/1.1\r\nHost: cred.test\r\n\r\n")
            begun = b""
            while b"first" not in begun:
                begun += client.recv(65536)
            assert b"second" not in begun, begun
            equal(lab.guest.curl("https://cred.test/release/searched").status, 200)
            while not begun.endswith(b"0\r\n\r\n"):
                begun += client.recv(65536)
            assert b"second" in begun, begun


def test_guests_own_credentials_are_replaced_in_every_spelling():
    with Lab(policy(RULE), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        fields = ("Authorization: Bearer mine", "authorization: Basic bWluZQ==", "X-Api-Key: mine", "Cookie: session=mine",
                  "Proxy-Authorization: mine", "Authorization_: kept", "X_Api_Key: mine")
        equal(lab.guest.curl("https://cred.test/", *[w for f in fields for w in ("-H", f)]).status, 200)
        head = heads(lab, "93.184.216.41")[0]
        equal(head.lower().count("authorization:"), 1, head)
        assert "mine" not in head and "bWluZQ" not in head, head


def test_credential_never_goes_over_clear_http():
    clear = {"token": {"binding": [{"to": ["cred.test:*"], "as": "bearer"}]}}
    with Lab(policy('cred.test:80 http: [{paths: ["/**"]}]', 'cred.test:8080 credential: token', RULE), credentials=clear) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("http://cred.test/").status, 200)
        assert SECRET not in heads(lab, "93.184.216.41:80")[0]
        equal(lab.guest.curl("https://cred.test/").status, 200)  # the control
        assert SECRET in heads(lab, "93.184.216.41:443")[0]
        with lab.guest.connect("cred.test", 8080) as client:
            data, _ = exchange(client, b"GET / HTTP/1.1\r\nHost: cred.test:8080\r\n\r\n")
        assert b'"reason":"scheme"' in data, data
        lab.enforcer.wait_record(type="decision", decision="deny", reason="scheme")


def test_credential_stays_on_the_hosts_it_is_bound_to():
    """The credential's owner bound it to cred.test; a policy that names it for a wildcard cannot carry it further."""
    with Lab(policy("**.test broad: true, credential: token"), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://cred.test/").status, 200)
        reply = lab.guest.curl("https://mitm.test/")
        equal((reply.status, json.loads(reply.body)["reason"]), (403, "credential_host_mismatch"))
        equal(lab.world.connections("93.184.216.40"), [])


def test_requests_that_make_tokens_need_a_rule_that_says_so():
    with Lab(policy(RULE), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        asked = [("https://cred.test/oauth2/token", "-d", "grant_type=client_credentials"), ("https://cred.test/oauth2/token",),
                 ("https://cred.test/user/keys", "-d", "{}"), ("https://cred.test/x/%6fauth2/token", "-X", "POST")]
        for words in asked:
            for version in ("--http1.1", "--http2"):
                with denies(lab, "token_minting"):
                    reply = lab.guest.curl(*words, version)
                equal((reply.status, json.loads(reply.body)["reason"]), (403, "token_minting"), f"{words} {version}")
        equal(heads(lab, "93.184.216.41"), [], "what reached the origin")
        equal(lab.guest.curl("https://cred.test/user/keys").status, 200, "the control: reading there makes none")
        lab.enforcer.write_policy(policy(f"{RULE}, mintTokens: true"))
        lab.enforcer.ctl_ok("reload")
        for words in asked:
            equal(lab.guest.curl(*words).status, 200, f"{words}: the rule says so")
        equal([SECRET in head for head in heads(lab, "93.184.216.41")], [True] * (1 + len(asked)))


def test_two_credentials_for_one_request_are_none():
    both = {**BEARER, "other": {"binding": [{"to": ["cred.test", "mitm.test"], "as": "header", "name": "X-Api-Key"}], "secret": "0TH3R-CANARY"}}
    rules = ('cred.test http: [{paths: ["/both", "/one"]}], credential: token', 'cred.test http: [{paths: ["/both", "/two"]}], credential: other')
    with Lab(policy(*rules), credentials=both) as lab:
        lab.guest.trust_enforcer()
        for version in ("--http1.1", "--http2"):
            with denies(lab, "credential_conflict"):
                reply = lab.guest.curl("https://cred.test/both", version)
            equal((reply.status, json.loads(reply.body)["reason"]), (403, "credential_conflict"), version)
        equal(heads(lab, "93.184.216.41"), [], "what reached the origin")
        equal([lab.guest.curl(f"https://cred.test/{path}").status for path in ("one", "two")], [200, 401], "the control: one of them")
        equal([("Bearer " + SECRET in head, "X-Api-Key: 0TH3R-CANARY" in head) for head in heads(lab, "93.184.216.41")],
              [(True, False), (False, True)])


def test_origin_with_a_bad_certificate_never_sees_the_secret():
    with Lab(policy(RULE), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        lab.world.set_addresses("cred.test", ["93.184.216.42"])
        reply = lab.guest.curl("https://cred.test/")
        equal((reply.status, json.loads(reply.body)["reason"]), (502, "origin_tls"))
        equal(lab.world.events(event="request"), [])
        assert_absent(SECRET, open(f"{lab.folder}/origins.jsonl", "rb").read(), "what the wrong origin saw")


def test_one_guests_credential_is_not_anothers():
    both = policy(RULE, guests="{names: [g1]}") + "---\n" + policy('cred.test http: [{paths: ["/**"]}]', name="q", guests="{names: [g2]}")
    with Lab(both, guests=("g1", "g2"), credentials=BEARER) as lab:
        for guest in lab.guests.values():
            guest.trust_enforcer()
        equal(lab.guests["g1"].curl("https://cred.test/").status, 200)
        equal(lab.guests["g2"].curl("https://cred.test/").status, 401)
        equal([SECRET in head for head in heads(lab, "93.184.216.41")], [True, False])


def test_broken_source_fails_its_own_requests_only_and_heals():
    with Lab(policy(RULE, 'mitm.test http: [{paths: ["/**"]}]'), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        secret = f"{lab.enforcer.credentials}/token.secret"
        os.rename(secret, secret + ".away")
        reply = lab.guest.curl("https://cred.test/")
        equal((reply.status, json.loads(reply.body)["reason"]), (502, "credential_unavailable"))
        lab.enforcer.wait_record(type="decision", decision="deny", reason="credential_unavailable")
        equal(lab.world.connections("93.184.216.41"), [])
        equal(lab.guest.curl("https://mitm.test/").status, 200)
        os.rename(secret + ".away", secret)
        equal(lab.guest.curl("https://cred.test/").status, 200)


def test_changed_secret_is_used_by_the_next_request():
    with Lab(policy(RULE), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://cred.test/").status, 200)
        path = f"{lab.enforcer.credentials}/token.secret"
        time.sleep(0.05)
        with open(path, "w") as file:
            file.write("another\n")
        equal(lab.guest.curl("https://cred.test/").status, 401)
        assert "Bearer another\r\n" in heads(lab, "93.184.216.41")[1]


def test_kinds_basic_header_and_query():
    credentials = {
        "basic": {"binding": [{"to": ["mitm.test"], "as": "basic", "username": "bot"}]},
        "header": {"binding": [{"to": ["evil.test"], "as": "header", "name": "X-Api-Key", "format": "Key {}"}]},
        "query": {"binding": [{"to": ["control.test"], "as": "query", "name": "key"}]},
    }
    rules = [f'{host} http: [{{paths: ["/**"]}}], credential: {name}' for host, name in
             (("mitm.test", "basic"), ("evil.test", "header"), ("control.test", "query"))]
    with Lab(policy(*rules), credentials=credentials) as lab:
        lab.guest.trust_enforcer()
        for url in ("https://mitm.test/a", "https://evil.test/b", "https://control.test/c?key=mine&x=1&%6bey=mine"):
            equal(lab.guest.curl(url, "-H", "Authorization: mine").status, 200)
        first, second, third = (heads(lab, a)[0] for a in ("93.184.216.40", "93.184.216.42", "93.184.216.54"))
        assert "Authorization: Basic " + base64.b64encode(f"bot:{SECRET}".encode()).decode() in first, first
        assert f"X-Api-Key: Key {SECRET}" in second and "mine" not in second, second
        assert third.startswith(f"GET /c?x=1&key={SECRET} ") and "mine" not in third, third
        assert_absent(SECRET, everything_enforcer_wrote(lab), "a file")


def test_command_as_a_source_runs_in_the_helper_and_nowhere_else():
    script = "/bin/sh"
    source = {"exec": [script, "-c", f"echo {SECRET}; id -u >&2"]}
    with Lab(policy(RULE), credentials={"token": {"binding": BEARER["token"]["binding"], "source": source}}) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://cred.test/").status, 200)
        assert f"Bearer {SECRET}\r\n" in heads(lab, "93.184.216.41")[0]


def test_failing_command_is_a_502_with_its_reason_in_the_log():
    source = {"exec": ["/bin/sh", "-c", "echo cannot reach the safe >&2; exit 3"]}
    with Lab(policy(RULE), credentials={"token": {"binding": BEARER["token"]["binding"], "source": source}}) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://cred.test/").status, 502)
        wait_for(lambda: "cannot reach the safe" in lab.enforcer.enforcerd.output(), what="the command's words in the log")
        equal(lab.world.connections("93.184.216.41"), [])


def test_stored_values_are_set_used_and_deleted_by_the_tool():
    with Lab(policy(RULE), credentials={"token": {"binding": BEARER["token"]["binding"], "source": {"store": True}}}) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://cred.test/").status, 502)
        done = lab.enforcer.ctl("credential", "set", "token", "-", input=SECRET + "\n")
        equal(done.returncode, 0, done.stderr)
        assert SECRET not in done.stdout + done.stderr
        equal(lab.guest.curl("https://cred.test/").status, 200)
        assert os.path.getsize(f"{lab.enforcer.state_dir}/credentials/token") > len(SECRET), "the control: it is stored"
        assert_absent(SECRET, everything_enforcer_wrote(lab), "a file")
        lab.enforcer.enforcerd.stop()
        lab.enforcer.start_enforcerd()
        equal(lab.guest.curl("https://cred.test/").status, 200)
        equal(lab.enforcer.ctl("credential", "delete", "token", "-y").returncode, 0)
        equal(lab.guest.curl("https://cred.test/").status, 502)
        equal(lab.enforcer.ctl("credential", "delete", "token", "-y").returncode, 5)
        assert_absent(SECRET, everything_enforcer_wrote(lab), "a file")


def test_credential_is_tried_where_it_is_bound_and_nowhere_else():
    wide = {"token": {"binding": [{"to": ["*.evil.test", "cred.test"], "as": "bearer"}]},
            "open": {"binding": [{"to": ["*.evil.test"], "as": "bearer"}]}}
    with Lab(policy(RULE), credentials=wide) as lab:
        tried = lambda *arguments: lab.enforcer.ctl("credential", "test", *arguments)
        for arguments, code, said in ((("token", "--host", "mitm.test"), 7, "not bound to mitm.test:443"),
                                      (("token", "--host", "cred.test:8443"), 7, "not bound to cred.test:8443"),
                                      (("token", "--host", "93.184.216.41"), 1, "no certificate proves"),
                                      (("token", "--path", "x"), 1, "is not a path"),
                                      (("token", "--guest", "nobody"), 5, "no guest 'nobody'"),
                                      (("open",), 7, "no host in particular"), (("unknown",), 5, "no credential 'unknown'")):
            done = tried(*arguments)
            equal((done.returncode, done.stdout), (code, ""), done.stderr)
            assert said in done.stderr, done.stderr
        equal(lab.world.events(event="request"), [])
        done = tried("token")
        equal(done.returncode, 0, done.stderr)
        assert done.stdout.startswith("cred.test answered 200 to GET / in "), done.stdout
        assert f"Authorization: Bearer {SECRET}\r\n" in heads(lab, "93.184.216.41")[0], "it was sent"
        assert_absent(SECRET, (done.stdout + done.stderr).encode() + everything_enforcer_wrote(lab), "what was said")
        with open(f"{lab.enforcer.credentials}/token.secret", "w") as file:
            file.write("another\n")
        done = tried("token", "--path", "/x", "--guest", "g1", "--host", "cred.test")
        equal(done.returncode, 1, done.stderr)
        assert done.stdout.startswith("cred.test answered 401 to GET /x in "), done.stdout
