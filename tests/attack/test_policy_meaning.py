"""What a policy means: nothing where nothing is written, one value in one type, and one verdict where rules overlap.

The lab: ok.test passes through, mitm.test is intercepted, tcp.test:7 is plain TCP; other.test exists and is allowed by nothing."""

import json
import os
import random
import re
import urllib

from lib.control import control
from lib.daemons import ENFORCERD_UID
from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.lab import RULE, Lab, policy
from lib.oracles import served
from lib.policy_files import HEAD, resolves, rule, written
from lib.processes import Process
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name

NAMES = ("ok.test", f"mitm.test {RULE}", "tcp.test:7 tcp")
EAGER = {"limits": {"dnsPerSecond": 10_000}}


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


ALL = "  allow:\n    - {name: a, to: [ok.test]}\n"
OURS = HEAD + "  guests: {matchLabels: {lab: yes}}\n"
EMPTY = {
    "nothing": "", "a newline": "\n", "a comment": "# nothing\n", "a separator": "---\n", "two separators": "---\n---\n", "null": "~\n",
    "an empty mapping": "{}\n", "an empty list": "[]\n", "no spec": HEAD.replace("spec:\n", ""), "an empty spec": HEAD,
    "spec {}": HEAD.replace("spec:", "spec: {}"), "no allow": OURS, "allow []": OURS + "  allow: []\n",
    "allow without anything": OURS + "  allow:\n", "allow {}": OURS + "  allow: {}\n", "allow [{}]": OURS + "  allow: [{}]\n",
    "allow [null]": OURS + "  allow: [~]\n", "an allow without to": OURS + "  allow: [{name: a}]\n",
    "deny only": OURS + "  deny:\n    - {name: a, to: [evil.test]}\n", "no guests": HEAD + ALL,
    **{f"guests: {g}": HEAD + f"  guests: {g}\n" + ALL for g in (
        "", "{}", "[]", "~", "{matchLabels: {}}", "{matchLabels: }", "{names: []}", "{names: }", "{names: [nobody]}", "{names: ['*']}",
        "{matchLabels: {lab: 'no'}}", "{matchLabels: {lab: '*'}}", "{matchLabels: {lab: yes, more: yes}}", "'*'", "all")},
    **{f"to: {t}": OURS + "  allow:\n    - {name: a, to: " + t + "}\n" for t in ("[]", "", "~", "['']", "[~]", "[[]]", "{}")},
    **{f"rule with {m}": rule(f", {m}") for m in (
        "http: []", "http: ~", "http: [{}]", "http: [{methods: []}]", "http: [{paths: []}]", "http: [{methods: [], paths: []}]",
        "http: [{methods: [''], paths: ['']}]", "http: [{headers: {}}]", "http: [{query: {}}]", "git: {}", "git: {repos: []}", "aws: {}",
        "aws: {actions: []}", "except: [ok.test]", "except: []", "expires: 2001-01-01T00:00:00Z", "expires: ''")},
}


@hang_guard(240)
def test_160_nothing_written_means_nothing_allowed():
    with lab(config=EAGER, start=False) as made:
        os.unlink(f"{made.enforcer.policies}/policy.yaml")
        made.enforcer.start()
        made.attach("g1")
        made.world.witness.clear()
        path = f"{made.enforcer.policies}/empty.yaml"

        def nothing(what):
            equal((resolves(made, "ok.test"), resolves(made, "evil.test")), (False, False), what)
            refused_at_once(made.guest, "93.184.216.34", 443)
        nothing("no file at all")
        loaded = 0
        for what, text in EMPTY.items():
            written(path, text)
            status, answer = control(made, "POST", "/v1/reload")
            assert status in (200, 400), (what, status, answer)
            loaded += status == 200
            try:
                nothing(what)
            except AssertionError as error:
                raise AssertionError(f"{what}: {error}") from error
        assert 5 < loaded < len(EMPTY), f"the control: {loaded} of {len(EMPTY)} are policies"
        # A ceiling that holds nothing is one.
        written(path, policy("ok.test"))
        made.enforcer.ctl_ok("reload")
        assert resolves(made, "ok.test"), "the control"
        guardrail = "apiVersion: enforcer.dev/v1\nkind: Guardrail\nmetadata: {name: top}\nspec:\n"
        for what, text in (("no ceiling", "  deny: [{name: d, to: [evil.test]}]\n"), ("ceiling []", "  ceiling: []\n"),
                           ("ceiling null", "  ceiling:\n"),
                           ("another ceiling", "  ceiling: [{name: c, to: [evil.test]}]\n")):
            written(f"{made.enforcer.policies}/guardrail.yaml", guardrail + text)
            status, answer = control(made, "POST", "/v1/reload")
            if status == 200 and "null" not in what:
                equal(resolves(made, "ok.test"), what == "no ceiling", f"{what}: {answer}")
        assert not resolves(made, "ok.test"), "the control: the last one loads"
        # Empty for one guest, whatever another may.
        os.unlink(f"{made.enforcer.policies}/guardrail.yaml")
        written(path, policy("ok.test", guests="{names: [g2]}"))
        made.enforcer.ctl_ok("reload")
        nothing("a policy for g2")
        made.wire_silent()
        made.attach("g2")
        made.guests["g2"].trust(made.world.authority)
        equal(made.guests["g2"].curl("https://ok.test/").status, 200)


PORTS = ["443.0", "0443", "+443", "0x1bb", "443-444", "443,444", "65536", "0", "-1", "", "4 43", "44e1", "https", "443 ",
         "\u0664\u0664\u0663", "443/tcp"]
NUMBERS = ["5.0", "5e0", "0x5", "05", "+5", "5_0", "-5", "0", "~", "[5]", "{a: 5}", "yes", ".inf", '"5 "', '" 5"', "''",
           "99999999999999999999", "5s", "0b1", "0o5", "1:0", "\u0665"]


@hang_guard(240)
def test_161_values_of_another_type():
    """What the checker takes, the daemon takes, and what it means is what the packets see."""
    with lab(config={**EAGER, "workers": "2"}) as made:
        path = f"{made.enforcer.policies}/types.yaml"

        def agree(what, text, loads):
            written(path, text)
            checked, status = made.enforcer.ctl("policy", "check", path).returncode, control(made, "POST", "/v1/reload")[0]
            equal((checked, status), (0, 200) if loads else (3, 400), what)
        for target in ('"other.test:8443"', "'other.test:8443'", "other.test:8443"):
            agree(target, rule("").replace("[ok.test]", f"[{target}]"), True)
            address = made.guest.resolve("other.test")
            refused_at_once(made.guest, address, 443)
            made.guest.connect(address, 8443).close()
        for port in PORTS:
            agree(port, rule("").replace("[ok.test]", f"['other.test:{port}']"), False)
        for item in ("443", "{other.test: 443}", "other.test: 443", "[other.test, 443]", "~", "1.5", "{host: other.test, port: 443}"):
            agree(item, rule("").replace("[ok.test]", f"[{item}]"), False)
        for number in ("5", '"5"', "'5'"):
            agree(number, rule("") + f"  limits: {{connections: {number}}}\n", True)
        for number in NUMBERS:
            agree(number, rule("") + f"  limits: {{connections: {number}}}\n", False)
        for shape in ("allow: a", "allow: {name: a, to: [other.test]}", "allow: [a]", "guests: lab", "guests: [g1]", "guests: {names: g1}",
                      "guests: {matchLabels: [lab]}",
                      "guests: {matchLabels: {lab: [yes]}}", "mode: true", "mode: [enforce]", "limits: 5", "limits: [5]"):
            agree(shape, HEAD + f"  {shape}\n", False)
        os.unlink(path)
        made.enforcer.ctl_ok("reload")
        # The configuration: the same reader in both daemons.
        with open(made.enforcer.config_path) as file:
            good = json.load(file)
        bad = f"{made.folder}/bad.yaml"
        for number in ("2.0", "0x2", "-2", "02", "[2]", "~", "yes", "two", "99999999999999999999"):
            with open(bad, "w") as file:
                file.write(json.dumps({**good, "instance": "bad", "workers": "HERE"}).replace('"HERE"', number))
            for program, user in (("enforcer-hostd", None), ("enforcerd", ENFORCERD_UID)):
                process = Process([made.enforcer.program(program), "--config", bad], f"{made.folder}/bad.log", made.host, user=user)
                equal(process.wait(30), 3, f"{program} with workers: {number}")
        served(made)


NAMED = ["ok.test", "other.test", "a.wild.test", "b.a.wild.test", "cdn.test", "hidden.test"]
PATTERNS = [*NAMED, "*.wild.test", "**.wild.test", "*.a.wild.test", "c*.test", "*.test", "**.test"]


def matches(pattern, name):
    """The documented meaning of a pattern, told a second time."""
    meaning = {"**.": r"(?:[^.]+\.)+", "*": "[^.]+", ".": r"\."}
    expression = "".join(meaning.get(piece, piece) for piece in re.findall(r"\*\*\.|\*|\.|[^*.]+", pattern))
    return re.fullmatch(expression, name) is not None


@hang_guard(180)
def test_164_rules_that_overlap():
    """Deny beats review beats allow, whatever stands first and however exact it is; asked of the DNS, of a connection, of a TLS hello
    and of both ways to explain, with rules from a generator whose seed is fixed."""
    choose = random.Random(164)

    def some():
        return [(choose.choice(PATTERNS), choose.choice(["", "", "", ":443", ":8443", ":*"])) for _ in range(choose.randint(0, 3))]

    def expected(lists, name, port):
        def hit(kind):
            default = "443" if kind == "allow" else "*"
            return any(matches(pattern, name) and (own[1:] or default) in ("*", str(port)) for pattern, own in lists[kind])
        return "deny" if hit("deny") else "review" if hit("review") else "allow" if hit("allow") else "deny"

    def told_by(explained):
        return "review" if explained["reason"] == "review" else explained["decision"]

    def text(kinds, lists):
        lines = []
        for kind in kinds:
            wide = ("*.test", "**.test", "c*.test") if kind == "allow" else ()
            broad = [", broad: true" if pattern in wide else "" for pattern, _ in lists[kind]]
            rules = [f"    - {{name: {kind[0]}{n}, to: ['{pattern}{port}']{broad[n]}}}\n"
                     for n, (pattern, port) in enumerate(lists[kind])]
            if rules:
                lines.append(f"  {kind}:\n" + "".join(choose.sample(rules, len(rules))))
        return HEAD + "  guests: {matchLabels: {lab: yes}}\n" + "".join(lines)
    with lab(config={"limits": {"dnsPerSecond": 10_000, "distinctNamesPerHour": 1000}}) as made:
        path, tried, outcomes = f"{made.enforcer.policies}/policy.yaml", 0, set()
        while tried < 14:
            lists = {kind: some() for kind in ("allow", "deny", "review")}
            lists["allow"] += some()
            kinds = choose.sample(sorted(lists), 3)
            written(path, text(kinds, lists))
            if control(made, "POST", "/v1/reload")[0] != 200:
                # An allow that a deny covers whole is an error, and stays one in any order.
                written(path, text(kinds[::-1], lists))
                equal(control(made, "POST", "/v1/reload")[0], 400, str(lists))
                continue
            tried += 1
            for name in NAMED:
                answer = made.guest.query(name)
                told = {port: expected(lists, name, port) for port in (443, 8443, 80)}
                anywhere = {expected(lists, name, port) for port in (443, 8443, 80, 1)}
                equal(answer.rcode, "NOERROR" if anywhere & {"allow", "review"} else "NXDOMAIN", f"DNS: {name} by {lists}")
                for port, verdict in told.items():
                    outcomes.add(verdict)
                    question = urllib.parse.quote(f"{name}:{port}")
                    equal(told_by(control(made, "GET", f"/v1/explain?target={question}&guest=g1")[1]), verdict,
                          f"explain: {name}:{port} by {lists}")
                    if not answer.addresses or port == 80:
                        continue
                    try:
                        with made.guest.connect(answer.addresses[0], port) as client:
                            data, _ = exchange(client, client_hello(server_name(name)), limit=1)
                    except ConnectionError:
                        data = b""
                    # What is reviewed is answered by us, whoever is there; the rest where the world has a server.
                    served_there = verdict == "allow" and (port == 443 or name == "ok.test")
                    equal(data.startswith(b"\x16"), verdict == "review" or served_there, f"TLS: {name}:{port} by {lists}")
            for name in NAMED[::3]:
                done = made.enforcer.ctl("explain", f"{name}:443", "--policy", path, "-l", "lab=yes", "-o", "json")
                equal(told_by(json.loads(done.stdout)), expected(lists, name, 443), f"explain --policy: {name} by {lists}")
        equal(outcomes, {"allow", "deny", "review"}, "the control: each was expected of some")
        written(path, policy(*NAMES))
        made.enforcer.ctl_ok("reload")
        served(made)
