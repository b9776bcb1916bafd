"""Segments and handshakes that no kernel sends, made by hand.

The lab: ok.test passes through, mitm.test is intercepted, tcp.test is relayed without looking. What is made by hand goes to the IPv4
and to the IPv6 address of a name."""

import contextlib
import socket

from lib.drops import drops, summarised
from lib.expect import equal
from lib.frames import ACK, FIN, PSH, RST, SYN
from lib.lab import RULE, Lab, policy
from lib.oracles import denies, served, sessions, settled
from lib.processes import wait_for
from lib.raw_tcp import FAST_OPEN, URG, Endpoint, option, quiet
from lib.runner import hang_guard
from lib.tls_hello import client_hello, server_name

NAMES = ("ok.test", f"mitm.test {RULE}", f"mitm.test:80 {RULE}", "tcp.test:7 tcp", "tcp.test:25 tcp")
IMPATIENT = {"deadlines": {"classify": "3s"}}
HELLO = client_hello(server_name("ok.test"))


def lab(*allow, **options):
    return Lab(policy(*(allow or NAMES)), **options)


def nothing_happened(made, taken):
    """No session since, and no packet."""
    equal(sessions(made), taken, "sessions")
    made.wire_silent()


def kinds(options):
    """The kinds of TCP options, in order."""
    found = b""
    while options and options[0]:
        found += options[:1]
        options = options[1:] if options[0] == 1 else options[options[1]:]
    return found


def test_41_flags_and_headers_that_no_client_sends():
    fitting = {SYN, ACK, FIN | ACK, RST, RST | ACK}
    unfitting = [flags for flags in range(64) if flags & ~(PSH | URG) not in fitting]
    with lab() as made:
        quiet(made.guest)
        served(made)
        for address in made.guest.resolve_both("ok.test"):
            taken = settled(made)
            with drops(made, "tcp_bad", len(unfitting)):
                for flags in range(64):
                    with Endpoint(made.guest, address, 443) as client:
                        client.send(flags, HELLO if flags & PSH else b"", acknowledgement=7)
            with Endpoint(made.guest, address, 443) as client:
                syn = client.segment(SYN)
                odd = [bytes(2) + syn[2:], syn[:2] + bytes(2) + syn[4:]]  # from port 0, to port 0
                odd += [syn[:12] + bytes([words << 4]) + syn[13:] for words in (0, 1, 4, 6, 15)]  # shorter than itself, longer than all
                odd += [client.segment(SYN | ACK, data, acknowledgement=7) for data in (b"", HELLO)]
                with drops(made, "tcp_bad", len(odd)):
                    for segment in odd:
                        client.transmit(segment)
                equal(client.everything(), [], "answers")
            nothing_happened(made, taken)
            with Endpoint(made.guest, address, 443) as client:  # amid a connection they do not even disturb it
                client.open()
                for flags in unfitting:
                    client.send(flags, b"x")
                client.write(HELLO)
                equal(client.read(1)[:1], b"\x16", "first byte of the origin's answer")
                client.send(RST)
            equal(settled(made), taken + 1, "sessions of one handshake done well")
        summarised(made)
        served(made)


@hang_guard(150)
def test_42_data_in_the_first_segment():
    """A server with TCP Fast Open would take it before anything is known of the client, and may take it twice."""
    cookie = bytes(range(8))
    with lab(config=IMPATIENT) as made:
        quiet(made.guest)
        for address in made.guest.resolve_both("ok.test"):
            settled(made)
            for what, options in (("none", b""), ("a cookie asked for", option(FAST_OPEN)), ("a cookie", option(FAST_OPEN, cookie))):
                with Endpoint(made.guest, address, 443) as client, denies(made, "hello_timeout"):
                    answer = client.open(HELLO, options)
                    equal(answer.acknowledgement, client.sequence, f"{what}: acknowledged of a SYN with data")
                    assert bytes([FAST_OPEN]) not in kinds(answer.options), f"{what}: a cookie was handed out: {answer.options}"
                    equal(client.read(1), b"", f"{what}: answer to data in a SYN")
            made.wire_silent()
            with Endpoint(made.guest, address, 443) as client:  # sent again when it may be, it is served, and once
                client.open(HELLO, option(FAST_OPEN, cookie))
                client.write(HELLO)
                equal(client.read(1)[:1], b"\x16", "first byte of the origin's answer")
                client.send(RST)
            settled(made)
        before = len(made.world.connections("ok.test"))
        made.guest.netns.run(["sysctl", "-qw", "net.ipv4.tcp_fastopen=5"], check=True)  # data without a cookie
        with made.guest.socket() as client:  # and a kernel that means it well
            client.sendto(HELLO, socket.MSG_FASTOPEN, (made.guest.resolve("ok.test"), 443))
            equal(client.recv(1), b"\x16", "first byte of the origin's answer")
        equal(len(made.world.connections("ok.test")) - before, 1, "connections to the origin")
        refused = made.guest.netns.run(["nstat", "-asz", "TcpExtTCPFastOpenActiveFail"]).stdout.split()
        equal(refused[refused.index("TcpExtTCPFastOpenActiveFail") + 1], "1", "the control: SYNs whose data was sent and not taken")
        served(made)


def test_43_handshakes_with_the_roles_exchanged():
    """Split handshake and simultaneous open: whoever keeps a table of connections may end up with client and server the wrong way
    round, and read the guest's bytes as the origin's."""
    with lab() as made:
        quiet(made.guest)
        for address in made.guest.resolve_both("ok.test"):
            taken = settled(made)
            with Endpoint(made.guest, address, 443) as client:
                client.send(SYN)
                first = client.hear()
                equal(first.flags, SYN | ACK)
                client.heard = first.sequence + 1
                with drops(made, "tcp_bad", 6):  # the guest answers as a server would
                    for _ in range(3):
                        client.send(SYN | ACK)
                        client.send(SYN | ACK, HELLO, sequence=client.sequence + 1)
                client.send(SYN)  # and as if both had dialled
                client.send(SYN, HELLO)
                client.send(SYN, sequence=client.sequence + 100_000, acknowledgement=client.heard)
                answers = client.everything()
                assert answers and all(a.flags & (SYN | ACK) == SYN | ACK or a.flags == ACK for a in answers), answers
                equal({a.sequence for a in answers if a.flags & SYN}, {first.sequence}, "one flow, whatever is said twice")
                nothing_happened(made, taken)
                client.send(ACK, HELLO, sequence=client.sequence + 1, acknowledgement=client.heard + 70_000)  # of a SYN never sent
                assert client.is_reset(), "an ACK of something else"
                nothing_happened(made, taken)
                client.sequence += 1  # what is left of it is a client's handshake, and ends as one
                client.send(ACK)
                client.write(HELLO)
                equal(client.read(1)[:1], b"\x16", "first byte of the origin's answer")
                client.send(RST)
            equal(settled(made), taken + 1, "sessions")
        for end in wait_for(lambda: made.enforcer.records(type="end", host="ok.test"), what="the end of a session"):
            assert end["dialled_ip"] in made.world.records["ok.test"] and end["bytes_up"] == len(HELLO), end
        served(made)


def test_44_segments_of_a_connection_that_is_not_there():
    with lab() as made:
        quiet(made.guest)
        served(made)
        for address in made.guest.resolve_both("ok.test"):
            taken = settled(made)
            for flags in (ACK, PSH | ACK, FIN | ACK, FIN | PSH | ACK, URG | ACK):
                with Endpoint(made.guest, address, 443) as stray:
                    stray.send(flags, HELLO, acknowledgement=77)
                    assert stray.is_reset(), f"flags {flags:#x} to {address}"
            with Endpoint(made.guest, address, 443) as stray:
                for flags in (RST, RST | ACK, RST | PSH | ACK):
                    stray.send(flags, HELLO, acknowledgement=77)
                equal(stray.everything(), [], "answers to resets")
            nothing_happened(made, taken)
        with contextlib.ExitStack() as stack:  # what was established goes on after a restart, as far as the guest is concerned
            relayed, passed = [stack.enter_context(Endpoint(made.guest, made.guest.resolve(host), port))
                               for host, port in (("tcp.test", 7), ("ok.test", 443))]
            relayed.open()
            relayed.write(b"one")
            equal(relayed.read(3), b"one")
            passed.open()
            passed.write(HELLO)
            equal(passed.read(1)[:1], b"\x16", "first byte of the origin's answer")
            made.enforcer.enforcerd.kill()
            for client in (relayed, passed):
                assert client.is_reset(), "the kernel's word for a process that is gone"
                client.everything()
            made.world.witness.silence()
            for client in (relayed, passed):
                client.send(PSH | ACK, b"two")
                equal(client.everything(), [], "answers while nobody is there")
            made.wire_silent()
            made.enforcer.start_enforcerd()
            for client in (relayed, passed):
                for data in (b"three", HELLO):
                    client.send(PSH | ACK, data)
                    assert client.is_reset(), "a connection of its predecessor"
            nothing_happened(made, 0)
        served(made)
