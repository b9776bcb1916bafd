"""README.md, "A first policy": its blocks in their order, as they stand there, with real daemons and microVMs; GitHub is the test's."""

import os
import re
import stat

from lib.expect import equal
from lib.lab import REPOSITORY
from lib.markdown_page import scripts, section
from lib.runner import hang_guard
from lib.vm_lab import vm_lab

API = "93.184.216.80"
# Each command of the blocks, by how it begins: exit status, and what it must print (a regular expression).
EXPECTED = {
    "policy check": (0, "0 errors, 0 warnings"),
    "policy test": (0, "2 passed, 0 failed"),
    "explain": (0, r"(?s)deny.*port"),
    "policy apply": (0, ""),
    "run -l role=agent -- curl -sS https://api.github.com": (0, "hello from api.github.com"),
    "run -l role=agent -- curl -sS -X DELETE": (0, r'(?s)"reason": ?"request".*"decision_id"|"decision_id".*"reason": ?"request"'),
    "run -l role=agent -- curl -sS https://example.com": (0, "Could not resolve host"),
    "log --decision deny": (0, r"(?s)api\.github\.com.*example\.com|example\.com.*api\.github\.com"),
    "policy diff": (0, ""),
    "policy rollback": (0, ""),
}


def commands_of(text):
    """The lines of a block that are commands, without the comment at their end."""
    return [line for line in (re.sub(r"(^|\s{2,})#.*$", "", line).strip() for line in text.splitlines()) if line]


def expected_of(command):
    rest = command.removeprefix("enforcerctl ")
    found = [wanted for start, wanted in EXPECTED.items() if rest.startswith(start)]
    equal(len(found), 1, f"expectations for {command!r}")
    return found[0]


def with_the_tool(lab):
    """A PATH on which `enforcerctl` is that of the build, talking to the lab's daemon."""
    folder = f"{lab.folder}/bin"
    os.mkdir(folder)
    path = f"{folder}/enforcerctl"
    with open(path, "w") as file:
        file.write(f'#!/bin/sh\nexec {lab.enforcer.program("enforcerctl")} --config {lab.enforcer.config_path} "$@"\n')
    os.chmod(path, stat.S_IRWXU)
    return f"{folder}:{os.environ['PATH']}"


def github(lab):
    """api.github.com of the world."""
    lab.world.netns.ip(f"addr add {API}/24 dev to-host")
    chain, key, _ = lab.world.authority.issue(["api.github.com"])
    lab.world.start_origin("github", [{"address": API, "port": 443, "kind": "http", "certificates": {"api.github.com": [chain, key]}}])
    lab.world.set_addresses("api.github.com", [API])


@hang_guard(420)
def test_the_first_policy_of_the_readme_does_what_the_readme_says():
    with open(f"{REPOSITORY}/README.md", encoding="utf-8") as file:
        text = section(file.read(), "## A first policy")
    commands = [command for script in scripts(text) for command in commands_of(script)]
    equal(len(commands), len(EXPECTED), f"commands: {commands}")
    with vm_lab() as lab:
        github(lab)
        path = with_the_tool(lab)
        for command in commands:
            status, printed = expected_of(command)
            done = lab.host.run(["env", f"PATH={path}", "sh", "-c", command], timeout=180, cwd=REPOSITORY)
            equal(done.returncode, status, f"{command}\n{done.stdout}{done.stderr}")
            assert re.search(printed, done.stdout + done.stderr), f"{command}\n{done.stdout}{done.stderr}"
        methods = [event["method"] for event in lab.world.events("github", event="request")]
        equal(methods, ["GET"], "what GitHub saw")
        equal(lab.enforcer.ctl_ok("-o", "json", "guest", "list").count('"name"'), 0, "guests left")
