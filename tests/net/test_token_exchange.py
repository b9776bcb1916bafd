"""Tokens that live for minutes: what a credential's source gives is exchanged, before the last one ends, and once for all that wait.

service.test takes what login.test minted; api.github.test and vault.test are of the same server (lib/token_server.py). What it
refuses without Enforcer is in test_peers_tokens.py."""

import concurrent.futures
import json
import os
import time

from lib.aws_peers import ACCESS_KEY, CE, KEYS, PLACEHOLDERS, SECRET_KEY, STS, AwsClients, AwsServer
from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.https_peers import Outsider
from lib.lab import RULE, Lab, policy
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.secret0 import leaks
from lib.token_peers import (APP, CLIENT_ID, CLIENT_SECRET, INSTALLATION, REFRESH_TOKEN, ROLE_ID, SECRET_ID, VAULT_TOKEN, TokenServer,
                             private_key)

SERVICE = f"service.test {RULE}, credential: token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ROLE = "arn:aws:iam::123456789012:role/agent"


def bearer(exchange=None, host="service.test", **more):
    return {"token": {"binding": [{"to": [host], "as": "bearer"}], **({"exchange": exchange} if exchange else {}), **more}}


def oauth2(**values):
    return {"oauth2": {"grant": "clientCredentials", "tokenUrl": "https://login.test/token", "clientId": CLIENT_ID, **values}}


def lab(credentials=None, *rules, **options):
    credentials = credentials or bearer(oauth2(), secret=CLIENT_SECRET)
    return Lab(policy(*(rules or (SERVICE, f"mitm.test {RULE}"))), credentials=credentials, **options)


def written(made):
    """Everything that Enforcer says or leaves anywhere, but for the files of secrets."""
    found = made.enforcer.http("/metrics")[1].encode() + made.enforcer.ctl_ok("credential", "list", "-o", "json").encode()
    paths = [made.enforcer.enforcerd.log, made.enforcer.hostd.log]
    for top in (made.enforcer.audit_folder, made.enforcer.run_dir, made.enforcer.state_dir):
        paths += [f"{folder}/{name}" for folder, _, names in os.walk(top) for name in names]
    for path in filter(os.path.isfile, paths):
        with open(path, "rb") as file:
            found += file.read()
    return found


def said_in_the_log(made, *words):
    """One line has them all."""
    wait_for(lambda: any(all(word in line for word in words) for line in made.enforcer.enforcerd.output().splitlines()), 20,
             f"a line of the log with {words}")


def unavailable(made, url="https://service.test/x"):
    reply = made.guest.curl(url, timeout=60)
    equal((reply.status, json.loads(reply.body)["reason"]), (502, "credential_unavailable"))
    return reply


def heals(made, url="https://service.test/x"):
    wait_for(lambda: made.guest.curl(url, timeout=60).status == 200, 60, "the exchange to work again", interval=0.5)


def test_client_credentials_become_an_access_token():
    with lab(bearer(oauth2(scopes=["read", "write"], audience="https://service.test/"), secret=CLIENT_SECRET)) as made:
        server = TokenServer(made)
        made.guest.trust_enforcer()
        equal(Outsider(made).curl("https://service.test/x").status, 401, "the control: it asks for a token")
        for _ in range(3):
            reply = made.guest.curl("https://service.test/x", "-H", "Authorization: Bearer mine")
            equal((reply.status, json.loads(reply.body)), (200, {"hello": "/x"}))
        (asked,) = server.asked("login.test")
        equal(asked["form"], {"grant_type": "client_credentials", "scope": "read write", "audience": "https://service.test/"})
        (minted,) = server.minted()
        for secret in (minted, CLIENT_SECRET):
            equal(leaks(written(made) + reply.body + reply.talk.encode(), secret), [])
        record = made.enforcer.wait_record(type="decision", decision="allow", layer="http", host="service.test")
        equal(record["credential"], "token")


SLOW = 2  # seconds that the server takes for another token


def refreshed_ahead(ask, used, minted):
    """One request after the other, until the second token is there. While that was being made, the first one was still used: who asks
    only when a token has ended has every request wait for the next one. `used` and `minted`: what the servers noted."""
    def again():
        ask()
        return len(minted()) >= 2
    wait_for(again, 60, "another token", interval=0.1)
    end = minted()[1]["time"]
    return [e for e in used() if end - SLOW < e["time"] < end]


@hang_guard(150)
def test_tokens_are_refreshed_before_they_end():
    with lab() as made:
        server = TokenServer(made, seconds=12)
        made.guest.trust_enforcer()

        def ask():
            equal(made.guest.curl("https://service.test/x").status, 200, "a request while tokens come and go")
        ask()
        server.break_with({"path": "/token", "delay": SLOW})
        meanwhile = refreshed_ahead(ask, lambda: server.asked("service.test"), lambda: server.asked("login.test", status=200))
        assert meanwhile, "nothing was sent with the first token while the second one was made"
        equal([e["status"] for e in server.asked("service.test") if e["status"] != 200], [])


def test_rotation_is_about_the_token_that_goes_into_requests():
    """The client's secret is the same all along: the token is what is new."""
    with lab() as made:
        server = TokenServer(made)
        made.guest.trust_enforcer()
        equal(made.guest.curl("https://service.test/x").status, 200)
        rotation = json.loads(made.enforcer.ctl_ok("credential", "rotate", "token", "-o", "json"))
        equal((rotation["changed"], len(server.minted())), (True, 2), "another token was made of the same secret")
        assert rotation["expires"], "until the token ends"
        equal(made.guest.curl("https://service.test/x").status, 200)
        equal(len(server.minted()), 2, "the one that was made is used")
        server.break_with({"path": "/token", "status": 401, "body": '{"error": "invalid_client"}'})
        done = made.enforcer.ctl("credential", "rotate", "token")
        equal((done.returncode, done.stdout), (1, ""), done.stderr)
        assert "login.test" in done.stderr and "invalid_client" in done.stderr, done.stderr
        unavailable(made)
        server.break_with()
        assert "a new value" in made.enforcer.ctl("credential", "rotate", "token").stderr
        equal(made.guest.curl("https://service.test/x").status, 200)


def test_one_exchange_for_all_that_wait():
    with lab(guests=("g1", "g2")) as made:
        server = TokenServer(made)
        for guest in made.guests.values():
            guest.trust_enforcer()
        server.break_with({"path": "/token", "delay": 3})
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            asking = [pool.submit(made.guests[f"g{number % 2 + 1}"].curl, "https://service.test/x", timeout=60) for number in range(16)]
            equal({future.result().status for future in asking}, {200})
        equal(len(server.minted()), 1)


@hang_guard(150)
def test_refresh_tokens_that_rotate():
    """Each is good once: whoever uses one again loses them all, as RFC 9700 has it."""
    exchange = oauth2(grant="refreshToken")
    with lab(bearer(exchange, secret=REFRESH_TOKEN)) as made:
        server = TokenServer(made, seconds=6)
        made.guest.trust_enforcer()

        def three_minted():
            equal(made.guest.curl("https://service.test/x").status, 200)
            return len(server.minted()) >= 3
        wait_for(three_minted, 60, "three tokens", interval=0.3)
        for asked in server.asked("login.test"):
            equal((asked["grant"], asked["status"], asked["form"].get("client_id")), ("refresh_token", 200, CLIENT_ID))
        equal(leaks(written(made), REFRESH_TOKEN), [])


def test_assertion_signed_with_the_private_key():
    for more in ({}, {"subject": "agent@lab.test", "scopes": ["read"]}):
        with lab(test=f"{os.environ['ENFORCER_TEST']} {len(more)}") as made:
            server = TokenServer(made)
            made.enforcer.write_credential("token", **bearer(oauth2(grant="jwtBearer", **more), secret=server.private_key)["token"])
            made.enforcer.ctl_ok("reload")
            made.guest.trust_enforcer()
            equal(made.guest.curl("https://service.test/x").status, 200)
            (asked,) = server.asked("login.test")
            claims = asked["claims"]
            equal((asked["grant"], claims["iss"], claims["sub"], claims["aud"]),
                  (JWT_BEARER, CLIENT_ID, more.get("subject", CLIENT_ID), "https://login.test/token"))
            equal(asked["form"].get("scope"), "read" if more else None)
            assert server.private_key.splitlines()[3].encode() not in written(made)
            made.enforcer.write_credential("token", **bearer(oauth2(grant="jwtBearer", **more), secret=private_key())["token"])
            made.enforcer.ctl_ok("reload")
            unavailable(made)
            said_in_the_log(made, "token", "login.test", "invalid_grant")


def test_github_app_gets_a_token_for_what_it_needs():
    narrowed = {"repositories": ["tools"], "permissions": {"contents": "read"}}
    app = {"api": "https://api.github.test", "app": APP, "installation": INSTALLATION}
    rule = f"api.github.test {RULE}, credential: token"
    with lab(bearer({"githubApp": {**app, **narrowed}}, "api.github.test"), rule) as made:
        server = TokenServer(made)

        def use(exchange):
            credential = {"binding": [{"to": ["api.github.test"], "as": "github"}], "exchange": {"githubApp": exchange}}
            made.enforcer.write_credential("token", secret=server.private_key, **credential)
            made.enforcer.ctl_ok("reload")
        use({**app, **narrowed})
        made.guest.trust_enforcer()
        tools, site = ("https://api.github.test/repos/acme/" + name for name in ("tools", "site"))
        reply = made.guest.curl(tools)
        equal((reply.status, json.loads(reply.body)["permissions"]), (200, {"contents": "read"}))
        equal([made.guest.curl(site).status, made.guest.curl(f"{tools}/issues", "-d", "{}").status], [404, 403])
        refs = made.guest.curl("https://api.github.test/acme/tools.git/info/refs?service=git-upload-pack", "-H", "User-Agent: git/2.39.5")
        equal(refs.status, 200)
        (asked,) = [e for e in server.asked("api.github.test") if "claims" in e]
        equal((asked["asked"], asked["claims"]["iss"]), (narrowed, APP))
        assert 0 < asked["claims"]["exp"] - time.time() <= 600, asked
        equal(leaks(written(made) + reply.talk.encode(), server.minted("api.github.test")[0]), [])
        use({**app, "repositories": ["site"]})
        equal([made.guest.curl(url).status for url in (tools, site)], [404, 200])
        use({**app, "repositories": ["other"]})
        unavailable(made, site)
        said_in_the_log(made, "token", "api.github.test", "422")


def assume_role(**values):
    exchange = {"assumeRole": {"role": ROLE, "region": "us-east-1", "sts": f"https://{STS}", "sessionName": "lab-{guest}",
                               "tags": {"guest": "{guest}", "team": "{label:team}"}, "duration": "15m", **values}}
    binding = [{"to": [STS, CE], "as": "sigv4", "services": ["sts", "ce"], "regions": ["us-east-1"]}]
    return {"token": {"binding": binding, "secret": KEYS, "exchange": exchange}}


ROLE_RULES = [f"{host} {RULE}, credential: token" for host in (STS, CE)]
SESSION_POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ce:*", "Resource": "*"}]})


def test_each_guest_assumes_the_role_under_its_own_name():
    with Lab(policy(*ROLE_RULES), guests=(), credentials=assume_role(policy=SESSION_POLICY)) as made:
        server = AwsServer(made)
        names = {}
        for name, team in (("g1", "red"), ("g2", "blue"), ("g1", "red")):
            guest = made.guests.get(name) or made.attach(name, {"team": team})
            names[name] = json.loads(AwsClients(made, guest).aws("sts", "get-caller-identity"))["Arn"].rpartition("/")[2]
        equal(names, {"g1": "lab-g1", "g2": "lab-g2"})
        assumed = server.events(event="request", action="sts:AssumeRole")
        equal([(e["session_name"], e["tags"], e["role"], e["duration"], e["access_key"]) for e in assumed],
              [("lab-g1", {"guest": "g1", "team": "red"}, ROLE, "900", ACCESS_KEY),
               ("lab-g2", {"guest": "g2", "team": "blue"}, ROLE, "900", ACCESS_KEY)])
        equal([e["policy"] for e in assumed], [json.loads(SESSION_POLICY)] * 2)
        used = {e["access_key"] for e in server.events(event="request", action="sts:GetCallerIdentity")}
        equal(used, {e["issued"]["access_key"] for e in assumed})
        for secret in (SECRET_KEY, *[e["issued"][part] for e in assumed for part in ("secret", "token")]):
            equal(leaks(written(made), secret), [])


def costs(guest):
    return guest.curl(f"https://{CE}/", "--aws-sigv4", "aws:amz:us-east-1:ce", "--user", ":".join(PLACEHOLDERS), "-d", "{}",
                      "-H", "Content-Type: application/x-amz-json-1.1", "-H", "X-Amz-Target: AWSInsightsIndexService.GetCostAndUsage")


def test_keys_of_a_role_that_were_made_for_other_labels_are_not_sent():
    with Lab(policy(*ROLE_RULES), guests=(), credentials=assume_role()) as made:
        server = AwsServer(made)
        guest = made.attach("g1", {"team": "red"})
        guest.trust_enforcer()
        server.break_with({"path": "/", "host": STS, "delay": SLOW})
        with concurrent.futures.ThreadPoolExecutor() as pool:
            asked = pool.submit(costs, guest)
            time.sleep(SLOW / 2)
            equal(server.events(event="request", action="sts:AssumeRole"), [], "the keys are still being made")
            server.break_with()
            made.enforcer.ctl_ok("guest", "label", "g1", "team=blue")
            equal(asked.result().status, 200)
        assumed = server.events(event="request", action="sts:AssumeRole")
        equal([e["tags"]["team"] for e in assumed], ["red", "blue"])
        used = [e["access_key"] for e in server.events(event="request", action="ce:GetCostAndUsage")]
        equal(used, [assumed[1]["issued"]["access_key"]])


@hang_guard(150)
def test_keys_of_a_session_are_refreshed_before_they_end():
    with Lab(policy(*ROLE_RULES), credentials=assume_role()) as made:
        server = AwsServer(made, session_seconds=12)
        made.guest.trust_enforcer()

        def ask():
            equal(costs(made.guest).status, 200, "a request while keys come and go")
        ask()
        server.break_with({"path": "/", "host": STS, "delay": SLOW})
        meanwhile = refreshed_ahead(ask, lambda: server.events(event="request", action="ce:GetCostAndUsage"),
                                    lambda: server.events(event="request", action="sts:AssumeRole"))
        first = server.events(event="request", action="sts:AssumeRole")[0]["issued"]["access_key"]
        equal({e["access_key"] for e in meanwhile}, {first}, "keys that were used while others were made")


def secret_file(made, name, text):
    path = f"{made.enforcer.credentials}/{name}.secret"
    with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
        file.write(text + "\n")
    os.chown(path, ENFORCERD_UID, ENFORCERD_UID)
    return path


def into_vault(made, value, *more):
    done = Outsider(made).curl("https://vault.test/v1/secret/data/lab/key", "-H", f"X-Vault-Token: {VAULT_TOKEN}", *more, "-d",
                               json.dumps({"data": value}))
    equal(done.status, 200, done.body)


def vault(**values):
    return {"vault": {"address": "https://vault.test", "mount": "secret", "path": "lab/key", "key": "password", **values}}


def test_vault_gives_the_secret_to_a_token_or_a_role():
    cred = f"cred.test {RULE}, credential: token"
    for namespace in ("", "team"):
        with lab(bearer(host="cred.test"), cred, test=f"{os.environ['ENFORCER_TEST']} {namespace}") as made:
            server = TokenServer(made, namespace=namespace)
            made.guest.trust_enforcer()
            more = ("-H", f"X-Vault-Namespace: {namespace}") if namespace else ()
            named = {"namespace": namespace} if namespace else {}
            into_vault(made, {"password": "first-of-the-vault", "user": "x"}, *more)
            by_role = {"roleId": ROLE_ID, "secretIdFile": secret_file(made, "secret-id", SECRET_ID)}
            for way in ({"tokenFile": secret_file(made, "vault-token", VAULT_TOKEN)}, by_role):
                made.enforcer.write_credential("token", **bearer(host="cred.test", source=vault(**way, **named))["token"])
                made.enforcer.ctl_ok("reload")
                equal(made.guest.curl("https://cred.test/").status, 401, "it is not the token that cred.test takes")
                assert "Authorization: Bearer first-of-the-vault\r\n" in made.world.events(event="request")[-1]["head"]
                assert server.asked("vault.test", method="GET", status=200), server.asked("vault.test")
            equal(len(server.minted("vault.test")), 1, "logins")
            for secret in (VAULT_TOKEN, SECRET_ID, "first-of-the-vault", *server.minted("vault.test")):
                equal(leaks(written(made), secret), [])


def test_vault_that_has_nothing_or_refuses_is_said_in_the_log():
    cred = f"cred.test {RULE}, credential: token"
    with lab(bearer(host="cred.test"), cred) as made:
        server = TokenServer(made)
        made.guest.trust_enforcer()
        good = secret_file(made, "vault-token", VAULT_TOKEN)
        into_vault(made, {"password": "first-of-the-vault"})
        ways = ({"tokenFile": good, "path": "lab/other"}, {"tokenFile": good, "key": "other"}, {"tokenFile": good, "namespace": "other"},
                {"tokenFile": secret_file(made, "wrong-token", "hvs.wrong")}, {"tokenFile": "/nowhere/token"},
                {"roleId": ROLE_ID, "secretIdFile": secret_file(made, "wrong-id", "wrong")})
        for way in ways:
            before = len(made.enforcer.enforcerd.output())
            made.enforcer.write_credential("token", **bearer(host="cred.test", source=vault(**way))["token"])
            made.enforcer.ctl_ok("reload")
            unavailable(made, "https://cred.test/")
            new = made.enforcer.enforcerd.output()[before:]
            assert "token" in new and ("vault.test" in new or "/nowhere/token" in new), f"{way}: {new}"
        made.enforcer.write_credential("token", **bearer(host="cred.test", source=vault(tokenFile=good))["token"])
        made.enforcer.ctl_ok("reload")
        server.break_with({"path": "/v1/secret/data/lab/key", "status": 503, "body": '{"errors": ["Vault is sealed"]}'})
        unavailable(made, "https://cred.test/")
        said_in_the_log(made, "vault.test", "503")
        server.break_with()
        wait_for(lambda: made.guest.curl("https://cred.test/").status == 401, 60, "the vault to be asked again", interval=0.5)
        equal([e for e in made.world.events(event="request") if "hvs." in e["head"]], [])


@hang_guard(400)
def test_failing_exchanges_deny_and_say_why():
    with lab() as made:
        server = TokenServer(made)
        made.guest.trust_enforcer()
        good = {"access_token": "x", "token_type": "Bearer", "expires_in": 60}
        answers = [(401, '{"error": "invalid_client"}'), (400, "not JSON"), (500, ""), (302, ""), (200, ""), (200, "[]"), (200, "null"),
                   (200, '{"token_type": "Bearer"}'), (200, json.dumps({**good, "access_token": ""})),
                   (200, json.dumps({**good, "access_token": 7})), (200, json.dumps({**good, "access_token": "a\r\nX-Injected: 1"})),
                   (200, json.dumps({**good, "access_token": "a\0b"})), (200, json.dumps({**good, "access_token": "a" * (8 << 20)})),
                   (200, json.dumps({**good, "token_type": "mac"})), (200, json.dumps({**good, "expires_in": -1})), (200, "[" * 100_000)]
        for number, (status, body) in enumerate(answers):
            server.break_with({"path": "/token", "status": status, "body": body})

            def asked_again():
                unavailable(made)
                return len(server.events(event="fault")) > number
            wait_for(asked_again, 60, f"another try, which is answered {status} {body[:100]}", interval=0.5)
        said_in_the_log(made, "token", "login.test")
        said_in_the_log(made, "login.test", "invalid_client")
        equal(leaks(written(made), CLIENT_SECRET), [])
        equal(server.asked("service.test"), [], "what was asked of the service")
        equal(made.guest.curl("https://mitm.test/").status, 200, "its own requests only")
        server.break_with()
        heals(made)


def test_token_endpoint_must_prove_its_name():
    with lab() as made:
        server = TokenServer(made)
        made.guest.trust_enforcer()
        made.world.set_addresses("login.test", ["93.184.216.42"])  # evil.test's
        unavailable(made)
        said_in_the_log(made, "login.test", "certificate")
        equal((server.asked("login.test"), made.world.events(event="request")), ([], []))
        made.world.set_addresses("login.test", ["93.184.216.65"])
        heals(made)


def test_slow_token_endpoint_holds_up_nobody_else():
    with lab() as made:
        server = TokenServer(made)
        made.guest.trust_enforcer()
        server.break_with({"path": "/token", "delay": 20})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(made.guest.curl, "https://service.test/x", timeout=90)
            for _ in range(3):
                equal(made.guest.curl("https://mitm.test/").status, 200)
            assert not waiting.done(), "the control: it waits meanwhile"
            assert waiting.result().status in (200, 502), waiting.result().status
