"""Where the secret is put: what a guest, a name or the secret itself does to have it somewhere else, or to have somebody else's there.

The lab: cred.test takes the secret; echo.test is of another credential, whose secret is OTHER; evil.test is nobody's."""

import base64
import json
import os

from lib.echo_peers import EchoServer
from lib.expect import equal
from lib.guest import exchange
from lib.lab import RULE, Lab, policy
from lib.oracles import ask, is_refusal, served
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.secret0 import leaks
from lib.world import SECRET

OTHER = "0TH3R-CANARY-fedcba9876543210"
CREDENTIALS = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}], "placeholder": {"env": {"TOKEN": "ghp_{}"}}},
               "other": {"binding": [{"to": ["echo.test"], "as": "header", "name": "X-Api-Key"}], "secret": OTHER}}
RULES = (f"cred.test {RULE}, credential: token", f"echo.test {RULE}, credential: other", f"mitm.test {RULE}")
CRED, EVIL = "93.184.216.41", "93.184.216.42"


def lab(*rules, credentials=CREDENTIALS, **options):
    return Lab(policy(*(rules or RULES)), credentials=credentials, **options)


def heads(made, address=CRED):
    return [e["head"] for e in made.world.events(event="request") if e["listener"].startswith(address)]


def placeholder(made):
    """What the guest has in the secret's stead."""
    return json.loads(made.enforcer.ctl_ok("guest", "environment", "g1", "-o", "json"))["environment"]["TOKEN"]


def fields(head, name):
    """Values of a field, by any spelling of its name that some server may take for it."""
    found = [line.partition(":") for line in head.split("\r\n")[1:] if line]
    return [value.strip() for key, _, value in found if key.strip().lower().replace("_", "-") == name]


def test_142_placeholder_in_the_wrong_place():
    """It is worthless, and stays what it is: nothing is ever substituted."""
    with lab() as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        own = placeholder(made)
        equal(made.guest.curl("https://cred.test/", "-H", f"Authorization: Bearer {own}").status, 200)
        equal(fields(heads(made)[0], "authorization"), [f"Bearer {SECRET}"], "the control: where it belongs, the secret takes its place")
        reply = made.guest.curl(f"https://echo.test/{own}?k={own}&x=1", "-d", f"token={own}", "-H", f"X-Note: {own}",
                                "-H", f"Authorization: Bearer {own}")
        equal(reply.status, 200)
        (event,) = origin.events(event="request")
        equal((event["target"], event["body"]), (f"/{own}?k={own}&x=1", f"token={own}"))
        seen = origin.seen(event["target"])[0]
        equal((seen["x-note"], seen["x-api-key"], seen.get("authorization")), (own, OTHER, None))
        equal(leaks(json.dumps(event).replace(f'"{OTHER}"', "").encode(), OTHER), [], "in one place and no other")
        equal(leaks(reply.body + reply.talk.encode(), OTHER), [])
        reply = made.guest.curl(f"https://cred.test/{own}?k={own}&x=1", "-d", f"token={own}", "-H", f"X-Note: {own}")
        head = heads(made)[-1]
        equal((reply.status, head.split(" ")[1], fields(head, "x-note")), (200, f"/{own}?k={own}&x=1", [own]), "on its own host, too")
        equal((fields(head, "authorization"), head.count(SECRET)), ([f"Bearer {SECRET}"], 1), "in one place and no other")
        served(made)


@hang_guard(150)
def test_144_address_of_somebody_else_under_the_credentials_name():
    with lab("evil.test", *RULES) as made:
        made.guest.trust_enforcer()
        evil = made.guest.resolve("evil.test")
        equal(made.guest.curl("https://cred.test/").status, 200, "the control")
        for url, place in (("https://cred.test/", f"cred.test:443:{evil}"), ("http://cred.test/", f"cred.test:80:{evil}"),
                           ("http://cred.test:443/", f"cred.test:443:{evil}"), ("https://cred.test:80/", f"cred.test:80:{evil}")):
            reply = made.guest.curl(url, "--resolve", place)
            assert reply.status != 200, f"{url} at {place}: {reply.status}"
        made.guest.curl("http://cred.test/")
        with made.guest.tls("cred.test") as client:  # verified for one name, asked for another
            data, _ = exchange(client, b"GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n")
        assert b" 421 " in data.partition(b"\r\n")[0], data
        made.world.set_addresses("cred.test", [EVIL])  # and the name itself leads there
        seen = []  # until the address that was looked up before is old
        wait_for(lambda: seen.append(made.guest.curl("https://cred.test/").status) or seen[-1] == 502, 30, "the other address to be asked")
        equal([head for head in heads(made, EVIL) if leaks(head.encode())], [], "what was sent to the other address")
        equal([head for head in heads(made, f"{CRED}:80") if leaks(head.encode())], [], "what was sent in the clear")
        with open(f"{made.folder}/origins.jsonl", "rb") as file:
            equal(file.read().count(SECRET.encode()), 1 + len(seen) - 1, "the control, and those that still went to the right address")


def test_145_placeholder_of_one_host_sent_to_another():
    with lab() as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        own = placeholder(made)
        for fields_of in (("-H", f"Authorization: Bearer {own}"), ("-H", f"X-Api-Key: {own}"), ()):
            equal(made.guest.curl("https://cred.test/", *fields_of).status, 200)
            equal(made.guest.curl("https://echo.test/x", *fields_of).status, 200)
            equal(made.guest.curl("https://mitm.test/", *fields_of).status, 200)
        for seen in origin.seen("/x"):
            equal((seen["x-api-key"], seen.get("authorization")), (OTHER, None))
        equal([fields(head, "authorization") for head in heads(made)], [[f"Bearer {SECRET}"]] * 3, "the control")
        equal([own in head for head in heads(made)], [False] * 3, "it was replaced, or taken away")
        equal([leaks(head.encode(), OTHER) for head in heads(made)], [[]] * 3)
        equal([leaks(head.encode(), secret) for head in heads(made, "93.184.216.40") for secret in (SECRET, OTHER)], [[]] * 6)


FOREIGN = ("Authorization: Bearer attacker", "Authorization: Basic YXR0YWNrZXI6eA==", "X-Api-Key: attacker", "Api-Key: attacker",
           "X-Auth-Token: attacker", "Cookie: session=attacker", "X-Goog-Api-Key: attacker")


@hang_guard(150)
def test_146_guests_own_key_for_an_allowed_host():
    with lab() as made:
        made.guest.trust_enforcer()
        for field in FOREIGN:
            for version in ("--http1.1", "--http2"):
                equal(made.guest.curl("https://cred.test/upload", "-H", field, "-d", "data", version).status, 200, field)
                head = heads(made)[-1]
                equal(fields(head, "authorization"), [f"Bearer {SECRET}"], f"{field} {version}")
                assert "attacker" not in head and "YXR0YWNrZXI" not in head, head
        equal(made.guest.curl("https://mitm.test/", "-H", "X-Api-Key: attacker").status, 200)
        equal(fields(heads(made, "93.184.216.40")[-1], "x-api-key"), ["attacker"], "the control: no credential, so it is the guest's")
        served(made)


def test_146_guests_own_key_where_the_rule_denies_it():
    with lab(f"cred.test {RULE}, credential: token, foreignCredentials: deny", f"mitm.test {RULE}") as made:
        made.guest.trust_enforcer()
        equal(made.guest.curl("https://cred.test/").status, 200, "the control: without one")
        for field in FOREIGN:
            reply = made.guest.curl("https://cred.test/upload", "-H", field, "-d", "data")
            equal(reply.status, 403, field)
            assert json.loads(reply.body)["reason"].startswith("foreign_cred"), reply.body
        equal(len(heads(made)), 1)
        served(made)


@hang_guard(150)
def test_147_field_in_the_credentials_place_in_every_spelling():
    kept = (b"Authorization: Bearer mine\r\nauthorization: Bearer mine\r\nAUTHORIZATION: Basic bWluZTptaW5l",
            b"Authorization:\tBearer mine",
            b"Connection: authorization, keep-alive", b"Connection: close, Authorization\r\nAuthorization: mine",
            b"Proxy-Authorization: Bearer mine", b"X_Api_Key: mine", b"Authorization: Bearer mine, Bearer mine")
    refused = (b"Authorization : Bearer mine", b" Authorization: Bearer mine", b"X: y\r\n Authorization: mine", b"Authorization\t: mine",
               b"Author\0ization: mine", b"Authorization: a\rAuthorization: mine", b"\x0bAuthorization: mine",
               b"Trailer: Authorization\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nAuthorization: mine")
    with lab() as made:
        made.guest.trust_enforcer()
        for number, lines in enumerate(kept):
            data, how = ask(made, b"GET /%d HTTP/1.1\r\nHost: cred.test\r\n" % number + lines + b"\r\n\r\n" +
                            b"GET /end HTTP/1.1\r\nHost: cred.test\r\nConnection: close\r\n\r\n", host="cred.test")
            assert data.startswith(b"HTTP/1.1 200 "), (lines, data, how)
            (head,) = [h for h in heads(made) if f" /{number} " in h]
            equal(fields(head, "authorization"), [f"Bearer {SECRET}"], lines)
            assert "mine" not in head and "bWluZ" not in head, (lines, head)
            equal([value for value in fields(head, "connection") if "authorization" in value.lower()], [], lines)
        before = len(heads(made))
        for lines in refused:
            data, how = ask(made, b"POST / HTTP/1.1\r\nHost: cred.test\r\n" + lines + b"\r\n\r\n", host="cred.test")
            assert is_refusal(data) or not data, (lines, data, how)
        equal(len(heads(made)), before)
        equal([e for e in made.world.events(event="partial") if "mine" in e["text"]], [], "what was passed on of a trailer")
        served(made)


def test_147_parameter_in_the_credentials_place_in_every_spelling():
    by_query = {"token": {"binding": [{"to": ["echo.test"], "as": "query", "name": "key"}]}}
    with lab(f"echo.test {RULE}, credential: token", f"mitm.test {RULE}", credentials=by_query) as made:
        origin = EchoServer(made)
        made.guest.trust_enforcer()
        for query in ("", "key=mine", "key=mine&key=mine", "%6Bey=mine", "k%65y=mine&a=1", "a=1&key=mine&b=2", "key", "key=",
                      "&&key=mine&"):
            equal(made.guest.curl(f"https://echo.test/x?{query}").status, 200, query)
            target = origin.events(event="request")[-1]["target"]
            equal((target.count(f"key={SECRET}"), "mine" in target, target.lower().count("key")), (1, False, 1), f"{query}: {target}")


def test_150_credential_for_a_hostile_object_of_the_same_host():
    scoped = 'http: [{methods: [GET], paths: ["/mine/**"]}]'
    spellings = ("/attacker/x", "/mine/../attacker/x", "/mine/%2e%2e/attacker/x", "//attacker/x", "/mine/./../attacker/x", "/MINE/x",
                 "/mine", "/mine/..;/attacker/x", "/mine\\..\\attacker", "/%6dine/../attacker/x", "/mine/..%2fattacker/x",
                 "/mine/%252e%252e/attacker/x")
    with lab(f"cred.test {scoped}, credential: token", f"mitm.test {RULE}") as made:
        made.guest.trust_enforcer()
        equal(made.guest.curl("https://cred.test/mine/x").status, 200, "the control")
        for path in spellings:
            made.guest.curl(f"https://cred.test{path}", "--path-as-is")
        arrived = {head.split(" ")[1] for head in heads(made)}
        outside = [path for path in arrived if not (path + "/").startswith("/mine/") or "/.." in path]
        equal(outside, [], "paths outside of the scope that were sent with the secret")
    with lab(f"cred.test {scoped}, credential: token", f"cred.test {RULE}", test=f"{os.environ['ENFORCER_TEST']} two rules") as made:
        made.guest.trust_enforcer()
        equal([made.guest.curl(f"https://cred.test{path}").status for path in ("/mine/x", "/attacker/x", "/mine/../attacker/y", "/mine/y")],
              [200, 401, 401, 200])
        equal([SECRET in head for head in heads(made)], [True, False, False, True])


@hang_guard(240)
def test_151_secret_that_would_be_more_than_a_value():
    good = {"token": {**CREDENTIALS["token"], "secret": SECRET + "\n"}}  # with the one that write_credential adds: two
    bad = [f"{SECRET}\r\nX-Injected: 1", f"{SECRET}\nX-Injected: 1", f"{SECRET}\rX", f"{SECRET}\0", "", "\n", f"{SECRET}\x7f",
           f"{SECRET}\x1b[0m"]
    with lab(RULES[0], RULES[2], credentials=good) as made:
        made.guest.trust_enforcer()
        path = f"{made.enforcer.credentials}/token.secret"
        for text in [*bad, SECRET + "\n"]:
            with open(path, "w", newline="") as file:
                file.write(text + "\n")
            made.enforcer.ctl_ok("reload")
            reply = made.guest.curl("https://cred.test/")
            equal((reply.status, json.loads(reply.body)["reason"]), (502, "credential_unavailable"), repr(text))
        equal(heads(made), [], "what was sent with such secrets")
        said = made.enforcer.enforcerd.output()
        assert path in said, "the log names the place"
        equal(leaks(said.encode()), [])
        with open(path, "w") as file:
            file.write(SECRET + "\n")
        made.enforcer.ctl_ok("reload")
        equal(made.guest.curl("https://cred.test/").status, 200, "one newline at the end is an editor's")
        equal(fields(heads(made)[0], "authorization"), [f"Bearer {SECRET}"])
        # The same from a template: such an object is not loaded, and the good one stays.
        for name, form in (("X-A", "a\r\nX-Injected: {}"), ("X-A\r\nX-B", "{}"), ("X-A", "no place"), ("Host", "{}"), ("", "{}")):
            made.enforcer.write_credential("token", [{"to": ["cred.test"], "as": "header", "name": name, "format": form}])
            done = made.enforcer.ctl("reload")
            assert done.returncode != 0, f"{name!r} {form!r}: {done.stdout}"
            equal(made.guest.curl("https://cred.test/").status, 200, "the last good one goes on")
        served(made)


def test_153_guest_without_the_rule_by_way_of_what_others_left():
    """The same host, the same moment, the same name as the guest that had it: never somebody else's connection or secret."""
    with_it = policy(f"cred.test {RULE}, credential: token", guests="{matchLabels: {team: red}}")
    without = policy(f"cred.test {RULE}", f"mitm.test {RULE}", name="q")
    with Lab(f"{with_it}---\n{without}", guests=(), credentials={"token": CREDENTIALS["token"]}) as made:
        first, second = made.attach("g1", {"team": "red"}), made.attach("g2")
        for guest in (first, second):
            guest.trust_enforcer()
        for version in ("--http1.1", "--http2"):
            for _ in range(3):
                equal(first.curl("https://cred.test/", version).status, 200)
                equal(second.curl("https://cred.test/", version).status, 401)
        made.enforcer.ctl_ok("guest", "detach", "g1")
        first.remove()
        again = made.attach("g1")  # its name, not its label
        again.trust_enforcer()
        equal(again.curl("https://cred.test/").status, 401)
        equal(second.curl("https://cred.test/", "-H", "Authorization: Bearer " + base64.b64encode(b"g1").decode()).status, 401)
        equal([SECRET in head for head in heads(made)], [True, False] * 6 + [False, False])
        connections = [e["connection"] for e in made.world.events(event="request") if e["listener"].startswith(CRED)]
        equal(set(connections[0:12:2]) & set(connections[1:12:2]), set(), "connections that both used")
        served(made)
