"""Whether AWS's signature of a request is right: computed once more by botocore's own code, of exactly what the client says it signed.

The rules are those of AWS's "Signature Version 4" pages: of requests by fields and by query, of chunked uploads (`aws-chunked`), of
session tokens. A path or a query is taken in AWS's spelling of it, whatever spelling arrived."""

import base64
import dataclasses
import datetime
import hashlib
import hmac
import re
import urllib.parse
import zlib

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^, ]+), *SignedHeaders=([^, ]+), *Signature=([0-9a-f]{64})")
_DATE = "%Y%m%dT%H%M%SZ"
_SKEW = datetime.timedelta(minutes=15)
_SMALLEST_CHUNK = 8192  # of all but the last
_CHECKSUMS = {"x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
              "x-amz-checksum-sha1": lambda data: hashlib.sha1(data).digest(),
              "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest()}


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclasses.dataclass
class Verified:
    access_key: str
    payload: str  # "signed", "unsigned", "presigned", or the streaming form's own name
    body: bytes   # without aws-chunked
    chunks: int = 0


class _AsSigned:
    def headers_to_sign(self, request):
        return request.headers

    def canonical_query_string(self, request):
        return self._canonical_query_string_params(request.context["query"])

    def _normalize_url_path(self, path):
        once = "/".join(urllib.parse.quote(urllib.parse.unquote_to_bytes(segment), safe="~") for segment in path.split("/"))
        return super()._normalize_url_path(once)


_SIGNERS = {(s3, query): type("Signer", (_AsSigned, base), {}) for s3, query, base in
            ((False, False, SigV4Auth), (False, True, SigV4QueryAuth), (True, False, S3SigV4Auth), (True, True, S3SigV4QueryAuth))}


@dataclasses.dataclass
class _Claim:
    """What a client says that it signed, and how."""
    credential: str
    signed: list
    signature: str
    date: str
    token: str
    query: list  # without the signature
    expires: int = None


def verify(request, service, region, keys):
    """request: https_program.Request, to this service and region. keys(access key): (secret key, session token or None); None: no such."""
    claim = _claim(request, service)
    try:
        access_key, day, *scope = claim.credential.split("/")
    except ValueError:
        raise Refused(400, "AuthorizationHeaderMalformed", "what is a credential?") from None
    if scope != [region, service, "aws4_request"]:
        raise Refused(400 if service == "s3" else 403, "AuthorizationHeaderMalformed" if service == "s3" else "SignatureDoesNotMatch",
                      f"Credential should be scoped to {region}/{service}/aws4_request.")
    pair = keys(access_key)
    if pair is None:
        raise Refused(403, "InvalidAccessKeyId" if service == "s3" else "InvalidClientTokenId", "There is no such key.")
    if (pair[1] or "") != claim.token:
        raise Refused(403, "InvalidToken" if service == "s3" else "InvalidClientTokenId", "The session token is not of this key.")
    _in_time(claim, day)
    _nothing_left_out(request, claim)
    signer = _SIGNERS[service == "s3", claim.expires is not None](Credentials(access_key, *pair), service, region)
    again = AWSRequest(request.method, f"https://{request.host}{request.path}", data=request.body)
    again.context.update(timestamp=claim.date, query=claim.query)
    for name in claim.signed:
        for value in request.values(name):
            again.headers[name] = value
    stated = _stated_hash(request, service, claim)
    canonical = signer.canonical_request(again)
    if not hmac.compare_digest(signer.signature(signer.string_to_sign(again, canonical), again), claim.signature):
        raise Refused(403, "SignatureDoesNotMatch", f"The signature is not that of:\n{canonical}")
    return _with_body(request, claim, stated, access_key, lambda text: signer.signature(text, again))


def _claim(request, service):
    query = [tuple(map(urllib.parse.unquote, pair.partition("=")[::2])) for pair in request.query.split("&") if pair]
    named, fields = dict(query), request.values("authorization")
    if len(fields) + ("X-Amz-Algorithm" in named) > 1:
        raise Refused(400, "InvalidArgument", "Only one authentication mechanism is allowed.")
    if "X-Amz-Algorithm" in named:
        if named["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256":
            raise Refused(400, "AuthorizationQueryParametersError", "Only AWS4-HMAC-SHA256 here.")
        try:
            return _Claim(named["X-Amz-Credential"], named["X-Amz-SignedHeaders"].split(";"), named["X-Amz-Signature"], named["X-Amz-Date"],
                          named.get("X-Amz-Security-Token", ""), [pair for pair in query if pair[0] != "X-Amz-Signature"],
                          int(named["X-Amz-Expires"]))
        except (KeyError, ValueError) as missing:
            raise Refused(400, "AuthorizationQueryParametersError", f"{missing} of a presigned URL") from None
    if not fields:
        raise Refused(403, "AccessDenied" if service == "s3" else "MissingAuthenticationToken", "Nobody signed this.")
    found = _AUTHORIZATION.fullmatch(fields[0])
    if not found:
        raise Refused(400, "AuthorizationHeaderMalformed" if service == "s3" else "IncompleteSignature", "Not in AWS4-HMAC-SHA256.")
    return _Claim(found[1], found[2].split(";"), found[3], request.field("x-amz-date"), request.field("x-amz-security-token"), query)


def _in_time(claim, day):
    try:
        signed = datetime.datetime.strptime(claim.date, _DATE)
    except ValueError:
        raise Refused(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header.") from None
    if claim.date[:8] != day:
        raise Refused(403, "SignatureDoesNotMatch", "Date in the credential's scope is not the request's.")
    now = datetime.datetime.utcnow()
    if claim.expires is not None and not (0 < claim.expires <= 604_800 and signed - _SKEW <= now <= signed +
                                          datetime.timedelta(seconds=claim.expires)):
        raise Refused(403, "AccessDenied", "Request has expired.")
    if claim.expires is None and abs(now - signed) > _SKEW:
        raise Refused(403, "RequestTimeTooSkewed", "The request's time is too far from the server's.")


def _nothing_left_out(request, claim):
    if claim.signed != sorted(set(claim.signed)):
        raise Refused(403, "SignatureDoesNotMatch", "Names of signed headers are to be sorted.")
    present = {name.lower() for name, _ in request.fields}
    left_out = {name for name in present if name == "host" or name.startswith("x-amz-")} - set(claim.signed)
    if left_out or not set(claim.signed) <= present:
        raise Refused(403, "AccessDenied", f"There were headers present which were not signed, or the reverse: {sorted(left_out)}")


def _stated_hash(request, service, claim):
    if claim.expires is not None:
        return None
    stated = request.field("x-amz-content-sha256")
    if service == "s3" and not stated:
        raise Refused(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    return stated or hashlib.sha256(request.body).hexdigest()


def _with_body(request, claim, stated, access_key, sign):
    if stated is None:
        return Verified(access_key, "presigned", request.body)
    if stated.startswith("STREAMING-"):
        upload = _Chunks(request, claim, stated, sign)
        return Verified(access_key, stated, upload.read(), upload.count)
    if stated == "UNSIGNED-PAYLOAD":
        return Verified(access_key, "unsigned", request.body)
    if stated != hashlib.sha256(request.body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
    return Verified(access_key, "signed", request.body)


class _Chunks:
    """A body in aws-chunked, with a signature of each chunk that continues the one before, or with none."""

    def __init__(self, request, claim, form, sign):
        if form not in ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                        "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
            raise Refused(400, "InvalidRequest", f"No such form of a body: {form}")
        if "aws-chunked" not in request.field("content-encoding").split(","):
            raise Refused(400, "InvalidRequest", "Streaming bodies are in aws-chunked.")
        self.rest, self.signed, self.trailer = request.body, "UNSIGNED" not in form, form.endswith("-TRAILER")
        self.announced, self.expected = request.field("x-amz-trailer").lower(), request.field("x-amz-decoded-content-length")
        self.previous, self.sign, self.count = claim.signature, sign, 0
        self.frame = [claim.date, claim.credential.partition("/")[2]]

    def read(self):
        body, last = b"", None
        while data := self._chunk():
            if last is not None and last < _SMALLEST_CHUNK:
                raise Refused(403, "InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes")
            body, last = body + data, len(data)
        if self.trailer:
            self._trailer(body)
        elif self.rest != b"\r\n":
            raise Refused(400, "IncompleteBody", "The upload does not end where its last chunk does.")
        if str(len(body)) != self.expected:
            raise Refused(400, "IncompleteBody", "x-amz-decoded-content-length is another length.")
        return body

    def _chunk(self):
        line, _, self.rest = self.rest.partition(b"\r\n")
        found = re.fullmatch(rb"([0-9a-fA-F]+);chunk-signature=([0-9a-f]{64})" if self.signed else rb"([0-9a-fA-F]+)", line)
        if not found:
            raise Refused(400, "InvalidChunk", f"not the head of a chunk: {line[:100]!r}")
        size = int(found[1], 16)
        data = self.rest[:size]
        if size and self.rest[size:size + 2] != b"\r\n":
            raise Refused(400, "IncompleteBody", "The chunk has another length than it says.")
        self.rest = self.rest[size + 2:] if size else self.rest
        if self.signed:
            self._next("AWS4-HMAC-SHA256-PAYLOAD", [hashlib.sha256(b"").hexdigest(), hashlib.sha256(data).hexdigest()], found[2].decode())
        self.count += 1
        return data

    def _next(self, algorithm, hashes, signature):
        if not hmac.compare_digest(self.sign("\n".join([algorithm, *self.frame, self.previous, *hashes])), signature):
            raise Refused(403, "SignatureDoesNotMatch", f"The signature of chunk {self.count} is not right.")
        self.previous = signature

    def _trailer(self, body):
        lines = [line for line in self.rest.replace(b"\r\n", b"\n").split(b"\n") if line]
        fields = [tuple(part.strip() for part in line.decode().partition(":")[::2]) for line in lines]
        if self.signed:
            name, signature = fields.pop()
            if name != "x-amz-trailer-signature":
                raise Refused(403, "SignatureDoesNotMatch", "The trailer is not signed.")
            canonical = "".join(f"{key}:{value}\n" for key, value in fields)
            self._next("AWS4-HMAC-SHA256-TRAILER", [hashlib.sha256(canonical.encode()).hexdigest()], signature)
        if [name for name, _ in fields] != [self.announced]:
            raise Refused(400, "MalformedTrailerError", f"The trailer has {fields}, and {self.announced} was announced.")
        for name, value in fields:
            if name in _CHECKSUMS and base64.b64encode(_CHECKSUMS[name](body)).decode() != value:
                raise Refused(400, "BadDigest", f"{name} is not that of the body.")
