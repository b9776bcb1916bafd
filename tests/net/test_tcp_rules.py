"""`protocol: tcp` rules: relayed without looking, and only for exactly the host and port that they name."""

import hashlib
import select
import socket

from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.lab import Lab, policy
from lib.origin import blob


def test_server_that_speaks_first_is_heard():
    with Lab(policy("tcp.test:25 tcp")) as lab:
        with lab.guest.connect("tcp.test", 25) as client:
            equal(client.recv(100), b"220 the server speaks first\r\n")
            client.sendall(b"QUIT\r\n")
            equal(client.recv(100), b"QUIT\r\n")
        lab.enforcer.wait_record(type="decision", decision="allow", layer="l4", host="tcp.test", port=25)
        lab.enforcer.wait_record(type="end", outcome="completed")


def test_other_ports_of_the_same_host_are_reset():
    with Lab(policy("tcp.test:25 tcp")) as lab:
        address = lab.guest.resolve("tcp.test")
        for port in (7, 24, 443):
            refused_at_once(lab.guest, address, port)
        equal(lab.world.connections("93.184.216.36", 7), [])
        with lab.guest.connect(address, 25) as client:
            assert client.recv(3) == b"220"


def test_half_close_reaches_the_origin_and_its_answer_comes_back():
    with Lab(policy("tcp.test:13 tcp")) as lab:
        with lab.guest.connect("tcp.test", 13) as client:
            client.sendall(b"all of it")
            client.shutdown(socket.SHUT_WR)
            equal(exchange(client, b""), (hashlib.md5(b"all of it").hexdigest().encode(), "end"))


def test_large_echo_through_an_opaque_rule_is_unchanged():
    data = blob(8 << 20)
    with Lab(policy("tcp.test:7 tcp")) as lab:
        with lab.guest.connect("tcp.test", 7) as client:
            sent, received = 0, bytearray()
            client.setblocking(False)
            while len(received) < len(data):
                readable, writable, _ = select.select([client], [client] if sent < len(data) else [], [], 20)
                assert readable or writable, f"stalled at {sent} sent, {len(received)} received"
                if writable:
                    sent += client.send(data[sent:sent + 65536])
                if readable:
                    piece = client.recv(1 << 18)
                    assert piece, "closed early"
                    received += piece
        assert received == data


def test_address_rule_reaches_the_literal_address():
    with Lab(policy("93.184.216.36/32:7 tcp")) as lab:
        with lab.guest.connect("93.184.216.36", 7) as client:
            client.sendall(b"to an address")
            equal(client.recv(100), b"to an address")
        refused_at_once(lab.guest, "93.184.216.35", 7)
        lab.enforcer.wait_record(type="decision", decision="allow", layer="l4")


def test_origin_that_resets_resets_the_guest():
    with Lab(policy("tcp.test:7 tcp", "tcp.test:26 tcp")) as lab:
        try:
            with lab.guest.connect("tcp.test", 26) as client:  # nothing listens there in the world
                outcome = exchange(client, b"hello")
        except ConnectionResetError:  # so soon that connect() had not returned
            outcome = (b"", "reset")
        equal(outcome, (b"", "reset"))
        with lab.guest.connect("tcp.test", 7) as client:
            client.sendall(b"x")
            equal(client.recv(1), b"x")
