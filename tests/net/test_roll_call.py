"""hostd comes, goes and comes back while enforcerd keeps what guests trust and know: CA and addresses. A guest loses them when
hostd has said that it does not exist, and never by a hostd that said less than that."""

import contextlib
import glob
import json
import os
import socket

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for

VERSION = 6  # of the protocol between the daemons


class FakeHostd:
    """hostd's end of the protocol, as far as a hostd gets that is killed early."""

    def __init__(self, path, uid=0):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        os.seteuid(uid)  # whom the kernel names to those who connect is settled by listen(2)
        try:
            self.socket.listen(1)
        finally:
            os.seteuid(0)
        self.socket.settimeout(20)

    def next_link(self):
        link, _ = self.socket.accept()
        link.settimeout(10)
        return link

    def close(self):
        self.socket.close()


def welcome(link, workers=2):
    equal(json.loads(link.recv(1 << 16)), {"type": "hello", "version": VERSION})
    message = {"type": "welcome", "version": VERSION, "workers": workers, "attach_mode": "tcx", "accelerator": "unknown",
               "gateway_ipv4": "100.64.0.1", "gateway_ipv6": "fd77:e::1"}
    with contextlib.ExitStack() as made:
        listeners = [made.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(workers)]
        dns = made.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        nothing = made.enter_context(open("/dev/null"))
        socket.send_fds(link, [json.dumps(message).encode()], [*(s.fileno() for s in listeners), dns.fileno(), nothing.fileno()])


def kept_files(lab, guest="*"):
    return sorted(glob.glob(f"{lab.enforcer.state_dir}/guests/{guest}/*"))


def test_hostd_killed_right_after_its_welcome_costs_no_guest_its_ca_or_its_addresses():
    with Lab(policy("ok.test"), guests=("g1", "g2")) as lab:
        before = {name: (guest.query("ok.test").addresses, guest.curl("https://ok.test/").status)
                  for name, guest in lab.guests.items()}
        equal([status for _, status in before.values()], [200, 200])
        files = kept_files(lab)
        equal(len(files), 4, files)
        authorities = {path: open(f"{path}/ca.pem").read() for path in files if path.endswith(".ca")}
        lab.enforcer.hostd.kill()
        fake = FakeHostd(f"{lab.enforcer.run_dir}/hostd.sock")
        with fake.next_link() as link:
            welcome(link)
            equal(json.loads(link.recv(1 << 16)), {"type": "ready"})
        for _ in range(4):  # a second lies between two of them
            with fake.next_link() as link:
                equal(json.loads(link.recv(1 << 16))["type"], "hello")
                # Said on a connection that has not begun with a welcome, it means nothing.
                link.send(json.dumps({"type": "announced"}).encode())
        fake.close()
        equal(kept_files(lab), files)
        equal(lab.enforcer.records(type="event", event="guest_gone"), [])
        lab.enforcer.start_hostd()
        for name, guest in lab.guests.items():
            wait_for(lambda: guest.curl("https://ok.test/", timeout=3).status == 200, 20, "service by the next hostd")
            equal(guest.query("ok.test").addresses, before[name][0])
        equal({path: open(f"{path}/ca.pem").read() for path in authorities}, authorities)


def test_guest_that_ended_while_enforcerd_was_away_leaves_no_ca():
    with Lab(policy("ok.test"), guests=("g1", "g2")) as lab:
        (staying,), (leaving,) = ([path for path in kept_files(lab, name) if path.endswith(".ca")] for name in ("g1", "g2"))
        addresses = lab.guest.query("ok.test").addresses
        lab.enforcer.enforcerd.kill()
        lab.guests["g2"].remove()
        wait_for(lambda: "guest g2 is gone" in lab.enforcer.hostd.output(), 10, "hostd to see the end of g2")
        strangers = f"{lab.enforcer.state_dir}/guests/g2/notes.txt"
        with open(strangers, "w") as file:
            file.write("not ours")
        assert os.path.exists(f"{leaving}/ca.key"), "the control: it is there"
        lab.enforcer.start_enforcerd()
        wait_for(lambda: not os.path.exists(leaving), 10, "the CA of g2 to be removed")
        equal(kept_files(lab, "g2"), [strangers])
        os.unlink(strangers)
        assert os.path.exists(f"{staying}/ca.key")
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.guest.query("ok.test").addresses, addresses)


def test_guest_that_hostd_no_longer_knows_is_gone_at_the_end_of_the_roll_call():
    with Lab(policy("ok.test"), guests=("g1", "g2")) as lab:
        lab.enforcer.hostd.kill()
        lab.guests["g2"].remove()
        lab.enforcer.start_hostd()
        equal(lab.enforcer.wait_record(type="event", event="guest_gone")["guest"], "g2")
        equal(kept_files(lab, "g2"), [])
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(len(kept_files(lab, "g1")), 2)


def test_hostd_that_is_not_root_is_not_believed():
    """Whoever is in enforcerd's group may put a socket into the place of hostd's while none runs."""
    with Lab(policy("ok.test")) as lab:
        files = kept_files(lab)
        lab.enforcer.hostd.kill()
        fake = FakeHostd(f"{lab.enforcer.run_dir}/hostd.sock", uid=ENFORCERD_UID)
        for _ in range(2):
            with fake.next_link() as link:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it closes without having read
                    link.send(json.dumps({"type": "event", "name": "believed", "slot": 0, "detail": ""}).encode())
                    equal(link.recv(1 << 16), b"", "no hello for a stranger")
        fake.close()
        equal(lab.enforcer.enforcerd.output().count(f"uid {ENFORCERD_UID} listens there"), 1, "said once")
        equal(lab.enforcer.records(type="event", event="believed"), [])
        fake = FakeHostd(f"{lab.enforcer.run_dir}/hostd.sock")  # the control: the same by root
        with fake.next_link() as link:
            welcome(link)
            link.send(json.dumps({"type": "event", "name": "believed", "slot": 0, "detail": ""}).encode())
            lab.enforcer.wait_record(type="event", event="believed")
        fake.close()
        lab.enforcer.start_hostd()
        wait_for(lambda: lab.guest.curl("https://ok.test/", timeout=3).status == 200, 20, "service by the real hostd")
        equal(kept_files(lab), files)
