"""Administration: who may command the daemons, by which ways a guest could, and what one daemon takes from the other when that is
somebody else.

The lab: ok.test passes through, mitm.test is intercepted, tcp.test:7 is plain TCP; other.test exists and is allowed by nothing."""

import contextlib
import json
import os
import random
import socket
import stat

from lib.control import ENDPOINTS, control, generation
from lib.daemons import ENFORCERD_UID, METRICS
from lib.datapath import gateway
from lib.expect import Skip, equal, raises
from lib.guest import exchange
from lib.hostd_client import Link, connect_as
from lib.lab import RULE, Lab, policy
from lib.oracles import ask_clear, is_refusal, served
from lib.processes import NOBODY, wait_for
from lib.runner import hang_guard
from lib.world import HOST_IPV4, HOST_IPV6

NAMES = ("ok.test", f"mitm.test {RULE}", "tcp.test:7 tcp")
EAGER = {"limits": {"dnsPerSecond": 10_000}}


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


def canary_silent(made):
    """CANARY0."""
    equal(made.canary_visits(), [], "visits to the canaries")


def as_user(made, argv, uid=NOBODY, gid=None):
    """A program on the host as somebody else."""
    return made.host.run(["setpriv", f"--reuid={uid}", f"--regid={uid if gid is None else gid}", "--clear-groups", "--", *argv])


@hang_guard(150)
def test_155_local_users_at_the_admin_socket():
    with lab() as made:
        path = f"{made.enforcer.run_dir}/enforcerd.sock"
        before = generation(made)
        # Somebody, somebody with root's group, and enforcerd's own user: the same answer to each path, whether it is there or not.
        for uid, gid in ((NOBODY, NOBODY), (NOBODY, 0), (ENFORCERD_UID, ENFORCERD_UID)):
            argv = ["curl", "-sS", "--path-as-is", "-w", "%{http_code}\n"]
            for number, (method, target) in enumerate(ENDPOINTS):
                argv += ([] if number == 0 else ["--next", "-sS", "--path-as-is", "-w", "%{http_code}\n"])
                argv += ["--unix-socket", path, "-X", method, "-d", "{}", f"http://localhost{target}"]
            done = as_user(made, argv, uid, gid)
            answers = done.stdout.splitlines()
            equal(len(answers), 2 * len(ENDPOINTS), done.stdout + done.stderr)
            equal(set(answers[1::2]), {"403"}, f"answers for uid {uid}")
            equal(len(set(answers[0::2])), 1, f"what uid {uid} is told: {set(answers[0::2])}")
        wait_for(lambda: "control: refused" in made.enforcer.enforcerd.output(), what="the refusals in the daemon's log")
        equal((generation(made), sorted(g["name"] for g in control(made, "GET", "/v1/guests")[1]["guests"])), (before, ["g1"]))
        # Strangers who hold on to their connections keep nobody else out.
        held = [connect_as(path, NOBODY, socket.SOCK_STREAM) for _ in range(200)]
        equal(made.enforcer.ctl("reload").returncode, 0)
        equal(generation(made), before + 1)
        for end in held:
            end.close()
        # Nothing that they could put in its place, nothing that they could write, nothing in the namespace's own address space.
        for uid in (NOBODY, ENFORCERD_UID):
            with raises(PermissionError) if uid == NOBODY else contextlib.nullcontext():
                connect_as(f"{made.enforcer.run_dir}/hostd.sock", uid).close()
        for argv in (["rm", "-f", path], ["mv", path, f"{path}.old"], ["ln", "-s", "/tmp", f"{made.enforcer.run_dir}/new"],
                     ["ls", f"{made.enforcer.run_dir}/guests"], ["ls", made.enforcer.state_dir], ["ls", made.enforcer.bpffs],
                     ["cat", made.enforcer.audit_path]):
            assert as_user(made, argv).returncode != 0, f"{argv} was permitted"
        for top in (made.enforcer.run_dir, made.enforcer.state_dir, made.enforcer.audit_folder):
            for folder, folders, files in os.walk(top):
                for name in [".", *folders, *files]:
                    mode = os.lstat(f"{folder}/{name}").st_mode
                    if not stat.S_ISLNK(mode) and f"{folder}/{name}" != path and not mode & stat.S_ISVTX:
                        assert not mode & stat.S_IWOTH, f"{folder}/{name} is writable by everybody: {mode:o}"
        for namespace in (made.host, made.guest.netns, gateway(made)):
            abstract = [line.split()[-1] for line in namespace.run(["cat", "/proc/net/unix"]).stdout.splitlines() if " @" in line]
            equal(abstract, [], f"abstract sockets in {namespace.name}")
        served(made)


@hang_guard(60)
def test_155_root_of_a_user_namespace_is_root_nowhere_else():
    with lab() as made:
        before = generation(made)
        made_one = as_user(made, ["unshare", "-Ur", "id", "-u"])
        if made_one.returncode != 0:  # user_namespaces(7): not in a chroot, and not where the host forbids them
            raise Skip(f"nobody can make a user namespace here: {made_one.stderr.strip()}")
        equal(made_one.stdout, "0\n", "the control: there are user namespaces")
        tool = [made.enforcer.program("enforcerctl"), "--socket", f"{made.enforcer.run_dir}/enforcerd.sock", "reload"]
        equal(as_user(made, ["unshare", "-Ur", *tool]).returncode, 4)
        wait_for(lambda: "control: refused" in made.enforcer.enforcerd.output(), what="the refusal in the daemon's log")
        equal(generation(made), before)


INSIDE = {"loopback.test": ["127.0.0.1"], "host.test": [HOST_IPV4], "six.test": ["::1"], "mapped.test": ["::ffff:127.0.0.1"],
          "private.test": ["0.0.0.0"], "mixed.test": ["93.184.216.34", "127.0.0.1"], "nowhere.test": [HOST_IPV6],
          "metadata.test": ["127.8.9.10"]}


@hang_guard(180)
def test_156_admin_and_metrics_through_the_proxy():
    """Names that are allowed, at the daemon's own ports, and lead to the host: as an intercepted request, as clear HTTP, as plain TCP."""
    metrics, admin = METRICS[1], 9901
    allowed = [rule for name in INSIDE for rule in (f"{name}:{metrics}", f"{name}:{admin} tcp", f"{name}:80 {RULE}")]
    with lab(*allowed, "ok.test", "ok.test:80", f"mitm.test {RULE}", config=EAGER) as made:
        made.canary(("0.0.0.0", admin), ("::", admin), ("0.0.0.0", 80))
        for name, addresses in INSIDE.items():
            made.world.set_addresses(name, addresses)
        request = b"GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
        for name in INSIDE:
            for port in (metrics, admin, 80):
                host = name if port == 80 else f"{name}:{port}"
                before = len(made.enforcer.records(type="decision", decision="deny", host=name))
                answer, how = b"", "reset"
                with contextlib.suppress(ConnectionError), made.guest.connect(name, port) as client:
                    answer, how = exchange(client, request % host.encode())
                assert b"enforcer_" not in answer and (not answer or is_refusal(answer)) and how != "timeout", (host, answer[:200], how)
                denied = lambda: made.enforcer.records(type="decision", decision="deny", host=name)[before:]
                reason = wait_for(denied, what=f"the record of {host}")[0]["reason"]
                assert reason in ("dst_private", "dst_local"), (host, reason)
        # A legal connection that asks for somewhere else.
        for host in (f"127.0.0.1:{metrics}", f"[::1]:{metrics}", "localhost", f"{HOST_IPV4}:{metrics}", f"loopback.test:{metrics}"):
            answer, _ = ask_clear(made, request % host.encode(), "ok.test")
            assert is_refusal(answer) and b"enforcer_" not in answer, (host, answer[:200])
            absolute = request.replace(b" /", b" http://%s/", 1) % (host.encode(), host.encode())
            answer, _ = ask_clear(made, absolute, "ok.test")
            assert is_refusal(answer) and b"enforcer_" not in answer, (host, answer[:200])
        # And no name at all.
        for address in ("127.0.0.1", HOST_IPV4, made.guest.gateway, "127.0.0.53"):
            for port in (metrics, admin):
                with contextlib.suppress(OSError), made.guest.connect(address, port, timeout=1) as client:
                    equal(exchange(client, request % b"localhost")[0], b"", f"{address}:{port}")
        canary_silent(made)
        with made.host.socket() as client:  # the control: the canary sings
            client.connect(("127.0.0.1", admin))
        wait_for(made.canary_visits, what="the canary")
        equal(made.enforcer.http("/metrics")[0], 200)
        served(made)


def hostile_requests(made, choose):
    """What code in enforcerd's place might say to hostd, each with the same connection's legal hello before it."""
    attach = {"type": "attach_guest", "request": 1, "name": "x", "labels": {}, "owner": 0, "netns": made.host.path}
    create = {"type": "create_guest", "request": 1, "name": "x", "labels": {}, "owner": 0, "image": "mini", "memory_mib": 64, "cpus": 1,
              "ephemeral": False}
    fifo = f"{made.folder}/fifo"
    os.mkfifo(fifo, 0o666)
    for path in (made.host.path, made.world.netns.path, made.enforcer.gateway_path, made.guests["g2"].netns.path, "/proc/self/ns/net",
                 "/proc/1/ns/net", "/proc/1/ns/mnt",
                 "/proc/1/ns/user", "/etc/passwd", "/dev/zero", "/dev/tty", fifo, made.folder, "", "/", "x" * 5000,
                 "/run/netns/../../etc/passwd", "a\0b",
                 made.enforcer.audit_path, f"{made.enforcer.run_dir}/hostd.sock"):
        yield {**attach, "netns": path}
    for name in ("../x", "", "x" * 300, "x/y", ".", "..", "g1", "X\n", "\u202ex", 5, None, ["x"], {"x": 1}):
        yield {**attach, "name": name}
        yield {**create, "name": name}
        if name != "g1":  # that would be a legal order
            yield {"type": "delete_guest", "request": 1, "name": name, "slot": 0}
    for slot in (-1, 1 << 24, "1", None):
        yield {"type": "delete_guest", "request": 1, "name": "x", "slot": slot}
    for image in ("../../../etc", "/etc", "mini/../../..", "", "x" * 5000, "mini\0", ".", 5, None):
        yield {**create, "image": image}
    for key, values in (("memory_mib", (0, -1, 63, 65537, 1 << 40, 2.5, "64", None)), ("cpus", (0, -1, 65, 1 << 33, "1")),
                        ("request", (-1, 1 << 70, "1", None)), ("ephemeral", (0, 1, "true", None)),
                        ("labels", ([], "x", {"a": 5}, {"a" * 5000: "b"}, {str(n): "x" for n in range(2000)}, {"a": "b\n"}))):
        for value in values:
            yield {**create, key: value}
    for kind in ("hello", "ready", "welcome", "guest", "reply", "event", "pipes", "teardown", "", 5, None, ["ready"]):
        yield {"type": kind}
    for slot in (0, -1, 1, 5000, 1 << 32, "1", None):
        yield {"type": "booted", "slot": slot}
    legal = json.dumps(create).encode()
    for _ in range(120):
        octets = bytearray(legal)
        for _ in range(choose.randint(1, 6)):
            at = choose.randrange(len(octets))
            octets[at:at + choose.randint(0, 3)] = choose.randbytes(choose.randint(0, 3))
        yield bytes(octets)
    for octets in (b"[" * 60_000, b'{"a":' * 10_000, b"\0" * 100, b"{}", b"null", b'"' + b"a" * 60_000, b'{"type":"ready","type":"hello"}',
                   b"\xff\xfe", b"x" * 65_537):
        yield octets


@hang_guard(240)
def test_170_hostd_when_enforcerd_is_somebody_else():
    """Code that runs in enforcerd has its socket to hostd, and nothing else that the row above this one could take from it."""
    with lab(guests=("g1", "g2")) as made:
        for thread in os.listdir(f"/proc/{made.enforcer.enforcerd.pid}/task"):
            with open(f"/proc/{made.enforcer.enforcerd.pid}/task/{thread}/status") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            equal({status[key] for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, {"0" * 16}, status["Name"])
            equal((status["Seccomp"], status["NoNewPrivs"], set(status["Uid"].split()), status["Groups"].split()),
                  ("2", "1", {str(ENFORCERD_UID)}, []), status["Name"])
        held = [os.readlink(f"/proc/{made.enforcer.enforcerd.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{made.enforcer.enforcerd.pid}/fd")]
        for link in held:  # no namespace, no device, no folder, no file of somebody else's
            assert link.startswith(("socket:", "pipe:", "anon_inode:", made.folder, made.enforcer.state_dir, "/dev/null")), link
        hostd = made.enforcer.hostd.pid
        made.enforcer.enforcerd.kill()
        before = {g: made.guests[g].netns.run(["ip", "-o", "addr"]).stdout for g in made.guests}
        open_before = len(os.listdir(f"/proc/{hostd}/fd"))
        count = 0
        for message in hostile_requests(made, random.Random(170)):
            link = Link(f"{made.enforcer.run_dir}/hostd.sock")
            if count % 3:
                link.hello()
            link.socket.settimeout(10)
            link.socket.send(message if isinstance(message, bytes) else json.dumps(message).encode())
            with contextlib.suppress(EOFError, ConnectionError):
                link.socket.shutdown(socket.SHUT_WR)
                for _ in range(1000):
                    answer, descriptors = link.receive()
                    for descriptor in descriptors:
                        os.close(descriptor)
                    if answer["type"] == "reply":
                        break
            assert made.enforcer.hostd.alive(), f"hostd ended by {str(message)[:200]}"
            link.close()
            count += 1
        # Descriptors where none belong, and many of them.
        for number in (1, 100, 253):
            link = Link(f"{made.enforcer.run_dir}/hostd.sock")
            link.hello()
            with open("/dev/null") as file:
                socket.send_fds(link.socket, [b'{"type":"ready"}'], [file.fileno()] * number)
            with raises((EOFError, ConnectionError)):
                while link.receive():
                    pass
            link.close()
        equal(made.enforcer.hostd.pid, hostd)
        wait_for(lambda: len(os.listdir(f"/proc/{hostd}/fd")) <= open_before + 2, what="hostd to have closed what it was sent")
        made.enforcer.start_enforcerd()
        assert count > 200, count
        listed = {g["name"] for g in control(made, "GET", "/v1/guests")[1]["guests"]}
        equal(listed - {"x"}, {"g1", "g2"}, "guests")
        for name, addresses in before.items():
            equal(made.guests[name].netns.run(["ip", "-o", "addr"]).stdout, addresses, name)
        for namespace in (made.host, made.world.netns):
            assert "eth0" not in namespace.run(["ip", "-o", "link"]).stdout, f"{namespace.name} was attached"
        served(made)
