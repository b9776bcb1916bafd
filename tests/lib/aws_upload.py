"""A client of S3 that signs an upload chunk by chunk: `python3 -m lib.aws_upload ORDER`, where ORDER is JSON {"host", "key", "size",
"keys": [id, secret], "certificate", "form", "chunk", "piece", "scheme", "break"}. Prints [status, body].

form: x-amz-content-sha256. The signature of the head is botocore's, those of the chunks follow AWS's "Signature calculations for the
authorization header: transferring payload in multiple chunks". piece: octets that are written at once, so that a chunk's head may
be anywhere. break: the number of a chunk whose signature is wrong."""

import base64
import hashlib
import http.client
import json
import ssl
import sys
import zlib

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lib.origin import blob

EMPTY = hashlib.sha256(b"").hexdigest()


class Signer(S3SigV4Auth):
    def __init__(self, order):
        super().__init__(Credentials(*order["keys"]), "s3", "us-east-1")
        self.form = order["form"]

    def payload(self, request):
        return self.form

    def chain(self, request):
        """A function that signs what comes next; a text of the algorithm and hashes."""
        previous = request.headers["Authorization"].rpartition("=")[2]

        def sign(algorithm, *hashes):
            nonlocal previous
            text = "\n".join([algorithm, request.context["timestamp"], self.credential_scope(request), previous, *hashes])
            previous = self.signature(text, request)
            return previous
        return sign


def chunks(order, body, sign):
    size, signed = order.get("chunk", 65_536), "UNSIGNED" not in order["form"]
    for number, start in enumerate([*range(0, len(body), size), len(body)], 1):
        data = body[start:start + size]
        more = ""
        if signed:
            signature = sign("AWS4-HMAC-SHA256-PAYLOAD", EMPTY, hashlib.sha256(data).hexdigest())
            more = ";chunk-signature=" + ("0" * 64 if order.get("break") == number else signature)
        yield f"{len(data):x}{more}\r\n".encode() + data + (b"\r\n" if data else b"")
    if not order["form"].endswith("-TRAILER"):
        yield b"\r\n"
        return
    trailer = f"x-amz-checksum-crc32:{base64.b64encode(zlib.crc32(body).to_bytes(4, 'big')).decode()}"
    yield trailer.encode() + b"\r\n"
    if signed:
        signature = sign("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(f"{trailer}\n".encode()).hexdigest())
        yield f"x-amz-trailer-signature:{signature}\r\n".encode()
    yield b"\r\n"


def main():
    order = {"form": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", **json.loads(sys.argv[1])}
    body = blob(order["size"])
    request = AWSRequest("PUT", f"https://{order['host']}/{order['key']}", headers={
        "Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(body))})
    if order["form"].endswith("-TRAILER"):
        request.headers["X-Amz-Trailer"] = "x-amz-checksum-crc32"
    signer = Signer(order)
    signer.add_auth(request)
    wire = b"".join(chunks(order, body, signer.chain(request)))
    context = ssl.create_default_context(cafile=order["certificate"])
    connection = http.client.HTTPSConnection(order["host"], context=context, timeout=60)
    connection.putrequest("PUT", f"/{order['key']}", skip_accept_encoding=True)
    for name, value in [*request.headers.items(), ("Content-Length", str(len(wire)))]:
        connection.putheader(name, value)
    connection.endheaders()
    piece = order.get("piece", len(wire))
    for start in range(0, len(wire), piece):
        connection.send(wire[start:start + piece])
    response = connection.getresponse()
    print(json.dumps([response.status, response.read().decode()]))


if __name__ == "__main__":
    main()
