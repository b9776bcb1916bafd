"""From what was seen to a policy: audit mode, `policy suggest`, `policy replay`, and the suggested policy in force."""

import json

from lib.expect import equal
from lib.lab import RULE, Lab, policy

HEADER = "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: watch}\nspec:\n  guests: {matchLabels: {lab: yes}}\n  mode: audit\n"


def suggested(lab, *more):
    """Writes what is suggested about the guest beside the lab, checks it, and returns the file and the text."""
    text = lab.enforcer.ctl_ok("policy", "suggest", "--guest", lab.guest_names[0], "--since", "1h", *more)
    path = f"{lab.folder}/suggested.yaml"
    with open(path, "w") as file:
        file.write(text)
    checked = lab.enforcer.ctl("policy", "check", path)
    equal(checked.returncode, 0, checked.stdout + checked.stderr)
    return path, text


def rules_of(text):
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def replayed(lab, *files):
    """(exit code, {(target, request): (was, would be)}, the summary) under these policies."""
    done = lab.enforcer.ctl("policy", "replay", *[word for path in files for word in ("--policy", path)],
                            "--since", "1h", "-o", "jsonl")
    changes = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {(c["target"], c["request"]): (c["was"], c["would_be"]) for c in changes}, done.stderr


def in_force(lab, path):
    with open(path) as file:
        lab.enforcer.write_policy(file.read())
    lab.enforcer.ctl_ok("reload")


def test_policy_learnt_in_audit_mode_allows_the_same_and_denies_the_rest():
    with Lab(HEADER) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        for path in ("/items/1", "/items/2", "/about"):
            lab.guest.curl(f"http://ok.test{path}")
        lab.enforcer.wait_record(type="decision", layer="tls", host="ok.test")
        path, text = suggested(lab)
        rules = rules_of(text)
        assert '"ok.test"' in rules and '"ok.test:80"' in rules, text
        assert '"/items/*"' in rules and '"/about"' in rules and '"/items/1"' not in rules, text
        assert "their requests were not seen" in text, text
        code, changes, summary = replayed(lab, path)
        equal((code, changes), (0, {}), summary)

        in_force(lab, path)
        equal(lab.guest.curl("https://ok.test/").status, 200)
        for allowed in ("/items/1", "/items/2", "/about"):
            assert lab.guest.curl(f"http://ok.test{allowed}").status != 403, allowed
        equal(lab.guest.curl("http://ok.test/admin").status, 403)
        equal(lab.guest.curl("http://ok.test/about", "-X", "DELETE").status, 403)
        equal(lab.guest.query("other.test").rcode, "NXDOMAIN")


def test_requests_inside_tls_are_learnt_where_a_rule_asks_about_them():
    watch = HEADER + '  allow:\n    - {name: look, to: [ok.test], http: [{paths: ["/**"]}]}\n'
    with Lab(watch) as lab:
        lab.guest.trust_enforcer()
        for path in ("/", "/items/1", "/items/2"):
            lab.guest.curl(f"https://ok.test{path}")
        lab.enforcer.wait_record(type="decision", layer="http", path="/items/2")
        path, text = suggested(lab)
        assert '"/items/*"' in rules_of(text) and "their requests were not seen" not in text, text
        in_force(lab, path)
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.guest.curl("https://ok.test/admin").status, 403)
        denied = lab.enforcer.wait_record(type="decision", decision="deny", path="/admin")
        equal(denied["reason"], "request")


def test_replay_lists_exactly_what_a_policy_would_change():
    with Lab(policy("ok.test", "other.test")) as lab:
        for _ in range(2):
            equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.guest.curl("https://other.test/").status, 200)
        equal(lab.guest.query("cdn.test").rcode, "NXDOMAIN")
        lab.enforcer.wait_record(type="decision", host="cdn.test")
        same = f"{lab.enforcer.policies}/policy.yaml"
        equal(replayed(lab, same)[:2], (0, {}))
        changed = f"{lab.folder}/changed.yaml"
        with open(changed, "w") as file:
            file.write(policy("ok.test", "cdn.test"))
        code, changes, summary = replayed(lab, changed)
        equal((code, changes), (3, {("other.test:443", ""): ("allow", "deny"), ("cdn.test", ""): ("deny", "allow")}), summary)
        # Of requests that were not seen nothing is known, and nothing is guessed.
        with open(changed, "w") as file:
            file.write(policy(f"ok.test {RULE}", "other.test"))
        code, changes, summary = replayed(lab, changed)
        equal((code, changes), (3, {("ok.test:443", ""): ("allow", "unknown")}), summary)
        assert "2 unknown" in summary, summary
        table = lab.enforcer.ctl("policy", "replay", "--policy", changed)
        assert "unknown" in table.stdout and "ok.test:443" in table.stdout, table.stdout


def test_address_guard_and_rules_of_audit_mode_stay_comments():
    watch = HEADER + "  deny:\n    - {name: closed, to: [other.test]}\n"
    with Lab(watch) as lab:
        equal(lab.guest.curl("https://other.test/").status, 200)
        lab.guest.curl("https://private.test/", timeout=5)
        lab.enforcer.wait_record(type="decision", decision="deny", host="private.test")
        path, text = suggested(lab)
        assert "other.test" not in rules_of(text) and "private.test" not in rules_of(text), text
        assert "rule by watch/closed; audit mode let it through" in text and "dst_private" in text, text
        equal(replayed(lab, path)[1], {("other.test:443", ""): ("allow", "deny")})


def test_invariant_10_guest_text_never_becomes_a_part_of_the_policy():
    hostile = ("/x%0a%20%20allow:", "/**", "/%1b[2J", "/a'\"]}", "/#")
    with Lab(HEADER) as lab:
        equal(lab.guest.curl("http://ok.test/").status, 200)
        for path in hostile:
            lab.guest.curl(f"http://ok.test{path}", "--path-as-is", "--globoff")
        lab.guest.curl("http://ok.test/", "-X", "gEt#")
        path, text = suggested(lab)
        assert all(32 <= ord(c) < 127 or c == "\n" for c in text), text
        assert '"/**"' not in rules_of(text), text
        in_force(lab, path)
        equal(lab.guest.curl("http://ok.test/").status, 200)
        equal(lab.guest.curl("http://ok.test/any/thing").status, 403)


def test_files_of_a_log_are_read_without_a_daemon():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        online = suggested(lab)[1]
        lab.enforcer.enforcerd.stop()
        offline = suggested(lab, "--audit", lab.enforcer.audit_path)[1]
        equal(offline, online)
        equal(lab.enforcer.ctl("policy", "suggest", "--guest", "nobody", "--audit", lab.enforcer.audit_path).returncode, 5)
