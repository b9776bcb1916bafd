"""What does not come in time: who waits for it, for how long, and what is said about it."""

import contextlib
import json
import time

from lib.expect import equal
from lib.guest import exchange
from lib.http2_client import speak
from lib.http2_origin import Http2Origin
from lib.lab import Lab, policy

ANYTHING = 'http: [{paths: ["/**"]}]'
CLOUD = "cloudformation.us-east-1.amazonaws.com"


@contextlib.contextmanager
def lab(*allow, **deadlines):
    with Lab(policy(*allow), config={"deadlines": deadlines}) as made:
        made.guest.trust_enforcer()
        yield made


def test_origin_that_never_answers_is_a_504():
    with lab(f"mitm.test {ANYTHING}", f"h2.test {ANYTHING}", idle="2s") as made, Http2Origin(made):
        for host in ("mitm.test", "h2.test"):  # an origin of each version
            for version in ("--http1.1", "--http2"):
                equal(made.guest.curl(f"https://{host}/", version).status, 200)
                late = made.guest.curl(f"https://{host}/never", version)
                equal(late.status, 504, f"{host} {version}: {late.talk}")
                equal(json.loads(late.body)["reason"], "origin_timeout")
                equal(made.guest.curl(f"https://{host}/", version).status, 200, "and the next request is served")
            ends = made.enforcer.records(type="end", reason="origin_timeout", host=host)
            equal([end["outcome"] for end in ends], ["timeout"] * 2)


def test_pings_do_not_keep_a_connection_that_asks_for_nothing():
    with lab(f"h2.test {ANYTHING}", requestHead="2s") as made, Http2Origin(made):
        with speak(made.guest, "h2.test") as client:
            begun = time.monotonic()
            while not client.ended and time.monotonic() - begun < 20:
                with contextlib.suppress(AssertionError):
                    client.ping(1)
                time.sleep(0.3)
            assert client.ended and time.monotonic() - begun >= 1.5, "not before its time"
        equal(made.enforcer.wait_record(type="decision", decision="deny", reason="hello_timeout")["host"], "h2.test")
        with speak(made.guest, "h2.test") as client:  # the control: one that has asked may be quiet for longer
            equal(client.ask().status, 200)
            time.sleep(3)
            equal(client.ask().status, 200)


def test_body_that_a_decision_needs_and_that_does_not_come_is_denied():
    form = ("Action=DescribeStacks&Version=2010-05-15", "Action=Describe")
    with lab(f'{CLOUD} aws: {{actions: ["cloudformation:Describe*"]}}', requestBody="2s") as made:
        head = (f"POST / HTTP/1.1\r\nHost: {CLOUD}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                f"Content-Length: {len(form[0])}\r\nConnection: close\r\n\r\n")
        with made.guest.tls(CLOUD) as client:
            answer, _ = exchange(client, (head + form[0]).encode())
        equal(answer.split(b" ")[1], b"401", "what comes whole is sent on: the origin wants to know who asks")
        begun = time.monotonic()
        with made.guest.tls(CLOUD) as client:
            equal(exchange(client, (head + form[1]).encode())[0], b"")
        with speak(made.guest, CLOUD) as client:
            stream = client.request("POST", "/", ("content-type", "application/x-www-form-urlencoded"), body=form[1].encode(), end=False)
            client.wait(lambda: stream.over, "the end of the stream")
        assert time.monotonic() - begun >= 4, "not before its time"
        denials = made.enforcer.records(type="decision", decision="deny")
        equal([(denied["reason"], denied["host"], denied["method"]) for denied in denials], [("body_timeout", CLOUD, "POST")] * 2)
        equal(len(made.world.events(event="request")), 1, "requests at the origin: the control's alone")
