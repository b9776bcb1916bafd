"""Completion as the shells do it: bash, zsh and fish with the scripts that the tool prints, and the tool itself behind them."""

import contextlib
import os
import subprocess

from lib.expect import equal
from lib.lab import Lab, policy
from lib.shells import completions

ONE_SANITIZER = "ask the tool and the shells"

SHELLS = ("bash", "zsh", "fish")


@contextlib.contextmanager
def scripts(lab):
    """complete(shell, WORD...), sorted, with the lab's own tool."""
    program = lab.enforcer.program("enforcerctl")
    paths = {}
    for shell in SHELLS:
        paths[shell] = f"{lab.folder}/completion.{shell}"
        with open(paths[shell], "w") as file:
            subprocess.run([program, "completion", shell], stdout=file, check=True)
    yield lambda shell, *words, cwd="/": sorted(completions(shell, paths[shell], program, ["enforcerctl", *words], cwd))


def test_verbs_options_and_fixed_values_are_completed_in_each_shell():
    with Lab(start=False) as lab, scripts(lab) as complete:
        for shell in SHELLS:
            at = lambda *words, shell=shell: complete(shell, *words)
            equal(at("re"), ["reload", "review"], f"{shell}: verbs")
            equal(at("image", ""), ["build", "list", "show"], f"{shell}: verbs of a group")
            equal(at("guest", "pau"), ["pause"], shell)
            equal(at("guest", "list", "--no-h"), ["--no-headers"], f"{shell}: options")
            equal(at("log", "--follo"), ["--follow"], shell)
            equal(at("log", "--layer", ""), ["dns", "http", "l4", "tls"], f"{shell}: values")
            equal(at("log", "--layer=t"), ["--layer=tls"] if shell == "fish" else ["tls"], f"{shell}: values behind =")
            equal(at("-o", "js", ), ["json", "jsonl"], f"{shell}: before the verb")
            equal(at("guest", "list", "-o", ""), ["json", "jsonl", "name", "table", "wide", "yaml"], f"{shell}: forms of a verb")
            equal(at("status", "-o", ""), ["json", "jsonl", "table", "yaml"], f"{shell}: and of one that has fewer")
            equal(at("log", "--reason", "dst_p"), ["dst_private"], f"{shell}: reasons")
            equal(at("-o", "json", "image", "b"), ["build"], f"{shell}: a value is no verb")
            equal(at("image", "build", "a"), ["agent"], f"{shell}: a positional of a set")
            equal(at("nonsense", "x"), [], f"{shell}: what there is not")
            equal(at("run", "--", "l"), [], f"{shell}: the guest's command")
            equal(at("guest", "delete", ""), [], f"{shell}: no daemon, no guests")


def test_files_and_folders_are_completed_where_they_are_meant():
    with Lab(start=False) as lab, scripts(lab) as complete:
        place = f"{lab.folder}/place"
        os.makedirs(f"{place}/folder")
        with open(f"{place}/file one.yaml", "w"):
            pass
        plain = lambda words: sorted({word.replace("\\ ", " ").rstrip("/") for word in words})
        for shell in SHELLS:
            equal(plain(complete(shell, "policy", "check", "f", cwd=place)), ["file one.yaml", "folder"], f"{shell}: files")
            equal(plain(complete(shell, "run", "--workspace", "f", cwd=place)), ["folder"], f"{shell}: folders")
            equal(complete(shell, "log", "--host", "f", cwd=place), [], f"{shell}: no files where none is meant")


def test_names_are_asked_of_the_daemon():
    with Lab(policy("ok.test"), guests=("web", "work"),
             credentials={"github": {"binding": [{"to": ["ok.test"], "as": "bearer"}]}}) as lab, scripts(lab) as complete:
        daemon = ["--config", lab.enforcer.config_path]
        for shell in SHELLS:
            equal(complete(shell, *daemon, "guest", "delete", "w"), ["web", "work"], f"{shell}: guests")
            equal(complete(shell, *daemon, "guest", "delete", "wo"), ["work"], shell)
            equal(complete(shell, *daemon, "log", "--guest", "we"), ["web"], f"{shell}: guests of an option")
            equal(complete(shell, *daemon, "credential", "rotate", ""), ["github"], f"{shell}: credentials")
            equal(complete(shell, "--socket", "/nonexistent", "guest", "delete", "w"), [], f"{shell}: nobody there")


def test_names_are_never_evaluated_by_a_shell():
    with Lab(start=False) as lab:
        stand_in, asked = f"{lab.folder}/stand-in", f"{lab.folder}/asked"
        names = ["plain", "$(touch trapped)", "`touch trapped`", "a;touch trapped", "*"]
        with open(stand_in, "w") as file:
            file.write(f"#!/bin/sh\necho \"$@\" >>{asked}\ncat <<'END'\n" + "\n".join(names) + "\nEND\n")
        os.chmod(stand_in, 0o755)
        place = f"{lab.folder}/place"
        os.makedirs(place)
        with open(f"{place}/bait", "w"):
            pass
        for shell in SHELLS:
            script = f"{lab.folder}/completion.{shell}"
            with open(script, "w") as file:
                subprocess.run([lab.enforcer.program("enforcerctl"), "completion", shell], stdout=file, check=True)
            found = completions(shell, script, stand_in, ["enforcerctl", "--instance", "i", "guest", "delete", ""], place)
            unquoted = {word.replace("\\", "") for word in found}
            assert "plain" in unquoted and "$(touch trapped)" in unquoted, (shell, found)
            assert "bait" not in unquoted, (shell, found)
            equal(os.listdir(place), ["bait"], f"{shell}: nothing was run")
        with open(asked) as file:
            equal(set(file.read().splitlines()), {"guest list -o name --instance i"}, "what was asked")
