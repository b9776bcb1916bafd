"""SECRET0 in a real microVM: its memory, its frames, its screen and what it leaves on disk have no byte of a secret that its requests
were sent with, although the origin sends it back in every response."""

import json
import os
import socket

from lib.expect import equal
from lib.microvm import search_memory
from lib.netns import entered
from lib.runner import hang_guard
from lib.secret0 import pieces
from lib.vm_lab import create, run, vm_lab
from lib.world import SECRET

RULE = 'cred.test http: [{paths: ["/**"]}], credential: token'
# In a row, so that what was sent and received is in several places of the guest's memory.
ASK = """
set -e
for path in /head /head-again; do
  curl -sSk -i "https://cred.test$path" -H "Authorization: Bearer $API_TOKEN" >> /tmp/answers
done
curl -sSk --http1.1 -i https://cred.test/head-of-http1 >> /tmp/answers
openssl base64 -in /tmp/answers > /tmp/other-clothes
env >> /tmp/answers; dmesg >> /tmp/answers
cat /tmp/answers /tmp/other-clothes > /dev/ttyS0
cat /tmp/answers
"""


def files_below(folder):
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


@hang_guard(300)
def test_141_nothing_of_a_secret_is_in_a_real_guest():
    token = {"binding": [{"to": ["cred.test"], "as": "bearer"}], "placeholder": {"env": {"API_TOKEN": "token"}}}
    with vm_lab(RULE, credentials={"token": token}) as lab:
        create(lab, "g1")
        pid = lab.enforcer.qemu("g1")
        with entered(f"/proc/{pid}/ns/net"):
            frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        with frames:
            frames.setblocking(False)
            answers = run(lab, "--guest", "g1", "--", "sh", "-c", ASK)
            equal(answers.returncode, 0, answers.stderr)
            captured = b""
            try:
                while True:
                    captured += frames.recv(1 << 16)
            except BlockingIOError:
                pass
        sent = [event["head"] for event in lab.world.events(event="request")]
        assert len(sent) == 3 and all(SECRET in head for head in sent), f"the control: the origin got it: {sent}"
        equal(answers.stdout.count("Bearer " + "*" * len(SECRET)), 3, "the control: the origin sent it back")
        expected = json.loads(lab.enforcer.ctl_ok("guest", "environment", "g1", "-o", "json"))["environment"]["API_TOKEN"]
        assert f"API_TOKEN={expected}\n" in answers.stdout, "run delivers the placeholder"
        assert expected not in "".join(sent), "the guest's own credential was replaced"
        assert len(captured) > 10_000, "the control: frames were seen"
        found, searched = search_memory(pid, b"Bearer " + b"*" * len(SECRET), *pieces())
        assert found.pop(b"Bearer " + b"*" * len(SECRET)) and searched > 200 << 20, "the control: the guest's memory is searched"
        equal([needle for needle, there in found.items() if there], [], "in the guest's memory")
        for needle in pieces():
            assert needle not in answers.stdout.encode() + answers.stderr.encode(), f"{needle} in what the guest printed"
            assert needle not in captured, f"{needle} in a frame"
        own = f"{lab.enforcer.credentials}/token.secret"
        for folder in (lab.folder, lab.enforcer.run_dir, lab.enforcer.state_dir):
            for path in files_below(folder):
                if path == own or os.path.basename(path).startswith("origins."):
                    continue
                with open(path, "rb") as file:
                    content = file.read()
                for needle in pieces():
                    assert needle not in content, f"{needle} in {path}"
        assert lab.enforcer.metric("enforcer_secret_leaks_blocked_total", credential="token") == 3
