"""A value that is replaced, asked for again or taken away: the next request has the new one, and what was sent with the old one is
closed."""

import contextlib
import http.client
import json
import os

from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.world import SECRET

STORED = {name: {"binding": [{"to": [f"{host}.test"], "as": "bearer"}], "source": {"store": True}}
          for name, host in (("token", "cred"), ("other", "evil"))}
RULES = [f'{host}.test http: [{{paths: ["/**"]}}], credential: {name}' for name, host in (("token", "cred"), ("other", "evil"))]


def stored(lab, name, value=SECRET):
    equal(lab.enforcer.ctl("credential", "set", name, "-", input=value).returncode, 0)


def held(lab, host):
    """A response that has begun and goes on."""
    client = lab.guest.tls(host)
    client.sendall(f"GET /events/200 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert client.recv(100).startswith(b"HTTP/1.1 200"), "the control: it flows"
    return client


def ended(client):
    """Reads to the end; whether it came in the midst of the response."""
    data = b""
    try:
        while received := client.recv(65536):
            data += received
    except OSError:
        return True
    return not data.endswith(b"0\r\n\r\n")


def test_live_responses_end_when_their_credential_is_replaced_or_deleted():
    with Lab(policy(*RULES), credentials=STORED) as lab:
        lab.guest.trust_enforcer()
        for name in ("token", "other"):
            stored(lab, name)
        with held(lab, "evil.test") as untouched:
            for count, change in enumerate((lambda: stored(lab, "token"), lambda: lab.enforcer.ctl_ok("credential", "delete", "token", "-y"))):
                stored(lab, "token")
                with held(lab, "cred.test") as client:
                    change()
                    assert ended(client), "the response went on"
                wait_for(lambda: len(lab.enforcer.records(type="end", host="cred.test", outcome="credential_revoked")) > count, what="its end")
            equal(lab.guest.curl("https://cred.test/").status, 502)
            assert untouched.recv(1000), "the control: the response with another credential goes on"
        equal(lab.enforcer.records(type="end", host="evil.test", outcome="credential_revoked"), [])


def test_idle_connections_to_the_origin_are_not_used_with_the_next_value():
    with Lab(policy(*RULES), credentials=STORED, config={"workers": 1}) as lab:
        lab.guest.trust_enforcer()
        for name in ("token", "other"):
            stored(lab, name)

        def handshakes(host):
            return len([event for event in lab.world.events(event="handshake") if event.get("sni") == host])

        def asks(host):
            """Over one connection of the guest: one that leaves before the response has ended takes its origin's with it."""
            clients[host].request("GET", "/", headers={"Host": host})
            response = clients[host].getresponse()
            response.read()
            equal(response.status, 200)
        clients = {host: http.client.HTTPConnection(host) for host in ("cred.test", "evil.test")}
        with contextlib.ExitStack() as stack:
            for host, client in clients.items():
                client.sock = stack.enter_context(lab.guest.tls(host))
                asks(host)
                asks(host)
                equal(handshakes(host), 1, f"the control: {host} is reused")
            stored(lab, "token")
            for host, count in (("cred.test", 2), ("evil.test", 1)):
                asks(host)
                equal(handshakes(host), count, host)


def test_rotated_command_is_asked_again_and_what_was_sent_with_its_value_ends():
    with Lab(policy(RULES[0]), start=False) as lab:
        path = f"{lab.folder}/printed"

        def prints(value):
            with open(path, "w") as file:
                file.write(value + "\n")

        def rotates_a_live_credential(status, said):
            with held(lab, "cred.test") as client:
                done = lab.enforcer.ctl("credential", "rotate", "token")
                equal((done.returncode, done.stdout), (status, ""), done.stderr)
                assert said in done.stderr and SECRET not in done.stderr, done.stderr
                assert ended(client), f"the response went on: {said}"
        lab.enforcer.write_credential("token", STORED["token"]["binding"], source={"exec": ["/bin/cat", path]})
        prints(SECRET)
        lab.enforcer.start()
        lab.attach("g1").trust_enforcer()
        equal(lab.guest.curl("https://cred.test/").status, 200)
        prints("another")
        equal(lab.guest.curl("https://cred.test/").status, 200, "the control: what the command printed before is used")
        rotates_a_live_credential(0, "a new value")
        equal(lab.guest.curl("https://cred.test/").status, 401)
        prints(SECRET)
        equal(json.loads(lab.enforcer.ctl_ok("credential", "rotate", "token", "-o", "json"))["changed"], True)
        rotates_a_live_credential(0, "the same value")
        equal(lab.guest.curl("https://cred.test/").status, 200)
        with held(lab, "cred.test") as client:
            os.unlink(path)
            done = lab.enforcer.ctl("credential", "rotate", "token")
            equal((done.returncode, done.stdout), (1, ""), done.stderr)
            assert ended(client), "the response went on without a value"
        equal(lab.guest.curl("https://cred.test/").status, 502)
        equal(len(lab.enforcer.records(type="event", event="credential_rotated")), 4)


def test_rotated_file_is_compared_with_what_was_sent_before():
    file = {"token": {"binding": STORED["token"]["binding"]}, "other": STORED["other"]}
    with Lab(policy(*RULES), credentials=file) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://cred.test/").status, 200)
        assert "the same value" in lab.enforcer.ctl("credential", "rotate", "token").stderr
        equal(lab.guest.curl("https://cred.test/").status, 200)
        with open(f"{lab.enforcer.credentials}/token.secret", "w") as secret:
            secret.write("another\n")
        lab.enforcer.ctl_ok("credential", "list")  # looks at the file, too
        assert "a new value" in lab.enforcer.ctl("credential", "rotate", "token").stderr
        equal(lab.guest.curl("https://cred.test/").status, 401)
        stored(lab, "other")
        done = lab.enforcer.ctl("credential", "rotate", "other")
        equal(done.returncode, 7, done.stderr)
        assert "credential set other" in done.stderr, done.stderr
        equal(lab.guest.curl("https://evil.test/").status, 200, "what is stored stays")
        equal(lab.enforcer.ctl("credential", "rotate", "unknown").returncode, 5)


def test_live_responses_end_when_their_credential_is_loaded_no_more():
    with Lab(policy(*RULES), credentials=STORED) as lab:
        lab.guest.trust_enforcer()
        for name in ("token", "other"):
            stored(lab, name)
        with held(lab, "cred.test") as client, held(lab, "evil.test") as untouched:
            os.unlink(f"{lab.enforcer.credentials}/token.yaml")
            lab.enforcer.write_policy(policy('cred.test http: [{paths: ["/**"]}]', RULES[1]))
            lab.enforcer.ctl_ok("reload")
            assert ended(client), "the response went on"
            assert untouched.recv(1000), "the control: the response with the other credential goes on"
        equal(lab.guest.curl("https://cred.test/").status, 401)
