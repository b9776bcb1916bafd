"""Policy files: whose they are, and what is in them that its reader should not take.

The lab: ok.test passes through, mitm.test is intercepted, tcp.test:7 is plain TCP; other.test exists and is allowed by nothing."""

import itertools
import json
import os
import re
import socket
import stat
import threading

from lib.control import control
from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import RULE, Lab, policy
from lib.oracles import served
from lib.policy_files import HEAD, refused_reload, resolves, written
from lib.processes import NOBODY, Process
from lib.runner import hang_guard

NAMES = ("ok.test", f"mitm.test {RULE}", "tcp.test:7 tcp")
EAGER = {"limits": {"dnsPerSecond": 10_000}}


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


EVIL = policy("other.test", name="evil")


@hang_guard(150)
def test_157_policy_files_that_somebody_else_could_change():
    with lab(config=EAGER) as made:
        folder = made.enforcer.policies
        theirs, ours, extra = f"{made.folder}/theirs", f"{made.folder}/ours", f"{folder}/extra.yaml"
        written(theirs, EVIL, NOBODY)
        written(ours, EVIL)

        def bound(path):
            with socket.socket(socket.AF_UNIX) as there:
                there.bind(path)
        ways = {
            "a link to our own file": lambda: os.symlink(ours, extra), "a link to theirs": lambda: os.symlink(theirs, extra),
            "a link to nothing": lambda: os.symlink(f"{made.folder}/none", extra), "a link to a link": lambda: os.symlink(extra, extra),
            "their file under a second name": lambda: os.link(theirs, extra), "their file": lambda: written(extra, EVIL, NOBODY),
            "writable by a group": lambda: written(extra, EVIL, mode=0o664), "writable by all": lambda: written(extra, EVIL, mode=0o646),
            "a FIFO": lambda: os.mkfifo(extra), "a folder": lambda: os.mkdir(extra), "a socket": lambda: bound(extra),
            "a device": lambda: os.mknod(extra, 0o644 | stat.S_IFCHR, os.makedev(1, 5)),
            "more than a MiB": lambda: written(extra, EVIL + "#" * (1 << 20)),
        }
        for what, way in ways.items():
            way()
            refused_reload(made, what, "extra.yaml")
            os.rmdir(extra) if os.path.isdir(extra) and not os.path.islink(extra) else os.unlink(extra)
        made.enforcer.ctl_ok("reload")
        # The folder is theirs, or is one that others may write, or the way to it is.
        written(extra, EVIL)
        for what, uid, mode in (("a folder of theirs", NOBODY, 0o755), ("writable by a group", 0, 0o775), ("writable by all", 0, 0o757)):
            os.chown(folder, uid, uid)
            os.chmod(folder, mode)
            refused_reload(made, what, re.escape(folder))
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o755)
        os.rename(folder, f"{folder}.real")
        os.symlink(f"{folder}.real", folder)
        refused_reload(made, "a link instead of the folder", re.escape(folder))
        os.unlink(folder)
        refused_reload(made, "no folder", re.escape(folder))
        os.rename(f"{folder}.real", folder)
        os.unlink(extra)
        made.enforcer.ctl_ok("reload")
        # What is checked is what is read: somebody exchanges the file all the time.
        harmless, stop = written(f"{made.folder}/harmless", policy("ok.test:8443", name="evil")), threading.Event()

        def exchanging():
            for number in itertools.count():
                if stop.is_set():
                    return
                new = f"{folder}/.new"
                (os.link if number % 3 else os.symlink)(theirs if number % 2 else harmless, new)
                os.rename(new, extra)
                if os.path.lexists(new):  # two names of one file: rename does nothing
                    os.unlink(new)
        thread = threading.Thread(target=exchanging, daemon=True)
        thread.start()
        try:
            outcomes = set()
            for _ in range(60):
                outcomes.add(control(made, "POST", "/v1/reload")[0])
                equal((resolves(made, "ok.test"), resolves(made, "other.test")), (True, False))
        finally:
            stop.set()
            thread.join(10)
        assert 200 in outcomes and len(outcomes) > 1, f"the control: some were read, and some refused: {outcomes}"
        os.unlink(extra)
        written(extra, EVIL)
        made.enforcer.ctl_ok("reload")
        assert resolves(made, "other.test"), "the control: the same text in a file of ours"
        served(made)


def bomb(levels=30):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


BOMBS = {
    "aliases of aliases": bomb(), "the same in a policy": HEAD + "  guests: &g {matchLabels: {lab: yes}}\n  allow: [*g, *g]\n",
    "an alias of itself": "a: &a [*a]\n", "an anchor that holds itself": "&a {a: *a}\n", "an alias as a key": "a: &a b\n*a : c\n",
    "an alias of nothing": "a: *b\n", "merge keys": "a: &a {b: c}\nd: {<<: *a}\n", "merge keys of themselves": "a: &a {<<: *a}\n",
    "deep lists": "[" * 10_000, "deep mappings": "{a: " * 10_000, "deep keys": "? " * 10_000, "deep dashes": "- " * 10_000,
    "deep lists in a policy": HEAD + "  allow: " + "[" * 5_000 + "]" * 5_000 + "\n",
    "deep block": "".join(" " * n + "a:\n" for n in range(1_000)),
    "closing only": "]" * 10_000, "commas": "," * 10_000, "question marks": "?\n" * 2_000, "colons": ":\n" * 2_000,
    "thousands of documents": "--- x\n" * 2_000, "a document that does not end": '"' + "a" * 100_000,
    "a block scalar of spaces": "a: |9\n" + " " * 100_000,
    "a key without end": "a" * 200_000 + ": b\n", "thousands of keys": "".join(f"k{n}: v\n" for n in range(1_500)),
    "tags": "!!python/object/apply:os.system ['touch /tmp/x']\n", "a local tag": HEAD + "  guests: !evil {matchLabels: {lab: yes}}\n",
    "a binary tag": "a: !!binary AAAA\n", "a directive": "%YAML 9.9\n---\na: b\n", "a tag directive": "%TAG ! tag:x,2000:\n---\n!x a\n",
    "escapes": 'a: "\\U7fffffff"\n', "half an escape": 'a: "\\x"\n', "a verbatim tag": "!<" + "a" * 10_000 + "> b\n",
}


@hang_guard(240)
def test_158_yaml_that_eats_its_reader():
    with lab(config=EAGER) as made:
        served(made)
        path, alone = f"{made.enforcer.policies}/bomb.yaml", f"{made.folder}/bomb.yaml"
        pid = made.enforcer.enforcerd.pid
        for number, (what, text) in enumerate(BOMBS.items()):
            written(path, text)
            written(alone, text)
            refused_reload(made, what, r"bomb\.yaml", codes=(3,))
            other = ("check", "apply")[number % 2]  # one reader behind all three
            equal(made.enforcer.ctl("policy", other, alone).returncode, 3, f"{what}: policy {other}")
            os.unlink(path)
        # Larger than anybody reads: a sparse one, and one that would be sent.
        for size in (50 << 20, 1 << 40):
            with open(path, "w") as file:
                file.truncate(size)
            refused_reload(made, f"{size} bytes", r"bomb\.yaml:1:1: error\[E0002\]")
            os.unlink(path)
        status, answer = control(made, "POST", "/v1/policies", json.dumps({"documents": [{"name": "x", "text": " " * (5 << 20)}]}))
        equal((status, "documents" in str(answer)), (413, False), str(answer)[:300])
        for depth in (20, 100_000):
            status, _ = control(made, "POST", "/v1/policies", "[" * depth)
            equal(status, 400, f"JSON {depth} deep")
        equal((made.enforcer.enforcerd.pid, made.enforcer.enforcerd.alive()), (pid, True))
        made.enforcer.ctl_ok("reload")
        served(made)
        # The configuration is read by root, too.
        for what in ("aliases of aliases", "deep lists", "deep mappings", "thousands of documents", "tags", "an anchor that holds itself"):
            written(alone, BOMBS[what])
            for program, user in (("enforcer-hostd", None), ("enforcerd", ENFORCERD_UID)):
                process = Process([made.enforcer.program(program), "--config", alone], f"{made.folder}/bomb.log", made.host, user=user)
                equal(process.wait(30), 3, f"{program} with {what}")


TIDY = HEAD.replace("evil", "typo") + ("  guests: {matchLabels: {lab: yes}}\n  allow:\n    - {name: a, to: [other.test]}\n"
                                       "    - {name: b, to: ['mitm.test:8080'], inspect: never}\n"
                                       "  deny:\n    - {name: c, to: [evil.test]}\n")
# What is written instead of what, and the line that is to blame.
TYPOS = [
    ("apiVersion:", "apiversion:", 1), ("enforcer.dev/v1", "enforcer.dev/v2", 1), ("kind: Policy", "kind: policy", 2),
    ("kind:", "Kind:", 2),
    ("metadata:", "metdata:", 3), ("{name: typo}", "{nmae: typo}", 3), ("{name: typo}", "{name: Typo}", 3), ("spec:", "specs:", 4),
    ("  guests:", "  guest:", 5), ("matchLabels", "matchLabel", 5), ("  allow:", "  alow:", 6), ("  allow:", "  allowed:", 6),
    ("  allow:", "  Allow:", 6),
    ("{name: a, to:", "{name: a, too:", 7), ("{name: a, to:", "{name: a, host:", 7), ("{name: a,", "{Name: a,", 7),
    ("inspect: never", "inspct: never", 8),
    ("  deny:", "  denied:", 9), ("  deny:", "  deney:", 9), ("  deny:", " deny:", 9),
    # Twice.
    ("spec:\n", "spec:\nspec:\n", 5), ("metadata: {name: typo}", "metadata: {name: typo, name: other}", 3), ("  deny:", "  allow:", 9),
    ("{name: a, to: [other.test]}", "{name: a, to: [other.test], to: [evil.test]}", 7), ("{lab: yes}", "{lab: yes, lab: no}", 5),
    ("{name: b,", "{name: a,", 8), ("{name: a,", "{name: a, 'name': b,", 7), ('{name: a,', '{name: a, "n\\u0061me": b,', 7),
    # Words that are something else for some readers.
    ("inspect: never", "inspect: no", 8), ("inspect: never", "inspect: off", 8), ("inspect: never", "private: yes", 8),
    ("inspect: never", "broad: on", 8),
    ("inspect: never", "private: True", 8), ("inspect: never", "private: 1", 8), ("inspect: never", "inspect: ~", 8),
    ("mitm.test:8080", "mitm.test:017620", 8),
    ("mitm.test:8080", "mitm.test:0x1f90", 8), ("'mitm.test:8080'", "22:22", 8), ("mitm.test:8080", "mitm.test:8_080", 8),
    # Characters that some readers take for others.
    ("  deny:", "\tdeny:", 9), ("allow:\n", "allow:\t\n", 6), ("apiVersion", "\ufeffapiVersion", 1), ("  deny:", "\x85  deny:", 9),
    ("  deny:", "\u2028  deny:", 9),
    ("name: c", "name: c\u202e", 10), ("[evil.test]", "[evil\u200b.test]", 10), ("[evil.test]", "[evil\u0000.test]", 10),
    ("  deny:", "\r  deny:", 9),
    ("[evil.test]", "[ev\u0456l.test]", 10), ("  deny:", "\u00a0 deny:", 9),
]


@hang_guard(240)
def test_159_typing_errors_and_look_alikes():
    with lab(config=EAGER) as made:
        path = f"{made.enforcer.policies}/typo.yaml"
        for old, new, line in TYPOS:
            equal(TIDY.count(old) > 0, True, f"{old!r} stands in the policy")
            written(path, TIDY.replace(old, new, 1))
            refused_reload(made, repr(new), rf"typo\.yaml:{line}:\d+: error\[E\d+\]", codes=(3,))
        for number, octets in enumerate((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xe2\x82")):
            with open(path, "wb") as file:
                file.write(TIDY.encode().replace(b"[evil.test]", b"[evil" + octets + b".test]"))
            refused_reload(made, octets.hex(), r"typo\.yaml:10:\d+: error\[E\d+\]", codes=(3,))
        # All that is wrong, in all files, in one run.
        written(path, TIDY.replace("  allow:", "  alow:", 1).replace("  deny:", "  deney:", 1))
        written(f"{made.enforcer.policies}/second.yaml", TIDY.replace("name: typo", "name: second").replace("spec:", "specs:", 1))
        refused_reload(made, "three errors", r"(?s)(?=.*second\.yaml:4:)(?=.*typo\.yaml:6:)(?=.*typo\.yaml:9:)", codes=(3,))
        os.unlink(f"{made.enforcer.policies}/second.yaml")
        written(path, TIDY)
        made.enforcer.ctl_ok("reload")
        assert resolves(made, "other.test"), "the control: without the error it loads"
        served(made)
