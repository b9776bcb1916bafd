"""`doctor --fix`: what a program can mend is mended and said, everything else stays with its advice, and without --fix nothing changes."""

import contextlib
import json
import os
import shutil
import stat

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import Lab, policy


def state(path):
    """(uid, gid, mode) of a folder; None where there is none."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def doctor(lab, *options, **more):
    """({check: its object}, the whole answer, the process)."""
    done = lab.enforcer.ctl("doctor", "-o", "json", *options, **more)
    answer = json.loads(done.stdout)
    return {check["name"]: check for check in answer["checks"]}, answer, done


def test_doctor_fix_mends_the_folders_of_the_daemons_and_says_each_step():
    with Lab(policy("ok.test")) as lab:
        good = {path: state(path) for path in (lab.enforcer.run_dir, lab.enforcer.state_dir, f"{lab.enforcer.state_dir}/hostd")}
        checks, _, _ = doctor(lab)
        equal((checks["folders"]["verdict"], checks["audit folder"]["verdict"]), ("ok", "ok"), f"the control: {checks}")
        os.chown(lab.enforcer.state_dir, 12345, ENFORCERD_UID)
        os.chmod(lab.enforcer.state_dir, 0o777)
        os.chmod(lab.enforcer.run_dir, 0o755)
        broken = {path: state(path) for path in good}

        checks, answer, done = doctor(lab)
        equal((checks["folders"]["verdict"], checks["folders"]["fixable"]), ("warn", True))
        assert "mended" not in answer and "doctor --fix" in done.stderr, done.stderr
        equal({path: state(path) for path in good}, broken, "without --fix")

        checks, answer, done = doctor(lab, "--fix")
        equal((checks["folders"]["verdict"], checks["folders"]["fixable"]), ("ok", False), f"afterwards: {answer}")
        equal({path: state(path) for path in good}, good)
        for path in (lab.enforcer.run_dir, lab.enforcer.state_dir):
            assert f"folders: make {path} as enforcer-hostd makes it: done\n" in done.stderr, done.stderr
        assert all(mended["done"] for mended in answer["mended"]), answer
        equal(lab.guest.curl("https://ok.test/").status, 200, "a guest's request")
        again = doctor(lab, "--fix")[1]
        equal([mended for mended in again["mended"] if mended["check"] == "folders"], [], "once more")


@contextlib.contextmanager
def lab_with_a_way_of_roots():
    """Its audit folder is where root alone can change what leads there, unlike below /tmp."""
    with Lab(policy("ok.test"), start=False) as lab:
        around = f"/run/{lab.prefix}-audit"
        shutil.rmtree(around, ignore_errors=True)
        os.makedirs(around)
        try:
            lab.enforcer.audit_folder = f"{around}/audit"
            lab.enforcer.audit_path = f"{around}/audit/audit.jsonl"
            os.mkdir(lab.enforcer.audit_folder, 0o750)
            os.chown(lab.enforcer.audit_folder, ENFORCERD_UID, ENFORCERD_UID)
            lab.enforcer.config["audit"] = {"path": lab.enforcer.audit_path}
            lab.enforcer.write_config()
            lab.enforcer.start()
            lab.attach("g1")
            yield lab
        finally:
            shutil.rmtree(around, ignore_errors=True)


def test_doctor_fix_closes_the_audit_folder_to_others_and_keeps_its_records():
    with lab_with_a_way_of_roots() as lab:
        lab.guest.query("other.test")
        lab.enforcer.wait_record(host="other.test")
        equal(doctor(lab)[0]["audit folder"]["verdict"], "ok", "the control")
        os.chmod(lab.enforcer.audit_folder, 0o777)
        checks, _, _ = doctor(lab)
        equal((checks["audit folder"]["verdict"], checks["audit folder"]["fixable"]), ("warn", True))
        equal(state(lab.enforcer.audit_folder)[2], 0o777, "without --fix")
        checks, _, done = doctor(lab, "--fix")
        equal(checks["audit folder"]["verdict"], "ok", done.stderr)
        equal(state(lab.enforcer.audit_folder), (ENFORCERD_UID, ENFORCERD_UID, 0o750))
        assert lab.enforcer.records(host="other.test"), "the records are gone"


def test_doctor_fix_gives_nothing_away_on_the_word_of_a_daemon_and_nothing_of_roots():
    with lab_with_a_way_of_roots() as lab:
        os.chown(lab.enforcer.audit_path, 0, 0)
        checks, _, _ = doctor(lab, "--fix")
        equal((checks["audit folder"]["verdict"], checks["audit folder"]["fixable"]), ("warn", False), "a log of root's")
        equal(state(lab.enforcer.audit_path)[0], 0)
        os.chown(lab.enforcer.audit_path, ENFORCERD_UID, ENFORCERD_UID)
        os.chown(lab.enforcer.audit_folder, 0, 0)
        checks, _, _ = doctor(lab, "--fix")
        equal((checks["audit folder"]["verdict"], checks["audit folder"]["fixable"]), ("warn", False), "a folder of root's")
        equal(state(lab.enforcer.audit_folder)[0], 0)
        # The daemon still says what the configuration had; what it has now is missing, and could be made.
        elsewhere = f"/run/{lab.prefix}-audit/elsewhere"
        lab.enforcer.write_config(audit={"path": f"{elsewhere}/audit.jsonl"})
        checks, _, _ = doctor(lab, "--fix")
        equal((checks["audit folder"]["verdict"], checks["audit folder"]["fixable"]), ("warn", False), "two paths")
        assert f"enforcerd says {lab.enforcer.audit_path}" in checks["audit folder"]["found"], checks["audit folder"]
        equal((state(elsewhere), state(lab.enforcer.audit_folder)[0]), (None, 0), "either folder")
        lab.enforcer.enforcerd.stop()
        os.chown(lab.enforcer.audit_folder, ENFORCERD_UID, ENFORCERD_UID)


def test_doctor_fix_does_not_take_another_user_for_enforcerds():
    with Lab(policy("ok.test")) as lab:
        lab.enforcer.enforcerd.stop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{lab.enforcer.run_dir}/enforcerd.sock")
        os.chmod(lab.enforcer.state_dir, 0o777)
        broken = state(lab.enforcer.state_dir)
        checks, answer, _ = doctor(lab, "--fix")
        equal((checks["folders"]["verdict"], checks["folders"]["fixable"]), ("warn", False), "nobody shows whose they are")
        equal([mended for mended in answer["mended"] if mended["check"] in ("folders", "audit folder")], [])
        equal(state(lab.enforcer.state_dir), broken)
        os.chmod(lab.enforcer.state_dir, 0o1770)


def test_doctor_fix_leaves_to_a_person_what_somebody_put_into_the_place_of_a_folder():
    with Lab(policy("ok.test")) as lab:
        lab.enforcer.hostd.stop()
        scratch = f"{lab.enforcer.state_dir}/scratch"
        shutil.rmtree(scratch)
        os.symlink("/etc", scratch)
        before = state("/etc")
        checks, answer, _ = doctor(lab, "--fix")
        equal(checks["folders"]["verdict"], "warn")
        assert "is not a folder" in checks["folders"]["found"] and checks["folders"]["advice"], checks["folders"]
        equal([mended for mended in answer["mended"] if mended["check"] == "folders"], [])
        equal(state("/etc"), before)
        os.unlink(scratch)
        checks, answer, _ = doctor(lab, "--fix")
        equal(checks["folders"]["verdict"], "ok", "the control: where there is nothing it is made")
        equal(state(scratch), (0, 0, 0o700))


def test_doctor_fix_is_roots_and_is_refused_to_others_with_4():
    with Lab(policy("ok.test")) as lab:
        os.chmod(lab.enforcer.run_dir, 0o1755)
        broken = state(lab.enforcer.run_dir)
        done = lab.host.run(["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", lab.enforcer.program("enforcerctl"),
                             "--config", lab.enforcer.config_path, "doctor", "--fix"], timeout=60)
        equal(done.returncode, 4, done.stdout + done.stderr)
        assert f"make {lab.enforcer.run_dir} as enforcer-hostd makes it: only root may" in done.stderr, done.stderr
        equal(state(lab.enforcer.run_dir), broken)
        equal(doctor(lab, "--fix")[0]["folders"]["verdict"], "ok", "the control: root's")
        assert state(lab.enforcer.run_dir) != broken


def test_doctor_fix_mounts_a_bpffs_and_makes_groups_where_there_are_none():
    with Lab(policy("ok.test")) as lab:
        # A mount namespace of its own: what is broken, and what is mended, is nobody else's.
        etc = f"{lab.folder}/etc"
        shutil.copytree("/etc", etc, symlinks=True, ignore=shutil.ignore_patterns("alternatives"))
        for name in ("group", "gshadow"):
            with open(f"{etc}/{name}") as file:
                kept = [line for line in file if not line.startswith("enforcer-")]
            with open(f"{etc}/{name}", "w") as file:
                file.writelines(kept)
        tool = f"{lab.enforcer.program('enforcerctl')} --config {lab.enforcer.config_path} --no-headers doctor"
        script = f"""
mount --bind {etc} /etc
mount -t tmpfs none /sys/fs/bpf
{tool} | grep -E '^(bpffs|groups)'
echo ---
{tool} --fix 2> {lab.folder}/said | grep -E '^(bpffs|groups)'
echo ---
stat --file-system --format=%T /sys/fs/bpf
grep -c '^enforcer-' /etc/group
"""
        done = lab.host.run(["unshare", "--mount", "sh", "-c", script], timeout=120)
        before, after, found = (part.strip().splitlines() for part in done.stdout.split("---"))
        equal([line.split()[1] for line in before], ["warn", "warn"], "the control: what is broken")
        equal([line.split()[1] for line in after], ["ok", "ok"], done.stdout + done.stderr)
        equal(found, ["bpf_fs", "3"])
        with open(f"{lab.folder}/said") as file:
            said = file.read()
        for step in ("bpffs: mount it at /sys/fs/bpf: done", "groups: make enforcer-reviewer, "):
            assert step in said, said
        equal(lab.guest.curl("https://ok.test/").status, 200, "a guest's request")
