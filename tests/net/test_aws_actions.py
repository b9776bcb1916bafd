"""AWS by action: what a request wants of AWS is read from its scope and target or form, and decided on."""

import json

from lib.aws_peers import BUCKET, BUCKET_HOST, KEYS, LAMBDA, S3, AwsClients, AwsServer
from lib.expect import equal
from lib.lab import Lab, policy
from lib.runner import hang_guard
from lib.world import SECRET

CE, CLOUDFORMATION = "ce.us-east-1.amazonaws.com", "cloudformation.us-east-1.amazonaws.com"
RULES = [f'{CE} aws: {{actions: ["ce:Get*", "ce:List*"]}}, credential: aws',
         f'{CLOUDFORMATION} aws: {{actions: ["cloudformation:Describe*"]}}, credential: aws']
DENY = '  deny:\n    - {name: no-deletions, to: ["**.amazonaws.com"], aws: {actions: ["*:Delete*", "*:Terminate*"]}}\n'
CREDENTIALS = {"aws": {"binding": [{"to": [CE, CLOUDFORMATION], "as": "bearer"}]}}


def lab():
    return Lab(policy(*RULES, extra=DENY), credentials=CREDENTIALS)


def scope(service):
    return ("-H", "Authorization: AWS4-HMAC-SHA256 Credential=PLACEHOLDER/20261125/us-east-1/" + service +
            "/aws4_request, SignedHeaders=host, Signature=00")


def cost_explorer(guest, operation, *more):
    return guest.curl(f"https://{CE}/", *scope("ce"), "-H", "Content-Type: application/x-amz-json-1.1",
                      "-H", f"X-Amz-Target: AWSInsightsIndexService.{operation}", "-d", "{}", *more)


def cloudformation(guest, form, *more):
    return guest.curl(f"https://{CLOUDFORMATION}/", *scope("cloudformation"), "-d", form, *more)


def reason(reply):
    return json.loads(reply.body)["reason"] if "enforcer-decision: deny" in reply.talk.lower() else reply.status


def test_actions_are_told_apart_although_all_are_posts():
    with lab() as l:
        l.guest.trust_enforcer()
        equal(cost_explorer(l.guest, "GetCostAndUsage").status, 200)
        equal(cloudformation(l.guest, "Action=DescribeStacks&Version=2010-05-15").status, 200)
        refused = cloudformation(l.guest, "Action=DeleteStack&StackName=production")
        equal(refused.status, 403)
        problem = json.loads(refused.body)
        equal((problem["reason"], problem["rule"]), ("rule", "p/no-deletions"))
        equal(cost_explorer(l.guest, "UpdateAnomalyMonitor").status, 403)
        seen = l.world.events(event="request")
        equal([SECRET in e["head"] for e in seen], [True, True])
        assert not [e for e in seen if "Delete" in json.dumps(e)]


def test_action_that_cannot_be_told_is_denied():
    with lab() as l:
        l.guest.trust_enforcer()
        equal(cloudformation(l.guest, "Action=DescribeStacks").status, 200)  # the control
        for form, more in (("Action=DescribeStacks&Action=DeleteStack", ()), ("Version=2010-05-15", ()),
                           ("Action=DescribeStacks", ("-H", "X-Amz-Target: X.DeleteStack")),
                           ("Action=DescribeStacks&%41ction=DeleteStack", ()),
                           # In the words of a protocol that this service does not have, it reads what the body says.
                           ("Action=DeleteStack", ("-H", "Content-Type: application/x-amz-json-1.1",
                                                   "-H", "X-Amz-Target: CloudFormation.DescribeStacks"))):
            refused = cloudformation(l.guest, form, *more)
            equal(refused.status, 403, form)
            assert reason(refused) in ("action_unknown", "rule"), (form, refused.body)
        equal(len(l.world.events(event="request")), 1)


def test_scope_of_another_service_does_not_hide_what_is_asked():
    """The guest writes the scope; cloudformation's endpoint with ce's scope is not ce."""
    with lab() as l:
        l.guest.trust_enforcer()
        refused = l.guest.curl(f"https://{CLOUDFORMATION}/", *scope("ce"), "-d", "Action=GetTemplate")
        equal(refused.status, 403)
        equal(l.world.events(event="request"), [])


def test_form_too_large_to_be_decided_on_is_refused():
    with lab() as l:
        l.guest.trust_enforcer()
        with open(f"{l.folder}/form", "w") as file:
            file.write("Action=DescribeStacks&X=" + "y" * (2 << 20))
        refused = cloudformation(l.guest, f"@{l.folder}/form")
        equal(refused.status, 413)
        l.enforcer.wait_record(type="decision", decision="deny", reason="limit_body")
        with open(f"{l.folder}/form", "w") as file:
            file.write("Action=DescribeStacks&X=" + "y" * 500_000)
        equal(cloudformation(l.guest, f"@{l.folder}/form").status, 200)
        equal(l.world.events(event="request")[0]["body_bytes"], 500_024)


@hang_guard(300)
def test_deletions_by_method_and_path_are_denied_to_the_real_tool():
    hosts = [S3, BUCKET_HOST, LAMBDA]
    binding = [{"to": hosts, "as": "sigv4", "services": ["s3", "lambda"], "regions": ["us-east-1"]}]
    rules = [f'{host} aws: {{actions: ["s3:*", "lambda:*"]}}, credential: aws' for host in hosts]
    with Lab(policy(*rules, extra=DENY), credentials={"aws": {"binding": binding, "secret": KEYS}}) as made:
        server, mine = AwsServer(made), AwsClients(made)
        mine.path("up", b"content")
        mine.aws("s3", "cp", "up", f"s3://{BUCKET}/k")
        assert " k" in mine.aws("s3", "ls", f"s3://{BUCKET}/")
        assert "Functions" in mine.aws("lambda", "list-functions")
        equal([v for v in server.verdicts() if v[1] != "ok"], [])
        seen = len(server.events(event="request"))
        for words in (("s3", "rm", f"s3://{BUCKET}/k"), ("s3api", "delete-bucket", "--bucket", BUCKET),
                      ("s3api", "delete-objects", "--bucket", BUCKET, "--delete", "Objects=[{Key=k}]"),
                      ("s3api", "delete-bucket-policy", "--bucket", BUCKET),
                      ("lambda", "delete-function", "--function-name", "production")):
            refused = mine.run("/usr/bin/aws", *words)
            assert refused.returncode != 0 and "403" in refused.stderr + refused.stdout, (words, refused.stderr)
        made.enforcer.wait_record(type="decision", decision="deny", reason="rule")
        equal(len(server.events(event="request")), seen)
        assert " k" in mine.aws("s3", "ls", f"s3://{BUCKET}/")


def test_subresource_that_nobody_knows_is_denied_where_deletions_are():
    with Lab(policy(f'{BUCKET_HOST} aws: {{actions: ["s3:Get*", "s3:List*"]}}', extra=DENY)) as made:
        server = AwsServer(made)
        made.guest.trust_enforcer()
        for target, expected in (("/?unheard-of", "action_unknown"), ("/k?acl&tagging", "action_unknown"),
                                 ("/k?Action=DeleteObject", "action_unknown")):
            equal(reason(made.guest.curl(f"https://{BUCKET_HOST}{target}")), expected, target)
        equal(server.events(event="request"), [])
        assert reason(made.guest.curl(f"https://{BUCKET_HOST}/")) != "action_unknown"
        equal(len(server.events(event="request")), 1)  # the control: not signed, and therefore refused by the server itself
