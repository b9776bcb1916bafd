"""What the service manager gives to enforcerd (systemd.exec(5), LoadCredential=): values of credentials, and the key of the store."""

import contextlib
import json
import os

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.world import SECRET

RULE = 'cred.test http: [{paths: ["/**"]}], credential: token'


def binding(**source):
    return {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}], "source": source}}


@contextlib.contextmanager
def service_lab(credentials, **files):
    """A lab whose enforcerd is started as systemd would start it, with these files in its folder of credentials."""
    with Lab(policy(RULE), credentials=credentials, start=False) as lab:
        folder = f"{lab.folder}/service-credentials"
        os.mkdir(folder, 0o700)
        os.chown(folder, ENFORCERD_UID, ENFORCERD_UID)
        for name, content in files.items():
            give(f"{folder}/{name.replace('_', '-')}", content)
        os.environ["CREDENTIALS_DIRECTORY"] = folder
        try:
            lab.enforcer.start()
            guest = lab.attach("g1")
            guest.trust_enforcer()
            yield lab, guest, folder
        finally:
            del os.environ["CREDENTIALS_DIRECTORY"]


def give(path, content):
    with open(path, "wb") as file:
        file.write(content)
    os.chown(path, ENFORCERD_UID, ENFORCERD_UID)
    os.chmod(path, 0o400)


def state(lab):
    (listed,) = json.loads(lab.enforcer.ctl_ok("credential", "list", "-o", "json"))["credentials"]
    return listed["source"], listed["state"]


def test_values_of_the_service_manager():
    with service_lab(binding(systemd="bot-token"), bot_token=SECRET.encode() + b"\n") as (lab, guest, folder):
        equal(guest.curl("https://cred.test/").status, 200)
        equal(state(lab), ("systemd", "ok"))
        assert any(SECRET in event["head"] for event in lab.world.events(event="request"))
        os.unlink(f"{folder}/bot-token")
        equal(guest.curl("https://cred.test/").status, 502)
        equal(state(lab), ("systemd", "missing"))
        wait_for(lambda: "LoadCredential=" in lab.enforcer.enforcerd.output(), what="the log to say what to do")
        give(f"{folder}/bot-token", SECRET.encode())
        equal(guest.curl("https://cred.test/").status, 200)


def test_store_is_under_the_key_that_the_service_manager_gives():
    with service_lab(binding(store=True), enforcer_store_key=os.urandom(32)) as (lab, guest, folder):
        equal(lab.enforcer.ctl("credential", "set", "token", "-", input=SECRET).returncode, 0)
        equal(guest.curl("https://cred.test/").status, 200)
        assert not os.path.exists(f"{lab.enforcer.state_dir}/credentials.key"), "a key beside what it is for"
        with open(f"{lab.enforcer.state_dir}/credentials/token", "rb") as file:
            assert SECRET.encode() not in file.read()
        lab.enforcer.enforcerd.stop()
        lab.enforcer.start_enforcerd()
        equal(state(lab), ("store", "ok"))
        lab.enforcer.enforcerd.stop()
        give_another = os.urandom(32)
        os.unlink(f"{folder}/enforcer-store-key")
        give(f"{folder}/enforcer-store-key", give_another)
        lab.enforcer.start_enforcerd()
        equal(state(lab), ("store", "failing"))
