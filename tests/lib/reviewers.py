"""People who review, as Enforcer knows them: accounts of the machine by what the kernel says of them. The machine has none of
these; the daemon of a test sees an /etc/passwd and an /etc/group in which they are.

    lab = Lab(..., start=False)             write_accounts(lab.enforcer), then start
    ann = Reviewer(lab.enforcer, "ann")     ann.ctl("review", "approve", ...)
"""

import concurrent.futures
import contextlib
import json

from lib.lab import Lab, policy
from lib.processes import Process, wait_for

REVIEWERS, ADMINS = 64900, 64901
UIDS = {"root": 0, "ann": 64911, "bob": 64912, "kim": 64913, "eve": 64914}
GROUPS = {"ann": [REVIEWERS], "bob": [REVIEWERS], "kim": [REVIEWERS, ADMINS], "eve": []}
ALLOW = 'http: [{paths: ["/**"]}]'
HELD = """  review:
    - {name: destructive, to: [ok.test], http: [{methods: [DELETE, PUT]}], timeout: %s, reason: Ask us.}
"""


def write_accounts(enforcer):
    """For the next start of enforcerd: ann, bob and kim are in enforcer-reviewer, kim in enforcer-admin too, eve is nobody."""
    with open("/etc/passwd") as ours, open(f"{enforcer.folder}/passwd", "w") as file:
        file.write(ours.read() + "".join(f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n" for name, uid in UIDS.items() if uid))
    with open("/etc/group") as ours, open(f"{enforcer.folder}/group", "w") as file:
        kept = [line for line in ours if not line.startswith(("enforcer-reviewer:", "enforcer-admin:"))]
        file.write("".join(kept) + f"enforcer-reviewer:x:{REVIEWERS}:\nenforcer-admin:x:{ADMINS}:\n")
    enforcer.accounts, enforcer.admins = enforcer.folder, ADMINS


class Reviewer:
    """Runs the tool as an account. name: a key of UIDS."""

    def __init__(self, enforcer, name="root"):
        self.enforcer, self.name = enforcer, name
        self.uid = UIDS[name]

    def argv(self, *arguments):
        argv = [self.enforcer.program("enforcerctl"), "--config", self.enforcer.config_path, *arguments]
        if self.uid == 0:
            return argv
        groups = ",".join(map(str, GROUPS[self.name]))
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", f"--groups={groups}" if groups else "--clear-groups", "--", *argv]

    def ctl(self, *arguments, timeout=60, **options):
        return self.enforcer.host.run(self.argv(*arguments), timeout=timeout, **options)

    @contextlib.contextmanager
    def watching(self):
        """While it lasts, somebody is there to be asked; gives the process, whose output are lines of JSON."""
        log = f"{self.enforcer.folder}/watch-{self.name}.jsonl"
        open(log, "w").close()
        before = present(self.enforcer)
        process = Process(self.argv("review", "watch", "-o", "jsonl"), log, self.enforcer.host)
        try:
            wait_for(lambda: present(self.enforcer) > before or not process.alive(), what="the watcher to be there")
            yield process
        finally:
            process.stop()


def present(enforcer):
    """How many watch."""
    return json.loads(enforcer.ctl_ok("status", "-o", "json"))["reviews"]["watching"]


def tickets(enforcer, **match):
    """As `review list -o json` has them, newest first: tickets(enforcer, state="pending")."""
    listed = json.loads(enforcer.ctl_ok("review", "list", "-o", "json"))["reviews"]
    return [ticket for ticket in listed if all(ticket[key] == value for key, value in match.items())]


def pending(enforcer, count=1):
    """Waits for so many pending tickets."""
    return wait_for(lambda: (found := tickets(enforcer, state="pending")) and len(found) >= count and found, what=f"{count} tickets")


def held_lab(timeout="5m", wait="20s", rule=None, extra="", start=True, **options):
    """other.test is allowed, and so is ok.test, where deletions and uploads are held for so long; clients wait for so long."""
    config = {"review": {"clientWait": wait, **options.pop("review", {})}, **options.pop("config", {})}
    text = policy(f"ok.test {ALLOW}", f"other.test {ALLOW}", extra=(rule or HELD % timeout) + extra)
    return Lab(text, config=config, start=start, **options)


@contextlib.contextmanager
def asking(guest, *arguments, url="https://ok.test/stack/a", count=1):
    """Requests under way; gives their futures."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        yield [pool.submit(guest.curl, url, *(arguments or ("-X", "DELETE")), timeout=60) for _ in range(count)]


def arrived(made, method="DELETE"):
    """What came to the origin."""
    return [event for event in made.world.events(event="request") if event["method"] == method]


def ticket_ids(made):
    """Waits for one."""
    return [ticket["review_id"] for ticket in pending(made.enforcer)]
