"""Servers that mint tokens, and what the tokens open: `-m lib.token_server SPEC.json` (https_program.py).

login.test: POST /token, OAuth 2.0 (RFC 6749): client credentials, refresh token with rotation, JWT bearer (RFC 7523). service.test: an
API that takes what login.test minted and what has not expired. api.github.test: github_api.py. vault.test: vault_api.py.
SPEC has also "oauth": {"client_id", "client_secret", "refresh_token", "key": PEM, "audience": of assertions, "seconds"}, "github" and
"vault": those of their files. The log has a line for each request: {"event": "request", "host", "method", "target", "fields", "status",
"minted", ...}."""

import base64
import itertools
import secrets
import time
import urllib.parse

from lib.github_api import Github
from lib.https_program import Server
from lib.jwt_assertion import Wrong, claims
from lib.vault_api import Vault

_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Refusal(Exception):
    def __init__(self, error, status=400):
        super().__init__(error)
        self.error, self.status = error, status


class OAuth:
    def __init__(self, spec):
        self.spec = spec
        self.tokens, self.refresh_token, self.retired = {}, spec["refresh_token"], set()
        self.numbers = itertools.count(1)

    def answer(self, request, said):
        if request.method != "POST" or request.path != "/token":
            return 404, {"error": "not found"}
        form = dict(urllib.parse.parse_qsl(request.body.decode(), keep_blank_values=True))
        said["grant"] = form.get("grant_type")
        said["form"] = {key: value for key, value in form.items() if key not in ("refresh_token", "assertion", "client_secret")}
        try:
            if not request.field("content-type").startswith("application/x-www-form-urlencoded"):
                raise Refusal("invalid_request")
            more = {"client_credentials": self._client, "refresh_token": self._refresh, _JWT_BEARER: self._assertion}.get(
                form.get("grant_type"), self._unknown)(request, form, said)
        except Refusal as refusal:
            said["error"] = refusal.error
            return refusal.status, {"error": refusal.error, "error_description": "as RFC 6749 5.2 has it"}
        token = f"minted-{next(self.numbers)}-{secrets.token_urlsafe(24)}"
        self.tokens[token] = time.time() + self.spec["seconds"]
        said["minted"] = token
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.spec["seconds"],
                     "scope": form.get("scope", "default"), **more}

    def _client(self, request, _form, _said):
        scheme, _, value = request.field("authorization").partition(" ")
        if scheme != "Basic":
            raise Refusal("invalid_client", 401)
        pair = [urllib.parse.unquote_plus(part) for part in base64.b64decode(value).decode().split(":")]
        if pair != [self.spec["client_id"], self.spec["client_secret"]]:
            raise Refusal("invalid_client", 401)
        return {}

    def _refresh(self, _request, form, said):
        given = form.get("refresh_token")
        if given in self.retired:  # RFC 9700 4.14.2: somebody else has it, so nobody keeps it
            self.refresh_token = None
            said["reused"] = True
        if not given or given != self.refresh_token:
            raise Refusal("invalid_grant")
        if form.get("client_id") != self.spec["client_id"]:
            raise Refusal("invalid_client", 401)
        if not self.spec["rotate"]:
            return {}
        self.retired.add(given)
        self.refresh_token = f"refresh-{secrets.token_urlsafe(24)}"
        return {"refresh_token": self.refresh_token}

    def _assertion(self, _request, form, said):
        try:
            claimed = claims(form.get("assertion", ""), self.spec["key"])
        except Wrong as wrong:
            said["wrong"] = str(wrong)
            raise Refusal("invalid_grant") from None
        said["claims"], now = claimed, time.time()
        if claimed.get("iss") != self.spec["client_id"] or claimed.get("aud") != self.spec["audience"] or not claimed.get("sub"):
            raise Refusal("invalid_grant")
        if not now < claimed["exp"] <= now + 3600 or claimed.get("iat", now) > now + 5:
            raise Refusal("invalid_grant")
        return {}

    def _unknown(self, *_):
        raise Refusal("unsupported_grant_type")

    def opened(self, request, _said):
        """service.test."""
        end = self.tokens.get(request.field("authorization").removeprefix("Bearer "))
        return (401, {"error": "invalid_token"}) if end is None or end < time.time() else (200, {"hello": request.path})


class Tokens(Server):
    def __init__(self, spec):
        oauth = OAuth(spec["oauth"])
        self.hosts = {"login.test": oauth.answer, "service.test": oauth.opened, "api.github.test": Github(spec["github"]).answer,
                      "vault.test": Vault(spec["vault"]).answer}
        super().__init__(spec)

    def serve(self, request, exchange):
        said = {"event": "request", "host": request.host, "method": request.method, "target": request.target, "fields": request.fields}
        with self.lock:
            status, answer = self.hosts[request.host](request, said)
        self.note(**said, status=status)
        fields = [("Cache-Control", "no-store")]
        if status == 401:
            fields.append(("WWW-Authenticate", 'Basic realm="lab"' if request.host == "login.test" else "Bearer"))
        exchange.json(status, answer, fields)


if __name__ == "__main__":
    Tokens.main()
