"""Servers that mint tokens (token_server.py) in the world, and what only they and Enforcer know."""

import subprocess

from lib.https_peers import HttpsPeer

ADDRESS = "93.184.216.65"
HOSTS = ["login.test", "service.test", "api.github.test", "vault.test"]
CLIENT_ID, CLIENT_SECRET = "lab-client", "client/secret+of:the%lab"
REFRESH_TOKEN = "refresh-0-of-the-lab-0123456789"
APP, INSTALLATION = "123456", "7654321"
VAULT_TOKEN, ROLE_ID, SECRET_ID = "hvs.root-of-the-lab", "role-of-the-lab", "secret-id-of-the-lab"


class TokenServer(HttpsPeer):
    """seconds: how long what is minted opens anything."""

    def __init__(self, lab, seconds=3600, rotate=True, namespace="", vault_token_seconds=1200):
        self.private_key = private_key()
        oauth = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "refresh_token": REFRESH_TOKEN, "key": self.private_key,
                 "audience": "https://login.test/token", "seconds": seconds, "rotate": rotate}
        github = {"app": APP, "key": self.private_key, "installation": INSTALLATION, "repositories": ["tools", "site"],
                  "permissions": {"contents": "write", "issues": "read"}, "seconds": seconds}
        vault = {"token": VAULT_TOKEN, "mount": "secret", "namespace": namespace, "role_id": ROLE_ID, "secret_id": SECRET_ID,
                 "token_seconds": vault_token_seconds}
        super().__init__(lab, "token_server", HOSTS, ADDRESS, oauth=oauth, github=github, vault=vault)

    def minted(self, host="login.test"):
        """Every token so far, oldest first."""
        return [e["minted"] for e in self.events(event="request", host=host) if "minted" in e]

    def asked(self, host, **match):
        return self.events(event="request", host=host, **match)


def private_key():
    """RSA in PEM."""
    return subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True, text=True, timeout=60).stdout
