"""What guests write, in records, logs and on terminals: escaped, without their secrets, and without harm to who reads it."""

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import time

from lib import dns_client
from lib.audit_log import audit_bytes, decided, numbered, printable
from lib.expect import equal, refused_at_once
from lib.guest import exchange
from lib.hostile import HOSTILE
from lib.lab import policy
from lib.oracles import ask, ask_clear, served
from lib.processes import Process, wait_for
from lib.recording import TOKEN, recording_lab
from lib.runner import hang_guard
from lib.tls_hello import client_hello, extension, server_name


@contextlib.contextmanager
def recorded(made, times, what):
    """Exactly so many decisions are recorded meanwhile."""
    before = decided(made)
    yield
    with contextlib.suppress(AssertionError):
        wait_for(lambda: decided(made) - before >= times, 5)
    equal(decided(made) - before, times, f"decisions recorded for {what}")


def hello_with_protocol(name, protocol):
    listed = bytes([len(protocol)]) + protocol
    return client_hello(server_name(name), extension(16, len(listed).to_bytes(2, "big") + listed))


def hostile_attempts(made, text):
    """One attempt for each field that a guest may fill: {which: what sends it}; each is one decision."""
    address = {name: made.guest.resolve(name) for name in ("ok.test", "mitm.test")}
    message = dns_client.query_bytes("x", identifier=0x1234)
    label = bytes([min(len(text), 63)]) + text[:63] + b"\4evil\4test\0"
    escaped = "".join(f"%{octet:02x}" for octet in text if octet).encode()

    def tls(name, data):
        with made.guest.connect(address[name], 443) as client:
            exchange(client, data)

    def clear(request):
        ask_clear(made, request)
    get = b"GET %s HTTP/1.1\r\nHost: mitm.test\r\n%sConnection: close\r\n\r\n"
    return {
        "SNI": lambda: tls("ok.test", client_hello(server_name(b"x" + text))),
        "SNI of what is intercepted": lambda: tls("mitm.test", client_hello(server_name(text + b".test"))),
        "ALPN": lambda: tls("mitm.test", hello_with_protocol("mitm.test", text[:200])),
        "first bytes": lambda: tls("ok.test", text + b"x" * 64),
        "Host": lambda: clear(b"GET / HTTP/1.1\r\nHost: x" + text + b"\r\nConnection: close\r\n\r\n"),
        "path": lambda: clear(get % (b"/x" + text, b"")),
        "escaped path": lambda: clear(get % (b"/x" + escaped, b"")), "query": lambda: clear(get % (b"/?x" + escaped + b"=" + escaped, b"")),
        "method": lambda: clear(b"G" + text + b" / HTTP/1.1\r\nHost: mitm.test\r\nConnection: close\r\n\r\n"),
        "version": lambda: clear(b"GET / HTTP/1.1" + text + b"\r\n\r\n"),
        "field": lambda: clear(get % (b"/", b"User-Agent: x" + text.replace(b"\n", b"").replace(b"\r", b"") + b"\r\n")),
        "DNS name": lambda: made.guest.query("", message=message[:12] + label + message[14:]),
    }


@hang_guard(240)
def test_173_control_characters_in_every_field():
    with recording_lab() as made:
        for at in range(0, len(HOSTILE), 6):  # identical denials share a record, which takes its second
            attempts = {(text, which): attempt for text in HOSTILE[at:at + 6] for which, attempt in hostile_attempts(made, text).items()}
            with recorded(made, len(attempts), f"{HOSTILE[at:at + 6]}"):
                for (text, which), attempt in attempts.items():
                    try:
                        attempt()
                    except Exception as error:
                        raise AssertionError(f"{text!r} as {which}: {error!r}") from error
        data = audit_bytes(made)
        printable(data, "the audit log")
        records = [json.loads(line) for line in data.splitlines()]
        numbered(records)
        equal({record["type"] for record in records} - {"decision", "end", "event", "datapath"}, set(), "types of records")
        assert any("\\x1b]0;owned\\x07" in record.get("sni", "") for record in records), "the control: the text is there, escaped"
        for words in (["log"], ["log", "-o", "json"], ["log", "-o", "jsonl"], ["log", "--type", "end"],
                      ["log", "--decision", "deny", "--last", "100"], ["status"],
                      ["guest", "list"], ["log", "--host", "\x1b[31m"], ["log", "--host", "x\x1b]0;owned\x07.test"]):
            done = made.enforcer.ctl(*words)
            printable(done.stdout + done.stderr, words)
        for daemon in (made.enforcer.enforcerd, made.enforcer.hostd):
            printable(daemon.output(), daemon.log)
        printable(made.enforcer.http("/metrics")[1], "the metrics")
        served(made)


LINES = [  # in a file that somebody else wrote: nothing is taken on trust
    b"\x1b]0;owned\x07", b'{"schema_version":1,"type":"decision","decision":"deny","host":"\\u001b]0;owned\\u0007"}', b"\xff" * 100,
    b'{"schema_version":1,"seq":1,"type":"decision","decision":"\\u001b[2J","layer":"\\u009b31m","guest":"\\u202e",'
    b'"rule":"\\u2066","policy":"\\n\\r"}',
    b'{"schema_version":1,"type":"event","event":"\\u001b]8;;http://evil.test\\u001b\\\\x\\u001b]8;;\\u001b\\\\","detail":"\\u0000"}',
    b'{"schema_version":1,"time":"\\u001b[6n\\u001b[6n\\u001b[6n\\u001b[6n","type":"end","outcome":"\\u001b[c"}',
    b'{"schema_version":1,"type":"\\u001b]52;c;ZXZpbA==\\u0007"}',
    b'{"schema_version":1,"type":"decision","decision_id":"\\ud800","host":"\\ud800\\u001b","port":"\\u001b[31m",'
    b'"method":"\\u007f","path":"\\u0085"}',
]


def on_a_terminal(made, *words, seconds=20.0, until=None):
    """What the tool writes to a terminal; until: ended when this was written."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    argv = made.host.command([made.enforcer.program("enforcerctl"), "--config", made.enforcer.config_path, *words])
    process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True)
    os.close(theirs)
    seen, end = b"", time.monotonic() + seconds
    try:
        while time.monotonic() < end and not (until and until in seen):
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # it ended
                break
            if not piece:
                break
            seen += piece
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return seen


def quiet(seen, words):
    """Nothing for the terminal in it but our own three colours and the ends of lines."""
    printable(re.sub(rb"\x1b\[(0|3[123])m", b"", seen).replace(b"\r\n", b"\n"), words)
    return seen


@hang_guard(180)
def test_174_escape_sequences_for_the_reviewers_terminal():
    with recording_lab() as made:
        for text in HOSTILE[:9]:
            for attempt in hostile_attempts(made, text).values():
                attempt()
        hostile = HOSTILE[0].decode() + "\u202e\u009b31m"
        path = f"{made.folder}/{hostile}.yaml"
        with open(path, "w") as file:
            file.write(policy(f"x{hostile}.test", name=f"p{hostile}") + f"  {hostile}: 5\n")
        with open(f"{made.folder}/escaped.yaml", "w") as file:  # what a parser makes control characters of
            file.write(policy("ok.test").replace('"ok.test"', '"\\e]0;owned\\a"') + '  "\\e[31m\\u202e": 5\n')
        log = quiet(on_a_terminal(made, "log"), ["log"])
        assert b"\x1b[31m" in log and b"\x1b[0m" in log, "the control: it writes to a terminal"
        record = made.enforcer.wait_record(type="decision", decision="deny", layer="tls")
        for words in (["log", "-o", "json"], ["log", "--id", record["decision_id"]], ["log", "--type", "end"], ["log", "--host", hostile],
                      ["log", "--since", hostile],
                      ["status"], ["guest", "list"], ["guest", "delete", hostile], ["explain", hostile, "--guest", "g1"],
                      ["explain", f"{hostile}.test:443", "--guest", "g1"],
                      ["explain", f"GET https://ok.test/{hostile}", "--guest", "g1"], ["explain", "ok.test:443", "-l", f"x={hostile}"],
                      ["policy", "check", path],
                      ["policy", "check", f"{made.folder}/escaped.yaml"], ["policy", "apply", f"{made.folder}/escaped.yaml"],
                      ["policy", "list"], [hostile],
                      ["guest", "attach", hostile, "--netns", hostile], ["guest", "attach", "gx", "--netns", f"/run/netns/{hostile}"],
                      ["--config", hostile, "status"]):
            quiet(on_a_terminal(made, *words), words)
        # A reload that fails is said in several places.
        bad = f"{made.enforcer.policies}/{hostile}.yaml"
        os.rename(path, bad)
        for words in (["reload"], ["status"], ["log", "--type", "event"]):
            quiet(on_a_terminal(made, *words), words)
        os.unlink(bad)
        made.enforcer.ctl_ok("reload")
        with open(made.enforcer.audit_path, "ab") as file:
            for line in LINES:
                file.write(line + b"\n")
        for words in (["log"], ["log", "--type", "end"], ["log", "--type", "event"], ["log", "--decision", "deny"]):
            quiet(on_a_terminal(made, *words), words)
        made.guest.query("after.evil.test")
        assert b"after.evil.test" in quiet(on_a_terminal(made, "log", "-f", until=b"after.evil.test"),
                                           ["log", "-f"]), "the control: it goes on"
        served(made)


@hang_guard(150)
def test_180_secrets_of_the_guest_itself():
    """Values of queries, user names and passwords, cookies, fields, bodies; in requests that are allowed, refused and malformed."""
    with recording_lab() as made:
        made.guest.trust_enforcer()
        token = TOKEN.encode()
        targets = [b"/?token=%s", b"/?%s", b"/?a=1&token=%s&b", b"/?token=%s=%s", b"/?a[]=%s", b"/a?a=1;token=%s", b"/a?token%%3D%s",
                   b"/a?%%74oken=%s", b"/?x=1?token=%s",
                   b"/?a=1#%s", b"http://user:%s@mitm.test/", b"https://%s@mitm.test/", b"http://mitm.test/?token=%s", b"/?=%s",
                   b"/?&&=%s&", b"/?a=%%zz%s", b"/?a=%s\x7f"]
        fields = [b"Authorization: Bearer %s", b"Authorization: Basic %s", b"Cookie: session=%s", b"Set-Cookie: %s", b"X-Api-Key: %s",
                  b"Proxy-Authorization: Basic %s",
                  b"Referer: https://mitm.test/?token=%s", b"X-%s: a", b"Host: user:%s@mitm.test", b"User-Agent: %s", b"Cookie: a=%s\x01",
                  b"Authorization : %s", b"Content-Length: %s",
                  b"Upgrade: %s", b"Expect: %s", b"Transfer-Encoding: %s", b"Connection: %s"]
        requests = []
        for method in (b"GET", b"DELETE"):
            requests += [method + b" " + target.replace(b"%s", token).replace(b"%%", b"%") +
                         b" HTTP/1.1\r\nHost: mitm.test\r\nConnection: close\r\n\r\n" for target in targets]
            requests += [method + b" / HTTP/1.1\r\nHost: mitm.test\r\n" + field.replace(b"%s", token) +
                         b"\r\nConnection: close\r\n\r\n" for field in fields]
        requests += [b"POST / HTTP/1.1\r\nHost: mitm.test\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(token) + token,
                     b"POST / HTTP/1.1\r\nHost: mitm.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
                     b"9;x=%s\r\n%s\r\n0\r\nX: %s\r\n\r\n" % (token, token, token),
                     b"POST / HTTP/1.1\r\nHost: mitm.test\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n" + token, token + b"\r\n\r\n",
                     b"GET / HTTP/1.1\r\n" + token + b"\r\n\r\n"]
        for number, request in enumerate(requests):
            (ask if number % 2 else ask_clear)(made, request)
        assert any(token.decode() in e["target"] for e in made.world.events(event="request")), "the control: the origin got some"
        for name in ("ok.test", "mitm.test"):
            with made.guest.connect(name, 443) as client:
                exchange(client, token * 10)
            with made.guest.connect(name, 443) as client:
                exchange(client, client_hello(server_name(name)) + token)
        wait_for(lambda: decided(made, layer="http") >= 60, what="the records")
        served(made)
        data = audit_bytes(made)
        assert b"token=*" in data, "the control: the parameter's name is there"
        for what, text in (("the audit log", data), ("the daemon's log", made.enforcer.enforcerd.output().encode()),
                           ("hostd's log", made.enforcer.hostd.output().encode()),
                           ("the metrics", made.enforcer.http("/metrics")[1].encode()), ("log", made.enforcer.ctl_ok("log").encode()),
                           ("log -o json", made.enforcer.ctl_ok("log", "-o", "json").encode()),
                           ("status", made.enforcer.ctl_ok("status", "-o", "json").encode())):
            found = [data[max(0, at.start() - 150):at.start() + 50] for at in re.finditer(token, text)]
            equal(found, [], f"the token in {what}")


ODD = [
    b"{}", b"[]", b"null", b"5", b'""', b'{"schema_version":1}', b'{"schema_version":1,"seq":5}',
    b'{"schema_version":1,"type":"decision"}', b'{"schema_version":1,"type":"end"}',
    b'{"schema_version":1,"type":"event"}', b'{"schema_version":1,"type":"datapath"}',
    b'{"schema_version":1,"type":5,"decision":[],"host":{},"port":"x","count":-1}',
    b'{"schema_version":1,"type":"decision","decision":"deny","count":1e999}',
    b'{"schema_version":1,"type":"decision","rule":null,"policy":5,"guest":["a"],"labels":[]}',
    b'{"schema_version":1,"type":"decision","port":-1,"count":1.5,"generation":"x","time":5}', b'{"schema_version":"' + b"9" * 300 +
    b'","type":"decision"}',
    b'{"schema_version":1,"type":"' + b"x" * 5000 + b'"}', b'{"schema_version":1,"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"schema_version":1,"a":' + b'{"a":' * 3000 + b"1" + b"}" * 3001,
    b'{"schema_version":1,"seq":18446744073709551616}', b'{"schema_version":1,"seq":-5,"type":"decision"}',
    b'{"schema_version":1,"type":"decision","type":"end"}',
    b'{"schema_version":1,"decision_id":"","layer":"","decision":"","reason":"","host":"","type":"decision"}',
    b'{"schema_version":1,"host":"unfinished}', b'{"schema_version":1,"a":"\\"}',
    b'{"schema_version":1,"a":"\\u12"}', b'{"schema_version":1,,}', b'{"schema_version":1}{"schema_version":1}', b"x" * 300_000, b"", b" ",
    b"\0" * 50,
]


@hang_guard(150)
def test_181_records_with_missing_and_odd_fields():
    """A guest's own, from attempts that end before there is anything to say; then lines in the file that no daemon wrote."""
    with recording_lab(config={"deadlines": {"classify": "1s"}}) as made:
        pid = made.enforcer.enforcerd.pid
        cut = [b"", b"\x16", b"\x16\x03\x01", client_hello(server_name("ok.test"))[:60], b"G", b"GET", b"GET /", b"GET / HTTP/1.1\r\n",
               b"GET / HTTP/1.1\r\nHost:", b"\0", b"\r\n",
               client_hello(), client_hello(server_name("")), client_hello(server_name(b"\0")), client_hello(server_name("a" * 300)),
               client_hello(extension(0, b"")),
               client_hello(extension(16, b"")), client_hello(extension(16, b"\0\1\0")), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b" ",
               b"A" * 70_000]
        for name, port in (("ok.test", 443), ("mitm.test", 443), ("mitm.test", 80), ("tcp.test", 7)):
            address = made.guest.resolve(name)
            for data in cut:
                with contextlib.suppress(OSError), made.guest.connect(address, port) as client:
                    client.sendall(data)
                    client.shutdown(1)
                    exchange(client, b"", limit=1)
        for message in (bytes(12), bytes(13), dns_client.query_bytes("", kind=0), dns_client.query_bytes("x", questions=0),
                        dns_client.query_bytes("x", questions=5),
                        dns_client.query_bytes("x")[:14], b"\0\1\1\0\0\1\0\0\0\0\0\0" + b"\xff" * 20):
            made.guest.query("", message=message)
        refused_at_once(made.guest, "93.184.216.35", 443)
        wait_for(lambda: decided(made, decision="deny") > 40, what="the denials on record")
        printable(audit_bytes(made), "the audit log")
        numbered([json.loads(line) for line in audit_bytes(made).splitlines()])
        last = made.enforcer.records()[-1]["seq"]
        follower = Process([made.enforcer.program("enforcerctl"), "--config", made.enforcer.config_path, "log", "-f"],
                           f"{made.folder}/follow.log", made.host)
        try:
            wait_for(lambda: "93.184.216.35" in follower.output(), what="the follower to have begun")
            with open(made.enforcer.audit_path, "ab") as file:
                for line in ODD:
                    file.write(line + b"\n")
            for words in (["log"], ["log", "-o", "json"], ["log", "--type", "end"], ["log", "--last", "50"], ["log", "--guest", "g1"],
                          ["log", "--host", "ok.test"],
                          ["log", "--decision", "deny,allow"], ["log", "--since", "1h"], ["log", "--rule", "p/allow-0"],
                          ["log", "--layer", "tls"], ["log", "--id", "x"]):
                done = made.enforcer.ctl(*words)
                equal(done.returncode, 0, f"{words}: {done.stderr}")
                printable(done.stdout + done.stderr, words)
            made.guest.query("after.evil.test")
            wait_for(lambda: "after.evil.test" in follower.output(), what="the follower to go on")
            assert follower.alive(), follower.output()
            printable(follower.output(), "log -f")
        finally:
            follower.kill()
        equal((made.enforcer.enforcerd.pid, made.enforcer.enforcerd.alive()), (pid, True))
        record = [json.loads(line) for line in made.enforcer.ctl_ok("log", "--host", "after.evil.test", "-o", "json").splitlines()][-1]
        assert record["seq"] > last, (record, last)
        served(made)
        # And a start on such a file: it is read from its end to find the last number. (A line that looks like one of ours, number and all,
        # is taken for ours until there is a hash chain.)
        made.enforcer.enforcerd.stop()
        with open(made.enforcer.audit_path, "ab") as file:
            for line in ODD:
                file.write((b"" if b'"seq":5' in line else line) + b"\n")
        made.enforcer.start_enforcerd()
        made.guest.query("restarted.evil.test")
        record = [json.loads(line) for line in made.enforcer.ctl_ok("log", "--host", "restarted.evil.test", "-o", "json").splitlines()][-1]
        assert record["seq"] > last, (record, last)
        served(made)
