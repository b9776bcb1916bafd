"""The demonstration behind deploy/quickstart. The world it talks to (DNS, origins, a CA of its own) is that of the tests."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse

from lib.daemons import METRICS, Enforcer
from lib.lab import REPOSITORY
from lib.netns import Netns
from lib.processes import Process, wait_for
from lib.reachable import reachable
from lib.world import World

FOLDER = "/tmp/enforcer-quickstart"
POLICY = """apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: demo}
spec:
  guests: {matchLabels: {role: demo}}
  allow:
    - {name: the-one-host, to: [ok.test]}
"""


class Surprise(Exception):
    """Something came out otherwise than it must."""


class Demonstration:
    def __init__(self):
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(FOLDER, mode=0o755)
        build = os.environ.get("ENFORCER_BUILD", f"{REPOSITORY}/build/release")
        self.host = Netns("quickstart-host")
        self.enforcer = Enforcer(build, self.host, FOLDER, "quickstart")
        self.enforcer.config |= {"accelerator": "auto", "images": {"roots": [reachable(f"{build}/images")]}}
        self.world = World(self.host, FOLDER, "quickstart")
        self.prometheus = None

    # ---- making and unmaking

    def start(self):
        self.enforcer.write_config()
        self.enforcer.teardown()
        self.host.create()
        self.world.start()
        self.enforcer.write_policy(POLICY)
        self.enforcer.start()
        with open(f"{FOLDER}/prometheus.yml", "w") as file:
            file.write("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: enforcer\n"
                       f"  static_configs: [{{targets: ['{METRICS[0]}:{METRICS[1]}']}}]\n")
        self.prometheus = Process(["prometheus", f"--config.file={FOLDER}/prometheus.yml", f"--storage.tsdb.path={FOLDER}/tsdb",
                                   "--web.listen-address=127.0.0.1:9090"], f"{FOLDER}/prometheus.log", self.host)

    def stop(self):
        if self.prometheus:
            self.prometheus.kill()
        try:
            self.enforcer.teardown()
        finally:
            self.world.stop()
            self.host.remove()
            shutil.rmtree(FOLDER, ignore_errors=True)

    # ---- the guest

    def run(self, *command, input=None):
        """One command in the microVM: (exit status, stdout, stderr, seconds)."""
        begun = time.monotonic()
        done = self.enforcer.ctl("run", "--guest", "demo", "--", *command, input=input, timeout=60)
        return done.returncode, done.stdout, done.stderr, time.monotonic() - begun

    def decision(self, **match):
        """The id and reason of the newest denial that matches."""
        found = wait_for(lambda: self.enforcer.records(type="decision", decision="deny", guest="demo", **match), 5,
                         f"a denial with {match}")
        return f"{found[-1]['reason']}  {found[-1]['decision_id']}"

    def curl(self, *arguments):
        return self.run("curl", "-sS", "--cacert", "/tmp/ca.pem", "--max-time", "10", *arguments)

    # ---- what is shown

    def allowed(self):
        self.run("sh", "-c", "cat > /tmp/ca.pem", input=open(self.world.authority.certificate).read())
        status, out, err, _ = self.curl("-w", "%{certs}", "https://ok.test/")
        expect(status == 0 and out.startswith("hello from ok.test"), "the allowed host", out + err)
        printed = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=out[out.index("-----BEGIN"):],
                                 capture_output=True, text=True, check=True).stdout
        own = self.world.fingerprints["ok.test"]
        expect(own in printed, "the origin's own certificate", printed)
        allow = wait_for(lambda: self.enforcer.records(type="decision", decision="allow", layer="tls"), 5, "the decision")
        row("curl https://ok.test/", f"200, the origin's own certificate {own[:11]}...", f"allow  {allow[0]['decision_id']}")

    def refused(self):
        status, _, err, _ = self.curl("https://other.test/")
        expect(status == 6, "an unlisted host", err)
        row("curl https://other.test/", "could not resolve host", self.decision(layer="dns", host="other.test"))

        status, _, err, _ = self.curl("-k", "https://93.184.216.34/")
        expect(status in (7, 35, 56), "a raw address", err)
        row("curl https://93.184.216.34/", "connection reset", self.decision(layer="l4", reason="address"))

        status, _, err, _ = self.curl("-k", "https://[2600:9000::34]/")
        expect(status in (7, 35, 56), "IPv6", err)
        row("curl https://[2600:9000::34]/", "connection reset", self.decision(layer="l4", reason="address"))

        answer = self.run("nslookup", "hidden.test", "8.8.8.8")
        expect("NXDOMAIN" in answer[1] + answer[2], "another DNS server", answer[1] + answer[2])
        row("nslookup hidden.test 8.8.8.8", "answered by Enforcer: NXDOMAIN", self.decision(layer="dns", host="hidden.test"))

        _, out, err, seconds = self.run("sh", "-c", "openssl s_client -dtls -connect 93.184.216.34:443 </dev/null")
        expect("errno=113" in out + err, "QUIC's port", out + err)
        row("UDP to 93.184.216.34:443", "no route to host (ICMP admin prohibited)", self.drops("udp_port"))

        status, out, err, seconds = self.run("ping", "-c", "1", "-W", "2", "93.184.216.34")
        expect(status != 0 and " 0 packets received" in out, "ping", out + err)
        row("ping 93.184.216.34", "ICMP admin prohibited", self.drops("icmp"))

    def drops(self, reason):
        count = self.enforcer.metric("enforcer_datapath_drops_total", guest="demo", reason=reason)
        expect(count >= 1, f"the datapath's counter for {reason}", str(count))
        return f"{reason}  (in the kernel, counted)"

    def evidence(self):
        print("\n$ enforcerctl log --decision deny --last 6")
        print(clipped(self.enforcer.ctl_ok("log", "--decision", "deny", "--last", "6")))
        print("\n$ enforcerctl explain https://other.test/ --guest demo")
        print(clipped(self.enforcer.ctl("explain", "https://other.test/", "--guest", "demo").stdout, 8))
        print("\nPrometheus, query enforcer_denied_total > 0")
        question = urllib.parse.quote("enforcer_denied_total > 0")

        def scraped():
            done = self.host.run(["curl", "-sS", f"http://127.0.0.1:9090/api/v1/query?query={question}"])
            found = json.loads(done.stdout)["data"]["result"] if done.stdout.startswith("{") else []
            return len(found) >= 2 and found
        for sample in wait_for(scraped, 20, "Prometheus to have scraped the denials"):
            labels = ", ".join(f"{k}={v}" for k, v in sample["metric"].items() if k in ("guest", "policy", "rule", "reason"))
            print(f"  {sample['value'][1]:>4}  {labels}")
        stray = [p for p in self.world.witness.packets() if p.destination not in
                 ("93.184.216.53", *self.world.records["ok.test"]) and p.source.endswith((".1", "::1"))]
        expect(not stray, "the world's link", str(stray[:3]))
        print("\nOn the world's link: packets for ok.test and its DNS lookup, and not one other.")


def expect(holds, what, seen):
    if not holds:
        raise Surprise(f"{what}: not what must happen. Seen:\n{seen.strip()}")


def row(command, outcome, decision):
    print(f"  {command:<32} {outcome:<48} {decision}")


def clipped(text, lines=12, width=150):
    kept = text.rstrip().splitlines()[:lines]
    return "\n".join("  " + line[:width].rstrip() for line in kept)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is cleaned up
    demonstration = Demonstration()
    try:
        begun = time.monotonic()
        print("starting both daemons, a world and Prometheus ... ", end="")
        demonstration.start()
        print(f"done ({time.monotonic() - begun:.1f} s)\nbooting a microVM ... ", end="")
        begun = time.monotonic()
        demonstration.enforcer.ctl_ok("guest", "create", "demo", "--image", "mini", "--label", "role=demo")
        status, out, err, _ = wait_booted(demonstration)
        guests = demonstration.enforcer.ctl_ok("-o", "json", "guest", "list")
        accelerator = re.search(r"\b(kvm|tcg)\b", guests)
        print(f"done ({time.monotonic() - begun:.1f} s, {accelerator.group(1) if accelerator else '?'}, {out.strip()})")
        print("\nIts policy: ok.test on port 443, nothing else.\n")
        row("in the guest", "what happens", "decision")
        demonstration.allowed()
        demonstration.refused()
        demonstration.evidence()
        print("\nEnforcer works: one host allowed, everything else refused at once, every decision on record.")
        return 0
    except (Surprise, AssertionError, subprocess.SubprocessError) as failure:
        print(f"\n{failure}\n", file=sys.stderr)
        for name in ("hostd.log", "enforcerd.log"):
            if os.path.exists(f"{FOLDER}/{name}"):
                print(f"---- {name}\n{open(f'{FOLDER}/{name}').read()[-2000:]}", file=sys.stderr)
        print("Quickstart failed; see above.")
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted")
        return 130
    finally:
        demonstration.stop()


def wait_booted(demonstration):
    def booted():
        result = demonstration.run("uname", "-sr")
        return result[0] == 0 and result
    return wait_for(booted, 60, "the microVM to boot", interval=0.2)


if __name__ == "__main__":
    sys.exit(main())
