"""Reload: atomic, last good kept, and live sessions are decided again."""

import os
import signal

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import Process, wait_for

BROKEN = "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: q}\nspec:\n  alow: []\n"


def generation(lab):
    return lab.enforcer.metric("enforcer_policy_generation")


def wait_generation(lab, above):
    wait_for(lambda: generation(lab) > above, what=f"a policy generation above {above:g}")


def test_sighup_puts_a_new_policy_in_force():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.query("other.test").rcode, "NXDOMAIN")
        before = generation(lab)
        lab.enforcer.write_policy(policy("ok.test", "other.test"))
        lab.enforcer.enforcerd.signal(signal.SIGHUP)
        wait_generation(lab, before)
        equal(lab.guest.curl("https://other.test/").status, 200)


def test_tool_reload_puts_a_new_policy_in_force():
    with Lab(policy("ok.test")) as lab:
        lab.enforcer.write_policy(policy("other.test"))
        lab.enforcer.ctl_ok("reload")
        equal(lab.guest.curl("https://other.test/").status, 200)
        equal(lab.guest.query("ok.test").rcode, "NXDOMAIN")


def test_invalid_file_keeps_the_last_good_and_says_where():
    with Lab(policy("ok.test")) as lab:
        before = generation(lab)
        lab.enforcer.write_policy(BROKEN, "broken.yaml")
        done = lab.enforcer.ctl("reload")
        equal(done.returncode, 3, "exit code")
        assert "broken.yaml:5:3: error[E" in done.stdout + done.stderr, done.stdout + done.stderr
        equal(generation(lab), before)
        equal(lab.enforcer.metric("enforcer_policy_last_reload_successful"), 0)
        assert "broken.yaml:5:3" in lab.enforcer.ctl("status").stdout
        equal(lab.guest.curl("https://ok.test/").status, 200)
        os.unlink(f"{lab.enforcer.policies}/broken.yaml")
        lab.enforcer.ctl_ok("reload")
        equal(lab.enforcer.metric("enforcer_policy_last_reload_successful"), 1)


def test_live_session_whose_rule_is_gone_is_closed_and_others_live_on():
    with Lab(policy("ok.test", "other.test")) as lab:
        trust = ["--cacert", lab.world.authority.certificate]
        clients = {name: lab.guest.start(["curl", "-sSN", *trust, f"https://{name}/drip/60"], f"drip-{name}")
                   for name in ("ok.test", "other.test")}
        for client in clients.values():
            wait_for(lambda: "dripped" in client.output(), what="a download to begin")
        lab.enforcer.write_policy(policy("ok.test"))
        lab.enforcer.ctl_ok("reload")
        assert clients["other.test"].wait(5) != 0, "the download of the removed rule goes on"
        lab.enforcer.wait_record(type="end", host="other.test", outcome="policy_changed")
        equal(clients["ok.test"].wait(15), 0, "the other download")
        equal(clients["ok.test"].output().count("dripped"), 60)


def test_start_on_a_policy_that_does_not_load_uses_the_last_good_one():
    with Lab(policy("ok.test")) as lab:
        lab.enforcer.enforcerd.stop()
        lab.enforcer.write_policy(BROKEN, "broken.yaml")
        lab.enforcer.start_enforcerd()
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.enforcer.metric("enforcer_policy_last_reload_successful"), 0)


def test_no_policy_at_all_denies_everything():
    with Lab() as lab:
        equal(lab.guest.query("ok.test").rcode, "NXDOMAIN")
        lab.enforcer.wait_record(type="decision", decision="deny", layer="dns", host="ok.test")
        lab.enforcer.write_policy(policy("ok.test"))
        lab.enforcer.ctl_ok("reload")
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_config_that_does_not_load_is_exit_3_with_file_line_and_column():
    with Lab(start=False) as lab:
        with open(lab.enforcer.config_path) as file:
            good = file.read()
        with open(lab.enforcer.config_path, "w") as file:
            file.write("instance: bad\nworkesr: 2\nguests:\n  ipv4Pool: 300.0.0.0/16\n")
        for program, user in (("enforcer-hostd", None), ("enforcerd", ENFORCERD_UID)):
            process = Process([lab.enforcer.program(program), "--config", lab.enforcer.config_path], f"{lab.folder}/{program}.log",
                              lab.host, user=user)
            equal(process.wait(), 3, program)
            said = process.output()
            assert "enforcer.yaml:2:1: error[E" in said and "enforcer.yaml:4:13: error[E" in said, said
        with open(lab.enforcer.config_path, "w") as file:
            file.write(good)


def test_applied_policy_is_in_force_and_survives_a_restart():
    with Lab(policy("ok.test")) as lab:
        path = f"{lab.folder}/more.yaml"
        with open(path, "w") as file:
            file.write(policy("other.test", name="more"))
        lab.enforcer.ctl_ok("policy", "apply", path)
        equal(lab.guest.curl("https://other.test/").status, 200)
        lab.enforcer.enforcerd.kill()
        lab.enforcer.start_enforcerd()
        equal(lab.guest.curl("https://other.test/").status, 200)
        with open(path, "w") as file:
            file.write(BROKEN)
        done = lab.enforcer.ctl("policy", "apply", path)
        equal(done.returncode, 3)
        assert "more.yaml:5:3" in done.stdout + done.stderr


def credential(name, source):
    return (f"apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {{name: {name}}}\n"
            f"spec: {{source: {source}, inject: [{{to: [other.test], as: bearer}}]}}\n")


def test_applied_policy_may_name_configured_credentials_and_applied_credentials_no_programs():
    with Lab(policy("ok.test"), start=False) as lab:
        folder = lab.enforcer.credentials
        with open(f"{folder}/bot.yaml", "w") as file:
            file.write(credential("bot", "{exec: [/bin/true]}"))  # a configured file may name a program
        lab.enforcer.start()

        def apply(text):
            path = f"{lab.folder}/applied.yaml"
            with open(path, "w") as file:
                file.write(text)
            done = lab.enforcer.ctl("policy", "apply", path)
            return done.returncode, done.stdout + done.stderr

        names = "    - {name: adds, to: [other.test], http: [{methods: [GET]}], credential: %s}\n"
        code, said = apply(policy("third.test", name="more") + names % "bto")
        assert code == 3 and "applied.yaml:8:76: error[E0213]: there is no Credential 'bto'; did you mean 'bot'?" in said, said
        code, said = apply(credential("mine", "{exec: [/bin/true]}"))
        assert code == 3 and "applied.yaml:4:23: error[E0218]: exec sources are read from configured files only" in said, said
        code, said = apply(credential("bot", "{store: true}"))
        assert code == 7 and "Credential 'bot' is already in" in said, said
        equal(apply(policy("third.test", name="more") + names % "bot")[0], 0)
        equal(apply(credential("mine", "{store: true}"))[0], 0)
        said = lab.enforcer.ctl_ok("explain", "GET https://other.test/", "-l", "lab=yes")
        assert "more/adds" in said and "credential bot" in said, said
