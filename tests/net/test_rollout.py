"""A policy's way: tested, compared with what is in force and with the past, applied everywhere at once, rolled back."""

import json
import ssl

from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for

TESTED = policy("ok.test", name="more", extra="  tests: [{connect: 'ok.test:443', expect: %s, rule: allow-0}]\n")


def write(lab, name, text):
    path = f"{lab.folder}/{name}"
    with open(path, "w") as file:
        file.write(text)
    return path


def apply(lab, text, *arguments, name="applied.yaml"):
    done = lab.enforcer.ctl("policy", "apply", write(lab, name, text), *arguments)
    equal(done.returncode, 0, done.stdout + done.stderr)
    return done.stderr


def history(lab):
    return json.loads(lab.enforcer.ctl_ok("policy", "history", "-o", "json"))["generations"]


def test_policy_test_needs_no_daemon():
    with Lab(start=False) as lab:
        equal(lab.enforcer.ctl("policy", "test", write(lab, "good.yaml", TESTED % "allow"), "--coverage").returncode, 0)
        done = lab.enforcer.ctl("policy", "test", write(lab, "bad.yaml", TESTED % "deny"), "-o", "tap")
        equal(done.returncode, 3)
        assert "not ok 1 - " in done.stdout, done.stdout


def test_right_after_apply_every_new_and_live_connection_is_decided_by_it():
    with Lab(policy("ok.test"), guests=("g1", "g2"), config={"workers": 4}) as lab:
        trust = ssl.create_default_context(cafile=lab.world.authority.certificate)
        for turn in range(5):
            said = apply(lab, policy("other.test", name="more"))
            assert "for 2 guests" in said, said
            for guest in lab.guests.values():  # at once, with no try again
                equal(guest.curl("https://other.test/").status, 200, f"turn {turn}")
            # Held on several workers: each of them lives on with the rule.
            live = [trust.wrap_socket(lab.guest.connect("other.test", 443), server_hostname="other.test") for _ in range(8)]
            apply(lab, policy("third.test", name="more"))
            equal({guest.query("other.test").rcode for guest in lab.guests.values()}, {"NXDOMAIN"})
            for client in live:
                client.settimeout(30)  # a guard against hanging, not a verdict
                try:
                    client.sendall(b"GET /hello HTTP/1.1\r\nHost: other.test\r\n\r\n")
                    equal(client.recv(1), b"", "a live connection whose rule is gone")
                except (ConnectionError, ssl.SSLError):
                    pass  # closed: TimeoutError would be an answer that did not come
                client.close()


def test_rollback_puts_back_what_was_applied_as_a_new_generation():
    with Lab(policy("ok.test")) as lab:
        apply(lab, policy("other.test", name="more"))
        good = history(lab)[-1]
        equal((good["cause"], good["uid"], good["user"], good["in_force"]), ("apply", 0, "root", True))
        apply(lab, policy("third.test", name="more") + "---\n" + policy("fourth.test", name="most"))
        equal(lab.guest.query("other.test").rcode, "NXDOMAIN")
        lab.enforcer.ctl_ok("policy", "rollback")
        equal(lab.guest.curl("https://other.test/").status, 200)
        equal(lab.guest.query("fourth.test").rcode, "NXDOMAIN")
        now = history(lab)[-1]
        assert now["first"] > good["last"] and now["digest"] == good["digest"], (good, now)
        equal(now["cause"], f"rollback to {good['last']}")
        assert any("rollback to" in record["detail"] for record in lab.enforcer.records(type="event", event="policy_reload"))
        assert "other.test" in lab.enforcer.ctl_ok("policy", "get", "more", "-o", "yaml")
        equal(lab.enforcer.ctl("policy", "rollback", "999").returncode, 5)
        equal(lab.enforcer.ctl("policy", "rollback", str(now["last"])).returncode, 7)


def test_rollback_leaves_configured_files_alone_and_says_which_are_in_the_way():
    with Lab(policy("ok.test")) as lab:
        apply(lab, policy("other.test", name="more"))
        good = history(lab)[-1]["last"]
        apply(lab, policy("third.test", name="more"))
        lab.enforcer.write_policy(policy("ok.test", "new.test"))
        lab.enforcer.ctl_ok("reload")
        done = lab.enforcer.ctl("policy", "rollback", str(good))
        equal(done.returncode, 7, done.stderr)
        assert f"{lab.enforcer.policies}/policy.yaml (changed)" in done.stderr, done.stderr
        equal(lab.guest.query("other.test").rcode, "NXDOMAIN")
        lab.enforcer.write_policy(policy("ok.test"))
        lab.enforcer.ctl_ok("policy", "rollback", str(good))
        equal(lab.guest.curl("https://other.test/").status, 200)


def test_history_survives_a_restart_which_is_no_line_of_its_own():
    with Lab(policy("ok.test")) as lab:
        apply(lab, policy("other.test", name="more"))
        before = history(lab)
        lab.enforcer.enforcerd.stop()
        lab.enforcer.start_enforcerd()
        after = wait_for(lambda: history(lab), what="the daemon")
        equal(len(after), len(before))
        equal((after[-1]["first"], after[-1]["cause"]), (before[-1]["first"], "apply"))
        equal(after[-1]["last"], before[-1]["last"] + 1)


def test_diff_shows_text_and_the_decisions_that_would_change():
    with Lab(policy("ok.test", "other.test")) as lab:
        equal(lab.guest.curl("https://other.test/").status, 200)
        equal(lab.guest.query("third.test").rcode, "NXDOMAIN")
        lab.enforcer.wait_record(type="decision", host="third.test")
        path = write(lab, "new.yaml", policy("ok.test", "third.test"))
        done = lab.enforcer.ctl("policy", "diff", path, "-o", "json")
        equal(done.returncode, 3, done.stderr)
        answer = json.loads(done.stdout)
        equal([one["change"] for one in answer["objects"]], ["changed"])
        changes = {(one["target"].split(":")[0], one["was"], one["would_be"]) for one in answer["decisions"]["changes"]}
        assert ("other.test", "allow", "deny") in changes and ("third.test", "deny", "allow") in changes, changes
        equal(lab.enforcer.ctl("policy", "diff").returncode, 0, "what a reload would change")
        lab.enforcer.write_policy(policy("ok.test"))
        done = lab.enforcer.ctl("policy", "diff")
        equal(done.returncode, 3)
        assert "other.test" in done.stdout, done.stdout
        equal(lab.guest.curl("https://other.test/").status, 200, "nothing was changed")


def test_explain_tells_a_change_that_makes_it_an_allow():
    with Lab(policy("ok.test")) as lab:
        asked = ["explain", "https://other.test/", "-g", "g1", "-o", "json"]
        told = json.loads(lab.enforcer.ctl_ok(*asked))
        equal((told["decision"], [layer["layer"] for layer in told["layers"]]), ("deny", ["dns"]))
        text = policy("ok.test", name="more")
        head, _, _ = text.partition("  allow:")
        apply(lab, f"{head}  allow:\n    {told['changes'][0]['yaml']}\n")
        equal(json.loads(lab.enforcer.ctl_ok(*asked))["decision"], "allow")
        equal(lab.enforcer.ctl(*asked, "--exit-code").returncode, 0)


def test_strangers_see_no_texts_and_roll_nothing_back():
    with Lab(policy("ok.test")) as lab:
        socket_path = f"{lab.enforcer.run_dir}/enforcerd.sock"
        for verb in (["policy", "rollback", "1"], ["policy", "diff", write(lab, "n.yaml", policy("other.test"))]):
            done = lab.host.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                 lab.enforcer.program("enforcerctl"), "--socket", socket_path, *verb])
            equal(done.returncode, 4, done.stderr)
