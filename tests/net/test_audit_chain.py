"""The hash chain of the audit log: what is done to the files of real daemons is found, and nothing else is; the copy in the journal."""

import contextlib
import json
import os
import socket

from lib.audit_log import audit_files, numbered
from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import Process, wait_for

# enforcerd with a journal of the test's own: in a mount namespace, and then as its user, as systemd would start it.
WITH_JOURNAL = ("mount --make-rprivate / && mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/journal && "
                'mount --bind "$1" /run/systemd/journal && '
                f'exec setpriv --reuid={ENFORCERD_UID} --regid={ENFORCERD_UID} --clear-groups "$2" --config "$3"')


def verify(lab, *arguments):
    """Exit status and answer of `audit verify`."""
    done = lab.enforcer.ctl("audit", "verify", *arguments, "-o", "json")
    assert done.returncode in (0, 3), done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def whole(lab, *arguments):
    status, answer = verify(lab, *arguments)
    equal((status, answer["intact"], answer["findings"], answer["end"]), (0, True, [], "proven"), "a log that nobody touched")
    return answer


def faults(lab, *arguments):
    status, answer = verify(lab, *arguments)
    equal((status, answer["intact"]), (3, False))
    return [(f["fault"], f["seq"], f["last_seq"], f["file"], f["line"]) for f in answer["findings"]]


def settled(lab):
    """Everything recorded is on the disk, and the head file says so."""
    lab.enforcer.enforcerd.stop()
    lines = open_lines(lab.enforcer.audit_path)
    with open(f"{lab.enforcer.audit_path}.head") as file:
        equal(int(file.read().partition(":")[0]), json.loads(lines[-1])["seq"], "the head file after a stop")
    return lines


def open_lines(path):
    with open(path) as file:
        return file.read().splitlines()


def put_lines(path, lines):
    with open(path, "w") as file:
        file.writelines(f"{line}\n" for line in lines)


def ask_names(lab, count, what="n"):
    for number in range(count):
        lab.guest.query(f"{what}{number}.evil.test")
    lab.enforcer.wait_record(host=f"{what}{count - 1}.evil.test")


def test_verify_names_what_was_done_to_the_log_of_a_real_daemon():
    with Lab(policy("ok.test")) as lab:
        ask_names(lab, 12)
        head = whole(lab)["head"]  # beside the running daemon
        ask_names(lab, 3, "m")
        whole(lab, "--head", head)
        lines, path = settled(lab), lab.enforcer.audit_path
        last = json.loads(lines[-1])["seq"]
        number = lambda index: json.loads(lines[index])["seq"]
        tampered = {
            "changed": ([*lines[:5], lines[5].replace("evil.test", "good.test"), *lines[6:]], ("changed", number(5), number(5), path, 6)),
            "removed": ([*lines[:5], *lines[7:]], ("removed", number(5), number(6), path, 6)),
            "cut off": (lines[:-2], ("removed", last - 1, last, path, len(lines) - 2)),
            "put in": ([*lines[:7], lines[2], *lines[7:]], ("inserted", number(2), number(2), path, 8)),
            "moved": ([*lines[:5], lines[6], lines[5], *lines[7:]], ("reordered", number(6), number(6), path, 6)),
        }
        assert "evil.test" in lines[5], lines[5]
        for what, (changed, finding) in tampered.items():
            put_lines(path, changed)
            equal(faults(lab), [finding], what)
        put_lines(path, lines)
        whole(lab, "--head", head)
        equal(lab.enforcer.ctl("audit", "verify", f"{lab.folder}/none.jsonl").returncode, 5)
        equal(lab.enforcer.ctl("audit", "verify", "--head", "x").returncode, 2)


def test_a_log_that_was_cut_while_the_daemon_was_down_is_recorded_at_the_next_start():
    with Lab(policy("ok.test")) as lab:
        ask_names(lab, 8)
        lines = settled(lab)
        last = json.loads(lines[-1])["seq"]
        put_lines(lab.enforcer.audit_path, lines[:-3])
        lab.enforcer.start_enforcerd()
        record = lab.enforcer.wait_record(type="event", event="audit_chain_broken")
        equal((record["seq"], record["count"]), (last + 1, 3))
        assert faults(lab)[0][:3] == ("removed", last - 2, last), faults(lab)


def test_log_that_is_gone_with_its_head_file_begins_anew_and_only_a_head_noted_elsewhere_tells():
    with Lab(policy("ok.test")) as lab:
        ask_names(lab, 12)
        head = whole(lab)["head"]
        number = int(head.partition(":")[0])
        settled(lab)
        for path in (*audit_files(lab), f"{lab.enforcer.audit_path}.head"):
            os.unlink(path)
        lab.enforcer.start_enforcerd()
        ask_names(lab, 1, "m")
        equal(whole(lab)["first"], 1, "by itself it looks like the first log of all")
        equal(lab.enforcer.records(type="event", event="audit_chain_broken"), [])
        equal([(fault[0], fault[2]) for fault in faults(lab, "--head", head)], [("removed", number)])
        ask_names(lab, number, "n")  # past the number that was noted
        whole(lab)
        equal([fault[:3] for fault in faults(lab, "--head", head)], [("changed", number, number)])


def test_chain_goes_on_over_rotation_restart_and_kill():
    with Lab(policy("ok.test"), config={"audit": {"maxBytes": "64Ki", "maxFiles": 4}, "limits": {"dnsPerSecond": 10000}}) as lab:
        for way in ("stop", "kill"):
            for number in range(300):
                lab.guest.query(f"{way}{number}-{'x' * 40}.evil.test")
                if number % 40 == 39:
                    lab.enforcer.wait_record(host=f"{way}{number}-{'x' * 40}.evil.test")
            getattr(lab.enforcer.enforcerd, way)()
            lab.enforcer.start_enforcerd()
        ask_names(lab, 1, "last")
        wait_for(lambda: len(audit_files(lab)) > 1, what="a rotated file")
        answer = whole(lab)
        equal(answer["files"], audit_files(lab))
        equal(lab.enforcer.records(type="event", event="audit_chain_broken"), [])
        # The chain's slices stand by themselves.
        part = f"{lab.folder}/part.jsonl"
        exported = lab.enforcer.ctl_ok("audit", "export", "--since", "1h")
        numbered([json.loads(line) for line in exported.splitlines()])
        put_lines(part, exported.splitlines()[3:-3])
        status, answer = verify(lab, part)
        equal((status, answer["end"]), (0, "unproven"))
        # A file that is gone from the middle.
        files = audit_files(lab)
        assert len(files) >= 3, files
        os.rename(files[1], f"{lab.folder}/aside")
        equal([fault[0] for fault in faults(lab)], ["removed"])


@contextlib.contextmanager
def journal(folder):
    """A socket that reads what journald would get."""
    os.makedirs(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taken:
        taken.bind(f"{folder}/socket")
        os.chmod(folder, 0o755)
        os.chmod(f"{folder}/socket", 0o666)
        taken.settimeout(20)
        yield taken


def start_with_journal(lab, folder):
    enforcer = lab.enforcer
    enforcer.enforcerd = Process(["unshare", "-m", "sh", "-c", WITH_JOURNAL, "sh", folder, enforcer.program("enforcerd"),
                                  enforcer.config_path], f"{enforcer.folder}/enforcerd.log", enforcer.host)
    wait_for(enforcer.ready, 30, "enforcerd to be ready")


def entries(taken, until):
    """Entries as dicts, up to the one of which until(entry) holds."""
    while True:
        entry = dict(line.split("=", 1) for line in taken.recv(1 << 20).decode("ascii").splitlines())
        yield entry
        if until(entry):
            return


def test_records_are_copied_to_the_journal_and_what_could_not_be_is_counted():
    with Lab(policy("ok.test"), config={"audit": {"journald": True}}, start=False) as lab:
        folder = f"{lab.folder}/journal"
        lab.enforcer.start_hostd()
        with journal(folder) as taken:
            start_with_journal(lab, folder)
            lab.attach("g1")
            lab.guest.query("one.evil.test")
            got = list(entries(taken, lambda entry: entry.get("ENFORCER_HOST") == "one.evil.test"))
            numbers = [int(entry["ENFORCER_SEQ"]) for entry in got]
            equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "entries, in order")
            record = lab.enforcer.wait_record(host="one.evil.test")
            last = got[-1]
            equal({key: last.get(f"ENFORCER_{key.upper()}") for key in ("guest", "decision_id", "decision", "reason", "hash")},
                  {key: record[key] for key in ("guest", "decision_id", "decision", "reason", "hash")})
            equal((last["PRIORITY"], last["SYSLOG_IDENTIFIER"]), ("5", "enforcerd"))
            assert last["MESSAGE"].startswith("deny dns"), last["MESSAGE"]
            equal(lab.enforcer.metric("enforcer_audit_copy_errors_total"), 0)
        # Its socket is nobody's now: what is decided goes on, and the file says what the journal does not have.
        lab.guest.query("two.evil.test")
        lab.enforcer.wait_record(host="two.evil.test")
        gap = lab.enforcer.wait_record(type="event", event="journal_gap")
        assert gap.get("count", 1) >= 1 and lab.enforcer.metric("enforcer_audit_copy_errors_total") >= 1
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.enforcer.metric("enforcer_audit_write_errors_total"), 0)
        whole(lab)
