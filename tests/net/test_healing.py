"""What somebody with root on the host does to the enforcer's network: guests get silence, never a way out; it is on record; and
what is ours to repair is repaired."""

import contextlib
import os
import re

from lib import datapath, tcx
from lib.expect import Skip, equal
from lib.lab import Lab, policy
from lib.processes import wait_for
from lib.world import HOST_IPV4


def links_of(lab):
    """{name: index} of the guests' links in the gateway namespace."""
    listed = datapath.gateway(lab).run(["ip", "-o", "link", "show"], check=True).stdout
    return {name: int(index) for index, name in re.findall(r"^(\d+): (g\d+)@", listed, re.MULTILINE)}


def empty_map(lab, name, size):
    """Deletes every key, as `bpftool map delete` does."""
    def key(number):
        return [str(byte) for byte in number.to_bytes(4, "little")]
    deleted = 0
    numbers = links_of(lab).values() if name == "guests" else range(size)
    for number in numbers:
        done = lab.host.run(["bpftool", "map", "delete", "pinned", f"{datapath.pins(lab)}/maps/{name}", "key", *key(number)])
        deleted += done.returncode == 0
    assert deleted, f"map {name} was empty"


def try_to_get_out(lab):
    """To a canary beside the gateway's own end and on the host, and to a host in the world: nobody is reached. (A connection to the
    listener that refuses it may begin.)"""
    for address in (lab.guest.gateway, HOST_IPV4, "93.184.216.35"):
        with lab.guest.socket(timeout=0.3) as client, contextlib.suppress(OSError):
            client.connect((address, 2222))
            client.sendall(b"anybody there?")
    equal([packet for packet in lab.world.witness.silence() if packet.destination_port == 2222], [])
    equal(lab.world.events("inside", event="connect") + lab.canary_visits(), [])


def heals(lab, damage, event):
    """After the damage nobody is reached, an event of that name is on record, and then the guest is served as before, with the
    address it had."""
    before = lab.guest.query("ok.test").addresses
    events = len(lab.enforcer.records(type="event", event=event))
    lab.world.witness.clear()
    damage()
    try_to_get_out(lab)
    wait_for(lambda: len(lab.enforcer.records(type="event", event=event)) > events, 10, f"the event {event}")
    wait_for(lambda: lab.guest.curl("https://ok.test/", timeout=3).status == 200, 30, "service after the repair")
    equal(lab.guest.query("ok.test").addresses, before)
    try_to_get_out(lab)
    equal(lab.guest.query("other.test").rcode, "NXDOMAIN")


def healing_lab():
    return Lab(policy("ok.test"))


def canaries(lab):
    """Beside the gateway's own end, and on the host."""
    lab.world.start_origin("inside", [{"address": "0.0.0.0", "port": 2222, "kind": "canary"}], datapath.gateway(lab))
    lab.canary(("0.0.0.0", 2222))


def test_flushed_routes_and_rules_are_set_again():
    with healing_lab() as lab:
        canaries(lab)
        gateway = datapath.gateway(lab)
        for family in ("-4", "-6"):
            for argv in (["route", "flush", "table", "main"], ["route", "flush", "table", "119"], ["rule", "flush"]):
                heals(lab, lambda: gateway.run(["ip", family, *argv], check=True), "network_restored")


def test_foreign_routes_and_rules_are_removed_and_ours_set_again():
    """What takes the place of ours, or comes before it, is told apart from it."""
    with healing_lab() as lab:
        canaries(lab)
        gateway, (name,) = datapath.gateway(lab), links_of(lab)
        for family in ("-4", "-6"):
            for argv in (["route", "replace", "unreachable", "default", "table", "119"],
                         ["route", "replace", "unreachable", "default", "table", "main"],
                         ["route", "add", "default", "dev", name, "metric", "1", "table", "119"],
                         ["route", "add", "blackhole", "198.18.0.0/15" if family == "-4" else "fd00::/8", "table", "119"],
                         ["rule", "add", "pref", "50", "iif", name, "unreachable"],
                         ["rule", "add", "pref", "101", "not", "iif", "lo", "lookup", "main"]):
                def wanted():
                    return [gateway.run(["ip", family, *what], check=True).stdout
                            for what in (["rule"], ["route", "show", "table", "119"], ["route", "show", "table", "main"])]
                before = wanted()
                heals(lab, lambda: gateway.run(["ip", family, *argv], check=True), "network_restored")
                equal(wanted(), before)


def test_link_that_loses_what_hostd_gave_it_gets_it_back():
    with healing_lab() as lab:
        canaries(lab)
        gateway, (name,) = datapath.gateway(lab), links_of(lab)
        for argv in (["link", "set", name, "down"], ["address", "flush", "dev", name], ["neigh", "flush", "dev", name, "nud", "permanent"],
                     ["link", "set", "lo", "down"]):
            heals(lab, lambda: gateway.run(["ip", *argv], check=True), "network_restored")


def test_kernel_settings_are_set_again():
    with healing_lab() as lab:
        canaries(lab)
        gateway = datapath.gateway(lab)
        for setting, value in (("net.ipv4.ip_forward", "1"), ("net.ipv6.conf.all.forwarding", "1"), ("net.ipv4.tcp_fwmark_accept", "0"),
                               ("net.ipv4.conf.all.arp_ignore", "0"), ("net.ipv4.conf.all.route_localnet", "1")):
            heals(lab, lambda: gateway.run(["sysctl", "-qw", f"{setting}={value}"], check=True), "network_restored")
            assert gateway.run(["sysctl", "-n", setting]).stdout.strip() != value, setting


def test_foreign_link_in_the_gateway_namespace_is_kept_down():
    with healing_lab() as lab:
        canaries(lab)
        gateway = datapath.gateway(lab)
        names = ("uplink", "g99")  # also one with a name like ours

        def flags(name):
            return re.search("<(.*?)>", gateway.run(["ip", "-o", "link", "show", name], check=True).stdout).group(1).split(",")

        def insert(name):
            lab.host.run(["ip", "link", "add", f"{name}o", "type", "veth", "peer", "name", name, "netns", os.path.basename(gateway.path)],
                         check=True)
            lab.host.run(["ip", "link", "set", f"{name}o", "up"], check=True)
            gateway.run(["ip", "link", "set", name, "up"], check=True)
        for name in names:
            heals(lab, lambda: insert(name), "foreign_link")
            wait_for(lambda: "UP" not in flags(name), 5, "the link to be down")
        for name in names:  # again: it is kept down, and is on record already
            gateway.run(["ip", "link", "set", name, "up"], check=True)
            wait_for(lambda: "UP" not in flags(name), 5, "the link to be down again")
        details = [record["detail"] for record in lab.enforcer.records(type="event", event="foreign_link")]
        equal([sum(f"interface {name} " in detail for detail in details) for name in names], [1, 1])
        equal(len(details), 2)
        for name in names:
            gateway.run(["ip", "link", "del", name], check=True)
        equal(lab.guest.curl("https://ok.test/").status, 200)


def test_flushed_guard_is_loaded_again():
    with healing_lab() as lab:
        canaries(lab)
        heals(lab, lambda: datapath.gateway(lab).run(["nft", "flush", "ruleset"], check=True), "guard_restored")


def test_emptied_maps_mean_silence_and_are_filled_again():
    with healing_lab() as lab:
        canaries(lab)
        for name, size in (("guests", 1), ("listeners", 2), ("dns_socket", 1)):
            heals(lab, lambda: empty_map(lab, name, size), "enforcement_lost")


def test_program_in_front_of_ours_is_overtaken():
    """Another agent's program that accepts everything comes before ours: the guard holds meanwhile."""
    with healing_lab() as lab:
        if "tcx" not in lab.enforcer.ctl_ok("status"):
            raise Skip("this kernel has no TCX; of clsact filters the one at the lowest priority is ours")
        canaries(lab)
        gateway, (index,) = datapath.gateway(lab), links_of(lab).values()
        held = []

        def insert():
            with gateway.entered():
                held.append(tcx.attach_in_front(tcx.load_accept_all(), index))
        heals(lab, insert, "enforcement_lost")
        assert lab.enforcer.metric("enforcer_datapath_packets_total", verdict="steered") > 0
        for descriptor in held:
            os.close(descriptor)


def test_filter_of_tc_changes_nothing():
    """A clsact filter that accepts everything, at the lowest priority number, never sees a packet where ours is TCX; where ours is a
    filter itself its place is taken."""
    with healing_lab() as lab:
        canaries(lab)
        gateway, (name,) = datapath.gateway(lab), links_of(lab)
        gateway.run(["tc", "qdisc", "add", "dev", name, "clsact"])
        added = gateway.run(["tc", "filter", "add", "dev", name, "ingress", "prio", "1", "protocol", "all", "u32", "match", "u32", "0", "0",
                             "flowid", "1:1"])
        equal(added.returncode == 0, "tcx" in lab.enforcer.ctl_ok("status"), added.stderr)
        lab.world.witness.clear()
        try_to_get_out(lab)
        equal(lab.guest.curl("https://ok.test/").status, 200)
