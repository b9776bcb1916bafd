"""Whoever dies, the guest never gets through unseen, and works again untouched afterwards."""

import os
import signal
import time

from lib.expect import equal
from lib.lab import Lab, policy
from lib.load import Flood
from lib.netns import Netns
from lib.processes import wait_for
from lib.runner import hang_guard


def test_killed_enforcerd_means_no_egress_and_a_restart_works_untouched():
    with Lab(policy("ok.test")) as lab:
        address = lab.guest.resolve("ok.test")
        flood = Flood(lab.guest, [address, "93.184.216.34", "93.184.216.53"])
        try:
            wait_for(lambda: flood.connected > 3, what="the flood to get through")
            lab.enforcer.enforcerd.kill()
            time.sleep(0.3)  # what the kernel still had to say for the closed sockets
            lab.world.witness.clear()
            connected, attempts = flood.connected, flood.attempts
            lab.wire_silent(1.5)
            assert flood.attempts > attempts, "the flood goes on"
            equal(flood.connected, connected, "connections without enforcerd")
            lab.enforcer.start_enforcerd()
            wait_for(lambda: flood.connected > connected, what="service after the restart")
        finally:
            flood.stop()
        # What the flood left half open counts against the guest for a moment.
        wait_for(lambda: lab.guest.curl("https://ok.test/", "--resolve", f"ok.test:443:{address}").status == 200, what="200")


def test_killed_enforcerd_resets_live_downloads_and_never_ends_them_in_good_order():
    with Lab(policy("ok.test")) as lab:
        client = lab.guest.start(["curl", "-sSN", "--cacert", lab.world.authority.certificate, "https://ok.test/drip/100"], "drip")
        wait_for(lambda: "dripped" in client.output(), what="the download to begin")
        lab.enforcer.enforcerd.kill()
        assert client.wait(10) != 0
        assert "reset" in client.output().lower(), client.output()[-300:]


def test_connection_begun_while_enforcerd_is_away_succeeds_when_it_is_back():
    with Lab(policy("ok.test")) as lab:
        address = lab.guest.resolve("ok.test")
        lab.enforcer.enforcerd.kill()
        client = lab.guest.start(["curl", "-sS", "--max-time", "20", "--cacert", lab.world.authority.certificate,
                                  "--resolve", f"ok.test:443:{address}", "https://ok.test/"], "patient")
        time.sleep(1)
        lab.enforcer.start_enforcerd()
        equal(client.wait(20), 0, client.output())


@hang_guard(180)
def test_stopped_enforcerd_lets_nothing_through():
    with Lab(policy("ok.test")) as lab:
        address = lab.guest.resolve("ok.test")
        lab.enforcer.enforcerd.signal(signal.SIGSTOP)
        try:
            time.sleep(0.1)
            lab.world.witness.clear()
            flood = Flood(lab.guest, [address, "93.184.216.34"])
            time.sleep(1)
            flood.stop()
            lab.wire_silent(0.5)
        finally:
            lab.enforcer.enforcerd.signal(signal.SIGCONT)
        wait_for(lambda: lab.guest.curl("https://ok.test/").status == 200, 15, "service after SIGCONT")


def test_killed_hostd_changes_nothing_for_guests_and_its_successor_adopts_them():
    with Lab(policy("ok.test")) as lab:
        lab.enforcer.hostd.kill()
        for _ in range(3):
            equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.guest.query("other.test").rcode, "NXDOMAIN")
        lab.bare_guest("g2")
        refused = lab.enforcer.ctl("guest", "attach", "g2", "--netns", lab.guests["g2"].netns.path)
        assert refused.returncode not in (0, 2), refused.stderr
        lab.enforcer.start_hostd()
        wait_for(lambda: lab.enforcer.metric("enforcer_component_up", component="hostd") == 1, what="hostd to be connected")
        equal(lab.guest.curl("https://ok.test/").status, 200)
        lab.guests["g2"].attach({"lab": "yes"})
        equal(lab.guests["g2"].curl("https://ok.test/").status, 200)


def test_both_killed_and_started_again_serve_the_same_guest():
    with Lab(policy("ok.test")) as lab:
        lab.enforcer.enforcerd.kill()
        lab.enforcer.hostd.kill()
        time.sleep(0.2)
        lab.world.witness.clear()
        with lab.guest.socket(timeout=0.3) as client:
            assert client.connect_ex(("93.184.216.34", 443)) != 0
        lab.wire_silent()
        lab.enforcer.start()
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_stopping_both_daemons_leaves_the_guest_boxed_in_and_teardown_leaves_nothing():
    with Lab(policy("ok.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        equal(lab.enforcer.stop(), {"enforcerd": 0, "enforcer-hostd": 0}, "exit codes")
        assert os.path.exists(lab.enforcer.gateway_path), "the gateway namespace outlives its maker"
        lab.world.witness.clear()
        with lab.guest.socket(timeout=0.3) as client:
            assert client.connect_ex(("93.184.216.34", 443)) != 0
        lab.wire_silent()
        lab.enforcer.teardown()
        lab.enforcer.teardown()  # again: nothing to do is no failure


def test_without_the_bpf_program_the_guard_still_lets_nothing_in():
    with Lab(policy("ok.test")) as lab:
        gateway = Netns(os.path.basename(lab.enforcer.gateway_path))
        lab.world.start_origin("inside", [{"address": "0.0.0.0", "port": 2222, "kind": "canary"}], gateway)
        lab.enforcer.hostd.kill()
        detach_programs(lab)
        lab.world.witness.clear()
        with lab.guest.socket(timeout=0.5) as client:
            assert client.connect_ex((lab.guest.gateway, 2222)) != 0
        assert lab.guest.socket(timeout=0.5).connect_ex(("93.184.216.34", 443)) != 0
        lab.wire_silent()
        equal(lab.world.events("inside", event="connect"), [])
        # The control: without the guard, too, the canary is reached, so it was the guard that held.
        gateway.run(["nft", "flush", "ruleset"], check=True)
        with lab.guest.socket(timeout=2) as client:
            equal(client.connect_ex((lab.guest.gateway, 2222)), 0)
        lab.wire_silent()  # and even so there is no way from there to the world


def detach_programs(lab):
    """Takes our programs off every link of the gateway namespace: the pinned TCX links, or the clsact qdisc."""
    for folder, _, names in os.walk(lab.enforcer.bpffs):
        if os.path.basename(folder) == "links":
            for name in names:
                os.unlink(f"{folder}/{name}")
    gateway = Netns(os.path.basename(lab.enforcer.gateway_path))
    for line in gateway.run(["ip", "-o", "link", "show"]).stdout.splitlines():
        name = line.split(": ")[1].split("@")[0]
        if name != "lo":
            gateway.run(["tc", "qdisc", "del", "dev", name, "clsact"])
