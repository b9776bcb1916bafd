"""What a guest's processes on the host are: QEMU, and the servers of its workspaces. By their command lines and by what the
kernel says of them."""

import collections
import os
import re

from lib.expect import equal
from lib.runner import hang_guard
from lib.workspace_lab import GUEST_UIDS, KIM, WorkspaceLab, processes

# Every device of a guest, and where its descriptors go. The order is that of the command line.
DEVICES = ["virtio-blk-device", "virtio-blk-device", "virtio-net-device", "virtio-serial-device", *["virtserialport"] * 4,
           "vhost-user-fs-device", "vhost-user-fs-device"]
CHARDEVS = ["exec0", "exec1", "exec2", "exec3", "console", "monitor", "ws0", "ws1"]
MIB = 1 << 20


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return {key: value.strip() for key, _, value in (line.partition(":\t") for line in file)}


def descriptors_of(pid):
    """{number: what it is}."""
    return {int(number): os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")}


def namespace(pid, kind):
    return os.stat(f"/proc/{pid}/ns/{kind}").st_ino


def arguments_of(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().decode().rstrip("\0").split("\0")


def values(arguments, option):
    return [value for name, value in zip(arguments, arguments[1:]) if name == option]


def number_in(path):
    with open(path) as file:
        return int(file.read())


def sharing_lab_guest(lab):
    return lab.guest_with(lab.project, f"{lab.make('kim/read')}:ro")


@hang_guard(300)
def test_qemu_is_a_user_of_its_own_without_rights_in_its_guest_s_network():
    with WorkspaceLab() as lab:
        record = sharing_lab_guest(lab)
        other = lab.guest_with(name="g2")
        pid, uid = record["machine"]["pid"], str(GUEST_UIDS + record["slot"])
        status = status_of(pid)
        equal({key: status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")},
              dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0" * 16), "capabilities")
        equal((status["Uid"], status["Gid"], status["Groups"], status["NoNewPrivs"], status["Seccomp"]),
              ("\t".join([uid] * 4), "\t".join([uid] * 4), "", "1", "2"), "status")
        assert status_of(other["machine"]["pid"])["Uid"] != status["Uid"], "two guests are one user"
        # Its network is the guest's: the host's end of its link is the other one of the pair whose end is in there.
        assert namespace(pid, "net") not in (namespace("self", "net"), namespace(lab.enforcer.hostd.pid, "net"),
                                             os.stat(lab.enforcer.gateway_path).st_ino, namespace(other["machine"]["pid"], "net"))
        links = lab.enforcer.host.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-o", "link"]).stdout
        equal(sorted(re.findall(r"^\d+: (\w+)", links, re.MULTILINE)), ["eth0", "lo", "tap0"], "interfaces in its namespace")
        with open(f"/proc/{pid}/environ", "rb") as file:
            equal(file.read(), b"", "its environment")
        with open(f"/proc/{pid}/limits") as file:
            limits = file.read()
        assert re.search(r"Max core file size +0 +0 ", limits), limits


@hang_guard(300)
def test_qemu_s_command_line_has_the_devices_listed_here_and_no_path_of_the_host():
    with WorkspaceLab() as lab:
        record = sharing_lab_guest(lab)
        arguments = arguments_of(record["machine"]["pid"])
        equal([value.partition(",")[0] for value in values(arguments, "-device")], DEVICES, "devices")
        equal([re.search(r"id=(\w+)", value)[1] for value in values(arguments, "-chardev")], CHARDEVS, "channels")
        equal([value.partition(",")[0] for value in values(arguments, "-netdev")], ["tap"], "networks")
        equal(values(arguments, "-M"), ["microvm,memory-backend=memory"], "machine")
        equal(values(arguments, "-object"), [f"memory-backend-memfd,id=memory,size={record['machine']['memory_mib']}M,share=on"])
        equal(values(arguments, "-sandbox"), ["on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"])
        for needed in ("-nodefaults", "-no-user-config"):
            assert needed in arguments, arguments
        known = {"-nodefaults", "-no-user-config", "-display", "-no-reboot", "-name", "-sandbox", "-M", "-accel", "-cpu", "-m", "-smp",
                 "-kernel", "-initrd", "-append", "-add-fd", "-blockdev", "-device", "-global", "-netdev", "-chardev", "-serial", "-mon",
                 "-object"}
        equal({word for word in arguments if word.startswith("-")} - known, set(), "options that nobody listed")
        append = values(arguments, "-append")[0]
        for argument in arguments[1:]:
            paths = re.findall(r"/[\w./-]+", argument) if argument != append else []
            equal([path for path in paths if not path.startswith(("/proc/self/fd/", "/dev/fdset/"))], [], "paths of the host")
        assert f"enforcer.workspace=ws0:rw:{lab.project} " in append + " ", append


@hang_guard(300)
def test_qemu_holds_the_descriptors_that_it_was_given():
    with WorkspaceLab() as lab:
        pid = sharing_lab_guest(lab)["machine"]["pid"]
        kinds = collections.Counter()
        for number, target in descriptors_of(pid).items():
            kind = next((name for name, pattern in {
                "tap": r"/dev/net/tun$", "image": rf"{lab.folder}/images/agent/(vmlinuz|initramfs|root\.erofs)$",
                "scratch": r"/.*/scratch/.*\(deleted\)$", "memory": r"/memfd:", "null": r"/dev/null$", "kernel's": r"anon_inode:",
                "socket": r"socket:", "pipe": r"pipe:"}.items() if re.match(pattern, target)), None)
            assert kind, f"descriptor {number} is {target}"
            kinds[kind] += 1
        equal((kinds["tap"], kinds["image"] >= 1, kinds["scratch"] >= 1, kinds["memory"] >= 1), (1, True, True, True), f"of {kinds}")


@hang_guard(300)
def test_server_of_a_workspace_sees_one_folder_and_is_two_users():
    with WorkspaceLab() as lab:
        record = sharing_lab_guest(lab)
        uid = str(GUEST_UIDS + record["slot"])
        for workspace, access in zip(record["machine"]["workspaces"], ("rw", "ro")):
            server = workspace["pid"]
            below = processes(server)
            equal(len(below), 2, f"processes of a server: {below}")
            for pid in below:
                status = status_of(pid)
                equal((status["Uid"], status["Gid"], status["Groups"], status["NoNewPrivs"]),
                      ("\t".join([uid] * 4), "\t".join([uid] * 4), "", "1"), "status")
                for kind in ("uid", "gid"):
                    with open(f"/proc/{pid}/{kind}_map") as file:
                        equal([line.split() for line in file], [["0", uid, "1"], [str(KIM), str(KIM), "1"]], f"its {kind}s")
                with open(f"/proc/{pid}/setgroups") as file:
                    equal(file.read(), "deny\n")
                for kind in ("user", "mnt", "pid", "net"):
                    assert namespace(pid, kind) not in (namespace("self", kind), namespace(lab.enforcer.hostd.pid, kind),
                                                        namespace(record["machine"]["pid"], kind)), kind
                with open(f"/proc/{pid}/mountinfo") as file:
                    mounts = [line.split() for line in file]
                equal([(mount[4], mount[5].split(",")[:3]) for mount in mounts], [("/", [access, "nosuid", "nodev"])], "its file systems")
                assert workspace["path"].endswith(mounts[0][3][-len("/kim/read"):]) or mounts[0][3].endswith(workspace["path"]), mounts
            worker = status_of(below[1])
            # chown, dac_override, fowner, fsetid, setgid, setuid: over files of its two users
            equal((worker["Seccomp"], worker["CapEff"], worker["CapBnd"]), ("2", "00000000000000db", "0" * 16), "its worker")
            links = lab.enforcer.host.run(["nsenter", f"--net=/proc/{server}/ns/net", "ip", "-o", "addr"]).stdout
            equal(links, "", "addresses in its network")
            for number, target in descriptors_of(below[1]).items():
                assert re.match(r"/dev/null$|pipe:|socket:|anon_inode:|/$|/\d+/task$|/memfd:|.*/task$", target), f"descriptor {number} is {target}"


@hang_guard(300)
def test_all_processes_of_a_guest_are_in_its_cgroups_whose_limits_are_the_guest_s():
    with WorkspaceLab() as lab:
        record = sharing_lab_guest(lab)
        machine = record["machine"]
        equal(lab.enforcer.records(type="event", event="limits_missing"), [], "limits that this host has not")
        expected = {machine["pid"], *(pid for workspace in machine["workspaces"] for pid in processes(workspace["pid"]))}
        found = {}
        for folder in machine["cgroups"]:
            equal(os.path.basename(folder), f"enforcer-{lab.prefix}-{record['slot']}", "name of its cgroup")
            with open(f"{folder}/cgroup.procs") as file:
                equal({int(line) for line in file}, expected, f"processes in {folder}")
            for name in ("memory.max", "memory.limit_in_bytes", "pids.max", "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"):
                if os.path.exists(f"{folder}/{name}"):
                    with open(f"{folder}/{name}") as file:
                        found[name] = file.read().split()
        memory = (machine["memory_mib"] + 192 + 2 * 192 + (256 if machine["accelerator"] == "tcg" else 0)) * MIB
        equal(found.get("memory.max", found.get("memory.limit_in_bytes")), [str(memory)], "memory")
        equal(found.get("pids.max"), [str(256 + 2 * 32)], "tasks")
        equal(found.get("cpu.max", found.get("cpu.cfs_quota_us", []) + found.get("cpu.cfs_period_us", [])),
              [str((machine["cpus"] + 1) * 100_000), "100000"], "processor time")
        lab.kim.ctl("guest", "delete", "g1")
        lab.gone(record)


@hang_guard(300)
def test_page_cache_of_a_workspace_is_within_the_guest_s_memory():
    with WorkspaceLab() as lab:
        record = lab.guest_with(lab.project, options=("--memory", "256"))
        folder = next(f for f in record["machine"]["cgroups"] if os.path.exists(f"{f}/memory.max") or os.path.exists(f"{f}/memory.limit_in_bytes"))
        # Less than it was given, so that the test is short: all of the guest's memory, and 200 MiB.
        now, most = next((now, most) for now, most in (("memory.current", "memory.max"), ("memory.usage_in_bytes", "memory.limit_in_bytes"))
                         if os.path.exists(f"{folder}/{most}"))
        limit = (256 + 200) * MIB
        with open(f"{folder}/{most}", "w") as file:
            file.write(str(limit))
        # The page cache of what goes through the workspace counts, and is what gives way.
        done = lab.inside("dd if=/dev/zero of=big bs=1M count=400 2>/dev/null; cat big | wc -c; rm big")
        equal((done.returncode, done.stdout.strip()), (0, str(400 * MIB)), done.stderr)
        assert number_in(f"{folder}/{now}") <= limit + MIB, "more memory than the limit"
        equal(lab.inside("echo lives").stdout, "lives\n", "the guest afterwards")


@hang_guard(300)
def test_guest_beyond_its_memory_ends_whole_and_nothing_else_does():
    with WorkspaceLab() as lab:
        record = lab.guest_with(lab.project)
        lab.guest_with(name="g2")
        for folder in record["machine"]["cgroups"]:
            for name in ("memory.max", "memory.limit_in_bytes"):
                if os.path.exists(f"{folder}/{name}"):
                    usage = number_in(f"{folder}/{'memory.current' if name == 'memory.max' else 'memory.usage_in_bytes'}")
                    with open(f"{folder}/{name}", "w") as file:
                        file.write(str(usage + 16 * MIB))
        lab.inside("head -c 300000000 /dev/zero > /dev/shm/all; sleep 5", "--root")  # memory of the guest that it never used
        lab.gone(record)
        equal(lab.kim.ctl("guest", "exec", "g2", "--", "echo", "lives").stdout, "lives\n", "another guest")
