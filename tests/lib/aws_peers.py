"""AWS in the world (aws_server.py), and its real clients: the command line tool, boto3, and uploads that are signed chunk by chunk."""

import json
import sys

from lib.clients import Clients
from lib.https_peers import HttpsPeer

ADDRESS = "93.184.216.64"
S3, BUCKET = "s3.us-east-1.amazonaws.com", "lab-bucket"
BUCKET_HOST = f"{BUCKET}.{S3}"
STS, CE = "sts.us-east-1.amazonaws.com", "ce.us-east-1.amazonaws.com"
CLOUDFORMATION, ELSEWHERE = "cloudformation.us-east-1.amazonaws.com", "cloudformation.eu-west-1.amazonaws.com"
LAMBDA = "lambda.us-east-1.amazonaws.com"
HOSTS = [S3, BUCKET_HOST, STS, CE, CLOUDFORMATION, ELSEWHERE]
ACCESS_KEY, SECRET_KEY = "AKIALABLABLABLABLAB1", "Sh4/lab+only+the+origin+knows+this+key/0"
# As a program for `credential_process` prints them.
KEYS = json.dumps({"Version": 1, "AccessKeyId": ACCESS_KEY, "SecretAccessKey": SECRET_KEY})
# What a guest has instead: they look right, and are good for nothing.
PLACEHOLDERS = ("AKIAPLACEHOLDER00001", "placeholder/placeholder/placeholder/0000")


class AwsServer(HttpsPeer):
    def __init__(self, lab, session_seconds=3600):
        super().__init__(lab, "aws_server", [*HOSTS, LAMBDA], ADDRESS, keys={ACCESS_KEY: SECRET_KEY}, buckets=[BUCKET],
                         session_seconds=session_seconds)

    def verdicts(self, **match):
        """[(action, verdict)] of every request so far."""
        return [(e.get("action"), e["verdict"]) for e in self.events(event="request", **match)]


class AwsClients(Clients):
    def __init__(self, lab, guest=None, keys=PLACEHOLDERS):
        super().__init__(lab, guest)
        self.keys = keys
        self.environment.update({
            "AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1], "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CA_BUNDLE": self.certificate, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1", "AWS_PAGER": "",
            "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional", "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        })

    def aws(self, *words, **options):
        """What `aws WORDS` printed."""
        return self.ok("/usr/bin/aws", *words, **options)

    def boto(self, script):
        """What a script prints that finds boto3 imported, and a client of S3 under the name s3."""
        return self.ok("/usr/bin/python3", "-c", f"import boto3, botocore, json\ns3 = boto3.client('s3')\n{script}")

    def upload(self, key, size, **more):
        """(status, body) of an upload that is signed chunk by chunk (aws_upload.py)."""
        order = {"host": BUCKET_HOST, "key": key, "size": size, "keys": self.keys, "certificate": self.certificate, **more}
        return tuple(json.loads(self.ok(sys.executable, "-B", "-m", "lib.aws_upload", json.dumps(order), cwd=_TESTS)))


_TESTS = __file__.rpartition("/lib/")[0]
