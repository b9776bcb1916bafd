"""AWS as a client meets it: `-m lib.aws_server SPEC.json` (https_program.py). Every request's signature is verified (aws_signature.py)
before S3, STS, Cost Explorer, CloudFormation or Lambda answers it in its own protocol; what is refused is refused in its words.

SPEC has also "keys": {access key: secret key}, "buckets": [name] and "session_seconds": how long keys of a session are good, whatever
was asked for. The log has a line for each request: {"event": "request", "host", "method", "target", "fields", "verdict" ("ok" or AWS's
code), "access_key", "payload", "action", ...}; one of S3 has also "key" and "digest", SHA-256 of what was uploaded; an AssumeRole has
its form and the keys that were issued."""

import datetime
import hashlib
import itertools
import json
import re
import secrets
import time
import urllib.parse
from xml.sax.saxutils import escape

from lib.aws_signature import Refused, verify
from lib.aws_store import Store
from lib.https_program import Server

ACCOUNT = "123456789012"
_S3 = re.compile(r"(?:(?P<bucket>.+)\.)?s3(?:[.-](?P<region>[a-z]+-[a-z-]+-\d))?\.amazonaws\.com")
_OTHER = re.compile(r"(?P<service>[a-z]+)(?:\.(?P<region>[a-z0-9-]+))?\.amazonaws\.com")
_XML_NAMESPACES = {"sts": "https://sts.amazonaws.com/doc/2011-06-15/",
                   "cloudformation": "http://cloudformation.amazonaws.com/doc/2010-05-15/"}
_STACK = ("<Stacks><member><StackName>production</StackName><StackId>arn:aws:cloudformation:us-east-1:123456789012:stack/production/1"
          "</StackId><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime></member></Stacks>")
_COSTS = {"ResultsByTime": [{"TimePeriod": {"Start": "2026-01-01", "End": "2026-02-01"}, "Estimated": False, "Groups": [],
                             "Total": {"UnblendedCost": {"Amount": "12.34", "Unit": "USD"}}}]}


class Aws(Server):
    def __init__(self, spec):
        self.store = Store(spec["buckets"])
        self.identities = {key: f"arn:aws:iam::{ACCOUNT}:user/lab" for key in spec["keys"]}
        self.sessions, self.numbers = {}, itertools.count(1)
        super().__init__(spec)

    def keys(self, access_key):
        if access_key in self.spec["keys"]:
            return self.spec["keys"][access_key], None
        session = self.sessions.get(access_key)
        if session and session["end"] < time.time():
            raise Refused(403, "ExpiredToken", "The security token included in the request is expired")
        return session and (session["secret"], session["token"])

    def serve(self, request, exchange):
        said = {"event": "request", "host": request.host, "method": request.method, "target": request.target, "fields": request.fields,
                "body_bytes": len(request.body), "verdict": "ok"}
        service, region, bucket = _endpoint(request.host)
        try:
            verified = verify(request, service, region, self.keys)
            said.update(access_key=verified.access_key, payload=verified.payload, chunks=verified.chunks, service=service, region=region)
            with self.lock:
                action, status, body, fields = getattr(self, f"_{service}", self._unknown)(request, verified, bucket, said)
            said["action"] = f"{service}:{action}"
        except Refused as refused:
            said.update(verdict=refused.code, message=refused.message)
            status, (body, fields) = refused.status, _error(service, refused)
        self.note(**said)
        exchange.reply(status, body, [("x-amzn-RequestId", f"request-{next(self.numbers)}"), *fields])

    def _unknown(self, *_):
        raise Refused(404, "UnknownOperationException", "no such service")

    def _s3(self, request, verified, bucket, said):
        path = request.path[1:]
        if bucket is None:
            bucket, _, path = path.partition("/")
        said.update(key=urllib.parse.unquote(path), digest=hashlib.sha256(verified.body).hexdigest())
        action, status, body, fields = self.store.answer(request, bucket, path, verified.body)
        return action, status, body, [*fields, ("Content-Type", "application/xml")] if body.startswith(b"<?xml") else fields

    def _ce(self, request, _verified, _bucket, _said):
        service, _, action = request.field("x-amz-target").partition(".")
        if service != "AWSInsightsIndexService" or action != "GetCostAndUsage":
            raise Refused(400, "UnknownOperationException", action)
        return action, 200, json.dumps(_COSTS).encode(), [("Content-Type", "application/x-amz-json-1.1")]

    def _lambda(self, request, _verified, _bucket, _said):
        if (request.method, request.path.rstrip("/")) != ("GET", "/2015-03-31/functions"):
            raise Refused(404, "ResourceNotFoundException", request.path)
        return "ListFunctions", 200, b'{"Functions": []}', [("Content-Type", "application/json")]

    def _cloudformation(self, request, _verified, _bucket, _said):
        form = _form(request)
        if form.get("Action") != "DescribeStacks":
            raise Refused(400, "InvalidAction", f"Could not find operation {form.get('Action')}")
        return "DescribeStacks", 200, *_answer("cloudformation", "DescribeStacks", _STACK)

    def _sts(self, request, verified, _bucket, said):
        form = _form(request)
        if form.get("Action") == "GetCallerIdentity":
            arn = self.identities[verified.access_key]
            return "GetCallerIdentity", 200, *_answer("sts", "GetCallerIdentity", f"<Arn>{arn}</Arn><UserId>AIDA</UserId>"
                                                      f"<Account>{ACCOUNT}</Account>")
        if form.get("Action") != "AssumeRole":
            raise Refused(400, "InvalidAction", f"Could not find operation {form.get('Action')}")
        return "AssumeRole", 200, *self._assume_role(form, said)

    def _assume_role(self, form, said):
        role = re.fullmatch(rf"arn:aws:iam::{ACCOUNT}:role/([\w+=,.@/-]+)", form.get("RoleArn", ""))
        name = form.get("RoleSessionName", "")
        if not role or not re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII) or not 900 <= int(form.get("DurationSeconds", 3600)) <= 43_200:
            raise Refused(400, "ValidationError", "RoleArn, RoleSessionName or DurationSeconds")
        tags = {form[f"Tags.member.{n}.Key"]: form[f"Tags.member.{n}.Value"] for n in range(1, 51) if f"Tags.member.{n}.Key" in form}
        if not all(re.fullmatch(r"[\w .:/=+@-]{0,256}", value) for value in tags.values()):
            raise Refused(400, "ValidationError", "Tags")
        session_policy = form.get("Policy")
        try:
            session_policy = session_policy and json.loads(session_policy)
        except ValueError:
            raise Refused(400, "MalformedPolicyDocument", "Policy is not JSON") from None
        access_key = f"ASIA{secrets.token_hex(8).upper()}"
        session = self.sessions[access_key] = {"secret": secrets.token_urlsafe(30), "token": secrets.token_urlsafe(120),
                                               "end": time.time() + self.spec["session_seconds"]}
        arn = self.identities[access_key] = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role[1]}/{name}"
        said.update(role=form["RoleArn"], session_name=name, tags=tags, policy=session_policy, issued={"access_key": access_key, **session},
                    duration=form.get("DurationSeconds"))
        end = datetime.datetime.utcfromtimestamp(session["end"]).strftime("%Y-%m-%dT%H:%M:%SZ")
        return _answer("sts", "AssumeRole", f"<Credentials><AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{session['secret']}"
                       f"</SecretAccessKey><SessionToken>{session['token']}</SessionToken><Expiration>{end}</Expiration></Credentials>"
                       f"<AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>AROA:{name}</AssumedRoleId></AssumedRoleUser>")


def _endpoint(host):
    """(service, region, bucket or None)."""
    if found := _S3.fullmatch(host):
        return "s3", found["region"] or "us-east-1", found["bucket"]
    found = _OTHER.fullmatch(host)
    return (found["service"], found["region"] or "us-east-1", None) if found else ("none", "none", None)


def _form(request):
    return dict(urllib.parse.parse_qsl(request.query if request.method == "GET" else request.body.decode(), keep_blank_values=True))


def _answer(service, action, inner):
    return (f'<{action}Response xmlns="{_XML_NAMESPACES[service]}"><{action}Result>{inner}</{action}Result>'
            f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>").encode(), [("Content-Type", "text/xml")]


def _error(service, refused):
    if service in ("ce", "lambda"):
        return (json.dumps({"__type": refused.code, "message": refused.message}).encode(), [("Content-Type", "application/x-amz-json-1.1")])
    inner = f"<Code>{refused.code}</Code><Message>{escape(refused.message)}</Message>"
    if service == "s3":
        return (f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}<RequestId>1</RequestId></Error>'.encode(),
                [("Content-Type", "application/xml")])
    return (f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>1</RequestId></ErrorResponse>".encode(),
            [("Content-Type", "text/xml")])


if __name__ == "__main__":
    Aws.main()
