"""The engine of a guest of the image `docker`, in one boot: what containers may do is what any process of the guest may do, and the only
engine that they reach is the guest's own."""

import os
import re
import socket

from lib.container_image import BUNDLE, write_image
from lib.container_registry import CREDENTIAL, ContainerRegistry
from lib.docker_lab import COMMAND_SECONDS, IMAGE_SECONDS, DockerLab
from lib.expect import equal
from lib.https_peers import Outsider
from lib.lab import RULE, policy
from lib.microvm import search_memory
from lib.processes import wait_for
from lib.runner import hang_guard
from lib.workspace_lab import GUEST_UIDS, KIM
from lib.world import HOST_IPV4, SECRET

LEFT_TO_ALL = "Docker inside a guest"

POLICY = policy(f"ok.test {RULE}", f"cred.test {RULE}, credential: token",
                'registry.test http: [{methods: [GET, HEAD, POST, PATCH, PUT], paths: ["/v2/", "/v2/lab/**"]}], credential: registry')
TOKEN = {"binding": [{"to": ["cred.test"], "as": "bearer"}]}
# Ids of virtio devices (virtio 1.2, section 5): the network, image and scratch disk, the exec channels, one workspace.
DEVICES = ["0x0001", "0x0002", "0x0002", "0x0003", "0x001a"]
BOX, MADE = "box:1", "registry.test/lab/made:1"
# Where engines listen for clients elsewhere: plain, and with TLS.
ENGINE_PORTS = (2375, 2376)


@hang_guard(IMAGE_SECONDS + 1500)
def test_containers_in_a_guest_get_policy_and_credentials_and_reach_no_engine_but_its_own():
    with DockerLab(POLICY, {"token": TOKEN, "registry": CREDENTIAL}) as lab:
        registry = ContainerRegistry(lab)
        write_image(f"{lab.project}/box.tar", BOX, lab.world.authority.certificate)
        record = lab.start_guest()
        engine_is_set_up(lab)
        image_of_a_tarball_runs_with_policy_and_credentials(lab)
        root_of_a_container_gets_no_further(lab)
        exec_and_networks_of_the_engine_work(lab)
        build_fetches_through_the_enforcer(lab)
        image_is_pushed_and_pulled_through_an_intercepted_registry(lab, registry)
        pull_that_is_not_allowed_fails_and_says_why(lab, registry)
        guest_holds_nothing_of_the_host(lab)
        files_of_containers_in_a_workspace_are_the_guest_s(lab, record)
        no_engine_of_the_host_is_reached(lab)
        found, searched = search_memory(lab.enforcer.qemu("g1"), SECRET.encode())
        assert searched > 1 << 30, "the control: the guest's memory is searched"
        equal(found, {SECRET.encode(): False}, "the secret in the guest's memory")


def engine_is_set_up(lab):
    equal(lab.docker_ok("info --format '{{.Driver}} {{.DefaultRuntime}} {{.DockerRootDir}}'"), "overlay2 enforcer /var/lib/docker\n")
    equal(lab.inside("findmnt -no FSTYPE,SOURCE /var/lib/docker").stdout.split()[0], "ext4", "what its layers are on")
    equal(lab.inside("id -u; docker ps -q").stdout, f"{KIM}\n", "kim needs no root to use it")


def contained(lab, script, *options, image=BOX):
    """A shell script in a container of its own; it has no single quote."""
    return lab.docker(f"run --rm {' '.join(options)} {image} sh -c '{script}'")


def arrived(lab, host, path):
    """The heads of the requests that came to the origin."""
    return [event["head"] for event in lab.world.events(event="request", host=host) if event["target"] == path]


def image_of_a_tarball_runs_with_policy_and_credentials(lab):
    equal(lab.docker_ok("load -i box.tar"), f"Loaded image: {BOX}\n")
    done = contained(lab, "id -u; curl -sS https://ok.test/by-container && curl -sS https://cred.test/head-of-container")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("0\nhello from ok.test\nGET /head-of-container"), done
    equal(len(arrived(lab, "ok.test", "/by-container")), 1, "requests at the origin")
    (sent,) = arrived(lab, "cred.test", "/head-of-container")
    assert f"Authorization: Bearer {SECRET}" in sent and SECRET not in done.stdout, (sent, done.stdout)

    trusted = contained(lab, f"curl -sS --cacert {BUNDLE} https://ok.test/untrusted; echo status $?")
    assert "status 60\n" in trusted.stdout, f"the control: its own bundle alone does not do: {trusted}"
    equal(arrived(lab, "ok.test", "/untrusted"), [], "requests at the origin")

    # Nor does it take root or a file system that can be written.
    plain = contained(lab, "id -u; curl -sS https://ok.test/by-nobody", "--user 65534:65534 --read-only --memory 64m --pids-limit 20")
    equal((plain.returncode, plain.stdout), (0, "65534\nhello from ok.test\n"), plain.stderr)

    denied = contained(lab, "curl -sS https://other.test/; echo status $?; curl -sS -X DELETE https://ok.test/by-container")
    assert "status 6\n" in denied.stdout and "Denied by policy" in denied.stdout, denied
    lab.enforcer.wait_record(type="decision", decision="deny", host="other.test", guest="g1")
    lab.enforcer.wait_record(type="decision", decision="deny", host="ok.test", method="DELETE", guest="g1")
    equal(lab.world.connections("other.test"), [], "connections to a host that is not allowed")
    equal(len(arrived(lab, "ok.test", "/by-container")), 1, "the deletion did not arrive")


def root_of_a_container_gets_no_further(lab):
    """The guest is the boundary, whatever a container has been given of it."""
    (address,) = [a for a in lab.world.records["other.test"] if ":" not in a]
    there = f"curl -sS --max-time 20 --resolve other.test:443:{address} https://other.test/; echo status $?"
    for options in ("", "--privileged --network host"):
        done = contained(lab, f"{there}; curl -sS https://ok.test/", options)
        assert re.fullmatch(r"status [1-9]\d*\nhello from ok.test\n", done.stdout), (options, done)
    equal(lab.world.connections("other.test"), [], "connections to a host that is not allowed")


def exec_and_networks_of_the_engine_work(lab):
    lab.docker_ok("network create lab")
    lab.docker_ok(f"run -d --name web --network lab -p 8080:80 {BOX} httpd -f -p 80 -h /etc")
    equal(lab.docker_ok("exec web curl -sS https://ok.test/by-exec"), "hello from ok.test\n", "from an exec")
    done = contained(lab, "curl -sS http://web/nsswitch.conf && curl -sS https://ok.test/", "--network lab")
    equal(done.stdout, "hosts: files dns\nhello from ok.test\n", f"a container beside it: {done.stderr}")
    equal(lab.inside("curl -sS http://127.0.0.1:8080/nsswitch.conf").stdout, "hosts: files dns\n", "a published port")
    lab.docker_ok("rm -f web")


def build_fetches_through_the_enforcer(lab):
    def build(name, *steps, builder="0"):
        os.makedirs(f"{lab.project}/context", exist_ok=True)
        lab.write(f"{lab.project}/context/Dockerfile", "\n".join([f"FROM {BOX}", *steps, ""]))
        return lab.inside(f"DOCKER_BUILDKIT={builder} docker build -t {name} context", timeout=COMMAND_SECONDS)
    for builder, name, path in (("1", "kit:1", "/head-of-kit"), ("0", MADE, "/head-of-build")):
        done = build(name, f"RUN curl -sS https://cred.test{path} > /fetched", 'CMD ["cat", "/fetched"]', builder=builder)
        equal(done.returncode, 0, f"exit status with DOCKER_BUILDKIT={builder}: {done.stdout}{done.stderr}")
        (sent,) = arrived(lab, "cred.test", path)
        assert f"Authorization: Bearer {SECRET}" in sent, sent
        fetched = lab.docker_ok(f"run --rm {name}")
        assert fetched.startswith(f"GET {path}") and SECRET not in fetched, fetched
    for said in ("inspect", "history --no-trunc"):
        for name in ("kit:1", MADE):
            assert "enforcer" not in lab.docker_ok(f"{said} {name}"), f"left in the image {name}: {said}"
    inside = lab.inside(f"docker save {MADE} | tar -xO --wildcards '*/layer.tar' | tar -ti --ignore-zeros", timeout=120)
    assert "fetched" in inside.stdout.split() and "enforcer" not in inside.stdout, inside

    refused = build("refused:1", "RUN curl -sS https://other.test/fetched")
    assert refused.returncode != 0 and "returned a non-zero code: 6\n" in refused.stderr, refused  # curl's for a name that is not there
    equal(lab.world.connections("other.test"), [], "connections to a host that is not allowed")


def image_is_pushed_and_pulled_through_an_intercepted_registry(lab, registry):
    stranger = Outsider(lab).curl("https://registry.test/v2/")
    equal(stranger.status, 401, "the control: the registry serves nobody without its password")
    before = len(registry.requests())
    lab.docker_ok(f"push {MADE}")
    assert registry.requests(method="PATCH"), f"layers did not arrive: {registry.requests()}"
    lab.docker_ok("system prune -af")  # layers that a builder keeps, too
    equal(lab.docker_ok("image ls -q"), "", "images of the engine")
    pulled = lab.docker_ok(f"pull {MADE}")
    assert pulled.endswith(f"Downloaded newer image for {MADE}\n{MADE}\n"), pulled
    assert lab.docker_ok(f"run --rm {MADE}").startswith("GET /head-of-build"), "the image that was pulled"
    layers = [r for r in registry.requests(method="GET", status=200) if "/blobs/sha256:" in r["target"]]
    assert len(layers) >= 3, f"two layers and a configuration: {layers}"
    equal([r for r in registry.requests()[before:] if r["status"] == 401], [], "requests without the password")
    allowed = lab.enforcer.records(type="decision", decision="allow", host="registry.test", layer="http")
    assert {r["method"] for r in allowed} >= {"GET", "PATCH", "PUT"} and {r["guest"] for r in allowed} == {"g1"}, allowed


def pull_that_is_not_allowed_fails_and_says_why(lab, registry):
    lab.docker_ok(f"tag {MADE} registry.test/other/made:1")
    lab.docker_ok(f"tag {MADE} other.test/lab/made:1")
    for command, words in (("pull other.test/lab/made:2", "lookup other.test"), ("push other.test/lab/made:1", "lookup other.test"),
                           ("pull registry.test/other/made:1", "denied: Denied by policy: "),
                           ("push registry.test/other/made:1", "denied: Denied by policy: "),
                           ("pull registry.test/lab/nosuch:1", "manifest unknown")):  # the last one is the registry's own answer
        done = lab.docker(command)
        assert done.returncode != 0 and words in done.stderr, (command, done)
        assert "{" not in done.stderr, f"what Docker shows is no sentence: {done.stderr}"
    equal([r for r in registry.requests() if "/other/" in r["target"]], [], "requests for what is not allowed")
    equal(lab.world.connections("other.test"), [], "connections to a host that is not allowed")
    lab.enforcer.wait_record(type="decision", decision="deny", host="registry.test", guest="g1")


def guest_holds_nothing_of_the_host(lab):
    """Asked by a container with every right that there is: it has the guest's devices and file systems, and those are all of them."""
    options = "--privileged --network host --pid host -v /:/guest"
    equal(sorted(lab.inside("cat /sys/bus/virtio/devices/*/device").stdout.split()), DEVICES, "devices")
    equal(lab.inside("ls /sys/bus/pci/devices; ls -d /dev/vsock /dev/kvm", "--root").stdout, "", "ways to devices that are not virtio's")
    equal(sorted(contained(lab, "ls /sys/block", options, image=MADE).stdout.split()), ["vda", "vdb"], "disks")
    mounts = [line.split() for line in contained(lab, "cat /guest/proc/1/mounts", options, image=MADE).stdout.splitlines()]
    shared = [mount[1] for mount in mounts if mount[2] in ("virtiofs", "9p", "fuse")]
    equal(shared, [lab.project], "file systems that are not the guest's own")
    tags = ("for tag in ws1 host root / config; do mount -t virtiofs $tag /tmp && echo $tag; "
            "mount -t 9p -o trans=virtio $tag /tmp && echo $tag; done; echo tried")
    equal(contained(lab, tags, options, image=MADE).stdout, "tried\n", "folders of the host that can be mounted")
    written = contained(lab, "echo x > /dev/vda; echo status $?; ls -l /guest/usr/bin/docker", options, image=MADE)
    assert re.match(r"status [1-9]", written.stdout) and "docker" in written.stdout, f"the image's disk: {written}"


def files_of_containers_in_a_workspace_are_the_guest_s(lab, record):
    mount = f"-v {lab.project}:/work"
    equal(contained(lab, "echo x > /work/by-root", mount, image=MADE).returncode, 0, "exit status")
    equal(contained(lab, "echo x > /work/by-kim", mount, f"--user {KIM}:{KIM}", image=MADE).returncode, 0, "exit status")
    equal([os.stat(f"{lab.project}/{name}").st_uid for name in ("by-root", "by-kim")], [GUEST_UIDS + record["slot"], KIM], "owners")
    lab.write(f"{lab.project}/roots", "SECRET\n", owner=0, mode=0o600)
    done = contained(lab, "cat /work/roots || echo refused", mount, "--privileged", image=MADE)
    equal(done.stdout, "refused\n", "a file of the host's root")


def no_engine_of_the_host_is_reached(lab):
    """Not by a socket that lies in the workspace, where an engine of the host's user may have put it, and not by the network."""
    path = f"{lab.project}/docker.sock"
    with socket.socket(socket.AF_UNIX) as engine, socket.socket(socket.AF_UNIX) as control:
        engine.bind(path)
        os.chmod(path, 0o777)
        engine.listen()
        engine.setblocking(False)
        equal(lab.inside("test -S docker.sock && echo there").stdout, "there\n", "the control: the guest sees its name")
        for options in ((), ("--root",)):
            done = lab.docker(f"-H unix://{path} version", *options)
            assert done.returncode != 0 and "Cannot connect to the Docker daemon" in done.stderr, done
        try:
            engine.accept()
            raise AssertionError("the guest came to a socket of the host")
        except BlockingIOError:
            pass
        control.connect(path)
        engine.accept()[0].close()

    lab.canary(*[(address, port) for address in ("0.0.0.0", "::") for port in ENGINE_PORTS])
    gateway = lab.inside("ip -4 route show default").stdout.split()[2]
    for place in (gateway, HOST_IPV4, "host.test", "host.docker.internal"):
        for port in ENGINE_PORTS:
            done = lab.inside(f"timeout 20 docker -H tcp://{place}:{port} version", "--root", timeout=60)
            assert done.returncode != 0 and "Server:" not in done.stdout, (place, port, done)
        done = contained(lab, f"curl -sS --max-time 20 http://{place}:{ENGINE_PORTS[0]}/version; echo status $?", "--privileged --network host",
                         image=MADE)
        assert re.search(r"^status [1-9]", done.stdout), (place, done)
    lab.enforcer.wait_record(type="decision", decision="deny", destination=HOST_IPV4, port=ENGINE_PORTS[0], guest="g1")
    equal(lab.canary_visits(), [], "visits at the host")
    with lab.world.netns.socket() as control:
        control.connect((HOST_IPV4, ENGINE_PORTS[0]))
        wait_for(lab.canary_visits, what="the control: the ports of the host are open")
    equal(lab.docker_ok("version --format '{{.Server.Os}}'"), "linux\n", "the guest's own engine afterwards")
