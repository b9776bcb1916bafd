"""What is pinned: maps that are full, maps and links in other hands, and what another version left.

The lab: ok.test passes through, mitm.test is intercepted, tcp.test:7 is plain TCP; other.test exists and is allowed by nothing."""

import errno
import os
import re
import struct
import subprocess

from lib import tcx
from lib.bpf import map_by_id, obtain, put, refusal, remove, replace_program
from lib.daemons import ENFORCERD_UID
from lib.datapath import pins, shown, slot_of
from lib.drops import drops
from lib.expect import equal
from lib.lab import RULE, Lab, policy
from lib.links import RawLink
from lib.oracles import served
from lib.processes import NOBODY, Process, in_the_shoes_of, wait_for
from lib.runner import hang_guard

NAMES = ("ok.test", f"mitm.test {RULE}", "tcp.test:7 tcp")


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


def fill(fd, keys, value, filled):
    """Puts entries into a map until it takes no more; the kernel's allocator of entries may have to catch up."""
    for key in keys:
        said = []
        wait_for(lambda: said.append(refusal(put, fd, key, value)) or said[-1] != errno.ENOMEM, what="room", interval=0.001)
        if said[-1] != 0:
            return equal(said[-1], errno.E2BIG, "what the kernel says of a full map")
        filled.append(key)


@hang_guard(180)
def test_166_maps_that_are_full():
    with lab(guests=("g1", "g2")) as made, RawLink(made) as link:
        maps = {name: shown("map", "show", "pinned", f"{pins(made)}/maps/{name}") for name in sorted(os.listdir(f"{pins(made)}/maps"))}
        for name, what in maps.items():
            assert "lru" not in what["type"], f"{name} forgets by itself: {what}"
        served(made)
        used = lambda: {key: value for key, value in made.enforcer.metrics().items() if key.startswith("enforcer_datapath_map_entries")}
        before = used()
        # Whatever one guest sends, nothing of it is remembered in a map.
        for version in (4, 6):
            link.send([link.tcp(version, port, sport=1024 + port) for port in range(1, 1500)])
        equal(used(), before, "entries of maps after a flood of flows")
        served(made)
        # No room for one more guest: it is refused whole, and those that are there notice nothing.
        bare = made.bare_guest("g3")
        with open("/sys/devices/system/cpu/possible") as file:
            cpus = int(file.read().strip().rpartition("-")[2]) + 1
        for name, copies in (("guests", 1), ("counters", cpus)):
            fd = obtain(f"{pins(made)}/maps/{name}")
            value = bytes(maps[name]["bytes_value"] * copies)
            keys = [struct.pack("I", 0x7F000000 + number) for number in range(maps[name]["max_entries"] + 1000)]
            filled = []
            try:
                fill(fd, keys, value, filled)
                assert 4000 < len(filled) < len(keys), f"the control: {len(filled)} of {len(keys)} fit"
                done = made.enforcer.ctl("guest", "attach", "g3", "--netns", bare.netns.path)
                assert done.returncode not in (0, 2), f"{name}: attached although its map is full"
                assert name in done.stderr, f"{name}: {done.stderr}"
                equal(bare.netns.run(["ip", "-o", "link"]).stdout.count("eth0"), 0, f"{name}: links of what was refused")
                served_two(made)
            finally:
                for key in filled:
                    remove(fd, key)
                os.close(fd)
        bare.attach({"lab": "yes"})  # the control: with room it works
        # The entry of one guest is away: silence for it, under a reason, and nothing for the other.
        fd, slot = obtain(f"{pins(made)}/maps/counters"), struct.pack("I", slot_of(made, made.guest))
        address = made.guest.resolve("ok.test")
        made.enforcer.hostd.kill()
        remove(fd, slot)
        with made.guest.socket(timeout=0.5) as client:
            assert client.connect_ex((address, 443)) != 0, "a guest without counters got through"
        made.guests["g2"].trust_enforcer()
        equal(made.guests["g2"].curl("https://mitm.test/").status, 200)
        os.close(fd)
        made.enforcer.start_hostd()
        served(made)


def served_two(made):
    for name in ("g1", "g2"):
        made.guests[name].trust_enforcer()
        equal(made.guests[name].curl("https://mitm.test/").status, 200, name)


@hang_guard(150)
def test_167_maps_and_links_of_other_users():
    with lab() as made:
        paths = [f"{folder}/{name}" for folder, _, names in os.walk(made.enforcer.bpffs) for name in names]
        ids = {path: shown("map", "show", "pinned", path)["id"] for path in paths if "/maps/" in path}
        assert len(ids) >= 5, f"the control: {paths}"
        for path in [made.enforcer.bpffs, *[f"{folder}/{name}" for folder, names, _ in os.walk(made.enforcer.bpffs) for name in names]]:
            mode = os.stat(path)
            equal((mode.st_mode & 0o777, mode.st_uid), (0o700, 0), path)
        for uid in (NOBODY, ENFORCERD_UID):
            for path in paths:
                assert in_the_shoes_of(uid, lambda: refusal(obtain, path)) != 0, f"uid {uid} has {path}"
                assert in_the_shoes_of(uid, lambda: os.access(path, os.R_OK)) is False, f"uid {uid} sees {path}"
            for path, number in ids.items():
                assert in_the_shoes_of(uid, lambda: refusal(map_by_id, number)) != 0, f"uid {uid} has {path} by its number"
        for path, number in ids.items():  # the control: root may
            os.close(map_by_id(number))
        # What enforcerd was given: one map to read, and no program and no link.
        kinds = []
        for fd in os.listdir(f"/proc/{made.enforcer.enforcerd.pid}/fd"):
            kind = os.readlink(f"/proc/{made.enforcer.enforcerd.pid}/fd/{fd}")
            if "bpf" in kind:
                with open(f"/proc/{made.enforcer.enforcerd.pid}/fdinfo/{fd}") as file:
                    info = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
                kinds.append((kind, int(info["flags"], 8) & os.O_ACCMODE, int(info["map_id"])))
        counters = next(number for path, number in ids.items() if path.endswith("/counters"))
        equal(kinds, [("anon_inode:bpf-map", os.O_RDONLY, counters)], "what enforcerd holds of the datapath")
        for name in ("guests",):  # programs cannot write it either
            assert shown("map", "show", "pinned", f"{pins(made)}/maps/{name}")["flags"] & 1 << 7, f"{name} is writable for programs"
        # Root's own mistakes are found: somebody else's program under our link.
        pin = f"{pins(made)}/links/g{slot_of(made, made.guest)}-ingress"
        if os.path.exists(pin):
            replaced = obtain(pin)
            program = tcx.load_accept_all()
            replace_program(replaced, program)
            made.world.witness.clear()
            made.enforcer.wait_record(type="event", event="enforcement_lost", guest="g1")
            with drops(made, "l2_ethertype", 3), RawLink(made) as link:
                link.send([link.frame(bytes(60), kind=0x88CC)] * 3)
            made.wire_silent()
            os.close(program)
            os.close(replaced)
        else:
            print("this kernel has no TCX: there is no link to replace")
        served(made)


@hang_guard(240)
def test_172_pins_of_another_version():
    with lab() as made:
        served(made)
        address, folder = made.guest.resolve("ok.test"), pins(made)

        def start_fails(what, said):
            """hostd gives up, says why, and the guest has silence, not freedom."""
            made.world.witness.clear()
            process = Process([made.enforcer.program("enforcer-hostd"), "--config", made.enforcer.config_path, "--enforcerd-user",
                               str(ENFORCERD_UID)],
                              f"{made.folder}/{what.replace(' ', '-')}.log", made.host)
            status = process.wait(20)
            assert status not in (0, None) and re.search(said, process.output()), f"{what}: exit {status}: {process.output()}"
            with made.guest.socket(timeout=0.3) as client:
                assert client.connect_ex((address, 443)) != 0, f"{what}: a guest got through"
            with made.guest.socket(timeout=0.3) as client:
                assert client.connect_ex(("93.184.216.34", 443)) != 0, f"{what}: a guest got through"
            made.wire_silent(0.1)

        def down():
            made.enforcer.enforcerd.stop()
            made.enforcer.hostd.stop()

        def up():
            made.enforcer.start()
            wait_for(lambda: made.guest.curl("https://mitm.test/").status == 200, 20, "service")
            served(made)
        # An upgrade and a downgrade: the folder's name is the version.
        number = int(folder.rpartition("-")[2])
        for other in (number - 1, number + 1):
            down()
            os.rename(folder, f"{made.enforcer.bpffs}/abi-{other}")
            start_fails(f"pins of version {other}", f"abi-{other}.*teardown")
            os.rename(f"{made.enforcer.bpffs}/abi-{other}", folder)
            up()
        # Both side by side, which an upgrade that forgot something would leave.
        down()
        os.mkdir(f"{made.enforcer.bpffs}/abi-{number - 1}")
        start_fails("a second folder", f"abi-{number - 1}.*teardown")
        os.rmdir(f"{made.enforcer.bpffs}/abi-{number - 1}")
        up()
        # The right name, and in it an old program under our link: it is replaced before anything is steered.
        pin = f"{folder}/links/g{slot_of(made, made.guest)}-ingress"
        if os.path.exists(pin):
            down()
            link, program = obtain(pin), tcx.load_accept_all()
            replace_program(link, program)
            os.close(link)
            old = shown("link", "show", "pinned", pin)["prog_id"]
            with made.guest.socket(timeout=0.3) as client:
                assert client.connect_ex(("93.184.216.34", 443)) != 0, "the guard behind the program"
            made.enforcer.start()
            assert shown("link", "show", "pinned", pin)["prog_id"] != old, "the old program is still there"
            os.close(program)
            with drops(made, "l2_ethertype", 3), RawLink(made) as raw:
                raw.send([raw.frame(bytes(60), kind=0x88CC)] * 3)
            served(made)
        # The right name, and in it maps of another layout.
        size = shown("map", "show", "pinned", f"{folder}/maps/guests")["bytes_value"]
        for value in (size - 4, size + 4):
            down()
            os.rename(f"{folder}/maps/guests", f"{made.enforcer.bpffs}/{os.path.basename(folder)}/kept")
            subprocess.run(["bpftool", "map", "create", f"{folder}/maps/guests", "type", "hash", "key", "4", "value", str(value),
                            "entries", "4096", "name", "guests"], check=True, timeout=30)
            start_fails(f"a map with values of {value} bytes", "guests|guest_egress")
            os.unlink(f"{folder}/maps/guests")
            os.rename(f"{made.enforcer.bpffs}/{os.path.basename(folder)}/kept", f"{folder}/maps/guests")
            up()
        # What it says is the way out is one.
        down()
        os.rename(folder, f"{made.enforcer.bpffs}/abi-{number + 7}")
        start_fails("before the teardown", "teardown")
        made.enforcer.teardown()
        made.enforcer.start()
        made.bare_guest("g1").attach({"lab": "yes"})
        made.guest.trust_enforcer()
        served(made)
