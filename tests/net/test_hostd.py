"""enforcer-hostd alone, with a test in enforcerd's place: what it hands over, what it refuses, what outlives it."""

import array
import glob
import os
import select
import socket
import subprocess

from lib.daemons import ENFORCERD_UID
from lib.expect import equal
from lib.hostd_bench import Bench, ask_waiting, image_that_takes_long_to_check, refusal
from lib.hostd_client import VERSION, Link, connect_as
from lib.processes import wait_for

ONE_SANITIZER = "talk with hostd, which has one thread"

MARK, SO_MARK = 0x77000000, 36
ORIGIN, ORIGIN_IPV6 = "93.184.216.34", "2600:9000::1"


def open_connection(netns, address, port, seconds=5):
    client = netns.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    client.settimeout(seconds)
    client.connect((address, port))
    return client


def slot_of(accepted):
    mark = accepted.getsockopt(socket.SOL_SOCKET, SO_MARK)
    equal(mark & 0xff000000, MARK)
    return mark & 0xffffff


def test_invariant_9_what_arrives_at_a_listener_carries_the_slot_of_its_guest():
    with Bench() as bench:
        bench.start()
        link = Link(bench.socket_path).serve()
        one, two = bench.namespace("g1"), bench.namespace("g2")
        for name, netns in (("g1", one), ("g2", two)):
            assert "error" not in link.attach(name, netns.path)
        for name, netns in (("g1", one), ("g2", two)):
            for address, port in ((ORIGIN, 443), (ORIGIN_IPV6, 8443)):
                with open_connection(netns, address, port), link.accept() as accepted:
                    equal(slot_of(accepted), link.guests[name]["slot"])
                    equal(accepted.getsockname()[0].removeprefix("::ffff:"), address)
                    equal(accepted.getsockname()[1], port)
        with two.socket(kind=socket.SOCK_DGRAM) as udp:
            udp.sendto(b"query", ("8.8.8.8", 53))
            link.dns.settimeout(5)
            data, ancillary, _, _ = link.dns.recvmsg(100, 200)
        equal(data, b"query")
        marks = [array.array("I", value)[0] for level, kind, value in ancillary if (level, kind) == (socket.SOL_SOCKET, SO_MARK)]
        equal(marks, [MARK | link.guests["g2"]["slot"]])
        link.close()


def test_hostd_listens_to_one_enforcerd_of_the_right_uid_that_keeps_to_the_protocol():
    with Bench() as bench:
        bench.start()
        equal(Link(bench.socket_path, uid=0).receive()[0]["error"]["code"], "denied")
        try:
            Link(bench.socket_path, uid=ENFORCERD_UID + 1)
            raise AssertionError("a stranger could connect")
        except PermissionError:
            pass
        first = Link(bench.socket_path)
        first.hello()
        equal(Link(bench.socket_path).receive()[0]["error"]["code"], "conflict")
        first.close()
        for packet in (b"{}", b"x" * 70000, b'{"type":"ready"}', b'{"type":"hello","version":3,"more":1}'):
            link = Link(bench.socket_path)
            link.socket.send(packet)
            try:
                while True:
                    link.receive()
            except EOFError:
                pass
        other_version = Link(bench.socket_path)
        other_version.send(type="hello", version=VERSION + 1)
        assert f"version {VERSION + 1}" in other_version.until("reply")[0]["error"]["message"]
        Link(bench.socket_path).serve().close()  # the control: it still serves


def test_owner_of_shared_folders_is_whoever_connected_and_not_whom_enforcerd_names():
    kim, lee, admins = 54321, 54331, 54399
    with Bench() as bench:
        bench.enforcer.admins = admins
        bench.start()
        with socket.socket(socket.AF_UNIX) as control:
            control.bind(f"{bench.enforcer.run_dir}/enforcerd.sock")
            os.chmod(f"{bench.enforcer.run_dir}/enforcerd.sock", 0o666)
            control.listen(4)

            def asks(uid, groups=(admins,)):
                client = connect_as(f"{bench.enforcer.run_dir}/enforcerd.sock", uid, socket.SOCK_STREAM, groups)
                return client, control.accept()[0]

            link = Link(bench.socket_path).serve()
            client, kims = asks(kim)
            own, services = asks(ENFORCERD_UID)
            ours, theirs = socket.socketpair()
            with client, kims, own, services, ours, theirs:
                for uid, connection, code in ((kim, kims, "not_found"),  # the control: it fails for want of an image
                                              (lee, kims, "denied"), (0, kims, "denied"), (kim, services, "denied"),
                                              (ENFORCERD_UID, services, "denied"), (kim, ours, "invalid"), (kim, control, "invalid")):
                    reply = link.create(["/home/kim"], connection, owner=uid, owner_group=uid)
                    equal((uid, reply["error"]["code"]), (uid, code))
                equal(link.create(owner=lee, owner_group=lee)["error"]["code"], "not_found")  # without folders
                viewer, viewers = asks(lee, groups=())  # who may look, and makes no guests
                with viewer, viewers:
                    refused = link.create(["/home/lee"], viewers, owner=lee, owner_group=lee)["error"]
                    equal((refused["code"], "enforcer-admin" in refused["message"]), ("denied", True))
                client.close()
                equal(link.create(["/home/kim"], kims, owner=kim, owner_group=kim)["error"]["code"], "denied")
            link.close()
            silent = Link(bench.socket_path).serve()
            try:
                raise AssertionError(silent.create(["/home/kim"], owner=kim, owner_group=kim))
            except EOFError:
                assert "too few descriptors" in bench.enforcer.hostd.output()
            silent.close()


def test_deletion_of_a_guest_that_is_gone_does_not_meet_the_one_that_has_its_name_now():
    with Bench() as bench:
        bench.start()
        link = Link(bench.socket_path).serve()
        first = bench.namespace("g1")
        assert "error" not in link.attach("g1", first.path)
        before = link.guests["g1"]["slot"]
        assert "error" not in link.delete("g1", before)
        assert "error" not in link.attach("g1", first.path)
        now = link.guests["g1"]["slot"]
        assert now != before, now
        late = link.delete("g1", before)
        equal(late["error"]["code"], "not_found")
        assert "another one has its name" in late["error"]["message"], late
        equal([gone["slot"] for gone in link.gone], [before])
        with open_connection(first, ORIGIN, 443), link.accept() as accepted:  # the successor is served
            equal(slot_of(accepted), now)
        assert "error" not in link.delete("g1", now)  # the control
        assert "error" not in link.attach("g1", first.path)
        assert "error" not in link.delete("g1")  # by its name alone
        link.close()


def test_silent_peer_does_not_keep_the_real_enforcerd_out():
    with Bench() as bench:
        bench.start()
        silent = Link(bench.socket_path)
        equal(Link(bench.socket_path).receive()[0]["error"]["code"], "conflict")  # meanwhile its place is taken
        try:
            silent.receive()
            raise AssertionError("it was greeted")
        except EOFError:
            pass
        real = Link(bench.socket_path).serve()
        # One that has greeted may be silent for as long as it likes.
        guest = bench.namespace("g1")
        assert "error" not in real.attach("g1", guest.path)
        assert not select.select([real.socket], [], [], 6)[0], real.receive()
        with open_connection(guest, ORIGIN, 443), real.accept() as accepted:
            equal(slot_of(accepted), real.guests["g1"]["slot"])
        real.close()
        silent.close()


def test_invariant_11_a_killed_hostd_is_not_missed_and_its_successor_takes_its_guests():
    with Bench() as bench:
        bench.start()
        link = Link(bench.socket_path).serve()
        guest = bench.namespace("g1")
        assert "error" not in link.attach("g1", guest.path)
        before = link.guests["g1"]
        bench.enforcer.hostd.kill()
        with open_connection(guest, ORIGIN, 443), link.accept() as accepted:
            equal(slot_of(accepted), before["slot"])
        bench.start()
        # The old sockets are still open: an enforcerd that lived on has them until it has the new ones.
        successor = Link(bench.socket_path).serve()
        successor.until("guest")
        equal(successor.guests["g1"], before)
        assert "error" in successor.attach("g1", bench.namespace("g2").path)
        for _ in range(4):
            with open_connection(guest, ORIGIN, 443), successor.accept() as accepted:
                equal(slot_of(accepted), before["slot"])
        link.close()
        successor.close()
        with guest.socket() as client:
            client.settimeout(1)
            assert client.connect_ex((ORIGIN, 443)) != 0, "connected although nobody is there"


def test_guest_that_went_while_no_hostd_ran_leaves_nothing():
    with Bench() as bench:
        bench.start()
        link = Link(bench.socket_path).serve()
        staying, leaving, changed = (bench.namespace(name) for name in ("g1", "g2", "g3"))
        for name, netns in (("g1", staying), ("g2", leaving), ("g3", changed)):
            assert "error" not in link.attach(name, netns.path)
        bench.enforcer.hostd.kill()
        leaving.remove()
        changed.ip("link add escape type veth peer name escape2")
        bench.start()
        successor = Link(bench.socket_path).serve()
        successor.until("guest")
        equal(successor.delete("nobody")["error"]["code"], "not_found")  # all were announced
        equal(set(successor.guests), {"g1"})
        kept = f"g{successor.guests['g1']['slot']}"
        shown = bench.gateway().run(["ip", "-o", "link", "show"]).stdout
        equal({line.split(": ")[1].split("@")[0] for line in shown.splitlines()}, {"lo", kept})
        pinned = {name.partition("-")[0] for name in os.listdir(f"{pins(bench)}/links")}
        assert pinned <= {kept}, pinned
        assert "eth0" not in changed.run(["ip", "link"]).stdout
        for end in (link, successor):
            end.close()


def pins(bench):
    """The one folder of pins, named for the version of the contract."""
    return glob.glob(f"{bench.enforcer.bpffs}/abi-*")[0]


def test_what_happens_without_enforcerd_it_is_told_when_it_is_back():
    with Bench() as bench:
        bench.start()
        bench.gateway().run(["nft", "flush", "ruleset"], check=True)
        wait_for(lambda: "guard_restored" in bench.enforcer.hostd.output(), 10, "the guard to be restored")
        link = Link(bench.socket_path).serve()
        event = link.until("event")[0]
        assert event["name"] == "guard_restored" and " s ago, without enforcerd: the nft table" in event["detail"], event
        bench.gateway().run(["nft", "flush", "ruleset"], check=True)  # the control: with enforcerd it is told at once
        assert link.until("event")[0]["detail"].startswith("the nft table")
        link.close()
        wait_for(lambda: "enforcerd is gone" in bench.enforcer.hostd.output(), 10, "hostd to see the end")
        successor = Link(bench.socket_path).serve()
        successor.until("announced")
        equal(successor.delete("nobody")["error"]["code"], "not_found")
        equal(successor.events, [])  # it is told once
        successor.close()


def test_guests_that_wait_for_their_image_have_their_names_and_lose_them_when_deleted():
    with Bench() as bench:
        bench.enforcer.write_config(images={"roots": [image_that_takes_long_to_check(bench.folder)]})
        bench.start()
        link = Link(bench.socket_path).serve()
        for number in range(1, 9):
            ask_waiting(link, number, f"g{number}")
        ask_waiting(link, 9001, "g7")
        equal(refusal(link), (9001, "conflict"))
        equal(link.delete("g7", 7)["error"]["code"], "not_found")  # one that was there before: not whoever waits now
        ask_waiting(link, 9006, "g7")
        equal(refusal(link), (9006, "conflict"))
        link.send(type="delete_guest", request=9003, name="g7", slot=0)
        equal(refusal(link), (7, "conflict"))  # whoever waits for the one that is deleted is told
        assert "error" not in link.until("reply")[0]
        ask_waiting(link, 9004, "g7")  # the name is free, and taken again
        ask_waiting(link, 9005, "g7")
        equal(refusal(link), (9005, "conflict"))
        link.close()
        wait_for(lambda: "enforcerd is gone" in bench.enforcer.hostd.output(), 20, "hostd to see the end")
        successor = Link(bench.socket_path).serve()  # nobody waits any more, and nothing is left of them
        equal(successor.create()["error"]["code"], "not_found")
        equal(successor.guests, {})
        successor.close()


def test_watchdog_repairs_what_was_taken_away_and_says_so():
    with Bench() as bench:
        bench.start()
        link = Link(bench.socket_path).serve()
        guest = bench.namespace("g1")
        assert "error" not in link.attach("g1", guest.path)
        bench.gateway().run(["nft", "flush", "ruleset"], check=True)
        equal(link.until("event")[0]["name"], "guard_restored")
        assert "0x77000000" in bench.gateway().run(["nft", "list", "ruleset"]).stdout
        pin = f"{pins(bench)}/links/g{link.guests['g1']['slot']}-ingress"
        if os.path.exists(pin):
            subprocess.run(["bpftool", "link", "detach", "pinned", pin], check=True, timeout=30)
        else:
            bench.gateway().run(["tc", "qdisc", "del", "dev", f"g{link.guests['g1']['slot']}", "clsact"], check=True)
        event = link.until("event")[0]
        equal((event["name"], event["slot"]), ("enforcement_lost", link.guests["g1"]["slot"]))
        with open_connection(guest, ORIGIN, 443), link.accept() as accepted:
            equal(slot_of(accepted), link.guests["g1"]["slot"])
        link.close()


def test_second_hostd_and_teardown_beside_a_running_one_are_refused():
    with Bench() as bench:
        bench.start()
        program = [bench.enforcer.program("enforcer-hostd"), "--config", bench.enforcer.config_path]
        for more in (["--enforcerd-user", str(ENFORCERD_UID)], ["--teardown"]):
            done = bench.host.run(program + more)
            equal(done.returncode, 1, done.stderr)
            assert "another enforcer-hostd runs" in done.stderr, done.stderr
        equal(bench.host.run(program + ["--no-such-option"]).returncode, 2)
        equal(bench.host.run([program[0], "--config", "/nonexistent.yaml"]).returncode, 3)
        refused = bench.host.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *program])
        equal(refused.returncode, 1, refused.stderr)
        assert "root" in refused.stderr, refused.stderr
        equal(bench.enforcer.hostd.stop(), 0)
        assert os.path.exists(bench.enforcer.gateway_path)
        bench.start()


def test_enforcerd_cannot_put_something_else_in_the_place_of_what_hostd_trusts():
    with Bench() as bench:
        bench.start()
        as_enforcerd = ["setpriv", f"--reuid={ENFORCERD_UID}", f"--regid={ENFORCERD_UID}", "--clear-groups", "--"]
        for folder, name in ((bench.enforcer.run_dir, "guests"), (bench.enforcer.run_dir, "hostd.sock"),
                             (bench.enforcer.state_dir, "hostd")):
            moved = subprocess.run([*as_enforcerd, "mv", f"{folder}/{name}", f"{folder}/moved"], capture_output=True)
            assert moved.returncode != 0, f"{folder}/{name} was moved"
            made = subprocess.run([*as_enforcerd, "touch", f"{folder}/own"], capture_output=True)  # the control
            equal(made.returncode, 0, made.stderr)
            os.unlink(f"{folder}/own")
        equal(subprocess.run([*as_enforcerd, "ls", f"{bench.enforcer.state_dir}/hostd"], capture_output=True).returncode, 2)
