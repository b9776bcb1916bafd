"""The AWS of the world without Enforcer before it: real clients are served with its key and refused with any other. What the tests
of signing conclude from its verdicts rests on this."""

import hashlib
import json

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lib.aws_peers import ACCESS_KEY, BUCKET, SECRET_KEY, AwsClients, AwsServer
from lib.aws_signature import Refused, verify
from lib.expect import equal
from lib.https_peers import Outsider
from lib.https_program import Request
from lib.lab import Lab
from lib.origin import blob
from lib.runner import hang_guard

ONE_SANITIZER = "prove the other side of the AWS tests"

KEYS = (ACCESS_KEY, SECRET_KEY)
ODD_KEYS = ["a b", "\u00e4\u20ac", "a+b", "~t", "a//b", "q?x=1&y", "p%20q", "(x)!'*"]


def world():
    return Lab(start=False, guests=())


def clients(lab, keys=KEYS):
    return AwsClients(lab, Outsider(lab), keys)


@hang_guard(300)
def test_aws_peer_serves_the_real_tool():
    with world() as lab:
        server, mine = AwsServer(lab), clients(lab)
        for size in (0, 1000, 9_000_000):
            mine.path("up", blob(size))
            mine.aws("s3", "cp", "up", f"s3://{BUCKET}/dir/{size}")
            mine.aws("s3", "cp", f"s3://{BUCKET}/dir/{size}", "down")
            equal(open(mine.path("down"), "rb").read() == blob(size), True, f"{size} octets")
        assert ("s3:CompleteMultipartUpload", "ok") in server.verdicts(), server.verdicts()
        assert "1000" in mine.aws("s3", "ls", f"s3://{BUCKET}/dir/")
        assert "12.34" in mine.aws("ce", "get-cost-and-usage", "--time-period", "Start=2026-01-01,End=2026-02-01", "--granularity",
                                   "MONTHLY", "--metrics", "UnblendedCost")
        assert "production" in mine.aws("cloudformation", "describe-stacks")
        assert ":user/lab" in mine.aws("sts", "get-caller-identity")
        url = mine.aws("s3", "presign", f"s3://{BUCKET}/dir/1000").strip()
        equal(Outsider(lab).curl(url).body, blob(1000))
        equal(Outsider(lab).curl(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601")).status, 403)
        equal({verdict for _, verdict in server.verdicts()[:-1]}, {"ok"})


def test_aws_peer_serves_boto3_with_odd_keys():
    with world() as lab:
        server, mine = AwsServer(lab), clients(lab)
        script = (f"for key in {ODD_KEYS!r}:\n  s3.put_object(Bucket='{BUCKET}', Key=key, Body=key.encode(), ChecksumAlgorithm='CRC32')\n"
                  f"  assert s3.get_object(Bucket='{BUCKET}', Key=key)['Body'].read() == key.encode()\n"
                  f"print(json.dumps(sorted(o['Key'] for o in s3.list_objects_v2(Bucket='{BUCKET}')['Contents'])))")
        equal(json.loads(mine.boto(script)), sorted(ODD_KEYS))
        forms = {e["payload"] for e in server.events(event="request", action="s3:PutObject")}
        equal(forms, {"STREAMING-UNSIGNED-PAYLOAD-TRAILER"})


def test_aws_peer_refuses_other_keys():
    with world() as lab:
        server = AwsServer(lab)
        mine, placeholder, wrong = clients(lab), AwsClients(lab, Outsider(lab)), AwsClients(lab, Outsider(lab), (ACCESS_KEY, "x" * 40))
        equal(mine.run("/usr/bin/aws", "sts", "get-caller-identity").returncode, 0)
        for each, code in ((placeholder, "InvalidClientTokenId"), (wrong, "SignatureDoesNotMatch")):
            done = each.run("/usr/bin/aws", "sts", "get-caller-identity")
            assert done.returncode != 0 and code in done.stderr, done.stderr
            equal(server.verdicts()[-1], (None, code))


def signed(service, method, target, body=b"", fields=()):
    """As botocore sends it, and the verifier's word for it."""
    request = AWSRequest(method, f"https://{service}.us-east-1.amazonaws.com{target}", headers=dict(fields), data=body)
    (S3SigV4Auth if service == "s3" else SigV4Auth)(Credentials(*KEYS, "a session's"), service, "us-east-1").add_auth(request)
    return [method, target, [("Host", f"{service}.us-east-1.amazonaws.com"), *request.headers.items()], body]


def verdict(service, parts, region="us-east-1"):
    try:
        return verify(Request(*parts), service, region, {ACCESS_KEY: (SECRET_KEY, "a session's")}.get).payload
    except Refused as refused:
        return refused.code


def test_aws_peer_refuses_a_request_that_is_not_what_was_signed():
    for service, target in (("s3", "/b/a%20b//c/..%2Fd~?list-type=2&prefix=%2B%20%C3%A4"), ("ce", "/a//b/../c%20d?b=2&a=1")):
        good = signed(service, "POST", target, b"body", [("Content-Type", "text/plain")])
        equal(verdict(service, good), "signed", service)
        method, _, fields, body = good
        unequal = [["PUT", target, fields, body], [method, target + "&c=3", fields, body], [method, target.replace("c", "x"), fields, body],
                   [method, target, fields, b"Body"], [method, target, [*fields, ("X-Amz-Extra", "1")], body]]
        for number, (name, value) in enumerate(fields):
            changed = "20200101T000000Z" if name == "X-Amz-Date" else f"x{value}"
            unequal += [[method, target, [*fields[:number], *more, *fields[number + 1:]], body]
                        for more in ([], [(name, changed)], [(name, value), (name, value)])]
        for parts in unequal:
            assert verdict(service, parts) not in ("signed", "unsigned"), (service, parts)
        assert verdict(service, good, "eu-west-1") != "signed"
        for number, (name, value) in enumerate(fields):  # what signing itself calls equal
            if name != "Authorization":
                same = [*fields[:number], (name.upper(), f"  {value} "), *fields[number + 1:]]
                equal(verdict(service, [method, target, same, body]), "signed", name)


@hang_guard(240)
def test_aws_peer_verifies_each_chunk():
    with world() as lab:
        server, mine = AwsServer(lab), clients(lab)
        forms = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        for form in forms:
            for size in (0, 1, 65_536, 200_000):
                equal(mine.upload("k", size, form=form), (200, ""), f"{form} {size}")
                equal(server.events(event="request")[-1]["digest"], hashlib.sha256(blob(size)).hexdigest(), f"{form} {size}")
        equal(mine.upload("k", 200_000, piece=977), (200, ""))
        for number in (1, 2, 3, 4, 5):
            equal(mine.upload("k", 200_000, **{"break": number})[0], 403, f"chunk {number}")
        equal(mine.upload("k", 20_000, chunk=4096)[0], 403)
        equal(clients(lab, (ACCESS_KEY, "x" * 40)).upload("k", 1)[0], 403)
        equal({e["payload"] for e in server.events(event="request", verdict="ok")}, set(forms))
