"""The dashboards and the alerts, against the real daemons under real traffic, scraped by a real Prometheus."""

import math
import os
import re
import subprocess
from xml.etree import ElementTree

from lib.dashboard_picture import draw
from lib.dashboards import boards, expressions, families_in, lab, make_traffic, panels, shown, values, variables
from lib.expect import equal
from lib.lab import REPOSITORY
from lib.processes import wait_for
from lib.prometheus import FOREIGN, RULES, Prometheus
from lib.runner import hang_guard

ONE_SANITIZER = "look at the traffic of others by way of Prometheus"

RULE_TESTS = ("enforcer.rules.test.yml", "enforcer.trends.test.yml")
RUNBOOKS = f"{REPOSITORY}/deploy/runbooks"
RUNBOOK_BASE = "file:///usr/share/enforcer/runbooks"  # where the package puts them
UIDS = ("enforcer-datapath", "enforcer-decisions", "enforcer-overview", "enforcer-reviews")
# Panels whose good state is nought.
QUIET = {"Audit write errors"}


def read(path):
    with open(path) as file:
        return file.read()


@hang_guard(150)
def test_every_panel_of_every_dashboard_shows_something_under_real_traffic():
    with lab() as bench, Prometheus(bench) as prometheus:
        make_traffic(bench).close()
        prometheus.wait_scrapes(2)  # many series begin with their first event, and a rate needs a second one
        with make_traffic(bench):
            prometheus.wait_scrapes(4)
            for uid, board in boards().items():
                silent, still = set(), set()
                for panel in panels(board):
                    numbers = [value for line in shown(panel, prometheus) for _, value in line.points if math.isfinite(value)]
                    if not any(numbers):
                        (still if numbers else silent).add(panel["title"])
                equal((silent | still) - QUIET, set(), f"{uid}: panels without data")
                assert not silent & QUIET, f"{uid}: a panel that shows nought has a line at nought: {silent}"
                for variable in board["templating"]["list"]:
                    if variable["type"] == "query":
                        assert values(variable, prometheus), f"{uid}: ${variable['name']} has no values"
            check_picture(bench, prometheus)
            for name in re.findall(r"record: (\S+)", read(f"{RULES}/enforcer.rules.yml")):
                if name != "enforcer:denied:rate1d":  # which is recorded every other minute
                    assert prometheus.now(name), f"nothing is recorded as {name}"


@hang_guard(90)
def test_a_target_of_another_job_that_is_down_is_none_of_enforcers():
    with lab() as bench, Prometheus(bench) as prometheus:
        wait_for(lambda: prometheus.value(f'up{{job="{FOREIGN}"}}') == 0, 20, "the other job's target to be found down")
        overview = boards()["enforcer-overview"]
        equal(values(variables(overview)["job"], prometheus), ["enforcer"])
        state = lambda: [line.points[-1][1] for line in shown(panel_of(overview, "enforcerd"), prometheus)]
        equal(state(), [1.0])
        bench.enforcer.enforcerd.kill()
        wait_for(lambda: state() == [0.0], 20, "enforcerd to be shown as down")  # the control


def panel_of(board, title):
    return next(panel for panel in panels(board) if panel["title"] == title)


def check_picture(bench, prometheus):
    """What the README shows is drawn like this, from longer traffic (tests/draw-dashboards)."""
    board = boards()["enforcer-overview"]
    draw(f"{bench.folder}/overview.svg", board, prometheus, 30, "of a test")
    picture = ElementTree.parse(f"{bench.folder}/overview.svg")
    words = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    equal({panel["title"] for panel in board["panels"]} - words, set(), "titles that are not in the picture")
    assert "no data" not in words and {"up", "succeeded", "deny", "g1"} <= {word.split("  ")[0] for word in words}, sorted(words)


def test_dashboards_rules_and_runbooks_name_only_metrics_that_exist_and_the_dashboards_all_of_them():
    with lab() as bench, make_traffic(bench):
        text = bench.enforcer.http("/metrics")[1]
    families = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    drawn = families_in(" ".join(e for board in boards().values() for e in expressions(board)))
    equal(drawn - families, set(), "in a dashboard, but not in /metrics")
    equal(families - drawn, set(), "in /metrics, but in no dashboard")
    for name in ("enforcer.rules.yml", *RULE_TESTS):
        named = families_in(read(f"{RULES}/{name}"))
        assert named, f"{name} names no metric"
        equal(named - families, set(), f"in {name}, but not in /metrics")
    for name in os.listdir(RUNBOOKS):
        equal(families_in(read(f"{RUNBOOKS}/{name}")) - families, set(), f"in {name}, but not in /metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=30)
    equal((done.returncode, done.stdout + done.stderr), (0, ""))


def test_alert_is_pending_when_a_daemon_is_killed():
    with lab() as bench, Prometheus(bench) as prometheus:
        alert = lambda name: [a["state"] for a in prometheus.get("alerts")["alerts"] if a["labels"]["alertname"] == name]
        wait_for(lambda: not prometheus.get("alerts")["alerts"], 20, "no alert: before the first scrape there is no enforcerd")
        bench.enforcer.hostd.kill()
        wait_for(lambda: alert("EnforcerHostdDown") == ["pending"], 20, "hostd's absence to be noticed")
        equal(alert("EnforcerFailClosed"), [], "alerts that guests have no network, which they have")
        bench.enforcer.enforcerd.kill()
        wait_for(lambda: alert("EnforcerDown") == ["pending"], 20, "enforcerd's absence to be noticed")


def test_alert_fires_for_a_secret_that_came_back_and_is_pending_for_files_that_are_wrong():
    with lab() as bench, Prometheus(bench) as prometheus:
        alerts = lambda: {(a["labels"]["alertname"], a["state"]) for a in prometheus.get("alerts")["alerts"]}
        wait_for(lambda: not alerts(), 20, "no alert")
        with make_traffic(bench):
            wait_for(lambda: ("EnforcerSecretLeakBlocked", "firing") in alerts(), 20, "the alert about the secret to fire")
        equal(alerts(), {("EnforcerSecretLeakBlocked", "firing")})
        bench.enforcer.write_policy("no policy")
        equal(bench.enforcer.ctl("reload").returncode, 3)
        wait_for(lambda: ("EnforcerPolicyReloadFailed", "pending") in alerts(), 20, "the alert about the files to be pending")


def test_promtool_accepts_configuration_rules_and_their_tests():
    for words in (["check", "config", "prometheus.yml"], ["check", "rules", "enforcer.rules.yml"],
                  *(["test", "rules", name] for name in RULE_TESTS)):
        done = subprocess.run(["promtool", *words], cwd=RULES, capture_output=True, text=True, timeout=60)
        equal(done.returncode, 0, f"promtool {' '.join(words)}: {done.stdout}{done.stderr}")
    equal({name for name in os.listdir(RULES) if ".test." in name}, set(RULE_TESTS), "files of tests")


def test_pages_of_alerts_can_be_kept_elsewhere():
    page = read(f"{REPOSITORY}/deploy/README.md")
    command = re.search(r"^sed 's\|(\S+)\|(\S+)\|' (/usr/share/enforcer/prometheus)/enforcer.rules.yml > \S+$", page, re.MULTILINE)
    base, elsewhere, folder = command.groups()
    equal((base, folder), (RUNBOOK_BASE, "/usr/share/enforcer/prometheus"))
    rules = read(f"{RULES}/enforcer.rules.yml")
    done = subprocess.run(["sed", f"s|{base}|{elsewhere}|"], input=rules, capture_output=True, text=True, timeout=10)
    equal(done.stdout.count(f"runbook_url: {elsewhere}/Enforcer"), rules.count("- alert: "))
    assert base not in done.stdout


def test_every_alert_has_a_test_that_fires_one_that_does_not_and_a_runbook():
    rules, tests = read(f"{RULES}/enforcer.rules.yml"), "".join(read(f"{RULES}/{name}") for name in RULE_TESTS)
    alerts = re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\Z)", rules, re.DOTALL)
    assert alerts
    readme = read(f"{REPOSITORY}/deploy/README.md")
    for alert, text in alerts:
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", tests), f"no test in which {alert} fires"
        assert re.search(rf"alertname: {alert}}}", tests), f"no test in which {alert} does not fire"
        for part in ("severity: (critical|warning)}", "summary: ", "description: ", f"runbook_url: {RUNBOOK_BASE}/{alert}.md"):
            assert re.search(part, text), f"{alert} has no '{part}'"
        runbook = read(f"{RUNBOOKS}/{alert}.md")
        for heading in (f"# {alert}", "## What guests see", "## How to check", "## What to do"):
            assert f"{heading}\n" in runbook, f"{alert}.md has no '{heading}'"
        assert "enforcerctl " in runbook, f"{alert}.md does not use enforcerctl"
        assert f"[{alert}](runbooks/{alert}.md)" in readme, f"deploy/README.md does not speak of {alert}"
    equal({name.removesuffix(".md") for name in os.listdir(RUNBOOKS)}, {name for name, _ in alerts}, "runbooks")
    recorded = re.findall(r"record: (\S+)", rules)
    assert all(re.fullmatch(r"enforcer:[a-z_]+:[a-z0-9_]+", name) for name in recorded), recorded
    equal(set(re.findall(r"enforcer:[a-z_]+:[a-z0-9_]+", "".join(text for _, text in alerts))), set(recorded), "recorded, and asked for")


def test_dashboards_are_well_formed():
    equal(tuple(boards()), UIDS)
    equal(len({board["title"] for board in boards().values()}), len(UIDS), "different titles")
    for uid, board in boards().items():
        equal((board["uid"], board["schemaVersion"], board["tags"]), (uid, 38, ["enforcer"]))  # Grafana 9.3 to 11 read 38
        check_variables(uid, board)
        equal([link["tags"] for link in board["links"]], [["enforcer"]], "a way to the other dashboards")
        check_places(board)
        titles = [panel["title"] for panel in panels(board)]
        equal(len(titles), len(set(titles)), f"{uid}: different titles")
        for panel in panels(board):
            check_panel(panel)


def check_variables(uid, board):
    found = variables(board)
    equal(list(found), ["datasource", "job", "instance", "guest"], uid)
    for name, variable in found.items():
        assert variable["description"].endswith("."), f"{uid}: ${name} has no description"
        if name != "guest":
            equal(variable, variables(boards()[UIDS[0]])[name], f"{uid}: ${name} is the same in all dashboards")
    assert found["job"]["allValue"] is None, "other jobs are none of Enforcer's: All is all that the query finds"
    obeying = {panel["title"] for panel in panels(board) if "$guest" in "".join(target["expr"] for target in panel["targets"])}
    equal(set(re.findall(r"'([^']+)'", found["guest"]["description"])), obeying, f"{uid}: the panels that obey $guest")


def check_places(board):
    numbers = [panel["id"] for panel in board["panels"]]
    equal(len(numbers), len(set(numbers)), "different panel ids")
    taken = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["w"] > 0 and place["h"] > 0 and place["x"] + place["w"] <= 24, panel["title"]
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])):
            assert cell not in taken, f"'{panel['title']}' lies over '{taken[cell]}'"
            taken[cell] = panel["title"]


def check_panel(panel):
    assert panel["title"] and panel["description"].endswith("."), f"'{panel['title']}' has no description"
    assert panel["fieldConfig"]["defaults"]["unit"], f"'{panel['title']}' has no unit"
    assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"], panel["title"]
    for target in panel["targets"]:
        # An alert about a target that is absent has no instance.
        chosen = 'ALERTS{job=~"$job", instance=~"$instance|"' if "ALERTS" in target["expr"] else 'job=~"$job", instance=~"$instance"'
        assert chosen in target["expr"], f"'{panel['title']}' is not of the job chosen"
        if families_in(target["expr"]) & {"enforcer_denied_total", "enforcer_datapath_drops_total"}:
            assert 'guest=~"$guest"' in target["expr"], f"'{panel['title']}' is not of the guest chosen"
        assert "rate(" not in target["expr"] or "[$__rate_interval]" in target["expr"], panel["title"]
