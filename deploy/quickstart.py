"""The demonstration behind deploy/quickstart: quickstart.py IMAGE. The world it talks to (DNS, origins, a CA of its own) is that of the
tests. With the image `agent`, an agent that works with git, Python, Node and curl lives through the outage, too (quickstart_agent.py)."""

import concurrent.futures
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
from lib.microvm import search_memory
from lib.netns import Netns
from lib.processes import Process, wait_for
from lib.reachable import reachable
from lib.reviewers import Reviewer, pending, write_accounts
from lib.world import SECRET, World
from quickstart_agent import Errand
from quickstart_shown import Surprise, clipped, expect, row

FOLDER = "/tmp/enforcer-quickstart"
CE, CLOUDFORMATION = "ce.us-east-1.amazonaws.com", "cloudformation.us-east-1.amazonaws.com"
POLICY = f"""apiVersion: enforcer.dev/v1
kind: Policy
metadata: {{name: cost-agent}}
spec:
  guests: {{matchLabels: {{role: demo}}}}
  allow:
    - {{name: the-one-host, to: [ok.test]}}
    - {{name: model, to: [api.model.test], http: [{{methods: [POST], paths: ["/events/*"]}}]}}
    - {{name: read-costs, to: [{CE}], aws: {{actions: ["ce:Get*", "ce:List*"]}}, credential: aws-cost-readonly}}
    - {{name: look-at-stacks, to: [{CLOUDFORMATION}], aws: {{actions: ["cloudformation:Describe*"]}}, credential: aws-cost-readonly}}
    - {{name: console, to: [control.test]}}
  review:
    - {{name: deletions, to: ["**.amazonaws.com"], aws: {{actions: ["*:Delete*"]}}, approvals: 2, credential: aws-operator,
       reason: "Deletions need two people."}}
  deny:
    - {{name: no-terminations, to: ["**.amazonaws.com"], aws: {{actions: ["*:Terminate*", "*:DeleteStackSet"]}},
       reason: "Agents do not end whole fleets; ask #platform."}}
---
apiVersion: enforcer.dev/v1
kind: Guardrail
metadata: {{name: control-plane}}
spec:
  deny:
    - {{name: hands-off, to: [control.test], reason: "The control plane is closed to agents."}}
"""
BINDINGS = {"aws-cost-readonly": [{"to": [CE, CLOUDFORMATION], "as": "bearer"}], "aws-operator": [{"to": [CLOUDFORMATION], "as": "bearer"}]}


# Another DNS server is asked with what an image has for that, and says so in these words when there is no such name.
ASKS_DNS = {"mini": (["nslookup", "hidden.test", "8.8.8.8"], "NXDOMAIN"),
            "agent": (["node", "-e", "const r = new (require('dns').Resolver)(); r.setServers(['8.8.8.8']); "
                       "r.resolve4('hidden.test', (error, found) => console.log(error ? error.code : found))"], "ENOTFOUND")}


class Demonstration:
    folder = FOLDER

    def __init__(self, image):
        self.image = image
        shutil.rmtree(FOLDER, ignore_errors=True)
        os.makedirs(FOLDER, mode=0o755)
        build = os.environ.get("ENFORCER_BUILD", f"{REPOSITORY}/build/release")
        self.host = Netns("quickstart-host")
        self.enforcer = Enforcer(build, self.host, FOLDER, "quickstart")
        self.enforcer.config |= {"accelerator": "auto", "images": {"roots": [reachable(f"{build}/images")]}}
        self.world = World(self.host, FOLDER, "quickstart")
        self.prometheus = None
        self.capture = None
        self.errand = Errand(self) if image == "agent" else None

    # ---- making and unmaking

    def start(self):
        self.enforcer.write_config()
        self.enforcer.teardown()
        self.host.create()
        self.world.start()
        self.enforcer.write_policy(POLICY)
        for name, binding in BINDINGS.items():
            self.enforcer.write_credential(name, binding)
        write_accounts(self.enforcer)
        if self.errand:
            self.errand.prepare()
        self.enforcer.start()
        with open(f"{FOLDER}/prometheus.yml", "w") as file:
            file.write("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: enforcer\n"
                       f"  static_configs: [{{targets: ['{METRICS[0]}:{METRICS[1]}']}}]\n")
        self.prometheus = Process(["prometheus", f"--config.file={FOLDER}/prometheus.yml", f"--storage.tsdb.path={FOLDER}/tsdb",
                                   "--web.listen-address=127.0.0.1:9090"], f"{FOLDER}/prometheus.log", self.host)

    def stop(self):
        for process in (self.prometheus, self.capture):
            if process:
                process.kill()
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

        command, no_such_name = ASKS_DNS[self.image]
        answer = self.run(*command)
        expect(no_such_name in answer[1] + answer[2], "another DNS server", answer[1] + answer[2])
        row("hidden.test, of DNS at 8.8.8.8", f"answered by Enforcer: {no_such_name}", self.decision(layer="dns", host="hidden.test"))

        _, out, err, seconds = self.run("sh", "-c", "openssl s_client -dtls -connect 93.184.216.34:443 </dev/null")
        expect("errno=113" in out + err, "QUIC's port", out + err)
        row("UDP to 93.184.216.34:443", "no route to host (ICMP admin prohibited)", self.drops("udp_port"))

        status, out, err, seconds = self.run("ping", "-c", "1", "-W", "2", "93.184.216.34")
        expect(status != 0 and re.search(r" 0 (packets )?received", out), "ping", out + err)
        row("ping 93.184.216.34", "ICMP admin prohibited", self.drops("icmp"))

    def drops(self, reason):
        count = self.enforcer.metric("enforcer_datapath_drops_total", guest="demo", reason=reason)
        expect(count >= 1, f"the datapath's counter for {reason}", str(count))
        return f"{reason}  (in the kernel, counted)"

    def replayed(self):
        """December 2025 again: the agent holds an engineer's job, and this time no engineer's credential."""
        self.capture = Process(["nsenter", f"--net=/proc/{self.enforcer.qemu('demo')}/ns/net", "tcpdump", "-i", "tap0", "-U", "-w",
                                f"{FOLDER}/guest.pcap"], f"{FOLDER}/tcpdump.log")
        wait_for(lambda: "listening" in self.capture.output(), 10, "tcpdump to listen")
        print("\nThe outage of December 2025, replayed. The agent may read costs with a credential that it never sees.\n")
        status, out, err, _ = self.aws(CE, "ce", "-H", "X-Amz-Target: AWSInsightsIndexService.GetCostAndUsage", "-d", "{}")
        expect(status == 0 and "200" in out, "reading costs", out + err)
        used = [e for e in self.world.events(event="request", host=CE) if f"Bearer {SECRET}" in e["head"]]
        expect(len(used) == 1, "the credential at the origin", str(self.world.events(event="request")))
        allow = wait_for(lambda: self.enforcer.records(type="decision", decision="allow", host=CE), 5, "the decision")[0]
        row("ce:GetCostAndUsage", f"200, credential {allow['credential']} added", f"allow  {allow['decision_id']}")

        _, out, _, _ = self.aws(CLOUDFORMATION, "cloudformation", "-d", "Action=DescribeStacks&Version=2010-05-15")
        expect("200" in out, "describing stacks", out)
        row("cloudformation:DescribeStacks", "200", "allow")
        status, out, err, _ = self.aws(CLOUDFORMATION, "cloudformation", "-d", "Action=DeleteStackSet&StackSetName=fleet")
        expect("403" in out and '"rule":"cost-agent/no-terminations"' in out, "deleting the fleet", out + err)
        row("cloudformation:DeleteStackSet", "403, rule cost-agent/no-terminations", self.decision(layer="http", rule="no-terminations"))
        self.held()
        status, _, err, _ = self.curl("https://control.test/environments/production", "-X", "DELETE")
        expect(status != 0, "the control plane's own host", err)
        row("DELETE https://control.test/...", "could not resolve host: a guardrail", self.decision(layer="dns", host="control.test"))
        expect(not self.world.connections("93.184.216.54"), "packets to the control plane", "a connection")
        status, out, err, _ = self.run("curl", "-sSN", "-X", "POST", "-w", "first %{time_starttransfer} all %{time_total}",
                                       "https://api.model.test/events/10")
        first, whole = (float(n) for n in re.search(r"first ([\d.]+) all ([\d.]+)", out).groups())
        expect(out.count("data:") == 10 and whole - first > 0.5, "streaming", out + err)
        row("POST https://api.model.test/...", f"10 events streamed, first after {first:.1f} of {whole:.1f} s", "allow")

    def held(self):
        """The deletion stops at the proxy: one person's no ends it, and only two people's yes lets this one request through."""
        form = "Action=DeleteStack&StackName=production"

        def deleted():
            return [e for e in self.world.events(event="request", host=CLOUDFORMATION) if e["body_bytes"] == len(form)]
        ann, bob = Reviewer(self.enforcer, "ann"), Reviewer(self.enforcer, "bob")
        with ann.watching(), concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.aws, CLOUDFORMATION, "cloudformation", "-d", form)
            ticket = pending(self.enforcer)[0]
            row("cloudformation:DeleteStack", f"held: {ticket['action']}, {ticket['approvals_needed']} people needed", f"review {ticket['review_id']}")
            expect(ann.ctl("review", "reject", ticket["review_id"]).returncode == 0, "ann's no", str(ticket))
            _, out, err, _ = asked.result()
            expect("403" in out and "review_rejected" in out and not deleted(), "the rejected deletion", out + err)
            row("  ann says no", "403, nothing has left", self.decision(layer="http", reason="review_rejected"))
            asked = pool.submit(self.aws, CLOUDFORMATION, "cloudformation", "-d", form)
            ticket = pending(self.enforcer)[0]
            expect(ann.ctl("review", "approve", ticket["review_id"], "-y").returncode == 0, "ann's yes", str(ticket))
            expect(not deleted() and not asked.done(), "one person's yes", str(deleted()))
            expect(bob.ctl("review", "approve", ticket["review_id"], "-y").returncode == 0, "bob's yes", str(ticket))
            _, out, err, _ = asked.result()
        expect("200" in out and len(deleted()) == 1, "the approved deletion", out + err)
        allow = wait_for(lambda: self.enforcer.records(type="decision", decision="allow", reason="approved"), 5, "the decision")[0]
        row("  ann and bob say yes", f"200, sent once, approved by {' and '.join(allow['approvers'])}", f"allow  {allow['decision_id']}")

    def aws(self, host, service, *arguments):
        """What an AWS client sends: signed with a key that is worth nothing."""
        return self.run("curl", "-sS", "-w", "\n%{http_code}", f"https://{host}/", "-H",
                        f"Authorization: AWS4-HMAC-SHA256 Credential=PLACEHOLDER/20251215/us-east-1/{service}/aws4_request, "
                        "SignedHeaders=host, Signature=00", *arguments)

    def searched(self):
        """The secret is nowhere a guest could look. Each search finds something that is there, so that it could find."""
        self.capture.stop()
        marker = "marker-" + os.urandom(8).hex()
        self.run("sh", "-c", f"echo {marker} > /tmp/marker; sleep 0.1")
        _, environment, _, _ = self.run("env")
        # What the image brought is in its memory, which is searched whole.
        _, files, _, _ = self.run("sh", "-c", f"grep -rlF -e {marker} -e {SECRET[:12]} /etc /home /root /run /tmp /var /usr/local")
        memory, searched = search_memory(self.enforcer.qemu("demo"), marker.encode(), SECRET.encode())
        with open(f"{FOLDER}/guest.pcap", "rb") as file:
            packets = file.read()
        expect("PATH=" in environment and SECRET not in environment, "the guest's environment", environment)
        expect(files.split() == ["/tmp/marker"], "the guest's files", files)
        expect(memory == {marker.encode(): True, SECRET.encode(): False}, "the guest's memory", f"{searched} bytes: {memory}")
        expect(CE.encode() in packets and SECRET.encode() not in packets, "the guest's packets", f"{len(packets)} bytes")
        print(f"\nThe credential is not in the guest: env, its files, {searched >> 20} MiB of memory, "
              f"{len(packets) >> 10} KiB of its packets searched.")

    def evidence(self):
        print("\n$ enforcerctl log --decision deny --last 5")
        print(clipped(self.enforcer.ctl_ok("log", "--decision", "deny", "--last", "5")))
        print("\n$ enforcerctl explain 'DELETE https://control.test/environments' --guest demo")
        print(clipped(self.enforcer.ctl("explain", "DELETE https://control.test/environments", "--guest", "demo").stdout, 8))
        print("\nPrometheus, query enforcer_denied_total > 0")
        question = urllib.parse.quote("enforcer_denied_total > 0")

        def scraped():
            done = self.host.run(["curl", "-sS", f"http://127.0.0.1:9090/api/v1/query?query={question}"])
            found = json.loads(done.stdout)["data"]["result"] if done.stdout.startswith("{") else []
            return any(s["metric"].get("rule") == "no-terminations" for s in found) and found
        for sample in wait_for(scraped, 20, "Prometheus to have scraped the denials"):
            labels = ", ".join(f"{k}={v}" for k, v in sample["metric"].items() if k in ("guest", "policy", "rule", "reason"))
            print(f"  {sample['value'][1]:>4}  {labels}")
        names = ["ok.test", CE, CLOUDFORMATION, "api.model.test", *(["git.test"] if self.errand else [])]
        reached = {"93.184.216.53", *(a for name in names for a in self.world.records[name])}
        stray = [p for p in self.world.witness.packets() if p.destination not in reached and p.source.endswith((".1", "::1"))]
        expect(not stray, "the world's link", str(stray[:3]))
        print("\nOn the world's link: packets for the allowed hosts and their DNS lookups, and not one other.")


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def deaf(*_):
    """What is under way now is the clean-up, which a second signal must not end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def interrupted(number, _frame):
    deaf()
    print("\ninterrupted")
    sys.exit(128 + number)


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until there is somebody to clean up
    for number in SIGNALS:
        signal.signal(number, interrupted)
    demonstration = Demonstration(sys.argv[1])
    try:  # a signal that comes right before deaf() has made us deaf, too
        try:
            return show(demonstration)
        finally:
            deaf()
    finally:
        demonstration.stop()


def show(demonstration):
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        begun = time.monotonic()
        print("starting both daemons, a world and Prometheus ... ", end="")
        demonstration.start()
        print(f"done ({time.monotonic() - begun:.1f} s)\nbooting a microVM ... ", end="")
        begun = time.monotonic()
        demonstration.enforcer.ctl_ok("guest", "create", "demo", "--image", demonstration.image, "--label", "role=demo")
        status, out, err, _ = wait_booted(demonstration)
        guests = demonstration.enforcer.ctl_ok("-o", "json", "guest", "list")
        accelerator = re.search(r"\b(kvm|tcg)\b", guests)
        print(f"done ({time.monotonic() - begun:.1f} s, {accelerator.group(1) if accelerator else '?'}, {out.strip()})")
        print("\nBoxed in: of names without a closer look it may reach ok.test, on port 443.\n")
        row("in the guest", "what happens", "decision")
        demonstration.allowed()
        demonstration.refused()
        demonstration.replayed()
        if demonstration.errand:
            demonstration.errand.run()
        demonstration.searched()
        demonstration.evidence()
        print("\nEnforcer works: what is allowed goes through, the rest is refused at once, every decision is on record.")
        return 0
    except (Surprise, AssertionError, subprocess.SubprocessError) as failure:
        print(f"\n{failure}\n", file=sys.stderr)
        for name in ("hostd.log", "enforcerd.log"):
            if os.path.exists(f"{FOLDER}/{name}"):
                print(f"---- {name}\n{open(f'{FOLDER}/{name}').read()[-2000:]}", file=sys.stderr)
        print("Quickstart failed; see above.")
        return 1


def wait_booted(demonstration):
    def booted():
        result = demonstration.run("uname", "-sr")
        return result[0] == 0 and result
    return wait_for(booted, 60, "the microVM to boot", interval=0.2)


if __name__ == "__main__":
    sys.exit(main())
