"""Interception: TLS ends at Enforcer where a rule needs to see requests, and each request is decided."""

import contextlib
import ctypes
import json
import os
import re
import socket
import ssl
import stat
import subprocess
import time

from lib.expect import equal, raises
from lib.guest import exchange, read_response
from lib.lab import Lab, policy
from lib.processes import wait_for

READ_ONLY = 'mitm.test http: [{methods: [GET, HEAD], paths: ["/**"]}]'
ANYTHING = 'mitm.test http: [{paths: ["/**"]}]'


def copied_descriptors(pid):
    """A copy of each descriptor of a process (pidfd_getfd(2)); whoever asks closes it."""
    pidfd_getfd, libc = 438, ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            copy = libc.syscall(pidfd_getfd, process, int(number), 0)
            if copy >= 0 and stat.S_ISSOCK(os.fstat(copy).st_mode):
                yield copy
            elif copy >= 0:
                os.close(copy)
    finally:
        os.close(process)


def allowed(lab, **match):
    return lab.enforcer.records(type="decision", decision="allow", layer="http", **match)


def denied(lab, **match):
    return lab.enforcer.wait_record(type="decision", decision="deny", layer="http", **match)


def ask(lab, data, host="mitm.test"):
    """Everything that came back over one TLS connection, as text."""
    with lab.guest.tls(host) as client:
        return exchange(client, data)[0].decode("latin-1")


def test_intercepts_only_where_a_rule_needs_to_see_requests():
    with Lab(policy(READ_ONLY, "ok.test")) as lab:
        equal(lab.guest.curl("https://ok.test/").status, 200)  # the world's CA: passed through
        refused = lab.guest.curl("https://mitm.test/")
        equal((refused.status, refused.exit_code), (0, 60), "the world's CA is not what vouches for an intercepted host")
        lab.enforcer.wait_record(type="decision", decision="deny", layer="tls", reason="guest_tls", host="mitm.test")
        equal(lab.world.connections("93.184.216.40"), [], "nothing is dialled for a guest that breaks off")
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://mitm.test/hello").body, b"hello from mitm.test\n")
        equal(lab.guest.curl("https://ok.test/").exit_code, 60, "and our CA vouches for nothing that is passed through")


def test_each_request_is_decided_and_recorded():
    with Lab(policy(READ_ONLY)) as lab:
        lab.guest.trust_enforcer()
        equal(lab.guest.curl("https://mitm.test/b", "https://mitm.test/a?token=s3cret&x=1").status, 200)
        refused = lab.guest.curl("https://mitm.test/c", "-d", "x=1")
        equal(refused.status, 403)
        problem = json.loads(refused.body)
        record = denied(lab, method="POST", path="/c")
        equal((problem["decision_id"], problem["reason"], problem["host"]), (record["decision_id"], record["reason"], "mitm.test"))
        equal([r["path"] for r in allowed(lab)], ["/a?token=*&x=*", "/b"])
        equal(len({r["decision_id"] for r in allowed(lab)}), 2)
        equal([e["target"] for e in lab.world.events(event="request")], ["/a?token=s3cret&x=1", "/b"], "what the origin saw")
        ends = wait_for(lambda: (e := lab.enforcer.records(type="end", layer="http")) and len(e) == 2 and e, what="two ends")
        equal([(e["outcome"], e["dialled_ip"]) for e in ends], [("completed", "93.184.216.40")] * 2)
        assert "s3cret" not in open(lab.enforcer.audit_path).read()


def test_client_of_a_registry_is_told_in_its_own_words():
    """The OCI distribution specification, "Error Codes": Docker shows these, and looks for them in `application/json` only."""
    with Lab(policy(READ_ONLY)) as lab:
        lab.guest.trust_enforcer()
        for path, type_of_body in (("/v2/library/alpine/blobs/uploads/", "application/json"), ("/v2/other", "application/problem+json")):
            refused = lab.guest.curl(f"https://mitm.test{path}", "-d", "x=1")
            equal(refused.status, 403, path)
            assert f"< content-type: {type_of_body}\r\n".lower() in refused.talk.lower(), refused.talk
            problem, record = json.loads(refused.body), denied(lab, method="POST", path=path)
            equal(problem["decision_id"], record["decision_id"])
            equal("errors" in problem, type_of_body == "application/json", path)
            if "errors" in problem:
                said = f"Denied by policy: {problem['detail']} (request), decision {problem['decision_id']}"
                equal(problem["errors"], [{"code": "DENIED", "message": said}])


def test_invariant_1_no_origin_is_contacted_before_a_request_is_allowed():
    with Lab(policy(READ_ONLY)) as lab:
        lab.guest.trust_enforcer()
        printed = ask(lab, b"POST /x HTTP/1.1\r\nHost: mitm.test\r\nContent-Length: 0\r\n\r\n")
        assert "HTTP/1.1 403" in printed, printed
        lab.wire_silent()
        equal(lab.guest.curl("https://mitm.test/").status, 200)


def test_leaf_has_exactly_one_name_and_the_guests_own_ca():
    with Lab(policy(READ_ONLY), guests=("g1", "g2")) as lab:
        lab.guest.trust_enforcer()
        with lab.guest.tls("mitm.test") as client:
            pem = ssl.DER_cert_to_PEM_cert(client.getpeercert(binary_form=True))
        leaf = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName", "-issuer"], text=True, capture_output=True,
                              input=pem, check=True).stdout
        equal(re.findall(r"DNS:\S+", leaf), ["DNS:mitm.test"])
        assert "guest g1" in leaf, leaf
        exported = {name: lab.enforcer.ctl_ok("ca", "export", name) for name in ("g1", "g2")}
        assert exported["g1"] != exported["g2"], "a CA of its own for each guest"
        lab.guests["g2"]._certificate = lab.guest._certificate
        equal(lab.guests["g2"].curl("https://mitm.test/").exit_code, 60, "one guest's CA vouches for nothing in another")


def test_ca_survives_a_restart_of_enforcerd_and_goes_with_the_guest():
    with Lab(policy(READ_ONLY)) as lab:
        lab.guest.trust_enforcer()
        before = lab.enforcer.ctl_ok("ca", "export", "g1")
        lab.enforcer.enforcerd.kill()
        lab.enforcer.start_enforcerd()
        equal(lab.enforcer.ctl_ok("ca", "export", "g1"), before)
        equal(lab.guest.curl("https://mitm.test/").status, 200)
        lab.enforcer.ctl_ok("guest", "detach", "g1")
        found = subprocess.run(["find", lab.enforcer.state_dir, "-name", "ca.*"], capture_output=True, text=True, check=True)
        equal(found.stdout, "", "CA files of a guest that is gone")


def test_invariant_4_the_host_of_a_request_is_the_name_of_its_connection():
    with Lab(policy(READ_ONLY, 'cred.test http: [{paths: ["/**"]}]')) as lab:
        lab.guest.trust_enforcer()
        for head, reason in (("Host: cred.test", "authority_mismatch"), ("Host: mitm.test:8443", "authority_mismatch"),
                             ("Host: mitm.test@cred.test", "host_invalid"), ("Host: MITM.test.", None)):
            printed = ask(lab, f"GET / HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n".encode())
            if reason:
                assert re.search("HTTP/1.1 4(21|00)", printed), (head, printed)
                denied(lab, reason=reason)
            else:
                assert "HTTP/1.1 200" in printed, (head, printed)
        equal(lab.world.connections("93.184.216.41"), [])
        equal(len(lab.world.connections("93.184.216.40")), 1)


def test_pipelined_requests_are_decided_one_by_one_and_the_connection_goes_on():
    with Lab(policy(READ_ONLY)) as lab:
        lab.guest.trust_enforcer()
        requests = (b"GET /1 HTTP/1.1\r\nHost: mitm.test\r\n\r\n" b"DELETE /2 HTTP/1.1\r\nHost: mitm.test\r\n\r\n"
                    b"GET /3 HTTP/1.1\r\nHost: mitm.test\r\nConnection: close\r\n\r\n")
        printed = ask(lab, requests)
        equal(re.findall(r"HTTP/1\.1 (\d+)", printed), ["200", "403", "200"])
        equal([e["target"] for e in lab.world.events(event="request")], ["/1", "/3"])
        equal(len(lab.world.connections("93.184.216.40")), 1, "the origin's connection is used again")


def test_bodies_go_both_ways_in_every_framing():
    with Lab(policy(ANYTHING)) as lab:
        lab.guest.trust_enforcer()
        with open(f"{lab.folder}/body", "wb") as file:
            file.write(b"0123456789abcdef" * 200_000)
        md5 = subprocess.run(["md5sum", f"{lab.folder}/body"], capture_output=True, text=True, check=True).stdout.split()[0]
        for options in (["-T", f"{lab.folder}/body"], ["-T", f"{lab.folder}/body", "-H", "Transfer-Encoding: chunked"],
                        ["--data-binary", f"@{lab.folder}/body", "-H", "Expect: 100-continue"]):
            reply = lab.guest.curl("https://mitm.test/put", *options)
            equal(json.loads(reply.body), {"bytes": 3_200_000, "md5": md5}, str(options))
        equal(len(lab.guest.curl("https://mitm.test/bytes/5000000").body), 5_000_000)
        equal(len(lab.guest.curl("https://mitm.test/until-close/300000").body), 300_000)
        equal(lab.guest.curl("https://mitm.test/head", "-I").status, 200)


def test_server_sent_events_are_not_buffered():
    with Lab(policy(ANYTHING)) as lab:
        lab.guest.trust_enforcer()
        reply = lab.guest.curl("https://mitm.test/events/10", "-N")
        equal(reply.body.count(b"data: "), 10)
        assert reply.seconds - reply.first_byte > 0.5, f"events came together: first {reply.first_byte} s, all {reply.seconds} s"


def test_early_answer_ends_the_upload():
    with Lab(policy(ANYTHING)) as lab:
        lab.guest.trust_enforcer()
        with open(f"{lab.folder}/body", "wb") as file:
            file.write(bytes(8_000_000))
        reply = lab.guest.curl("https://mitm.test/early", "-T", f"{lab.folder}/body", "-H", "Expect:")
        equal((reply.status, reply.body), (413, b"early"))


def test_origin_that_closed_an_idle_connection_is_asked_again():
    with Lab(policy(ANYTHING)) as lab:
        lab.guest.trust_enforcer()
        raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".hex()  # promises to keep the connection and closes it
        requests = "".join(f"GET {path} HTTP/1.1\r\nHost: mitm.test\r\n{more}\r\n"
                           for path, more in ((f"/raw/{raw}", ""), ("/two", "Connection: close\r\n")))
        printed = ask(lab, requests.encode())
        equal(re.findall(r"HTTP/1\.1 (\d+)", printed), ["200", "200"])
        equal(len(lab.world.connections("93.184.216.40")), 2)


def test_request_that_may_have_been_done_is_not_sent_again():
    """The origin reads a request on a connection that it had kept, and closes that without a word."""
    with Lab(policy(ANYTHING)) as lab:
        lab.guest.trust_enforcer()
        for method, times in (("POST", 1), ("GET", 2)):
            printed = ask(lab, ("GET / HTTP/1.1\r\nHost: mitm.test\r\n\r\n"
                                f"{method} /drop HTTP/1.1\r\nHost: mitm.test\r\n\r\n").encode())
            equal(re.findall(r"HTTP/1\.1 (\d+)", printed), ["200", "502"], method)
            equal(len(lab.world.events(event="request", method=method, target="/drop")), times, f"times that {method} arrived")


def test_interim_responses_are_passed_on_and_bounded():
    with Lab(policy(ANYTHING)) as lab:
        lab.guest.trust_enforcer()
        final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        reply = lab.guest.curl(f"https://mitm.test/raw/{(hint + final).hex()}")
        assert reply.status == 200 and "103" in reply.talk, reply.talk
        unasked = b"HTTP/1.1 100 Continue\r\n\r\n" + final
        equal(lab.guest.curl(f"https://mitm.test/raw/{unasked.hex()}").status, 200)
        equal(lab.guest.curl(f"https://mitm.test/raw/{(hint * 20 + final).hex()}").status, 502)
        equal(lab.guest.curl(f"https://mitm.test/raw/{b'HTTP/1.1 101 Switching Protocols'.hex()}0d0a0d0a").status, 502)


def test_origin_with_a_bad_certificate_gets_no_byte_of_the_request():
    with Lab(policy(ANYTHING, 'evil.test http: [{paths: ["/**"]}]')) as lab:
        lab.guest.trust_enforcer()
        lab.world.set_addresses("mitm.test", ["93.184.216.42"])  # serves evil.test's certificate only
        reply = lab.guest.curl("https://mitm.test/secret-path")
        equal(reply.status, 502)
        equal(json.loads(reply.body)["reason"], "origin_tls")
        end = lab.enforcer.wait_record(type="end", reason="origin_tls")
        equal((end["outcome"], end["detail"]), ("origin_failed", "certificate_wrong_name"))
        equal(lab.world.events(event="request"), [])
        equal(lab.guest.curl("https://evil.test/").status, 200)  # the control: the same server under its own name


def test_client_without_http_1_1_is_denied_by_alpn():
    with Lab(policy(ANYTHING)) as lab:
        lab.guest.trust_enforcer()
        with raises(ssl.SSLError):
            lab.guest.tls("mitm.test", protocols=["h3"])
        lab.enforcer.wait_record(type="decision", decision="deny", layer="tls", reason="alpn")
        lab.wire_silent()
        with lab.guest.tls("mitm.test", protocols=["h3", "http/1.1"]) as client:
            equal(client.selected_alpn_protocol(), "http/1.1")
            data, how = exchange(client, b"GET / HTTP/1.0\r\nHost: mitm.test\r\n\r\n")
        assert data.startswith(b"HTTP/1.0 200") and data.endswith(b"hello from mitm.test\n") and how == "end", (data, how)


def test_hello_with_ech_is_intercepted():
    from lib.tls_hello import client_hello, encrypted_client_hello, server_name
    with Lab(policy("mitm.test", "ok.test inspect: never")) as lab:
        with lab.guest.connect("mitm.test", 443) as client:
            client.sendall(client_hello(server_name("mitm.test"), encrypted_client_hello()))
            data = client.recv(5)
        assert data[:1] in (b"\x16", b"\x15"), data
        lab.wire_silent()  # not passed through: nothing was dialled
        with lab.guest.connect("ok.test", 443) as client:
            exchange(client, client_hello(server_name("ok.test"), encrypted_client_hello()))
        lab.enforcer.wait_record(type="decision", decision="deny", layer="tls", reason="ech_present", host="ok.test")


def test_no_side_holds_small_pieces_back():
    """Nagle's algorithm and delayed acknowledgements would cost 40 ms for each answer in two pieces."""
    with Lab(policy(READ_ONLY)) as lab:
        lab.guest.trust_enforcer()
        with lab.guest.tls("mitm.test") as client:
            client.sendall(b"GET /a HTTP/1.1\r\nHost: mitm.test\r\n\r\n")
            equal(read_response(client)[0], 200)
            held = {}
            for copy in copied_descriptors(lab.enforcer.enforcerd.pid):
                with contextlib.suppress(OSError), socket.socket(fileno=copy) as ours:  # some are no sockets, or not connected
                    if ours.family != socket.AF_UNIX and ours.type == socket.SOCK_STREAM:
                        ports = ours.getsockname()[1], ours.getpeername()[1]
                        held[ports] = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        equal([value for ports, value in held.items() if 443 in ports], [1, 1], f"the guest's socket and the origin's, of {held}")


def test_request_head_that_never_ends_is_cut_off():
    with Lab(policy(ANYTHING), config={"deadlines": {"requestHead": "1s"}}) as lab:
        lab.guest.trust_enforcer()
        begun = time.monotonic()
        ask(lab, b"GET / HTTP/1.1\r\nHost: mitm.test\r\nX: ")
        assert time.monotonic() - begun < 20
        lab.enforcer.wait_record(type="decision", decision="deny", layer="http", reason="hello_timeout")
        lab.wire_silent()


def test_reload_decides_the_next_request_of_a_live_connection():
    with Lab(policy(ANYTHING)) as lab:
        lab.guest.trust_enforcer()
        with lab.guest.tls("mitm.test") as client:
            client.sendall(b"POST /1 HTTP/1.1\r\nHost: mitm.test\r\nContent-Length: 0\r\n\r\n")
            equal(read_response(client)[0], 200)
            lab.enforcer.write_policy(policy(READ_ONLY))
            lab.enforcer.ctl_ok("reload")
            client.sendall(b"POST /2 HTTP/1.1\r\nHost: mitm.test\r\nContent-Length: 0\r\n\r\n")
            equal(read_response(client)[0], 403)
        denied(lab, method="POST", path="/2")
        equal([e["target"] for e in lab.world.events(event="request")], ["/1"])
