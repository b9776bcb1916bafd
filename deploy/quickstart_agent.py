"""What deploy/quickstart --agent shows beside all the rest: an agent at work in a Debian with its usual tools, through the outage once
more. It trusts what is intercepted because the image does, and was told nothing of Enforcer."""

import contextlib
import json
import os
import subprocess
import threading

from lib.git_server import GitServer
from lib.nginx_server import Nginx
from lib.reviewers import Reviewer, pending
from lib.world import SECRET
from quickstart_shown import expect, row

POLICY = """apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: agent-source}
spec:
  guests: {matchLabels: {role: demo}}
  allow:
    - {name: own-branches, to: [git.test], git: {repos: ["acme/*"], refs: ["refs/heads/agent/**"], force: deny, delete: deny}}
"""
PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quickstart_errand.py")
REPOSITORY = "acme/environments.git"
STEPS = 9
WORKS_AT_MOST = 600  # seconds; half a minute on an idle machine
DELETION = "Action=DeleteStack&StackName=production"


class Errand:
    def __init__(self, demonstration):
        self.demonstration = demonstration
        self.steps = 0

    def prepare(self):
        """A git server with the environments, one of them in production."""
        demonstration = self.demonstration
        demonstration.enforcer.write_policy(POLICY, "agent.yaml")
        self.server = GitServer(demonstration)
        self.nginx = Nginx(demonstration, {"git.test": {"/": self.server.place}})
        origin, tree = self.server.create(REPOSITORY), f"{demonstration.folder}/tree"
        self.server.git("init", "--quiet", "--initial-branch=main", tree)
        with open(f"{tree}/production.yaml", "w") as file:
            file.write("size: large\n")
        at = ("-C", tree, "-c", "user.name=Engineer", "-c", "user.email=engineer@acme.test")
        self.server.git(*at, "add", "production.yaml")
        self.server.git(*at, "commit", "--quiet", "--message", "production")
        self.server.git(*at, "push", "--quiet", origin, "main")
        self.main = self.server.tip(REPOSITORY)

    def run(self):
        print("\nThe same once more, by an agent: git, Python, Node and curl of a Debian, which trust the guest's CA.\n")
        demonstration = self.demonstration
        with open(PROGRAM) as file:
            demonstration.run("sh", "-c", "cat > /tmp/errand.py", input=file.read())
        deletions = self._deletions()
        ann = Reviewer(demonstration.enforcer, "ann")
        with ann.watching(), self._working() as agent:
            for line in agent.stdout:
                step = json.loads(line)
                getattr(self, step["step"])(step["outcome"])
                if step["step"] == "propose":  # what it tries next is held
                    self.ticket = pending(demonstration.enforcer)[0]
                    expect(ann.ctl("review", "reject", self.ticket["review_id"]).returncode == 0, "ann's no", str(self.ticket))
                self.steps += 1
        expect(agent.returncode == 0 and self.steps == STEPS, "the agent's program", f"exit {agent.returncode} after {self.steps} steps")
        expect(self._deletions() == deletions, "deletions at the origin", str(self._deletions()))
        expect(self.server.tip(REPOSITORY) == self.main, "the branch main", "another commit")
        expect(not demonstration.world.connections("control.test"), "packets to the control plane", "a connection")

    @contextlib.contextmanager
    def _working(self):
        """The agent's program, whose output are its steps as they happen; it does not outlive the `with`."""
        enforcer = self.demonstration.enforcer
        argv = [enforcer.program("enforcerctl"), "--config", enforcer.config_path, "run", "--guest", "demo", "--",
                "python3", "/tmp/errand.py"]
        with subprocess.Popen(enforcer.host.command(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            guard = threading.Timer(WORKS_AT_MOST, process.kill)
            guard.start()
            try:
                yield process
                process.wait()
            finally:
                guard.cancel()
                process.kill()

    # ---- its steps, in their order: what must have come of each

    def clone(self, outcome):
        seen("git clone", outcome, "done")
        row("git clone", "done", "allow")

    def costs(self, outcome):
        seen("reading costs", outcome, "200 ")
        expect(SECRET not in outcome, "what the agent sees", "the credential")
        row("python3: ce:GetCostAndUsage", "200, credential added", "allow")

    def stacks(self, outcome):
        seen("describing stacks", outcome, "200 ")
        row("node: DescribeStacks", "200", "allow")

    def commit(self, outcome):
        seen("git commit", outcome, "done")

    def propose(self, outcome):
        seen("a push to its own branch", outcome, "done")
        expect(self.server.tip(REPOSITORY, "agent/smaller") != self.main, "the agent's branch", "main's commit")
        row("git push agent/smaller", "done, for people to look at", "allow")

    def delete(self, outcome):
        seen("deleting production", outcome, "403 ", "review_rejected")
        row("python3: DeleteStack", "held; ann says no: 403", f"review {self.ticket['review_id']}")

    def fleet(self, outcome):
        seen("deleting the fleet", outcome, "403 ", "cost-agent/no-terminations")
        row("node: DeleteStackSet", "403, rule cost-agent/no-terminations", self._denied(layer="http", rule="no-terminations"))

    def control(self, outcome):
        seen("the control plane's own host", outcome, "Could not resolve host")
        row("curl -X DELETE control.test/...", "could not resolve host: a guardrail", self._denied(layer="dns", host="control.test"))

    def main_branch(self, outcome):
        expect(outcome != "done", "a push to main", outcome)
        row("git push main", "refused: its own branches only", self._denied(layer="http", host="git.test"))

    def _denied(self, **match):
        return self.demonstration.decision(**match)

    def _deletions(self):
        """Requests of that length that came to the origin."""
        return [e for e in self.demonstration.world.events(event="request", method="POST") if e.get("body_bytes") == len(DELETION)]


def seen(what, outcome, *parts):
    expect(all(part in outcome for part in parts), what, outcome)
