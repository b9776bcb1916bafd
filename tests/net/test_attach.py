"""`guest attach`: an empty namespace is boxed in; anything that would leave a second way out is refused or shut."""

import socket
import subprocess

from lib.expect import equal
from lib.lab import Lab, policy
from lib.processes import wait_for


def links(guest):
    shown = guest.netns.run(["ip", "-o", "link", "show"]).stdout
    return {line.split(": ")[1].split("@")[0]: line for line in shown.splitlines()}


def test_namespace_with_a_foreign_link_is_refused_and_left_alone():
    with Lab(policy("ok.test")) as lab:
        other = lab.bare_guest("g2")
        other.netns.ip("link add escape type veth peer name other-end")
        before = links(other)
        done = lab.enforcer.ctl("guest", "attach", "g2", "--netns", other.netns.path, "--label=lab=yes")
        equal(done.returncode, 7, done.stdout + done.stderr)
        assert "escape" in done.stderr or "other-end" in done.stderr, done.stderr
        equal(set(links(other)), set(before))
        other.netns.ip("link del escape")
        other.attach({"lab": "yes"})
        equal(other.curl("https://ok.test/").status, 200)


def test_second_path_takes_the_link_down_and_is_recorded():
    with Lab(policy("ok.test"), guests=("g1", "g2")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        lab.guest.netns.ip("link add second type veth peer name third", "link set second up", "link set third up")
        lab.enforcer.wait_record(seconds=10, type="event", event="second_path", guest="g1")
        def link_is_down():
            ours = links(lab.guest).get("eth0", "gone: state DOWN")
            return "state DOWN" in ours or "LOWERLAYERDOWN" in ours
        wait_for(link_is_down, what="our link to go down")
        assert lab.guest.curl("https://ok.test/", timeout=3).status == 0
        equal(lab.guests["g2"].curl("https://ok.test/").status, 200)


def test_name_and_namespace_are_taken_once():
    with Lab(policy("ok.test")) as lab:
        other = lab.bare_guest("g2")
        equal(lab.enforcer.ctl("guest", "attach", "g1", "--netns", other.netns.path).returncode, 7)
        equal(lab.enforcer.ctl("guest", "attach", "g9", "--netns", lab.guest.netns.path).returncode, 7)
        assert lab.enforcer.ctl("guest", "attach", "g9", "--netns", "/run/netns/there-is-none").returncode in (1, 5)
        assert lab.enforcer.ctl("guest", "attach", "g9", "--netns", "/etc/passwd").returncode in (1, 2)
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_detached_guest_loses_its_link_and_its_connections():
    with Lab(policy("ok.test")) as lab:
        client = lab.guest.start(["curl", "-sSN", "--cacert", lab.world.authority.certificate, "https://ok.test/drip/100"], "drip")
        wait_for(lambda: "dripped" in client.output(), what="the download to begin")
        lab.enforcer.ctl_ok("guest", "detach", "g1")
        assert "eth0" not in links(lab.guest)
        end = lab.enforcer.wait_record(type="end", host="ok.test")
        assert end["outcome"] in ("guest_gone", "guest_reset"), end
        wait_for(lambda: lab.world.events(event="error") or lab.world.events(event="close"), what="the origin's side to end")
        equal(lab.enforcer.metric("enforcer_connections_active"), 0)
        lab.guest.attach({"lab": "yes"})
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_guest_whose_namespace_is_deleted_is_forgotten():
    with Lab(policy("ok.test"), guests=("g1", "g2")) as lab:
        lab.guests["g2"].netns.remove()
        wait_for(lambda: "g2" not in lab.enforcer.ctl_ok("guest", "list"), 10, "the guest to be gone")
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_spoofed_sources_are_dropped_with_their_reason():
    with Lab(policy("ok.test")) as lab:
        name = "enforcer_datapath_drops_total"
        with lab.guest.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            mine = raw.getsockname()[4]
            gateway = b"\x06" + mine[1:]
            other_mac = b"\x02\x77\x00\xff\xff\xff"
            raw.send(gateway + other_mac + b"\x08\x00" + bytes(60))
            spoofed = bytes.fromhex("4500002800004000400600000a0101015db8d822") + bytes(20)
            raw.send(gateway + mine + b"\x08\x00" + spoofed)
        for reason in ("l2_srcmac", "ip_src_spoof"):
            wait_for(lambda: lab.enforcer.metric(name, guest="g1", reason=reason) == 1, what=f"a drop for {reason}")
        lab.wire_silent()
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_kernel_that_says_hello_on_a_new_link_is_counted_and_not_recorded():
    with Lab(policy("ok.test")) as lab:
        counted = lambda reason: lab.enforcer.metric("enforcer_datapath_drops_total", guest="g1", reason=reason)
        wait_for(lambda: counted("mld") >= 2, 10, "multicast reports of a link that came up")
        with lab.guest.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            mine = raw.getsockname()[4]
            hop_by_hop = bytes.fromhex("6000000000080001") + bytes(16) + bytes.fromhex("ff02" + "00" * 13 + "16") + bytes(8)
            raw.send(bytes.fromhex("333300000016") + mine + b"\x86\xdd" + hop_by_hop)  # no report: the option is missing
        record = lab.enforcer.wait_record(type="datapath", guest="g1")
        equal((record["drop"], record["count"]), ("ip_opts", 1))
        equal(len(lab.enforcer.records(type="datapath")), 1, "datapath records")
        equal((counted("ip_opts"), counted("ingress_foreign")), (1, 0))


def test_container_like_process_namespace_is_attached_by_pid():
    with Lab(policy("ok.test"), guests=()) as lab:
        held = subprocess.Popen(["unshare", "-n", "sleep", "60"])
        try:
            wait_for(lambda: subprocess.run(["readlink", f"/proc/{held.pid}/ns/net"], capture_output=True).stdout !=
                     subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True).stdout, what="the namespace")
            lab.enforcer.ctl_ok("guest", "attach", "container", "--netns", f"/proc/{held.pid}/ns/net", "--label=lab=yes")
            gateway = subprocess.run(["nsenter", f"--net=/proc/{held.pid}/ns/net", "ip", "route"], capture_output=True,
                                     text=True).stdout
            assert "default via" in gateway, gateway
        finally:
            held.kill()
            held.wait()
        wait_for(lambda: "container" not in lab.enforcer.ctl_ok("guest", "list"), 10, "the guest to be gone with its namespace")
