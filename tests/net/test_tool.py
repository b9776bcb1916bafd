"""enforcerctl against the running daemon: what it prints, and its exit codes."""

import json
import os

from lib.daemons import ENFORCERD_UID
from lib.expect import equal, refused_at_once
from lib.lab import Lab, policy
from lib.processes import Process, wait_for


def test_exit_codes_are_the_documented_ones():
    with Lab(policy("ok.test")) as lab:
        ctl = lambda *arguments: lab.enforcer.ctl(*arguments).returncode
        equal(ctl("status"), 0)
        equal(ctl("no-such-verb"), 2)
        equal(ctl("guest", "attach"), 2)
        equal(ctl("explain", "ok.test:443", "--guest", "g1", "--exit-code"), 0)
        equal(ctl("explain", "other.test:443", "--guest", "g1", "--exit-code"), 3)
        equal(ctl("guest", "delete", "nobody"), 5)
        equal(ctl("guest", "attach", "g1", "--netns", lab.guest.netns.path), 7)
        lab.enforcer.enforcerd.stop()
        equal(ctl("status"), 3, "status without a daemon")


def test_policy_files_that_cannot_be_read_are_told_by_the_daemon_like_everything_else_that_is_wrong():
    with Lab(policy("ok.test")) as lab:
        folder = lab.enforcer.policies
        elsewhere = f"{lab.folder}/elsewhere.yaml"
        with open(elsewhere, "w") as file:
            file.write(policy("other.test", name="other"))
        os.symlink(elsewhere, f"{folder}/link.yaml")
        with open(f"{folder}/huge.yaml", "w") as file:
            file.truncate(25 << 20)
        refused = lab.enforcer.ctl("reload")
        equal(refused.returncode, 3)
        for told in (f"{folder}/link.yaml:1:1: error[E0001]: is a symbolic link, which is not followed",
                     f"{folder}/huge.yaml:1:1: error[E0002]: the file has 26214400 bytes; at most 1048576 are read"):
            assert told in refused.stdout, (told, refused.stdout, refused.stderr)
        equal(lab.guest.curl("https://ok.test/").status, 200, "the control: what was in force stays in force")
        # Who only looks may look through links.
        equal(lab.enforcer.ctl("policy", "check", f"{folder}/link.yaml").returncode, 0)
        both = lab.enforcer.ctl("policy", "check", folder)
        equal(both.returncode, 3)
        assert "E0002" in both.stdout and "E0001" not in both.stdout, both.stdout
        os.unlink(f"{folder}/link.yaml")
        os.unlink(f"{folder}/huge.yaml")
        equal(lab.enforcer.ctl("reload").returncode, 0)


def test_policies_are_applied_from_standard_input_and_by_f():
    with Lab(policy("ok.test")) as lab:
        path = f"{lab.folder}/more.yaml"
        with open(path, "w") as file:
            file.write(policy("more.test", name="more"))
        equal(lab.enforcer.ctl("policy", "apply", "-f", path).returncode, 0)
        equal(lab.enforcer.ctl("policy", "explain", "more.test:443", "--guest", "g1", "--exit-code").returncode, 0)
        equal(lab.enforcer.ctl("policy", "apply", "-f", f"{lab.folder}/none.yaml").returncode, 3)
        equal(lab.enforcer.ctl("status", "--wait").returncode, 0)


def test_log_refuses_a_filter_that_cannot_match_before_it_prints_anything():
    with Lab(policy("ok.test")) as lab:
        for words in (["--decision", "maybe"], ["--layer", "l5"], ["--rule", "allow-0"], ["--since", "yesterday"], ["--host", ""]):
            refused = lab.enforcer.ctl("log", *words)
            equal((refused.returncode, refused.stdout), (2, ""), f"{words}")
        equal(lab.enforcer.ctl("log", "--decision", "deny").returncode, 0, "the control")


def test_verb_with_a_typing_error_is_told_what_was_meant():
    with Lab(start=False) as lab:
        done = lab.enforcer.ctl("polcy", "list")
        equal(done.returncode, 2)
        assert "policy" in done.stderr, done.stderr


def test_status_tells_what_is_attached_and_how():
    with Lab(policy("ok.test")) as lab:
        status = json.loads(lab.enforcer.ctl_ok("status", "-o", "json"))
        text = lab.enforcer.ctl_ok("status")
        assert "tcx" in text or "clsact" in text, text
        assert lab.prefix in text and status["instance"] == lab.prefix, (text, status)
        equal(status["hostd"]["connected"], True)
        guests = json.loads(lab.enforcer.ctl_ok("guest", "list", "-o", "json"))
        assert "g1" in json.dumps(guests) and lab.guest.ipv4 in json.dumps(guests), guests


def test_log_filters_and_follows():
    with Lab(policy("ok.test")) as lab:
        follower = Process([lab.enforcer.program("enforcerctl"), "--config", lab.enforcer.config_path, "log", "-f"],
                           f"{lab.folder}/follow.log", lab.host)
        lab.guest.query("other.test")
        equal(lab.guest.curl("https://ok.test/").status, 200)
        wait_for(lambda: "other.test" in follower.output() and "ok.test" in follower.output(), what="both in the followed log")
        follower.kill()
        denied = lab.enforcer.ctl_ok("log", "--decision", "deny", "-o", "json")
        assert "other.test" in denied and "allow-0" not in denied, denied
        assert "other.test" not in lab.enforcer.ctl_ok("log", "--host", "ok.test")
        equal(len(lab.enforcer.ctl_ok("log", "--last", "1", "-o", "json").strip().splitlines()), 1)


def test_explain_online_and_offline_agree_with_the_data_path():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        online = lab.enforcer.ctl("explain", "ok.test:443", "--guest", "g1")
        offline = lab.enforcer.ctl("explain", "ok.test:443", "--policy", f"{lab.enforcer.policies}/policy.yaml", "-l", "lab=yes")
        for done in (online, offline):
            assert "allow" in done.stdout and "allow-0" in done.stdout, done.stdout + done.stderr
        refused = lab.enforcer.ctl("explain", "ok.test:80", "--guest", "g1")
        assert "deny" in refused.stdout and "port" in refused.stdout, refused.stdout


def test_denial_is_found_in_the_log_by_the_id_the_guest_was_told():
    with Lab(policy("ok.test")) as lab:
        told = lab.guest.query("other.test").ede_text
        record = lab.enforcer.wait_record(type="decision", host="other.test")
        assert record["decision_id"] in told
        assert record["decision_id"] in lab.enforcer.ctl_ok("log", "-o", "json")


def test_strangers_are_not_permitted():
    with Lab(policy("ok.test")) as lab:
        socket_path = f"{lab.enforcer.run_dir}/enforcerd.sock"
        equal(os.stat(socket_path).st_mode & 0o777, 0o666)
        for uid in (65534, ENFORCERD_UID):
            done = lab.host.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
                                 lab.enforcer.program("enforcerctl"), "--socket", socket_path, "reload"])
            equal(done.returncode, 4, done.stderr)
        lab.enforcer.ctl_ok("reload")


def test_plain_curl_speaks_to_the_control_socket():
    with Lab(policy("ok.test")) as lab:
        refused_at_once(lab.guest, "93.184.216.35", 443)
        done = lab.host.run(["curl", "-sS", "--unix-socket", f"{lab.enforcer.run_dir}/enforcerd.sock", "http://localhost/v1/status"])
        equal(json.loads(done.stdout)["instance"], lab.prefix, done.stderr)
