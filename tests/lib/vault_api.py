"""The part of HashiCorp Vault's HTTP API that reads a secret: KV version 2 and the AppRole login, by its public contract: X-Vault-Token,
namespaces, versions, `errors`."""

import json
import re
import secrets
import time

_DATA = re.compile(r"/v1/(?P<mount>[\w/-]+?)/data/(?P<path>.+)")


class Vault:
    """spec: {"token": of root, "mount", "namespace", "role_id", "secret_id", "token_seconds": of what AppRole gives}."""

    def __init__(self, spec):
        self.spec = spec
        self.tokens = {spec["token"]: float("inf")}
        self.versions = {}  # path: list of (data or None: deleted)

    def answer(self, request, said):
        """(status, JSON)."""
        namespace = request.field("x-vault-namespace").strip("/")
        said["namespace"] = namespace
        if namespace != self.spec["namespace"]:
            return 404, {"errors": [f"no handler for route \"{request.path[4:]}\". route entry not found."]}
        if request.path == "/v1/auth/approle/login" and request.method in ("POST", "PUT"):
            return self._login(request, said)
        end = self.tokens.get(request.field("x-vault-token"))
        found = _DATA.fullmatch(request.path)
        if end is None or end < time.time() or not found or found["mount"] != self.spec["mount"]:
            return 403, {"errors": ["permission denied"]}
        return self._write(found["path"], request) if request.method in ("POST", "PUT") else self._read(found["path"], request)

    def _login(self, request, said):
        try:
            asked = json.loads(request.body)
        except ValueError:
            return 400, {"errors": ["failed to parse JSON input"]}
        if (asked.get("role_id"), asked.get("secret_id")) != (self.spec["role_id"], self.spec["secret_id"]):
            return 400, {"errors": ["invalid role or secret ID"]}
        token = f"hvs.{secrets.token_urlsafe(60)}"
        self.tokens[token] = time.time() + self.spec["token_seconds"]
        said["minted"] = token
        return 200, _envelope(auth={"client_token": token, "accessor": "a", "policies": ["default"], "token_policies": ["default"],
                                    "metadata": {"role_name": "lab"}, "lease_duration": self.spec["token_seconds"], "renewable": True,
                                    "entity_id": "e", "token_type": "service", "orphan": True, "mfa_requirement": None, "num_uses": 0})

    def _write(self, path, request):
        kept = self.versions.setdefault(path, [])
        kept.append(json.loads(request.body)["data"])
        return 200, _envelope(_metadata(kept, len(kept)))

    def _read(self, path, request):
        kept = self.versions.get(path)
        if not kept:
            return 404, {"errors": []}
        asked = re.fullmatch(r"version=(\d+)", request.query)
        number = int(asked[1]) if asked and int(asked[1]) else len(kept)
        if number > len(kept):
            return 404, {"errors": []}
        data = kept[number - 1]
        return 200 if data is not None else 404, _envelope({"data": data, "metadata": _metadata(kept, number)})


def _metadata(kept, number):
    when = "2026-01-01T00:00:00.000000000Z"
    deleted = "" if kept[number - 1] is not None else when
    return {"created_time": when, "custom_metadata": None, "deletion_time": deleted, "destroyed": False, "version": number}


def _envelope(data=None, auth=None):
    return {"request_id": "7d6a0b4e", "lease_id": "", "renewable": False, "lease_duration": 0, "data": data, "wrap_info": None,
            "warnings": None, "auth": auth}
