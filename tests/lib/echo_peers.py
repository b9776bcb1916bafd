"""An origin that sends a credential back (echo_server.py), and what of it must not arrive."""

import base64
import json
import urllib.parse

from lib.https_peers import HttpsPeer
from lib.world import SECRET

ADDRESS = "93.184.216.62"


class EchoServer(HttpsPeer):
    def __init__(self, lab, host="echo.test"):
        super().__init__(lab, "echo_server", [host], ADDRESS)

    def seen(self, target):
        """The fields of every request for this target, by name in lower case; a name that came more than once has a list."""
        found = []
        for event in self.events(event="request", target=target):
            fields = {}
            for name, value in event["fields"]:
                fields.setdefault(name.lower(), []).append(value)
            found.append({name: values[0] if len(values) == 1 else values for name, values in fields.items()})
        return found


def needles(secret=SECRET):
    """SECRET0: the secret in every spelling in which it would still be one."""
    raw = secret.encode()
    whole = [raw, raw.hex().encode(), raw.hex().upper().encode(), urllib.parse.quote(raw, safe="").encode(),
             b"".join(b"%%%02X" % octet for octet in raw), b"".join(b"%%%02x" % octet for octet in raw),
             json.dumps(secret)[1:-1].encode(), json.dumps(secret)[1:-1].replace("/", "\\/").encode()]
    for shift in range(3):  # what of base64 depends on nothing but the secret
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole.append(encode(b"x" * shift + raw)[4 if shift else 0:-4])
    return set(whole)


def leaks(data, secret=SECRET):
    """What of the secret is in there: nothing, or its spellings."""
    return sorted(needle for needle in needles(secret) if needle in data)
