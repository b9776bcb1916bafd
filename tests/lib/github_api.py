"""The part of GitHub's API that Apps use: an installation's token, narrowed as asked, and repositories that it opens."""

import base64
import datetime
import json
import re
import secrets
import time

from lib.jwt_assertion import Wrong, claims

_TOKENS = re.compile(r"/app/installations/(\d+)/access_tokens")
_REPOSITORY = re.compile(r"(?:/repos)?/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?(?P<more>/.*)?")


class Github:
    """spec: {"app", "key": PEM, "installation", "repositories": [name], "permissions": {name: level}, "seconds": a token's life}."""

    def __init__(self, spec):
        self.spec = spec
        self.tokens = {}  # {token: {"end", "repositories", "permissions"}}

    def answer(self, request, said):
        """(status, JSON)."""
        if not request.field("user-agent"):
            return 403, {"message": "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"}
        if found := _TOKENS.fullmatch(request.path):
            return self._mint(request, found[1], said) if request.method == "POST" else (404, {"message": "Not Found"})
        token = self.tokens.get(_token(request))
        if not token or token["end"] < time.time():
            return 401, {"message": "Bad credentials"}
        found = _REPOSITORY.fullmatch(request.path)
        if not found or found["owner"] != "acme" or found["name"] not in token["repositories"]:
            return 404, {"message": "Not Found"}
        if request.method not in ("GET", "HEAD") and token["permissions"].get("contents") != "write":
            return 403, {"message": "Resource not accessible by integration"}
        return 200, {"full_name": f"acme/{found['name']}", "permissions": token["permissions"]}

    def _mint(self, request, installation, said):
        try:
            claimed = claims(request.field("authorization").removeprefix("Bearer "), self.spec["key"])
        except Wrong as wrong:
            said["wrong"] = str(wrong)
            return 401, {"message": "A JSON web token could not be decoded"}
        said["claims"], now = claimed, time.time()
        if str(claimed.get("iss")) != self.spec["app"]:
            return 401, {"message": "Integration not found"}
        if not claimed["iat"] <= now + 5 or claimed["exp"] > now + 600 or claimed["exp"] <= now:
            return 401, {"message": "'Expiration time' claim ('exp') is too far in the future, or 'iat' is"}
        if installation != self.spec["installation"]:
            return 404, {"message": "Not Found"}
        asked = json.loads(request.body or b"{}")
        said["asked"] = asked
        repositories = asked.get("repositories", self.spec["repositories"])
        permissions = asked.get("permissions", self.spec["permissions"])
        if not set(repositories) <= set(self.spec["repositories"]):
            return 422, {"message": "There is at least one repository that does not exist or is not accessible to the parent installation."}
        if any(_level(level) > _level(self.spec["permissions"].get(name)) for name, level in permissions.items()):
            return 422, {"message": "The permissions requested are not granted to this installation."}
        token, end = f"ghs_{secrets.token_hex(18)}", now + self.spec["seconds"]
        self.tokens[token] = {"end": end, "repositories": repositories, "permissions": permissions}
        said["minted"] = token
        return 201, {"token": token, "expires_at": datetime.datetime.utcfromtimestamp(end).strftime("%Y-%m-%dT%H:%M:%SZ"),
                     "permissions": permissions, "repository_selection": "selected" if "repositories" in asked else "all",
                     "repositories": [{"name": name, "full_name": f"acme/{name}"} for name in repositories]}


def _level(word):
    return {None: 0, "read": 1, "write": 2, "admin": 3}[word]


def _token(request):
    """Of the API's field, or of git's: Basic with the user x-access-token."""
    scheme, _, value = request.field("authorization").partition(" ")
    if scheme.lower() != "basic":
        return value
    user, _, password = base64.b64decode(value).decode().partition(":")
    return password if user == "x-access-token" else None
