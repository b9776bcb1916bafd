"""What an operator or the machine gets wrong: one plain line that says what, an exit code, and nothing half-made left behind."""

import os

from lib.daemons import ENFORCERD_UID, METRICS
from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import Process


def start(lab, program, name, user=None):
    """(exit code, what it said) of a daemon that is expected to give up."""
    process = Process([lab.enforcer.program(program), "--config", lab.enforcer.config_path,
                       *(["--enforcerd-user", str(ENFORCERD_UID)] if program == "enforcer-hostd" else [])],
                      f"{lab.folder}/{name}.log", lab.host, user=user)
    status = process.wait(15)
    return status, process.output()


def test_metrics_port_that_is_taken_is_one_plain_line():
    with Lab(policy("ok.test"), start=False) as lab:
        lab.enforcer.start_hostd()
        lab.canary(METRICS)
        status, said = start(lab, "enforcerd", "second", ENFORCERD_UID)
        equal(status, 1)
        assert f"{METRICS[1]}" in said and "in use" in said, said


def test_second_hostd_of_an_instance_is_refused_and_the_first_lives_on():
    with Lab(policy("ok.test")) as lab:
        status, said = start(lab, "enforcer-hostd", "second")
        equal(status, 1)
        assert lab.prefix in said, said
        equal(lab.guest.curl("https://ok.test/").status, 200)
        assert lab.enforcer.hostd.alive()


def test_second_enforcerd_of_an_instance_is_refused_and_the_first_lives_on():
    with Lab(policy("ok.test")) as lab:
        status, said = start(lab, "enforcerd", "second", ENFORCERD_UID)
        equal(status, 1)
        assert "another process" in said, said
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_audit_log_that_cannot_be_opened_stops_the_start():
    with Lab(policy("ok.test"), start=False) as lab:
        os.chown(lab.enforcer.audit_folder, 0, 0)
        lab.enforcer.start_hostd()
        status, said = start(lab, "enforcerd", "second", ENFORCERD_UID)
        equal(status, 1)
        assert lab.enforcer.audit_path in said, said


def test_policy_that_others_may_write_is_refused_and_nothing_is_allowed():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.query("ok.test").rcode, "NOERROR")
        lab.enforcer.write_policy(policy("other.test", name="sneaky"), "sneaky.yaml")
        os.chmod(f"{lab.enforcer.policies}/sneaky.yaml", 0o666)
        done = lab.enforcer.ctl("reload")
        assert done.returncode != 0 and "sneaky.yaml" in done.stdout + done.stderr, done.stdout + done.stderr
        equal(lab.guest.query("other.test").rcode, "NXDOMAIN")
        equal(lab.guest.query("ok.test").rcode, "NOERROR")


def test_named_config_file_that_is_missing_is_exit_3():
    with Lab(start=False) as lab:
        for program, user in (("enforcer-hostd", None), ("enforcerd", ENFORCERD_UID)):
            process = Process([lab.enforcer.program(program), "--config", f"{lab.folder}/none.yaml"], f"{lab.folder}/x.log",
                              lab.host, user=user)
            equal(process.wait(15), 3, program)
            assert "none.yaml" in process.output(), process.output()


def test_missing_image_is_exit_5_with_what_to_do():
    with Lab(policy("ok.test"), guests=()) as lab:
        done = lab.enforcer.ctl("guest", "create", "vm", "--image", "no-such")
        equal(done.returncode, 5, done.stderr)
        assert "no-such" in done.stderr and "build" in done.stderr, done.stderr
        equal(lab.enforcer.ctl_ok("guest", "list").count("vm"), 0)


def test_wrong_usage_is_exit_2():
    with Lab(start=False) as lab:
        for program, user in (("enforcer-hostd", None), ("enforcerd", ENFORCERD_UID)):
            process = Process([lab.enforcer.program(program), "--no-such-option"], f"{lab.folder}/x.log", lab.host, user=user)
            equal(process.wait(15), 2, program)
