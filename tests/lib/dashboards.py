"""The dashboards of deploy/, what their panels show of a Prometheus, and traffic that makes every panel show something."""

import dataclasses
import datetime
import json
import os
import re
import socket
import time

from lib.expect import equal, refused_at_once, unreachable_at_once
from lib.lab import REPOSITORY, Lab, policy

FOLDER = f"{REPOSITORY}/deploy/grafana/dashboards"
# What Grafana puts into a query, beside $job. Intervals are short here, because a test is.
VARIABLES = {"$__rate_interval": "30s", "$__range": "5m", "$instance": ".*", "$guest": ".*"}
ROW = "row"
POINTS = 60  # of a line, at most


def boards():
    """All of them, by their uid."""
    found = {}
    for name in sorted(os.listdir(FOLDER)):
        with open(f"{FOLDER}/{name}") as file:
            found[name.removesuffix(".json")] = json.load(file)
    return found


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] != ROW]


def expressions(board):
    return [target["expr"] for panel in panels(board) for target in panel["targets"]]


def variables(board):
    """{name: variable}"""
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def values(variable, prometheus):
    """What a variable that asks Prometheus offers."""
    selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
    return prometheus.get(f"label/{label}/values", **{"match[]": substituted(selector, prometheus)})


def all_jobs(prometheus):
    """What Grafana puts for "All" of the variable job, which is the same in all dashboards."""
    job = variables(boards()["enforcer-overview"])["job"]
    return job["allValue"] or "(" + "|".join(values(job, prometheus)) + ")"


def substituted(text, prometheus):
    """A query as Grafana asks it while "All" is chosen everywhere."""
    for name in sorted(VARIABLES, key=len, reverse=True):
        text = text.replace(name, VARIABLES[name])
    if "$job" in text:
        text = text.replace("$job", all_jobs(prometheus))
    assert "$" not in text, f"a variable that is not known here: {text}"
    return text


def families_in(text):
    """Enforcer's, without the suffixes of histograms."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\benforcer_[a-z0-9_]+", text)}


@dataclasses.dataclass
class Shown:
    """One line of a panel, or one number of it."""
    name: str      # as the legend has it; of a table: ""
    labels: dict
    points: list   # of (seconds since 1970, number); of what is asked for now alone: one


def shown(panel, prometheus, seconds=30):
    """Everything that a panel shows of the last so many seconds."""
    lines = []
    for target in panel["targets"]:
        expression = substituted(target["expr"], prometheus)
        if target["instant"]:
            found = [(labels, [(time.time(), value)]) for labels, value in prometheus.now(expression)]
        else:
            found = prometheus.lately(expression, seconds, step=max(seconds // POINTS, 1))
        legend = target["legendFormat"]
        lines += [Shown(re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), legend).strip(), labels, points)
                  for labels, points in found]
    return lines


def _keys_for_a_day():
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    return json.dumps({"Version": 1, "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "dashboards-of-a-test",
                       "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")})


POLICY = policy("ok.test", "ok.test:80", "tcp.test:7 tcp", "garbage.test",
                'cred.test http: [{paths: ["/**"]}], credential: token', extra="""  deny:
    - {name: closed, to: [hidden.test], reason: "Closed."}
  review:
    - {name: held, to: ["cdn.test:80"], http: [{methods: [DELETE]}]}
""")
# Whoever is told is told in vain, so that each failure counts; a client that waits is sent away at once.
CONFIG = {"review": {"notify": ["/bin/false"], "clientWait": "1s"}}


def lab(**options):
    """A Lab in which make_traffic() works."""
    credentials = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}], "placeholder": {"env": {"API_TOKEN": "token"}}},
                   "keys": {"binding": [{"to": ["sqs.us-east-1.amazonaws.com"], "as": "sigv4", "services": ["sqs"],
                                         "regions": ["us-east-1"]}], "secret": _keys_for_a_day()}}
    return Lab(POLICY, credentials=credentials, config=CONFIG, **options)


def _hold(bench, verdict):
    """One request, held; verdict: root's words to `review`, or none."""
    url = f"http://cdn.test/{time.time_ns()}"
    answer = bench.guest.curl(url, "-X", "DELETE")
    equal(answer.status, 503)
    if verdict is None:
        return
    bench.enforcer.ctl_ok("review", *verdict, json.loads(answer.body)["review_id"])
    if verdict[0] == "approve":
        status = bench.guest.curl(url, "-X", "DELETE").status
        assert status not in (403, 503), f"approved, and sent again: {status}"


def make_traffic(bench):
    """Something of everything that exists; what is returned stays open meanwhile."""
    guest = bench.guest
    equal(guest.curl("https://ok.test/bytes/100000").status, 200)
    equal(guest.curl("http://ok.test/").status, 200)
    equal(guest.query("other.test").rcode, "NXDOMAIN")
    equal(guest.query("hidden.test").rcode, "NXDOMAIN")
    refused_at_once(guest, "93.184.216.35", 443)
    unreachable_at_once(guest, "93.184.216.34", 443)
    with guest.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("eth0", 0))
        raw.send(raw.getsockname()[4] * 2 + b"\x88\xcc" + bytes(60))
    guest.curl("https://garbage.test/")
    equal(guest.curl("https://cred.test/", "-k").status, 200)  # intercepted, and given a credential
    variables = json.loads(bench.enforcer.ctl_ok("guest", "environment", guest.name, "-o", "json"))["environment"]
    # It is sent back; and the placeholder strays.
    equal(guest.curl("https://cred.test/head", "-k", "-d", variables["API_TOKEN"]).status, 200)
    for verdict in (["approve", "-y"], ["reject"], None):
        _hold(bench, verdict)
    bench.enforcer.ctl_ok("reload")
    opened = guest.connect("tcp.test", 7)
    opened.sendall(b"still here")
    opened.recv(16)
    return opened
