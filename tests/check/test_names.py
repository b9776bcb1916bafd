"""What pages, runbooks and dashboards name is there: reasons, words of records, metrics, alerts and keys of the configuration."""

import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(__file__))
from sources import files, read  # noqa: E402

from lib.expect import equal  # noqa: E402

# For whoever runs Enforcer. Other pages name the kernel's, the peers' and other people's things as well.
PAGES = [path for path in files(".md")
         if re.match(r"README|\.github/|deploy/|policies/[^/]+$|policies/presets/|userspace/(reasons|concepts)", path)]
WORD = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+"
NO_KEYS = r"\.(py|key|jsonl|conf|yaml)\b"


def known():
    """{kind: names}, out of the sources and of what is generated from them."""
    reasons = re.findall(r'^ *X\(\w+, "(\w+)"', read("userspace/policy/reason.h"), re.MULTILINE)
    drops = re.findall(r'^ *X\([A-Z0-9_]+, "(\w+)"', read("bpf/abi.h"), re.MULTILINE)
    literals = " ".join(literal for path in files(".h", ".cc", under="userspace") + files(".h", under="bpf")
                        for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', read(path)))
    others = " ".join(read(path) for path in files(".bpf.c", under="bpf") + ["deploy/prometheus/enforcer.rules.yml"])
    metrics = re.findall(r"^\| `(enforcer_\w+)` \| (\w+)", read("deploy/metrics.md"), re.MULTILINE)
    keys, place = set(), ""
    for line in read("deploy/reference.md").splitlines():
        if heading := re.match(r"### (?:`([\w.]+)`|the configuration)", line):
            place = f"{heading[1]}." if heading[1] else ""
        elif row := re.match(r"\| `(\w+)` \|", line):
            keys.add(place + row[1])
    return {"reason": {*reasons, *drops}, "word": set(re.findall(WORD, f"{literals} {others}")),
            "metric": {name for name, _ in metrics} | {f"{name}_{end}" for name, kind in metrics if kind == "histogram"
                                                       for end in ("bucket", "sum", "count")},
            "alert": set(re.findall(r"- alert: (\w+)", read("deploy/prometheus/enforcer.rules.yml"))), "key": keys}


def reasons_of(text):
    """What the text calls a reason: by that word, or in a column of a table that is called so."""
    found = set(re.findall(rf"\breasons? `({WORD})`", text)) | set(re.findall(rf'reason="({WORD})"', text))
    column = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            column = None
        elif column is None:
            column = cells.index("reason") if "reason" in cells else -1
        elif 0 <= column < len(cells):
            found |= set(re.findall(r"`([a-z0-9_]+)`", re.sub(r"(event|outcome) `\w+`", "", cells[column])))
    return found


def unknown(text, there):
    """What the text names, and is not there."""
    code = "\n".join(re.findall(r"`([^`\n]+)`", text))
    sections = {key.partition(".")[0] for key in there["key"] if "." in key}
    wrong = [f"reason {name}" for name in reasons_of(text) - there["reason"]]
    wrong += [f"word {name}" for name in set(re.findall(rf"^{WORD}$", code, re.MULTILINE)) - there["word"] - there["metric"]
              if f"enforcer_{name}" not in there["metric"]]
    wrong += [f"metric {name}" for name in set(re.findall(r"\benforcer_[a-z0-9_]*[a-z0-9]", text)) - there["metric"]]
    wrong += [f"alert {name}" for name in set(re.findall(r"\bEnforcer[A-Z]\w+", text)) - there["alert"]]
    wrong += [f"key {name}" for name in set(re.findall(r"^[a-zA-Z]+\.[a-zA-Z.]+(?=:|$)", code, re.MULTILINE)) - there["key"]
              if name.partition(".")[0] in sections and not re.search(NO_KEYS, name)]
    return sorted(wrong)


def test_what_the_pages_name_is_there():
    there = known()
    for kind, least in {"reason": 90, "word": 300, "metric": 40, "alert": 12, "key": 40}.items():
        assert len(there[kind]) >= least, (kind, len(there[kind]))
    wrong = [f"{path}: {name}" for path in PAGES for name in unknown(read(path), there)]
    assert not wrong, "\n".join(wrong)
    named = set().union(*(reasons_of(read(path)) for path in PAGES))
    assert len(named) > 60, named


def test_what_the_dashboards_and_alerts_say_is_there():
    there = known()
    texts = {path: "\n".join(panel.get("description", "") for panel in json.loads(read(path))["panels"])
             for path in files(".json", under="deploy/grafana")}
    texts |= {path: read(path) for path in files(".yml", under="deploy/prometheus")}
    wrong = [f"{path}: {name}" for path, text in texts.items() for name in unknown(text, there)]
    assert not wrong, "\n".join(wrong)
    reasons = re.search(r'reason=~\\"\((\S+?)\)\.\*\\"', read("deploy/grafana/dashboards/enforcer-reviews.json"))[1].split("|")
    for begin in reasons:
        assert any(name.startswith(begin) for name in there["reason"]), f"no reason begins with {begin}"


def test_names_that_are_not_there_are_found():
    there = known()
    table = "| bound | reason |\n| --- | --- |\n| a | {} |\n"
    right = ["the reason `h2_proto`", table.format("`name`, event `limit_decisions`"), "`enforcer_denied_total`", "`denied_total`",
             "EnforcerDown", "`limits.connections`", "`deadlines.idle: 5m`", "`audit.jsonl.head`", "`credentials.key`",
             "`secret_leak_blocked`"]
    for text in right:
        equal(unknown(text, there), [], text)
    for text, name in {"the reason `h2_malformed`": "reason h2_malformed", table.format("`origin_protocol`"): "reason origin_protocol",
                       table.format("`nothing`"): "reason nothing", "`h2_malformed` again": "word h2_malformed",
                       "`enforcer_denials_total`": "metric enforcer_denials_total", "EnforcerUp": "alert EnforcerUp",
                       "`limits.conections`": "key limits.conections", "`deadlines.lazy: 5m`": "key deadlines.lazy"}.items():
        assert name in unknown(text, there), (text, unknown(text, there))
