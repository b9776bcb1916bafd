"""What mints tokens in the world, without Enforcer before it: it gives them to those whom it should, and to nobody else."""

import json
import time

from lib.expect import equal
from lib.https_peers import Outsider
from lib.jwt_assertion import sign
from lib.lab import Lab
from lib.processes import wait_for
from lib.token_peers import (APP, CLIENT_ID, CLIENT_SECRET, INSTALLATION, REFRESH_TOKEN, ROLE_ID, SECRET_ID, VAULT_TOKEN, TokenServer,
                             private_key)

ONE_SANITIZER = "prove the other side of the token tests"

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT = ("--user", f"{CLIENT_ID}:client%2Fsecret%2Bof%3Athe%25lab")


def world():
    return Lab(start=False, guests=())


def ask(lab, url, *options):
    reply = Outsider(lab).curl(url, *options)
    return reply.status, json.loads(reply.body)


def token(lab, *options, **form):
    words = [word for key, value in form.items() for word in ("--data-urlencode", f"{key}={value}")]
    status, answer = ask(lab, "https://login.test/token", *words, *options)
    return status, answer.get("access_token") or answer["error"], answer.get("refresh_token")


def bearer(value):
    return ("-H", f"Authorization: Bearer {value}")


def test_oauth_peer_mints_for_its_client_and_for_nobody_else():
    with world() as lab:
        server = TokenServer(lab, seconds=2)
        status, minted, _ = token(lab, *CLIENT, grant_type="client_credentials", scope="a b")
        equal((status, [minted]), (200, server.minted()))
        equal(server.asked("login.test")[0]["form"], {"grant_type": "client_credentials", "scope": "a b"})
        equal(ask(lab, "https://service.test/x", *bearer(minted)), (200, {"hello": "/x"}))
        for other in ((), bearer("other"), bearer(CLIENT_SECRET)):
            equal(ask(lab, "https://service.test/x", *other)[0], 401, other)
        equal(token(lab, "--user", f"{CLIENT_ID}:wrong", grant_type="client_credentials")[:2], (401, "invalid_client"))
        equal(token(lab, grant_type="client_credentials", client_id=CLIENT_ID, client_secret=CLIENT_SECRET)[:2], (401, "invalid_client"))
        equal(token(lab, *CLIENT, grant_type="password")[:2], (400, "unsupported_grant_type"))
        wait_for(lambda: ask(lab, "https://service.test/x", *bearer(minted))[0] == 401, 10, "the token to expire")


def test_oauth_peer_rotates_refresh_tokens():
    with world() as lab:
        TokenServer(lab)

        def refresh(value):
            return token(lab, grant_type="refresh_token", client_id=CLIENT_ID, refresh_token=value)
        status, _, second = refresh(REFRESH_TOKEN)
        equal((status, second != REFRESH_TOKEN), (200, True))
        status, _, third = refresh(second)
        equal(status, 200)
        equal(refresh(second)[:2], (400, "invalid_grant"))
        equal(refresh(third)[:2], (400, "invalid_grant"), "revoked by the reuse of another")


def test_oauth_peer_takes_assertions_of_its_key_only():
    with world() as lab:
        server, now = TokenServer(lab), int(time.time())
        claims = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": "https://login.test/token", "iat": now, "exp": now + 300}
        equal(token(lab, grant_type=JWT_BEARER, assertion=sign(claims, server.private_key))[0], 200)
        wrong = [sign(claims, private_key()), sign(claims, server.private_key, "none"), "x.y.z", ""]
        changes = {"iss": "other"}, {"aud": "https://other.test/"}, {"exp": now - 1}, {"exp": now + 7200}, {"sub": ""}, {"iat": now + 600}
        wrong += [sign({**claims, **change}, server.private_key) for change in changes]
        for assertion in wrong:
            equal(token(lab, grant_type=JWT_BEARER, assertion=assertion)[:2], (400, "invalid_grant"), assertion)


def test_github_peer_narrows_tokens_as_asked():
    with world() as lab:
        server, now = TokenServer(lab), int(time.time())
        mint = f"https://api.github.test/app/installations/{INSTALLATION}/access_tokens"
        claims = {"iss": APP, "iat": now - 60, "exp": now + 300}
        good = bearer(sign(claims, server.private_key))
        status, answer = ask(lab, mint, *good, "-d", json.dumps({"repositories": ["tools"], "permissions": {"contents": "read"}}))
        equal((status, answer["repository_selection"], answer["permissions"]), (201, "selected", {"contents": "read"}))
        mine = bearer(answer["token"])
        equal(ask(lab, "https://api.github.test/repos/acme/tools", *mine)[0], 200)
        equal(ask(lab, "https://api.github.test/repos/acme/site", *mine)[0], 404)
        equal(ask(lab, "https://api.github.test/repos/acme/tools/issues", *mine, "-d", "{}")[0], 403)
        equal(ask(lab, "https://api.github.test/acme/tools.git/info/refs", "--user", f"x-access-token:{answer['token']}")[0], 200)
        equal(ask(lab, mint, *good, "-d", json.dumps({"permissions": {"contents": "admin"}}))[0], 422)
        equal(ask(lab, mint, *good, "-d", json.dumps({"repositories": ["other"]}))[0], 422)
        equal(ask(lab, mint.replace(INSTALLATION, "1"), *good, "-d", "{}")[0], 404)
        equal(ask(lab, mint, *good, "-d", "{}", "-H", "User-Agent:")[0], 403)
        for change in ({"iss": "other"}, {"exp": now + 900}, {"exp": now - 1}):
            equal(ask(lab, mint, *bearer(sign({**claims, **change}, server.private_key)), "-d", "{}")[0], 401, change)
        equal(ask(lab, mint, *bearer(sign(claims, private_key())), "-d", "{}")[0], 401)


def test_vault_peer_keeps_versions_and_asks_for_a_token():
    with world() as lab:
        TokenServer(lab, namespace="team", vault_token_seconds=2)
        place, login = "https://vault.test/v1/secret/data/lab/key", "https://vault.test/v1/auth/approle/login"
        team = ("-H", "X-Vault-Namespace: team")
        root = (*team, "-H", f"X-Vault-Token: {VAULT_TOKEN}")
        equal(ask(lab, place, *root), (404, {"errors": []}))
        for value in ("one", "two"):
            equal(ask(lab, place, *root, "-d", json.dumps({"data": {"value": value}}))[0], 200)
        status, answer = ask(lab, place, *root)
        equal((status, answer["data"]["data"], answer["data"]["metadata"]["version"]), (200, {"value": "two"}, 2))
        equal(ask(lab, f"{place}?version=1", *root)[1]["data"]["data"], {"value": "one"})
        equal(ask(lab, place, *root, "-d", json.dumps({"data": None}))[0], 200)
        status, answer = ask(lab, place, *root)
        equal((status, answer["data"]["data"]), (404, None))
        equal(ask(lab, place, "-H", f"X-Vault-Token: {VAULT_TOKEN}")[0], 404, "another namespace")
        equal(ask(lab, place, *team), (403, {"errors": ["permission denied"]}))
        equal(ask(lab, login, *team, "-d", json.dumps({"role_id": ROLE_ID, "secret_id": "wrong"}))[0], 400)
        minted = ask(lab, login, *team, "-d", json.dumps({"role_id": ROLE_ID, "secret_id": SECRET_ID}))[1]["auth"]["client_token"]
        with_it = (*team, "-H", f"X-Vault-Token: {minted}")
        equal(ask(lab, f"{place}?version=1", *with_it)[0], 200)
        wait_for(lambda: ask(lab, place, *with_it)[0] == 403, 10, "the token to expire")


def test_token_peer_breaks_when_it_is_told_to():
    with world() as lab:
        server = TokenServer(lab)
        server.break_with({"path": "/token", "status": 503, "body": '{"error": "away"}'})
        equal(token(lab, *CLIENT, grant_type="client_credentials")[:2], (503, "away"))
        server.break_with()
        equal(token(lab, *CLIENT, grant_type="client_credentials")[0], 200)
