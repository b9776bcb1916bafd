"""A value that is replaced or taken away: the next request has the new one, and what was sent with the old one is closed."""

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
        for host in ("cred.test", "evil.test"):
            for _ in range(2):
                equal(lab.guest.curl(f"https://{host}/").status, 200)
            equal(handshakes(host), 1, f"the control: {host} is reused")
        stored(lab, "token")
        for host, count in (("cred.test", 2), ("evil.test", 1)):
            equal(lab.guest.curl(f"https://{host}/").status, 200)
            equal(handshakes(host), count, host)
