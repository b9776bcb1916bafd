"""Origins through a corporate proxy (`egress`), which is the only way to them: the world resets what comes from the host itself."""

import json
import re

from lib.corporate_proxy import (ADDRESS, NAME, PASSWORD, Microsocks, Tinyproxy, close_the_direct_way, credential, egress,
                                 give_it_a_place)
from lib.expect import equal
from lib.guest import exchange
from lib.http2_origin import Http2Origin
from lib.lab import RULE, Lab, policy
from lib.processes import wait_for
from lib.serving import Serving, read_head
from lib.token_peers import CLIENT_ID, CLIENT_SECRET, TokenServer
from lib.world import HOST_IPV4, HOST_IPV6, SECRET

BEARER = {"token": {"binding": [{"to": ["cred.test"], "as": "bearer"}]}}
INTERCEPTED = "mitm.test " + RULE


class Pretender(Serving):
    """In the proxy's place, with an answer of its own to the first head."""

    def __init__(self, lab, answer):
        give_it_a_place(lab)
        super().__init__(lab.world.netns, ADDRESS, 3128)
        self.answer, self.heads = answer, []

    def serve(self, client):
        self.heads.append(read_head(client))
        client.sendall(self.answer)
        while client.recv(4096):
            pass


def everything_works(lab, via):
    guest, world = lab.guest, lab.world
    guest.trust(world.authority)
    reply = guest.curl("https://ok.test/")
    equal((reply.status, reply.body), (200, b"hello from ok.test\n"), "passthrough")
    equal(guest.curl("http://ok.test/").body, b"hello from ok.test\n", "clear HTTP")
    guest.trust_enforcer()
    reply = guest.curl("https://cred.test/costs")
    equal((reply.status, reply.body), (200, b"hello from cred.test\n"), "intercepted, with a credential")
    assert f"Authorization: Bearer {SECRET}\r\n" in world.events(event="request", host="cred.test")[0]["head"]
    with guest.connect("tcp.test", 25) as client:
        equal(client.recv(100), b"220 the server speaks first\r\n", "the server speaks first")
        client.sendall(b"QUIT\r\n")
        equal(client.recv(100), b"QUIT\r\n")
    with guest.connect("93.184.216.36", 7) as client:
        client.sendall(b"to an address")
        equal(client.recv(100), b"to an address", "a literal address")
    assert not {e["peer"] for e in world.events(event="connect")} & {HOST_IPV4, HOST_IPV6}, "an origin was dialled by us"
    ends = wait_for(lambda: len(found := lab.enforcer.records(type="end")) >= 5 and found, what="the end records")
    equal([(e["via"], e.get("dialled_ip"), e.get("reason")) for e in ends], [(via, None, None)] * 5)


EVERYTHING = ("ok.test", "ok.test:80", 'cred.test http: [{paths: ["/**"]}], credential: token', "tcp.test:25 tcp", "93.184.216.36/32:7 tcp")


def test_everything_goes_through_connect_with_basic_authentication():
    with Lab(policy(*EVERYTHING), config=egress(credential="corp"), credentials={**BEARER, **credential()}) as lab:
        with Tinyproxy(lab, PASSWORD) as proxy:
            everything_works(lab, "proxy.test:3128")
            for place in ("ok.test:443", "ok.test:80", "cred.test:443", "tcp.test:25", "93.184.216.36:7"):
                equal(proxy.asked(f"CONNECT {place} "), 1, place)


def test_everything_goes_through_socks_with_a_password():
    with Lab(policy(*EVERYTHING), config=egress("socks5h", 1080, credential="corp"), credentials={**BEARER, **credential(1080)}) as lab:
        with Microsocks(lab, PASSWORD) as proxy:
            everything_works(lab, "proxy.test:1080")
            for place in ("ok.test:443", "ok.test:80", "cred.test:443", "tcp.test:25", "93.184.216.36:7"):
                equal(proxy.asked(f"connected to {place}"), 1, place)


def test_proxies_without_authentication_are_asked_without():
    with Lab(policy("ok.test"), config=egress("socks5h", 1080)) as lab:
        with Microsocks(lab) as proxy:
            equal(lab.guest.curl("https://ok.test/").status, 200)
            equal(proxy.asked("connected to ok.test:443"), 1)
    with Lab(policy("ok.test"), config={"egress": {"proxy": f"http://{ADDRESS}:3128"}}) as lab:  # by its address, too
        with Tinyproxy(lab) as proxy:
            equal(lab.guest.curl("https://ok.test/").status, 200)
            equal(proxy.asked("CONNECT ok.test:443 "), 1)
            equal(lab.enforcer.wait_record(type="end")["via"], f"{ADDRESS}:3128")


def test_without_the_setting_origins_are_dialled_by_us():
    """The control: the way that is closed in the other tests is what would have been taken."""
    with Lab(policy("ok.test", INTERCEPTED)) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)
        assert "via" not in lab.enforcer.wait_record(type="end", host="ok.test")
        close_the_direct_way(lab)
        lab.guest.trust_enforcer()
        reply = lab.guest.curl("https://mitm.test/")
        equal((reply.status, json.loads(reply.body)["reason"]), (502, "origin_connect"))


def test_invariant_5_a_forbidden_address_is_denied_before_the_proxy_hears_of_the_name():
    with Lab(policy("private.test", "private.test:80", "metadata.test", "mixed.test", "ok.test"), config=egress()) as lab:
        with Tinyproxy(lab) as proxy:
            equal(json.loads(lab.guest.curl("http://private.test/").body)["reason"], "dst_private")
            for name, reason in (("private.test", "dst_private"), ("metadata.test", "dst_metadata"), ("mixed.test", "dst_private")):
                assert lab.guest.curl(f"https://{name}/").exit_code != 0
                lab.enforcer.wait_record(type="decision", decision="deny", reason=reason, host=name, port=443)
            equal(lab.guest.curl("https://ok.test/").status, 200)  # the control
            equal((proxy.asked("CONNECT ok.test:443 "), proxy.asked("Request (")), (1, 1))


def test_kept_connections_are_judged_by_the_origins_address_and_not_by_the_proxys():
    denied = "  deny:\n    - {name: inner, to: [\"10.0.0.0/8\"]}\n"
    with Lab(policy(INTERCEPTED, extra=denied), config=egress()) as lab:
        lab.guest.trust_enforcer()
        with Tinyproxy(lab) as proxy:
            # By HTTP/1.1 the second request cannot be on its way before the first has ended.
            reply = lab.guest.curl("https://mitm.test/a", "--http1.1", "https://mitm.test/b")
            equal(reply.body, b"hello from mitm.test\n" * 2)
            equal(proxy.asked("CONNECT mitm.test:443 "), 1)
    # The control: two rules, one of which may not lead to where the other has led.
    rules = ('    - {name: a, to: [private.test], private: true, http: [{paths: [/a]}]}\n'
             '    - {name: b, to: [private.test], http: [{paths: [/b]}]}\n')
    with Lab(policy("ok.test") + rules, config={**egress(), "workers": 1}) as lab:
        lab.guest.trust_enforcer()
        lab.world.netns.ip("addr add 10.0.0.1/32 dev lo")
        with Tinyproxy(lab) as proxy, Http2Origin(lab, "private.test"):
            talk = lab.guest.curl("https://private.test/b", "-o", "/dev/null", "-o", "/dev/null", "https://private.test/a").talk
            equal((re.findall(r"^< HTTP/2 (\d+)", talk, re.MULTILINE), proxy.asked("CONNECT private.test:443 ")), (["200", "403"], 1), talk)
        lab.enforcer.wait_record(type="decision", decision="deny", reason="dst_private")


def reset(lab, host, port):
    try:
        with lab.guest.connect(host, port) as client:
            outcome = exchange(client, b"")
    except ConnectionResetError:  # so soon that connect() had not returned
        outcome = (b"", "reset")
    equal(outcome, (b"", "reset"))


def failed(lab, detail):
    """What a guest is told, and what is recorded and counted, where the proxy does not connect."""
    lab.guest.trust_enforcer()
    counted = lab.enforcer.metric("enforcer_origin_errors_total", reason="proxy")
    reply = lab.guest.curl("https://mitm.test/")
    equal((reply.status, json.loads(reply.body)["reason"]), (502, "egress_proxy"), detail)
    reset(lab, "tcp.test", 25)
    for host in ("mitm.test", "tcp.test"):
        end = lab.enforcer.wait_record(type="end", host=host, reason="egress_proxy", detail=detail)
        equal((end["outcome"], end.get("via"), end.get("dialled_ip")), ("origin_failed", None, None))
    equal(lab.enforcer.metric("enforcer_origin_errors_total", reason="proxy"), counted + 2)
    equal(lab.world.events(event="connect"), [])


def secret_stayed(lab):
    for text in (lab.enforcer.enforcerd.output(), open(lab.enforcer.audit_path).read(), lab.enforcer.http("/metrics")[1]):
        assert PASSWORD not in text and "WRONG-PASSWORD" not in text


FAILING = (INTERCEPTED, "tcp.test:25 tcp")


def test_wrong_password_is_a_502_and_stays_in_the_house():
    with Lab(policy(*FAILING), config=egress(credential="corp"), credentials=credential(secret="WRONG-PASSWORD")) as lab:
        with Tinyproxy(lab, PASSWORD):
            failed(lab, "login")
            assert "it does not accept the credential, or wants one (it said 401)" in lab.enforcer.enforcerd.output()
            secret_stayed(lab)
    socks = egress("socks5h", 1080, credential="corp")
    with Lab(policy(*FAILING), config=socks, credentials=credential(1080, secret="WRONG-PASSWORD")) as lab:
        with Microsocks(lab, PASSWORD):
            failed(lab, "login")
            secret_stayed(lab)


def test_changed_password_is_used_by_the_next_connection():
    with Lab(policy("ok.test"), config=egress(credential="corp"), credentials=credential(secret="WRONG-PASSWORD")) as lab:
        with Tinyproxy(lab, PASSWORD):
            assert lab.guest.curl("https://ok.test/").exit_code != 0
            with open(f"{lab.enforcer.credentials}/corp.secret", "w") as file:
                file.write(PASSWORD)
            equal(lab.guest.curl("https://ok.test/").status, 200)


def test_credential_that_is_not_there_or_not_bound_fails_what_goes_out_until_a_reload_brings_it():
    elsewhere = {"corp": {"binding": [{"to": ["other.test"], "as": "basic", "username": "bot"}], "secret": PASSWORD}}
    with Lab(policy(*FAILING), config=egress(credential="corp"), credentials=elsewhere) as lab:
        with Tinyproxy(lab, PASSWORD) as proxy:
            failed(lab, "credential")
            assert "Credential 'corp' is not bound to it" in lab.enforcer.enforcerd.output()
            equal(proxy.asked("Request ("), 0)
            lab.enforcer.write_credential("corp", **credential()["corp"])
            lab.enforcer.ctl_ok("reload")
            equal(lab.guest.curl("https://mitm.test/").status, 200)


def test_proxy_that_refuses_is_a_502():
    with Lab(policy(*FAILING), config=egress()) as lab:
        with Pretender(lab, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope") as proxy:
            failed(lab, "refused")
            equal(proxy.heads[0], b"CONNECT mitm.test:443 HTTP/1.1\r\nHost: mitm.test:443\r\n\r\n")
    with Lab(policy("tcp.test:26 tcp", "tcp.test:25 tcp"), config=egress("socks5h", 1080)) as lab:
        with Microsocks(lab):
            reset(lab, "tcp.test", 26)  # where nobody listens
            lab.enforcer.wait_record(type="end", reason="egress_proxy", detail="refused")
            with lab.guest.connect("tcp.test", 25) as client:  # the control
                equal(client.recv(3), b"220")


def test_garbage_silence_and_absence_are_502s():
    with Lab(policy(*FAILING), config={**egress(), "deadlines": {"originConnect": "2s"}}) as lab:
        failed(lab, "resolve")
        give_it_a_place(lab)
        failed(lab, "connect")
    for answer, detail in ((b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "malformed"), (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20000, "malformed"),
                           (b"", "timeout")):
        with Lab(policy(*FAILING), config={**egress(), "deadlines": {"originConnect": "2s"}}) as lab, Pretender(lab, answer):
            failed(lab, detail)


def test_what_comes_behind_the_answer_is_the_origins():
    with Lab(policy("tcp.test:25 tcp"), config=egress()) as lab:
        with Pretender(lab, b"HTTP/1.1 200 OK\r\n\r\n220 in the same segment\r\n"):
            with lab.guest.connect("tcp.test", 25) as client:
                equal(client.recv(100), b"220 in the same segment\r\n")


def test_configuration_names_the_proxy_without_a_password():
    with Lab(policy("ok.test"), start=False) as lab:
        lab.enforcer.write_config(egress={"proxy": f"http://bot:{PASSWORD}@{NAME}:3128"})
        lab.enforcer.start(wait=False)
        for daemon in (lab.enforcer.hostd, lab.enforcer.enforcerd):
            assert daemon.wait() != 0
            assert "E0105" in daemon.output() and PASSWORD not in daemon.output()
        lab.enforcer.write_config()


def test_token_services_are_asked_through_the_proxy_too():
    exchange_of = {"oauth2": {"grant": "clientCredentials", "tokenUrl": "https://login.test/token", "clientId": CLIENT_ID}}
    token = {"token": {"binding": [{"to": ["service.test"], "as": "bearer"}], "exchange": exchange_of, "secret": CLIENT_SECRET}}
    with Lab(policy(f"service.test {RULE}, credential: token"), config=egress(credential="corp"),
             credentials={**token, **credential()}) as lab, Tinyproxy(lab, PASSWORD) as proxy:
        server = TokenServer(lab)
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://service.test/x").status, 200)
        equal((proxy.asked("CONNECT login.test:443 "), proxy.asked("CONNECT service.test:443 ")), (1, 1))
        equal(len(server.asked("login.test")), 1)
