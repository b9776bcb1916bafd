"""The manual pages: made from what --help says, and read by man and mandoc without a complaint."""

import os
import re
import subprocess

from lib.expect import equal
from lib.lab import Lab, build_folder

ONE_SANITIZER = "read pages"

FOLDER = f"{build_folder()}/userspace/enforcerctl/manual"
PAGES = {"enforcerctl.1": "enforcerctl", "enforcerd.8": "enforcerd", "enforcer-hostd.8": "enforcer-hostd"}
OPTION = re.compile(r"^  (?:(-\w),)?(--[\w-]+)", re.M)


def rendered(page):
    """The page as text, in lines that are not broken."""
    done = subprocess.run(["man", "--warnings", "-l", f"{FOLDER}/{page}"], capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "MANWIDTH": "1000", "LC_ALL": "C", "MAN_KEEP_FORMATTING": ""})
    equal(done.returncode, 0, page)
    equal(done.stderr, "", f"what man says about {page}")
    return done.stdout


def test_pages_are_read_without_a_warning():
    for page in PAGES:
        assert "\nNAME\n" in rendered(page) and "EXIT STATUS" in rendered(page), page
        lint = subprocess.run(["mandoc", "-T", "lint", f"{FOLDER}/{page}"], capture_output=True, text=True, check=False, timeout=60)
        # A page has no date, so that two builds are the same; long lines are style.
        complaints = [line for line in lint.stdout.splitlines() if "STYLE" not in line and "missing date" not in line]
        equal(complaints, [], page)


def test_lint_would_see_a_broken_page():
    lint = subprocess.run(["mandoc", "-T", "lint"], input=".TH A 1\n.SH NAME\na \\- b\n.NOSUCH\n", capture_output=True, text=True,
                          check=False, timeout=60)
    assert "NOSUCH" in lint.stdout, lint.stdout


def test_every_verb_and_option_of_the_help_is_on_the_page():
    page = rendered("enforcerctl.1")
    with Lab(start=False) as lab:
        seen = _walk(lab, [], page)
    assert seen > 40, f"only {seen} verbs"


def _walk(lab, path, page):
    shown = lab.enforcer.ctl_ok(*path, "--help")
    for short, long in OPTION.findall(shown.partition("Usage:")[2]):
        assert (f"{short}, {long}" if short else long) in page, f"{path}: {short} {long}"
    verbs = re.findall(r"^  ([a-z-]+) ", shown.partition("\nSubcommands:\n")[2], re.M)
    seen = 1
    for verb in verbs:
        words = " ".join(["enforcerctl", *path, verb])
        assert re.search(rf"^ +{re.escape(words)}\b", page, re.M), f"no section for {words}"
        seen += _walk(lab, [*path, verb], page)
    return seen


def test_daemons_take_what_their_pages_and_helps_say():
    with Lab(start=False) as lab:
        for page, program in list(PAGES.items())[1:]:
            binary = lab.enforcer.program(program)
            shown = subprocess.run([binary, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
            text = rendered(page)
            options = re.findall(r"^  (--[\w-]+)(?: ([A-Z]+))?", shown, re.M)
            assert len(options) >= 3, shown
            for option, value in options:
                assert f"{option} {value}".strip() in text, (program, option)
                words = [option, "x"] if value else [option]
                done = subprocess.run([binary, *words, "--help"], capture_output=True, text=True, timeout=60, check=False)
                equal(done.returncode, 0, f"{program} {option}")
            done = subprocess.run([binary, "--no-such-option"], capture_output=True, text=True, timeout=60, check=False)
            equal(done.returncode, 2, program)
