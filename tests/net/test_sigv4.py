"""AWS signatures: real clients sign with placeholders, Enforcer signs again with the keys of a credential, and the world's AWS verifies
every one with botocore's own code (lib/aws_server.py; what it makes of them without Enforcer is in test_peers_aws.py)."""

import hashlib
import json
import os
import re
import time

from lib.aws_peers import (ACCESS_KEY, BUCKET, BUCKET_HOST, CE, CLOUDFORMATION, ELSEWHERE, HOSTS, KEYS, PLACEHOLDERS, S3, SECRET_KEY, STS,
                           AwsClients, AwsServer)
from lib.expect import equal
from lib.https_peers import Outsider
from lib.lab import Lab, policy
from lib.oracles import denies
from lib.origin import blob
from lib.runner import hang_guard
from lib.secret0 import leaks

ANY = 'http: [{methods: [GET, HEAD, PUT, POST, DELETE], paths: ["/**"]}], credential: aws'
SERVICES = ["s3", "sts", "ce", "cloudformation"]
FORMS = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
ODD_KEYS = ["a b", "\u00e4\u20ac", "a+b", "~t", "q?x=1&y", "p%20q", "(x)!'*"]
JSON = ("-H", "Content-Type: application/x-amz-json-1.1", "-H", "X-Amz-Target: AWSInsightsIndexService.GetCostAndUsage")
COSTS = ("ce", "get-cost-and-usage", "--time-period", "Start=2026-01-01,End=2026-02-01", "--granularity", "MONTHLY", "--metrics",
         "UnblendedCost")


def lab(services=SERVICES, keys="", secret=KEYS, bound=HOSTS, **options):
    binding = [{"to": bound, "as": "sigv4", "services": services, "regions": ["us-east-1"]}]
    return Lab(policy(*[f"{host} {ANY}{keys}" for host in bound]), credentials={"aws": {"binding": binding, "secret": secret}}, **options)


def signed_by_us(server):
    """Every request arrived with the credential's key, and nothing of the guest's did."""
    events = server.events(event="request")
    assert events
    equal({e["access_key"] for e in events if e["verdict"] == "ok"}, {ACCESS_KEY})
    for placeholder in PLACEHOLDERS:
        assert placeholder not in json.dumps(events), placeholder


def costs(scope="us-east-1:ce", *more):
    """curl's words for Cost Explorer, signed with placeholders for this scope."""
    return f"https://{CE}/", "--aws-sigv4", f"aws:amz:{scope}", "--user", ":".join(PLACEHOLDERS), *JSON, *(more or ("-d", "{}"))


@hang_guard(400)
def test_command_line_tool_works_with_keys_that_are_worth_nothing():
    with lab() as made:
        server = AwsServer(made)
        outside = AwsClients(made, Outsider(made)).run("/usr/bin/aws", "sts", "get-caller-identity")
        assert outside.returncode != 0 and "InvalidClientTokenId" in outside.stderr, "the control: straight to the server they are refused"
        refused = len(server.events(event="request"))
        mine = AwsClients(made)
        assert ":user/lab" in mine.aws("sts", "get-caller-identity")
        assert "12.34" in mine.aws(*COSTS)
        assert "production" in mine.aws("cloudformation", "describe-stacks")
        for size in (0, 1000, 9_000_000):  # the last in parts, up and down
            mine.path("up", blob(size))
            mine.aws("s3", "cp", "up", f"s3://{BUCKET}/dir/{size}")
            mine.aws("s3", "cp", f"s3://{BUCKET}/dir/{size}", "down")
            with open(mine.path("down"), "rb") as file:
                equal(file.read() == blob(size), True, f"{size} octets")
        listed = mine.aws("s3", "ls", f"s3://{BUCKET}/dir/")
        equal(sorted(line.split()[-1] for line in listed.splitlines()), ["0", "1000", "9000000"])
        mine.aws("s3", "rm", f"s3://{BUCKET}/dir/0")
        actions = {action for action, verdict in server.verdicts()[refused:] if verdict == "ok"}
        assert {"s3:UploadPart", "s3:CompleteMultipartUpload", "s3:DeleteObject"} <= actions, actions
        equal([v for v in server.verdicts()[refused:] if v[1] != "ok"], [])
        equal({e["access_key"] for e in server.events(event="request", verdict="ok")}, {ACCESS_KEY})
        assert PLACEHOLDERS[0] not in json.dumps(server.events(event="request")[refused:])
        written = "".join(open(path, errors="replace").read() for path in (made.enforcer.audit_path, made.enforcer.enforcerd.log))
        equal(leaks(written.encode(), SECRET_KEY), [])


@hang_guard(180)
def test_boto3_names_objects_oddly():
    with lab() as made:
        server, mine = AwsServer(made), AwsClients(made)
        for checksum in ("", ", ChecksumAlgorithm='CRC32'"):  # an unsigned body, and one in aws-chunked with an unsigned trailer
            done = mine.boto(f"for key in {ODD_KEYS!r}:\n  s3.put_object(Bucket='{BUCKET}', Key=key, Body=key.encode(){checksum})\n"
                             f"  assert s3.get_object(Bucket='{BUCKET}', Key=key)['Body'].read() == key.encode(), key\n"
                             f"  s3.head_object(Bucket='{BUCKET}', Key=key)\n"
                             f"print(json.dumps(sorted(o['Key'] for o in s3.list_objects_v2(Bucket='{BUCKET}')['Contents'])))")
            equal(json.loads(done), sorted(ODD_KEYS))
        mine.boto("for key in ('a//b', '/a'):  # which are not the objects that rules would have been asked about\n"
                  "  try:\n"
                  f"    s3.get_object(Bucket='{BUCKET}', Key=key)\n"
                  "  except botocore.exceptions.ClientError as error:\n"
                  "    assert error.response['ResponseMetadata']['HTTPStatusCode'] == 403, error\n"
                  "  else:\n"
                  "    raise AssertionError(key)")
        equal({r["reason"] for r in made.enforcer.records(type="decision", decision="deny")}, {"signature"})
        for prefix in ("a b", "a+", "\u00e4", "q?x=1&", "p%20"):
            found = mine.boto(f"print(json.dumps([o['Key'] for o in s3.list_objects_v2(Bucket='{BUCKET}', Prefix={prefix!r})['Contents']]))")
            equal(json.loads(found), [key for key in sorted(ODD_KEYS) if key.startswith(prefix)], prefix)
        equal({e["payload"] for e in server.events(event="request", action="s3:PutObject")}, {"unsigned", FORMS[2]})
        equal({e["verdict"] for e in server.events(event="request")}, {"ok"})
        signed_by_us(server)
        mine.boto(f"try:\n  s3.put_object(Bucket='{BUCKET}', Key='dots/../up', Body=b'x')\nexcept Exception as error:\n  print(error)")
        assert "up" not in {e.get("key") for e in server.events(event="request")}, "it is that object or none"


@hang_guard(180)
def test_presigned_urls_are_signed_again_in_the_query():
    with lab() as made:
        server, mine = AwsServer(made), AwsClients(made)
        mine.path("up", "an object\n")
        mine.aws("s3", "cp", "up", f"s3://{BUCKET}/a dir/x+y")
        url = mine.aws("s3", "presign", f"s3://{BUCKET}/a dir/x+y").strip()
        equal(Outsider(made).curl(url).status, 403, "the control: what the guest signed is worth nothing")
        reply = made.guest.curl(url)
        equal((reply.status, reply.body), (200, b"an object\n"))
        equal(server.events(event="request")[-1]["payload"], "presigned")
        put = mine.boto("from botocore.config import Config\ns3 = boto3.client('s3', config=Config(signature_version='s3v4'))\n"
                        f"print(s3.generate_presigned_url('put_object', Params={{'Bucket': '{BUCKET}', 'Key': 'put'}}))").strip()
        equal(made.guest.curl(put, "-T", mine.path("up")).status, 200)
        equal(mine.aws("s3", "cp", f"s3://{BUCKET}/put", "-"), "an object\n")


@hang_guard(180)
def test_presigned_url_of_ours_does_not_come_back():
    """Whoever has it can use it without Enforcer, for as long as the guest has said."""
    with lab() as made:
        server, mine = AwsServer(made), AwsClients(made)
        url = mine.aws("s3", "presign", f"s3://{BUCKET}/moved").strip()
        reply = made.guest.curl(url)
        sent = server.events(event="request")[-1]["target"]
        signature = re.search("X-Amz-Signature=([0-9a-f]{64})", sent)[1]
        assert signature not in url, "the control: it is ours"
        equal(Outsider(made).curl(f"https://{BUCKET_HOST}{sent}").status, 307, "the control: it is good for anybody")
        said = (reply.body + reply.talk.encode()).decode()
        equal((reply.status, signature in said, said.count("X-Amz-Signature=" + "*" * 64)), (307, False, 2), said)
        again = re.search(r"<Endpoint>(.*)</Endpoint>", said)[1].replace("&amp;", "&")
        equal(made.guest.curl(again).status, 307, "who follows it is signed for again")
        equal(made.enforcer.metric("enforcer_secret_leaks_blocked_total", credential="aws"), 2)


@hang_guard(180)
def test_service_or_region_outside_of_the_binding_is_denied():
    with lab(services=["ce", "cloudformation"], bound=[CE, CLOUDFORMATION, ELSEWHERE]) as made:
        server, mine = AwsServer(made), AwsClients(made)
        assert "12.34" in mine.aws(*COSTS)
        with denies(made, "credential_host_mismatch"):
            done = mine.run("/usr/bin/aws", "cloudformation", "describe-stacks", "--region", "eu-west-1")
        assert done.returncode != 0, done.stdout
        assert made.enforcer.records(type="decision", decision="deny", host=ELSEWHERE)
        for scope in ("eu-west-1:ce", "us-east-1:sts", "us-east-1:s3"):  # the guest writes what it says it wants
            reply = made.guest.curl(*costs(scope))
            equal((reply.status, json.loads(reply.body)["reason"]), (403, "credential_host_mismatch"), scope)
        equal(server.verdicts(), [("ce:GetCostAndUsage", "ok")], "requests that arrived")
        equal(made.guest.curl(*costs()).status, 200)


def test_requests_without_a_signature_of_version_4_are_refused():
    scope = f"{PLACEHOLDERS[0]}/20261126/us-east-1/ce/aws4_request"
    good = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    asymmetric = (f"AWS4-ECDSA-P256-SHA256 Credential={PLACEHOLDERS[0]}/20261126/ce/aws4_request, "
                  f"SignedHeaders=host;x-amz-date;x-amz-region-set, Signature={'3045' * 18}")
    attempts = [(), ("-H", f"Authorization: {asymmetric}", "-H", "X-Amz-Region-Set: us-east-1"), ("-H", "Authorization: AWS AKIA:c2ln"),
                ("-H", "Authorization: Bearer x"),
                ("-H", f"Authorization: {good.replace('Credential', 'Credentia')}"), ("-H", f"Authorization: {good.replace('/ce/', '/')}"),
                ("-H", f"Authorization: {good.replace('aws4_request', 'aws5_request')}"), ("--user", "a:b")]
    queries = [f"?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256&X-Amz-Credential={PLACEHOLDERS[0]}%2F20261126%2Fce%2Faws4_request&X-Amz-Date="
               "20261126T000000Z&X-Amz-Region-Set=us-east-1&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=30",
               "?X-Amz-Algorithm=AWS4-HMAC-SHA256", "?X-Amz-Signature=00",
               f"?AWSAccessKeyId={PLACEHOLDERS[0]}&Signature=nzf8TUe6OZg1viju8mvwTwRGfSU%3D&Expires=1795734573"]
    with lab(services=["ce"], bound=[CE]) as made:
        server = AwsServer(made)
        made.guest.trust_enforcer()
        equal(made.guest.curl(*costs()).status, 200, "the control")
        time.sleep(0.5)  # the end of its connection
        made.world.witness.clear()
        for query, fields in [("", fields) for fields in attempts] + [(query, ()) for query in queries]:
            with denies(made, "signature"):
                reply = made.guest.curl(f"https://{CE}/{query}", *JSON, "-d", "{}", *fields)
            equal(reply.status, 403, f"{query} {fields}")
        made.wire_silent()
        equal(len(server.events(event="request")), 1)


@hang_guard(180)
def test_uploads_are_signed_again_chunk_by_chunk():
    with lab() as made:
        server = AwsServer(made)
        equal(AwsClients(made, Outsider(made)).upload("outside", 10)[0], 403, "the control: with placeholders")
        mine = AwsClients(made)
        for form in FORMS:
            for size, chunk, piece in ((0, 65_536, 1 << 20), (1, 65_536, 1), (65_536, 65_536, 1 << 20), (200_000, 65_536, 977),
                                       (2_000_000, 8192, 100_000)):
                key = f"{form}-{size}"
                equal(mine.upload(key, size, form=form, chunk=chunk, piece=piece), (200, ""), key)
                event = server.events(event="request", key=key)[-1]
                equal((event["verdict"], event["payload"], event["chunks"]), ("ok", form, -(-size // chunk) + 1), key)
                equal(event["digest"], hashlib.sha256(blob(size)).hexdigest(), key)


def test_body_whose_hash_is_not_stated_is_read_before_it_is_signed():
    with lab() as made:
        server = AwsServer(made)
        made.guest.trust_enforcer()
        for size, status in ((1, 200), (9 << 20, 200), (11 << 20, 413)):
            path = f"{made.folder}/body"
            with open(path, "w") as file:
                file.write(" " * size)
            equal(made.guest.curl(*costs("us-east-1:ce", "--data-binary", f"@{path}"), timeout=60).status, status, f"{size} octets")
        equal([e["body_bytes"] for e in server.events(event="request")], [1, 9 << 20])
        assert not [name for name, _ in server.events(event="request")[0]["fields"] if name.lower() == "x-amz-content-sha256"], \
            "the control: the client states none"


@hang_guard(180)
def test_guests_session_token_is_replaced_by_the_credentials_own():
    with lab() as made:
        server = AwsServer(made)
        made.guest.trust_enforcer()
        equal(made.guest.curl(*costs(), "-H", "X-Amz-Security-Token: mine").status, 200)
        outside = AwsClients(made, Outsider(made), (ACCESS_KEY, SECRET_KEY))
        session = json.loads(outside.aws("sts", "assume-role", "--role-arn", "arn:aws:iam::123456789012:role/agent", "--role-session-name",
                                         "by-hand"))["Credentials"]
        made.enforcer.write_credential("aws", [{"to": HOSTS, "as": "sigv4", "services": SERVICES, "regions": ["us-east-1"]}],
                                       secret=json.dumps({"Version": 1, **session}))
        made.enforcer.ctl_ok("reload")
        for more in ((), ("-H", "X-Amz-Security-Token: mine")):
            equal(made.guest.curl(*costs(), *more).status, 200, more)
        event = server.events(event="request")[-1]
        equal(event["access_key"], session["AccessKeyId"])
        equal([v for n, v in event["fields"] if n.lower() == "x-amz-security-token"], [session["SessionToken"]])
        mine = AwsClients(made)
        mine.path("up", "an object\n")
        mine.aws("s3", "cp", "up", f"s3://{BUCKET}/x")
        equal(made.guest.curl(mine.aws("s3", "presign", f"s3://{BUCKET}/x").strip()).status, 200)


@hang_guard(240)
def test_keys_that_a_guest_could_take_along_are_minted_by_rule_only():
    words = ("sts", "assume-role", "--role-arn", "arn:aws:iam::123456789012:role/agent", "--role-session-name", "xy")
    for keys, status in (("", 1), (", mintTokens: true", 0)):
        with lab(keys=keys, test=f"{os.environ['ENFORCER_TEST']}{keys}") as made:
            server, mine = AwsServer(made), AwsClients(made)
            assert ":user/lab" in mine.aws("sts", "get-caller-identity")
            done = mine.run("/usr/bin/aws", *words)
            equal((bool(done.returncode), ("sts:AssumeRole", "ok") in server.verdicts()), (bool(status), not status), done.stderr)


def test_path_style_and_http2_requests_are_signed_likewise():
    """The host of S3 without the bucket in its name, and a client of HTTP/2."""
    with lab() as made:
        server, mine = AwsServer(made), AwsClients(made)
        made.guest.trust_enforcer()
        mine.boto("from botocore.config import Config\ns3 = boto3.client('s3', config=Config(s3={'addressing_style': 'path', "
                  f"'payload_signing_enabled': True}}))\ns3.put_object(Bucket='{BUCKET}', Key='a/b c', Body=b'x')")
        event = server.events(event="request")[-1]
        equal((event["host"], event["key"], event["payload"]), (S3, "a/b c", "signed"))
        for version in ("--http1.1", "--http2"):
            equal(made.guest.curl(*costs(), version).status, 200, version)
            form = ("-d", "Action=DescribeStacks&Version=2010-05-15")
            equal(made.guest.curl(f"https://{CLOUDFORMATION}/", "--aws-sigv4", "aws:amz:us-east-1:cloudformation", "--user",
                                  ":".join(PLACEHOLDERS), *form, version).status, 200, version)
        signed_by_us(server)
