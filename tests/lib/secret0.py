"""SECRET0: a secret is nowhere, neither as it stands nor in any spelling in which it would still be one."""

import base64
import json
import urllib.parse

from lib.world import SECRET


def spellings(secret=SECRET):
    """The whole of it: as text, base64 at every offset, hexadecimal, escaped for URLs and for JSON."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), urllib.parse.quote(raw, safe="").encode(),
             b"".join(b"%%%02X" % octet for octet in raw), b"".join(b"%%%02x" % octet for octet in raw),
             json.dumps(secret)[1:-1].encode(), json.dumps(secret)[1:-1].replace("/", "\\/").encode()}
    for shift in range(3):  # what of base64 depends on nothing but the secret
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"x" * shift + raw)[4 if shift else 0:-4])
    return found


def pieces(secret=SECRET):
    """Its beginning, too: for places to which nothing of it was ever to go, not even cut off."""
    return spellings(secret) | {secret.encode()[:8]}


def leaks(data, secret=SECRET, needles=spellings):
    """What of the secret is in there: nothing, or its spellings."""
    return sorted(needle for needle in needles(secret) if needle in data)
