"""`policy init` and presets: what is written is taken by the daemon and does what it says to a real guest."""

import json
import os

from lib.expect import equal
from lib.lab import REPOSITORY, Lab

PRESETS = sorted(name.removesuffix(".yaml") for name in os.listdir(f"{REPOSITORY}/policies/presets") if name.endswith(".yaml"))


def first_policy(lab, *words):
    """Writes it, applies it, and returns its text."""
    path = f"{lab.folder}/first.yaml"
    lab.enforcer.ctl_ok("policy", "init", "-l", "lab=yes", "--file", path, *words)
    lab.enforcer.ctl_ok("policy", "apply", path)
    with open(path) as file:
        return file.read()


def machine(lab, files):
    """A folder that stands for the root of a machine with these files."""
    root = f"{lab.folder}/machine"
    for path, text in files.items():
        os.makedirs(os.path.dirname(f"{root}/{path}"), exist_ok=True)
        with open(f"{root}/{path}", "w") as file:
            file.write(text)
    return root


def test_a_locked_first_policy_lets_a_guest_do_what_its_preset_says_and_nothing_else():
    with Lab() as lab:
        equal(lab.guest.query("ok.test").rcode, "NXDOMAIN")  # the control: without the policy
        root = machine(lab, {"etc/npmrc": "registry=http://ok.test/\n"})
        first_policy(lab, "--start", "locked", "--machine-root", root)
        equal(lab.guest.query("ok.test").rcode, "NXDOMAIN")
        os.remove(f"{lab.folder}/first.yaml")
        text = first_policy(lab, "--start", "locked", "--machine-root", root, "--preset", "npm")
        assert 'to: ["ok.test:80"]' in text, text
        assert lab.guest.curl("http://ok.test/left-pad").status not in (0, 403)
        equal(lab.guest.curl("http://ok.test/left-pad", "-X", "PUT", "-d", "x").status, 403)
        equal(lab.guest.query("other.test").rcode, "NXDOMAIN")


def test_a_balanced_first_policy_of_a_machine_is_taken_by_the_daemon_and_holds_no_secret():
    with Lab() as lab:
        root = machine(lab, {
            "etc/apt/sources.list": "deb http://user:hunter2@apt.acme.example/debian bookworm main\n",
            "root/.npmrc": "registry=https://npm.acme.example/\n//npm.acme.example/:_authToken=hunter2\n",
            "root/.docker/config.json": json.dumps({"auths": {"registry.acme.example": {"auth": "aHVudGVyMg=="}}}),
        })
        text = first_policy(lab, "--start", "balanced", "--machine-root", root)
        assert "hunter2" not in text and "aHVudGVyMg" not in text and text.count("make a Credential") == 3, text
        explained = lambda what: lab.enforcer.ctl("explain", what, "--guest", "g1", "--exit-code").returncode
        equal(explained("GET http://apt.acme.example/debian/dists/x"), 0)
        equal(explained("GET https://npm.acme.example/left-pad"), 0)
        equal(explained("PUT https://npm.acme.example/left-pad"), 3)
        equal(explained("GET https://pip.acme.example/simple/"), 3)


def test_presets_are_found_beside_the_tool_and_shown_one_by_one():
    with Lab(start=False) as lab:
        equal(lab.enforcer.ctl_ok("preset", "list", "-o", "name").split(), PRESETS)
        for name in PRESETS:
            shown = lab.enforcer.ctl_ok("preset", "show", name)
            assert "# exposes: " in shown and "\n  tests:\n" in shown, shown
        equal(lab.enforcer.ctl("preset", "show", "no-such-preset").returncode, 5)
