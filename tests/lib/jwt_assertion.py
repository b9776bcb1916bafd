"""JSON Web Tokens signed RS256, as a server looks at them (RFC 7519, RFC 7515)."""

import base64
import binascii
import json

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key


class Wrong(Exception):
    pass


def claims(token, private_key_pem):
    """What it claims; Wrong: it is not one, or another key signed it."""
    try:
        head, body, signature = token.split(".")
        if any("=" in part for part in (head, body, signature)):
            raise Wrong("padded")
        if json.loads(_decoded(head)).get("alg") != "RS256":
            raise Wrong("not RS256")
        public = load_pem_private_key(private_key_pem.encode(), None).public_key()
        public.verify(_decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
        return json.loads(_decoded(body))
    except InvalidSignature:
        raise Wrong("signed with another key") from None
    except (ValueError, binascii.Error) as error:
        raise Wrong(f"not a JWT: {error}") from None


def sign(values, private_key_pem, algorithm="RS256"):
    """As a client makes one."""
    text = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT"}, values))
    return f"{text}.{_encoded(load_pem_private_key(private_key_pem.encode(), None).sign(text.encode(), PKCS1v15(), SHA256()))}"


def _encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
