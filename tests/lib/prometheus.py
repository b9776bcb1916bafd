"""A real Prometheus beside the daemons of a lab: scrapes them once a second, with the rules of deploy/ loaded."""

import contextlib
import http.client
import json
import time
import urllib.parse

from lib.daemons import METRICS
from lib.lab import REPOSITORY
from lib.processes import Process, wait_for

RULES = f"{REPOSITORY}/deploy/prometheus"
LISTEN = ("127.0.0.1", 9090)  # in the lab's own namespace
FOREIGN = "node"              # a job that is none of Enforcer's; its target is down


class Prometheus:
    """with Prometheus(lab) as prometheus: it has scraped once."""

    def __init__(self, lab):
        self.host = lab.host
        with open(f"{lab.folder}/prometheus.yml", "w") as file:
            file.write(f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{RULES}/enforcer.rules.yml']\n"
                       "scrape_configs:\n- job_name: enforcer\n"
                       f"  static_configs: [{{targets: ['{METRICS[0]}:{METRICS[1]}']}}]\n"
                       f"- job_name: {FOREIGN}\n  static_configs: [{{targets: ['127.0.0.1:1']}}]\n")
        self.process = Process(["prometheus", f"--config.file={lab.folder}/prometheus.yml", f"--storage.tsdb.path={lab.folder}/tsdb",
                                f"--web.listen-address={LISTEN[0]}:{LISTEN[1]}"], f"{lab.folder}/prometheus.log", lab.host)

    def __enter__(self):
        wait_for(lambda: self.value('up{job="enforcer"}') == 1, 30, "the first scrape")
        return self

    def __exit__(self, *_):
        self.process.kill()

    def get(self, path, **parameters):
        """The data of an answer of its API; None as long as it does not listen, or not answer."""
        with contextlib.closing(http.client.HTTPConnection("localhost", timeout=10)) as connection:
            connection.sock = self.host.socket()
            try:
                connection.sock.connect(LISTEN)
            except ConnectionRefusedError:
                return None
            connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
            text = connection.getresponse().read().decode()
        if not text.startswith("{"):
            return None
        answer = json.loads(text)
        assert answer["status"] == "success", f"{parameters}: {answer}"
        return answer["data"]

    def value(self, expression):
        data = self.get("query", query=expression)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def now(self, expression):
        """[(labels, number)]"""
        return [(series["metric"], float(series["value"][1])) for series in self.get("query", query=expression)["result"]]

    def lately(self, expression, seconds, step=1):
        """[(labels, [(time, number)])] of the last so many seconds."""
        now = time.time()
        data = self.get("query_range", query=expression, start=now - seconds, end=now, step=f"{step}s")
        return [(series["metric"], [(at, float(value)) for at, value in series["values"]]) for series in data["result"]]

    def wait_scrapes(self, count):
        """Until so many scrapes more have been made."""
        expression = 'count_over_time(up{job="enforcer"}[10m])'
        before = self.value(expression)
        wait_for(lambda: self.value(expression) >= before + count, 20, "further scrapes")
