"""The dashboard and the alerts, against the real daemons under real traffic, scraped by a real Prometheus."""

import json
import math
import os
import re
import socket
import subprocess
import time
import urllib.parse

from lib.daemons import METRICS
from lib.expect import equal, refused_at_once, unreachable_at_once
from lib.lab import Lab, REPOSITORY, policy
from lib.processes import Process, wait_for
from lib.runner import hang_guard

DASHBOARD = f"{REPOSITORY}/deploy/grafana/dashboards/enforcer-decisions.json"
RULES = f"{REPOSITORY}/deploy/prometheus"
# What Grafana puts into a query. Intervals are short here, because the test is.
VARIABLES = {"$__rate_interval": "30s", "$__range": "5m", "$job": "enforcer", "$instance": ".*", "$guest": ".*"}
# Panels that show nothing yet, because no traffic of this test is intercepted or carries a credential.
# Panels whose good state is nought.
QUIET = {"Audit write errors"}
ROW = "row"


def dashboard():
    with open(DASHBOARD) as file:
        return json.load(file)


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != ROW]


def metric_names(text):
    """Families, without the suffixes of histograms."""
    names = set(re.findall(r"\benforcer_[a-z0-9_]+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


class Prometheus:
    """Scrapes the lab's enforcerd once a second, with the alerts loaded."""

    def __init__(self, lab):
        self.host = lab.host
        with open(f"{lab.folder}/prometheus.yml", "w") as file:
            file.write(f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{RULES}/enforcer.rules.yml']\n"
                       "scrape_configs:\n- job_name: enforcer\n"
                       f"  static_configs: [{{targets: ['{METRICS[0]}:{METRICS[1]}']}}]\n")
        self.process = Process(["prometheus", f"--config.file={lab.folder}/prometheus.yml", f"--storage.tsdb.path={lab.folder}/tsdb",
                                "--web.listen-address=127.0.0.1:9090"], f"{lab.folder}/prometheus.log", lab.host)

    def __enter__(self):
        wait_for(lambda: self.value("up") == 1, 30, "the first scrape")
        return self

    def __exit__(self, *_):
        self.process.kill()

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        done = self.host.run(["curl", "-sS", f"http://127.0.0.1:9090/api/v1/{path}?{query}"])
        if not done.stdout.startswith("{"):
            return None  # it does not listen, or not answer, yet
        answer = json.loads(done.stdout)
        assert answer["status"] == "success", f"{parameters}: {answer}"
        return answer["data"]

    def value(self, expression):
        data = self.get("query", query=expression)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def samples(self, target):
        """Every number that a panel's target shows."""
        expression = substituted(target["expr"])
        if target["instant"]:
            return [float(series["value"][1]) for series in self.get("query", query=expression)["result"]]
        now = time.time()
        data = self.get("query_range", query=expression, start=now - 30, end=now, step="1s")
        return [float(value) for series in data["result"] for _, value in series["values"]]

    def wait_scrapes(self, count):
        """Until so many scrapes more have been made."""
        expression = 'count_over_time(up{job="enforcer"}[10m])'
        before = self.value(expression)
        wait_for(lambda: self.value(expression) >= before + count, 20, "further scrapes")


def substituted(text):
    for name in sorted(VARIABLES, key=len, reverse=True):
        text = text.replace(name, VARIABLES[name])
    assert "$" not in text, f"a variable that this test does not know: {text}"
    return text


CREDENTIALS = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}], "placeholder": {"env": {"API_TOKEN": "token"}}}}
POLICY = policy("ok.test", "ok.test:80", "tcp.test:7 tcp", "garbage.test",
                'cred.test http: [{paths: ["/**"]}], credential: token', extra="""  deny:
    - {name: closed, to: [hidden.test], reason: "Closed."}
  review:
    - {name: held, to: ["cdn.test:80"], http: [{methods: [DELETE]}]}
""")
# Whoever is told is told in vain, so that each failure counts; a client that waits is sent away at once.
CONFIG = {"review": {"notify": ["/bin/false"], "clientWait": "1s"}}


def hold_two_and_reject_one(lab):
    for number in range(2):
        answer = lab.guest.curl(f"http://cdn.test/{time.time_ns()}", "-X", "DELETE")
        equal(answer.status, 503)
        if number == 0:
            ticket = json.loads(answer.body)["review_id"]
            lab.enforcer.ctl_ok("review", "reject", ticket)


def make_traffic(lab):
    """Something of everything that exists; what is returned stays open meanwhile."""
    guest = lab.guest
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
    placeholder = json.loads(lab.enforcer.ctl_ok("guest", "environment", "g1", "-o", "json"))["environment"]["API_TOKEN"]
    equal(guest.curl("https://cred.test/head", "-k", "-d", placeholder).status, 200)  # which is sent back; and a stray
    hold_two_and_reject_one(lab)
    lab.enforcer.ctl_ok("reload")
    opened = guest.connect("tcp.test", 7)
    opened.sendall(b"still here")
    opened.recv(16)
    return opened


@hang_guard(150)
def test_every_query_of_the_dashboard_returns_data_under_real_traffic():
    with Lab(POLICY, credentials=CREDENTIALS, config=CONFIG) as lab, Prometheus(lab) as prometheus:
        make_traffic(lab).close()
        prometheus.wait_scrapes(2)  # many series begin with their first event, and a rate needs a second one
        with make_traffic(lab):
            prometheus.wait_scrapes(4)
            silent, still = set(), set()
            for panel in panels():
                for target in panel["targets"]:
                    shown = [value for value in prometheus.samples(target) if math.isfinite(value)]
                    if not any(shown):
                        (still if shown else silent).add(panel["title"])
        shown_as_nothing = silent | still
        equal(shown_as_nothing - QUIET, set(), "panels without data")
        assert not silent & QUIET, f"a panel that shows nought has a line at nought: {silent}"
        for variable in dashboard()["templating"]["list"]:
            if variable["type"] == "query":
                selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
                values = prometheus.get(f"label/{label}/values", **{"match[]": substituted(selector)})
                assert values, f"${variable['name']} has no values: {selector}"


def test_dashboard_and_alerts_name_only_metrics_that_exist_and_the_dashboard_all_of_them():
    with Lab(POLICY, credentials=CREDENTIALS, config=CONFIG) as lab, make_traffic(lab):
        text = lab.enforcer.http("/metrics")[1]
        families = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
        queries = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
        equal(metric_names(queries) - families, set(), "in the dashboard, but not in /metrics")
        equal(families - metric_names(queries), set(), "in /metrics, but not in the dashboard")
        with open(f"{RULES}/enforcer.rules.yml") as file:
            expressions = " ".join(re.findall(r"expr:(.*?)\n {8}[a-z]", file.read(), re.DOTALL))
        assert metric_names(expressions), expressions
        equal(metric_names(expressions) - families, set(), "in the alerts, but not in /metrics")
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=30)
        equal((done.returncode, done.stdout + done.stderr), (0, ""))


def test_alert_fires_when_enforcerd_is_killed():
    with Lab(POLICY, credentials=CREDENTIALS, config=CONFIG) as lab, Prometheus(lab) as prometheus:
        alert = lambda name: [a["state"] for a in prometheus.get("alerts")["alerts"] if a["labels"]["alertname"] == name]
        wait_for(lambda: not prometheus.get("alerts")["alerts"], 20, "no alert: before the first scrape there is no enforcerd")
        lab.enforcer.hostd.kill()
        wait_for(lambda: alert("EnforcerFailClosed") == ["pending"], 20, "hostd's absence to be noticed")
        lab.enforcer.enforcerd.kill()
        wait_for(lambda: alert("EnforcerDown") == ["pending"], 20, "enforcerd's absence to be noticed")


def test_promtool_accepts_configuration_rules_and_their_tests():
    for words in (["check", "config", "prometheus.yml"], ["check", "rules", "enforcer.rules.yml"],
                  ["test", "rules", "enforcer.rules.test.yml"]):
        done = subprocess.run(["promtool", *words], cwd=RULES, capture_output=True, text=True, timeout=30)
        equal(done.returncode, 0, f"promtool {' '.join(words)}: {done.stdout}{done.stderr}")


def test_every_alert_has_a_test_that_fires_one_that_does_not_and_a_runbook():
    with open(f"{RULES}/enforcer.rules.yml") as file:
        rules = file.read()
    with open(f"{RULES}/enforcer.rules.test.yml") as file:
        tests = file.read()
    alerts = re.findall(r"alert: (\w+)", rules)
    assert alerts
    for alert in alerts:
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", tests), f"no test in which {alert} fires"
        assert re.search(rf"alertname: {alert}}}", tests), f"no test in which {alert} does not fire"
        assert f"runbook: /usr/share/enforcer/runbooks/{alert}.md" in rules, f"{alert} does not name its runbook"
        with open(f"{REPOSITORY}/deploy/runbooks/{alert}.md") as file:
            text = file.read()
        for heading in (f"# {alert}", "## What guests see", "## How to check", "## What to do"):
            assert f"{heading}\n" in text, f"{alert}.md has no '{heading}'"
        assert "enforcerctl " in text, f"{alert}.md does not use enforcerctl"
    equal({name.removesuffix(".md") for name in os.listdir(f"{REPOSITORY}/deploy/runbooks")}, set(alerts), "runbooks")


def test_dashboard_is_well_formed():
    board = dashboard()
    equal((board["uid"], board["schemaVersion"] >= 36), ("enforcer-decisions", True))
    equal([v["name"] for v in board["templating"]["list"]], ["datasource", "job", "instance", "guest"])
    numbers = [panel["id"] for panel in board["panels"]]
    equal(len(numbers), len(set(numbers)), "different panel ids")
    taken = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["w"] > 0 and place["h"] > 0 and place["x"] + place["w"] <= 24, panel["title"]
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])):
            assert cell not in taken, f"'{panel['title']}' lies over '{taken[cell]}'"
            taken[cell] = panel["title"]
    titles = [panel["title"] for panel in panels()]
    equal(len(titles), len(set(titles)), "different titles")
    for panel in panels():
        assert panel["title"] and panel["description"].endswith("."), f"'{panel['title']}' has no description"
        assert panel["fieldConfig"]["defaults"]["unit"], f"'{panel['title']}' has no unit"
        assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert 'job=~"$job", instance=~"$instance"' in target["expr"], f"'{panel['title']}' is not of the job chosen"
            assert "rate(" not in target["expr"] or "[$__rate_interval]" in target["expr"], panel["title"]
