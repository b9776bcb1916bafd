"""Much at once through interception: a large body each way, a thousand requests together, events that come one by one."""

import os
import re
import subprocess
import time

from lib.clients import Clients, digest
from lib.expect import equal
from lib.lab import Lab, build_folder, policy
from lib.nginx_server import Nginx
from lib.processes import wait_for
from lib.runner import hang_guard

ANYTHING = policy(*[f'{name} http: [{{paths: ["/**"]}}]' for name in ("web.test", "mitm.test")])
# Only ThreadSanitizer's round does with less, for it takes minutes; the hang guards are for a machine that compiles meanwhile.
SIZE = 1 << (28 if os.path.basename(build_folder()) == "tsan" else 30)
ORIGIN = "http://93.184.216.40:80"  # of mitm.test, which nginx asks in its turn
# What a thousand connections that begin in one moment need; how fast they are is not the question here.
ROOM = {"limits": {"connections": 4000, "halfOpen": 4000, "requestsPerMinute": 100_000, "decisionsPerMinute": 100_000,
                   "dnsPerSecond": 10_000},
        "deadlines": {"classify": "5m", "tlsHandshake": "5m", "originConnect": "5m", "requestHead": "5m"}}
# A thousand requests, each over a connection of its own; the first answer that is not what was asked for is told at once.
NODE = """
const https = require("https"), agent = new https.Agent({keepAlive: true});
let right = 0;
const wrong = (number, what) => { console.log(`request ${number}: ${what}`); process.exit(1); };
for (let number = 0; number < 1000; ++number)
  https.get({host: process.argv[1], path: `/together/1000/${number}`, agent}, response => {
    let body = "";
    response.on("data", data => body += data).on("end", () => {
      if (response.statusCode != 200 || body != `${number}\\n`) wrong(number, `${response.statusCode} ${body}`);
      ++right;
    });
  }).on("error", error => wrong(number, error));
process.on("exit", () => console.log(right));
"""


def bulk(lab, **places):
    """(clients, nginx)"""
    clients = Clients(lab)
    os.makedirs(f"{lab.folder}/files")
    return clients, Nginx(lab, {"web.test": {"/": f"{lab.folder}/files", **places}})


def fill(path):
    """A file that no two blocks are equal in."""
    print(f"{SIZE >> 20} MiB")
    subprocess.run(["sh", "-c", f'head -c {SIZE} /dev/zero | openssl enc -aes-128-ctr -nosalt -K {"1" * 32} -iv {"0" * 32} >"$1"',
                    "sh", path], check=True, timeout=200)
    equal(os.path.getsize(path), SIZE)


@hang_guard(900)
def test_one_gibibyte_down():
    with Lab(ANYTHING) as lab:
        clients, _ = bulk(lab)
        fill(f"{lab.folder}/files/large")
        received = clients.ok("sh", "-c", "curl -sSf https://web.test/large | sha256sum", timeout=700).split()[0]
        equal(received, digest(f"{lab.folder}/files/large"))
        end = lab.enforcer.wait_record(type="end", layer="http", host="web.test")
        equal((end["outcome"], end["bytes_down"] > SIZE), ("completed", True))


@hang_guard(900)
def test_one_gibibyte_up():
    with Lab(ANYTHING) as lab:
        clients, _ = bulk(lab)
        fill(clients.path("large"))
        equal(clients.ok("curl", "-sSf", "-w", "%{http_code}", "-T", clients.path("large"), "https://web.test/copy", timeout=700), "201")
        equal(digest(f"{lab.folder}/files/copy"), digest(clients.path("large")))
        end = lab.enforcer.wait_record(type="end", layer="http", host="web.test")
        equal((end["outcome"], end["bytes_up"] > SIZE), ("completed", True))


def ends(lab, path):
    """A thousand requests that are over."""
    found = wait_for(lambda: (e := completed(lab, path)) and len(e) >= 1000 and e, what="a thousand ends")
    equal(len(found), 1000)


def completed(lab, path):
    asked = {r["decision_id"] for r in lab.enforcer.records(type="decision", decision="allow", layer="http") if r["path"].startswith(path)}
    return asked & {r["decision_id"] for r in lab.enforcer.records(type="end", layer="http", outcome="completed")}


@hang_guard(400)
def test_a_thousand_requests_over_a_thousand_connections():
    """The origin answers none of them before all have arrived."""
    with Lab(ANYTHING, config=ROOM) as lab:
        clients, _ = bulk(lab)
        begun = time.monotonic()
        equal(clients.ok("node", "-e", NODE, "mitm.test", timeout=300), "1000\n")
        # An address is known for five seconds at least: each of two workers asks for both kinds of it, once in that time.
        rounds = 1 + (time.monotonic() - begun) // 5
        asked = lab.world.dns_queries().count("mitm.test")
        assert 2 <= asked <= 4 * rounds, f"{asked} lookups for a thousand connections in {rounds} rounds"
        equal(sorted(e["target"] for e in lab.world.events(event="request")), sorted(f"/together/1000/{number}" for number in range(1000)))
        ends(lab, "/together/1000/")


@hang_guard(400)
def test_a_thousand_requests_as_streams_of_ten_connections():
    """The same with HTTP/2: nginx has it, too, and asks the origin in its turn."""
    with Lab(ANYTHING, config=ROOM) as lab:
        clients, nginx = bulk(lab, **{"/together/": ORIGIN})
        equal(clients.ok("curl", "-sSo", "/dev/null", "-w", "%{http_version}", "https://web.test/together/1/x"), "2")
        talk = clients.ok("h2load", "-n", "1000", "-c", "10", "-m", "100", "https://web.test/together/1000/x", timeout=300)
        assert "Application protocol: h2\n" in talk, talk
        assert "requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout" in talk, talk
        equal(re.findall(r"\((\d+)\) data", talk), ["2000"], "octets of all bodies")
        equal(len(nginx.requests(status=200, target="/together/1000/x")), 1000)
        # Requests share what is dialled, on each of two workers: nginx takes 128 at once on a connection.
        dialled = lab.enforcer.metric("enforcer_tls_handshake_duration_seconds_count", side="origin")
        assert 8 <= dialled <= 30, f"{dialled} connections to the origin"
        ends(lab, "/together/1000/x")


def test_an_event_arrives_while_the_next_is_held_back():
    """Over an origin of either version. The first event can only be there because nothing waits for more of the body."""
    with Lab(ANYTHING) as lab:
        clients, _ = bulk(lab, **{"/held/": ORIGIN, "/release/": ORIGIN})
        for host in ("mitm.test", "web.test"):
            log = f"{host}.events"
            curl = clients.start("curl", "-sSN", f"https://{host}/held/{host}", log=log)
            wait_for(lambda: curl.output() == "data: first\n\n" or not curl.alive(), seconds=60, what="the first event")
            equal((curl.alive(), curl.output()), (True, "data: first\n\n"), "before the second has been sent")
            equal(clients.ok("curl", "-sS", f"https://{host}/release/{host}"), "released\n")
            equal((curl.wait(60), curl.output()), (0, "data: first\n\ndata: second\n\n"))
