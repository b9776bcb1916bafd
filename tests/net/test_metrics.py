"""Metrics: the deny counters rise by exactly what happened, and a real Prometheus reads them."""

import re
import socket
import subprocess

from lib.expect import equal, refused_at_once
from lib.lab import REPOSITORY, Lab, policy
from lib.processes import wait_for
from lib.prometheus import Prometheus

DENIED = "enforcer_denied_total"


def test_denied_total_rises_with_each_denial_and_names_the_rule():
    text = policy("ok.test", "**.wild.test") + '  deny:\n    - {name: closed, to: ["b.a.wild.test"], reason: "Closed."}\n'
    with Lab(text) as lab:
        samples = lab.enforcer.metrics()
        zero = [k for k in samples if k.startswith(DENIED) and 'rule="closed"' in k]
        assert zero and samples[zero[0]] == 0, "a deny rule's counter exists before it is needed"
        equal(lab.enforcer.metric(DENIED, reason="address"), 0)
        for _ in range(3):
            refused_at_once(lab.guest, "93.184.216.35", 443)
        equal(lab.guest.query("b.a.wild.test").rcode, "NXDOMAIN")
        wait_for(lambda: lab.enforcer.metric(DENIED, guest="g1", reason="address") == 3, what="three denials counted")
        wait_for(lambda: lab.enforcer.metric(DENIED, guest="g1", policy="p", rule="closed", reason="rule") == 1, what="the rule's")
        before = lab.enforcer.metric("enforcer_transferred_bytes_total")
        equal(lab.guest.curl("https://ok.test/bytes/100000").status, 200)
        wait_for(lambda: lab.enforcer.metric("enforcer_transferred_bytes_total") > before + 100000, what="the bytes")
        assert lab.enforcer.metric("enforcer_decisions_total", layer="tls", decision="allow") == 1
        assert lab.enforcer.metric("enforcer_rule_hits_total", policy="p", rule="allow-0") >= 1


def test_promtool_finds_nothing_to_complain_about():
    with Lab(policy("ok.test")) as lab:
        lab.guest.curl("https://ok.test/")
        text = lab.enforcer.http("/metrics")[1]
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=30)
        equal((done.returncode, done.stdout + done.stderr), (0, ""))
        for name in ("build_info", "component_up", "guests", "decisions_total", "dns_queries_total", "transferred_bytes_total",
                     "connections_active", "connections_total", "overhead_duration_seconds_bucket", "datapath_packets_total",
                     "datapath_drops_total", "datapath_map_entries", "datapath_map_capacity", "policy_generation",
                     "policy_last_reload_successful", "policy_apply_duration_seconds", "audit_events_total",
                     "audit_write_errors_total", "origin_connect_duration_seconds_bucket"):
            assert f"\nenforcer_{name}" in text, f"enforcer_{name} is missing"


def reference():
    """{family: (type, labels, help)} as deploy/metrics.md says it."""
    with open(f"{REPOSITORY}/deploy/metrics.md", encoding="utf-8") as file:
        rows = re.findall(r"^\| `(enforcer_\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", file.read(), re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels)), about) for name, kind, labels, about in rows}


def test_the_reference_says_what_a_real_daemon_exposes():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        refused_at_once(lab.guest, "93.184.216.35", 443)
        told, text = reference(), lab.enforcer.http("/metrics")[1]
    kinds = dict(re.findall(r"^# TYPE (enforcer_\w+) (\w+)$", text, re.MULTILINE))
    abouts = dict(re.findall(r"^# HELP (enforcer_\w+) (.*)$", text, re.MULTILINE))
    assert len(kinds) > 30, kinds
    equal(told.keys() ^ kinds.keys(), set(), "in one of them only")
    for name, (kind, _, about) in told.items():
        equal((kind, about), (kinds[name], abouts[name]), name)
    for name, inner in re.findall(r"^(enforcer_\w+)\{(.*)\} ", text, re.MULTILINE):
        family = name if name in told else re.sub(r"_(bucket|sum|count)$", "", name)
        equal(set(re.findall(r'(\w+)="', inner)) - {"le"}, told[family][1], f"labels of {name}")


def test_real_prometheus_scrapes_and_answers():
    with Lab(policy("ok.test")) as lab:
        refused_at_once(lab.guest, "93.184.216.35", 443)
        with Prometheus(lab) as prometheus:
            equal(wait_for(lambda: prometheus.value(f'{DENIED}{{guest="g1",reason="address"}}'), 30, "the counter"), 1)


def test_health_and_readiness_follow_the_daemon():
    with Lab(policy("ok.test")) as lab:
        equal(lab.enforcer.http("/-/healthy")[0], 200)
        equal(lab.enforcer.http("/-/ready")[0], 200)
        equal(lab.enforcer.http("/nothing-here")[0], 404)
        lab.enforcer.hostd.kill()
        wait_for(lambda: lab.enforcer.metric("enforcer_component_up", component="hostd") == 0, what="component_up of hostd")
        equal(lab.enforcer.http("/-/healthy")[0], 200)


def test_names_a_guest_makes_up_make_no_series():
    with Lab(policy("ok.test")) as lab:
        lab.guest.query("first.other.test")
        # Not the datapath's: the guest's kernel sends multicast reports of its own while its link is young.
        series = lambda: {key for key in lab.enforcer.metrics() if not key.startswith("enforcer_datapath_")}
        before = series()
        for number in range(30):
            lab.guest.query(f"n{number}.other.test")
        equal(series(), before)
        assert "other.test" not in lab.enforcer.http("/metrics")[1]


def test_datapath_counts_every_dropped_frame_under_its_reason():
    with Lab(policy("ok.test")) as lab:
        name = "enforcer_datapath_drops_total"
        before = lab.enforcer.metric(name, guest="g1", reason="l2_ethertype")
        with lab.guest.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            mine = raw.getsockname()[4]
            for _ in range(25):
                raw.send(b"\x06\x77" + mine[2:] + mine + b"\x88\xcc" + bytes(60))
        wait_for(lambda: lab.enforcer.metric(name, guest="g1", reason="l2_ethertype") == before + 25, what="25 drops counted")
        lab.wire_silent()
