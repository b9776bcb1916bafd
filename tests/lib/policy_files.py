"""Policy files that a test writes itself, wrong ones above all, and what must become of them."""

import os
import re

from lib.control import generation
from lib.expect import equal

HEAD = "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: evil}\nspec:\n"


def rule(more, guests="{matchLabels: {lab: yes}}"):
    return f"{HEAD}  guests: {guests}\n  allow:\n    - {{name: a, to: [ok.test]{more}}}\n"


def written(path, text, uid=0, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    os.chown(path, uid, uid)
    return path


def resolves(lab, name):
    return lab.guest.query(name).rcode == "NOERROR"


def nothing_more(lab, what, before):
    """What did not load changed nothing: neither more nor less is allowed."""
    equal(generation(lab), before, f"{what}: generation")
    equal((resolves(lab, "ok.test"), resolves(lab, "other.test")), (True, False), f"{what}: what is allowed")


def refused_reload(lab, what, said, codes=(1, 3, 4, 5)):
    """A reload that fails, says why, and changes nothing; the control is that without it one succeeds."""
    before = generation(lab)
    done = lab.enforcer.ctl("reload")
    assert done.returncode in codes, f"{what}: exit {done.returncode}: {done.stdout}{done.stderr}"
    assert re.search(said, done.stdout + done.stderr), f"{what}: {done.stdout}{done.stderr}"
    nothing_more(lab, what, before)
