"""Lab: the whole bench of one net test, made by `with Lab(policy=...) as lab` and gone afterwards, whatever happened.

    guest netns g1   <- enforcerctl guest attach ->   gateway netns   <- sockets ->   "host" netns   <- veth ->   "world" netns
    clients                                           (the product's own)             both daemons               DNS, origins

Every name (namespaces, instance, folder) derives from the test's name and the build, so that tests run side by side and a
killed run is cleaned up by the next.
"""

import contextlib
import hashlib
import os
import shutil

from lib.daemons import Enforcer
from lib.guest import Guest
from lib.netns import Netns
from lib.world import World

# What follows a host's name in a rule that intercepts it, and lets every usual request pass.
RULE = 'http: [{methods: [GET, HEAD, POST, PUT], paths: ["/**"]}]'
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def build_folder():
    return os.environ.get("ENFORCER_BUILD", f"{REPOSITORY}/build/asan")


def names_of(test, build):
    """(prefix of everything the test makes outside its folder, its folder)."""
    digest = hashlib.sha256(f"{test} {os.path.realpath(build)}".encode()).hexdigest()[:8]
    return f"t{digest}", f"/tmp/enforcer-tests/{digest}"


@contextlib.contextmanager
def work_folder(suffix=""):
    """An empty folder of the test's own, which is gone afterwards. suffix: where the test has more than one, or the one without a suffix
    is a lab's."""
    folder = names_of(os.environ["ENFORCER_TEST"], build_folder())[1] + suffix
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for place in (os.path.dirname(folder), folder):
        os.chmod(place, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def policy(*allow, name="p", guests="{matchLabels: {lab: yes}}", extra=""):
    """A Policy that allows these destinations ("ok.test", "tcp.test:7 tcp", ...) to every guest of the lab.

    "HOST tcp" makes the rule `protocol: tcp`; "HOST key: value, ..." adds any other keys of a rule."""
    rules = []
    for number, target in enumerate(allow):
        host, _, more = target.partition(" ")
        more = "protocol: tcp" if more == "tcp" else more
        rules.append(f'    - {{name: allow-{number}, to: ["{host}"]' + (f", {more}" if more else "") + "}\n")
    return (f"apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {{name: {name}}}\nspec:\n  guests: {guests}\n" +
            ("  allow:\n" + "".join(rules) if rules else "") + extra)


class Lab:
    def __init__(self, policy="", guests=("g1",), config=None, start=True, test=None, watch_audit=False,
                 credentials=None):
        """policy: text of policy.yaml. guests: attached at the start, labels {lab: yes}. config: changed top-level keys.
        credentials: {name: arguments of Enforcer.write_credential}."""
        self.test = test or os.environ["ENFORCER_TEST"]
        self.prefix, self.folder = names_of(self.test, build_folder())
        self.policy, self.guest_names, self.config, self._start = policy, guests, config or {}, start
        self.watch_audit = watch_audit
        self.credentials = credentials or {}
        self.guests = {}

    def __enter__(self):
        os.umask(0o022)  # the daemons refuse policies that others could write
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        for folder in (os.path.dirname(self.folder), self.folder):
            os.chmod(folder, 0o755)
        self.host = Netns(f"{self.prefix}-host")
        self.enforcer = Enforcer(build_folder(), self.host, self.folder, self.prefix)
        self.world = World(self.host, self.folder, self.prefix)
        try:
            self.enforcer.write_config(**self.config)
            self.enforcer.teardown()
            self.host.create()
            self.world.start(watch=self.enforcer.audit_path if self.watch_audit else None)
            if self.policy:
                self.enforcer.write_policy(self.policy)
            for name, credential in self.credentials.items():
                self.enforcer.write_credential(name, **credential)
            if self._start:
                self.enforcer.start()
                for name in self.guest_names:
                    self.attach(name)
                self.world.witness.clear()
        except BaseException:
            self._remove()
            raise
        return self

    def attach(self, name, labels=None):
        guest = self.bare_guest(name)
        guest.attach({"lab": "yes", **(labels or {})})
        return guest

    def bare_guest(self, name):
        """The namespace alone, not attached."""
        guest = self.guests[name] = Guest(self.enforcer, name, self.folder, self.prefix)
        guest.create()
        guest.trust(self.world.authority)
        return guest

    @property
    def guest(self):
        return self.guests[self.guest_names[0]]

    def canary(self, *places):
        """Listeners in the host's namespace that nobody may reach: canary(("0.0.0.0", 22))."""
        return self.world.start_origin("canary", [{"address": a, "port": p, "kind": "canary"} for a, p in places], self.host)

    def canary_visits(self):
        return [e for e in self.world.events("canary") if e["event"] == "connect"]

    def wire_silent(self, seconds=0.3):
        """Asserts WIRE0: nothing crossed the world's link since the last look."""
        seen = self.world.witness.silence(seconds)
        assert not seen, f"packets on the world's link: {seen[:5]}"

    def __exit__(self, kind, error, trace):
        reports = self.enforcer.crash_reports()
        try:
            if kind is None and reports:
                raise AssertionError("a daemon reported:\n" + "\n".join(reports))
        finally:
            if kind is not None:
                self._show_logs(reports)
            self._remove(quiet=kind is not None)
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _show_logs(self, reports):
        print(f"everything the test wrote is in {self.folder}")
        for report in reports:
            print(report)
        for name in ("hostd.log", "enforcerd.log", "audit/audit.jsonl"):
            path = f"{self.folder}/{name}"
            if os.path.exists(path):
                with open(path, errors="replace") as file:
                    print(f"---- {name} (end)\n{file.read()[-3000:]}")

    def _remove(self, quiet=True):
        try:
            self._remove_once(quiet)
        except KeyboardInterrupt:  # the runner's, which comes once
            self._remove_once(quiet=True)
            raise

    def _remove_once(self, quiet):
        try:
            for guest in self.guests.values():
                guest.remove()
            self.enforcer.teardown()
        except Exception as error:
            if not quiet:
                raise
            print(f"while cleaning up: {error}")
        finally:
            self.world.stop()
            self.host.remove()
