"""enforcerctl support-bundle: what helps is in it, and nothing of a secret, in no spelling."""

import os
import re
import stat
import tarfile

from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.secret0 import leaks, pieces, spellings
from lib.world import SECRET

BEARER = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}]}}
RULE = 'cred.test http: [{paths: ["/**"]}], credential: token'


def contents(path):
    """{name without the bundle's own folder: bytes}"""
    with tarfile.open(path) as archive:
        assert all(member.isfile() or member.isdir() for member in archive), "something else than files"
        return {member.name.partition("/")[2]: archive.extractfile(member).read() for member in archive if member.isfile()}


def test_bundle_of_a_daemon_with_credentials_in_use_holds_none_of_them():
    with Lab(policy(RULE), credentials=BEARER) as lab:
        lab.guest.trust_enforcer()
        lab.guest.query("other.test")
        equal(lab.guest.curl("https://cred.test/costs", "-H", "Authorization: Bearer placeholder").status, 200)
        sent = [e["head"] for e in lab.world.events(event="request")]
        assert any(SECRET in head for head in sent), "the control: the credential is in use"
        lab.enforcer.wait_record(type="decision", host="cred.test", layer="http")
        path = f"{lab.folder}/bundle.tar.gz"
        done = lab.enforcer.ctl("support-bundle", path)
        equal(done.returncode, 0, done.stderr)
        equal(done.stdout, path + "\n")
        equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        found = contents(path)
        for name in found:
            assert name in done.stderr, f"{name} is not said"
        assert "no value of a credential" in done.stderr, done.stderr
        for name, words in {"status.json": b"generation", "guests.json": b'"g1"', "audit.jsonl": b"cred.test",
                            "policies/1.yaml": b"cred.test", "credential-specs/1.yaml": b"bearer", "credentials.json": b'"token"',
                            "config/1.yaml": b"originTrust", "metrics.txt": b"enforcer_build_info", "doctor.txt": b"enforcerd",
                            "system.txt": b"Linux", "version.json": b"tool"}.items():
            assert words in found[name], (name, found[name][:400])
        for fact in (rb"^PRETTY_NAME=", rb"^MemTotal: +\d+ kB$", rb"^# /proc/loadavg\n\d+\.\d+ ", rb"^# /proc/uptime\n\d+\.\d+ "):
            assert re.search(fact, found["system.txt"], re.MULTILINE), (fact, found["system.txt"])
        for name, data in found.items():
            equal(leaks(data, SECRET, pieces), [], f"what of the secret is in {name}")


def test_search_would_find_a_planted_secret():
    planted = b"x" * 7 + sorted(spellings())[0] + b"y"
    assert leaks(planted, SECRET, pieces), "the search finds nothing"
    with Lab(policy("ok.test"), start=False) as lab:
        # Where nobody masks: a guest asked for it in the clear, so it is in a record.
        lab.enforcer.start()
        lab.attach("g1")
        path = f"{lab.folder}/bundle.tar.gz"
        name = "canary-in-a-name.test"
        lab.guest.query(name)
        wait_for(lambda: lab.enforcer.records(host=name), what="the record")
        lab.enforcer.ctl_ok("support-bundle", path)
        equal(leaks(contents(path)["audit.jsonl"], name), [name.encode()], "the control: what is in there is found")


def test_secrets_that_were_written_into_files_are_masked():
    with Lab(start=False) as lab:
        lab.enforcer.write_policy(policy("ok.test") + f"# {SECRET}\n")
        with open(f"{lab.enforcer.credentials}/bad.yaml", "w") as file:
            file.write(f"apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {{name: bad}}\n"
                       f"spec:\n  source: {{exec: [/usr/bin/get, '{SECRET}']}}\n  password: '{SECRET}'\n")
        # A configuration that is refused for what stands in it, which is when somebody wants help.
        refused = f"{lab.folder}/refused.yaml"
        with open(refused, "w") as file:
            file.write(f"egress: {{proxy: 'http://user:{SECRET}@127.0.0.1:3128'}}\n")
        path, other = f"{lab.folder}/bundle.tar.gz", f"{lab.folder}/other.tar.gz"
        equal(lab.enforcer.ctl("support-bundle", path).returncode, 0)
        done = lab.host.run([lab.enforcer.program("enforcerctl"), "--config", refused, "support-bundle", other], timeout=60)
        equal(done.returncode, 0, done.stderr)
        found = contents(path)
        for name, data in (*found.items(), *contents(other).items()):
            equal(leaks(data, SECRET, pieces), [], f"what of the secret is in {name}")
        assert b"/usr/bin/get" in found["credential-specs/1.yaml"], found
        assert b"@127.0.0.1:3128" in contents(other)["config/1.yaml"], contents(other)


def test_bundle_is_made_without_a_daemon_and_replaces_no_file():
    with Lab(start=False) as lab:
        path = f"{lab.folder}/bundle.tar.gz"
        equal(lab.enforcer.ctl("support-bundle", path).returncode, 0)
        found = contents(path)
        assert b"is enforcerd running?" in found["guests.json.err"], found["guests.json.err"]
        assert "guests.json" not in found, found["guests.json"]
        before = os.stat(path)
        equal(lab.enforcer.ctl("support-bundle", path).returncode, 7)
        equal(os.stat(path).st_mtime_ns, before.st_mtime_ns)
        equal(lab.enforcer.ctl("support-bundle", "/nonexistent/x").returncode, 1)
