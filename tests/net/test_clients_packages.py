"""Package managers through interception: npm from a registry, apt from a signed repository."""

import json
import os
import random

from lib.apt_repository import SUITE, AptRepository
from lib.clients import Clients
from lib.expect import equal
from lib.lab import Lab, policy
from lib.nginx_server import Nginx
from lib.npm_package import INSTALL_SECONDS
from lib.npm_registry import NpmRegistry, settings, write_package
from lib.runner import hang_guard

LARGE = random.Random(7).randbytes(3 << 20)
GREETING = 'module.exports = `hello from ${require("words").words}`'


def npm(lab):
    """(clients, registry, nginx): words is published, and greeting, which needs it, lies in a folder."""
    clients, registry = Clients(lab), NpmRegistry(lab)
    nginx = Nginx(lab, {"npm.test": {"/": registry.place}})
    registry.publish(write_package(f"{lab.folder}/words", "words", "2.1.0", 'exports.words = "words"'))
    write_package(clients.path("greeting"), "greeting", "1.0.0", GREETING, {"words": "^2.0.0"})
    clients.environment |= settings(clients.folder, "https://npm.test/") | {"npm_config_cafile": clients.certificate}
    return clients, registry, nginx


def installs(clients, *packages):
    """Into a new project, and from the network: what has been published is in the usual cache."""
    folder = clients.path("project")
    os.makedirs(folder)
    clients.path("project/package.json", json.dumps({"name": "project", "version": "1.0.0", "private": True}))
    clients.ok("npm", "install", "--cache", clients.path("empty-cache"), *packages, cwd=folder)
    return folder


@hang_guard(INSTALL_SECONDS + 120)
def test_npm_publish_and_install():
    with Lab(policy('npm.test http: [{paths: ["/**"]}]')) as lab:
        clients, _, nginx = npm(lab)
        clients.ok("npm", "publish", cwd=clients.path("greeting"))
        folder = installs(clients, "greeting")
        equal(clients.ok("node", "-p", 'require("greeting")', cwd=folder), "hello from words\n")
        with open(f"{folder}/package-lock.json") as file:
            packages = json.load(file)["packages"]
        equal({packages[f"node_modules/{name}"]["resolved"].split("/-/")[0] for name in ("greeting", "words")},
              {"https://npm.test/greeting", "https://npm.test/words"})
        equal(sorted({r["target"] for r in nginx.requests(status=200) if r["target"].endswith(".tgz")}),
              ["/greeting/-/greeting-1.0.0.tgz", "/words/-/words-2.1.0.tgz"])
        lab.enforcer.wait_record(type="decision", decision="allow", layer="http", host="npm.test", method="PUT", path="/greeting")


@hang_guard(INSTALL_SECONDS + 120)
def test_npm_publish_is_denied_where_only_reading_is_allowed():
    with Lab(policy('npm.test http: [{methods: [GET, HEAD], paths: ["/**"]}]')) as lab:
        clients, _, nginx = npm(lab)
        refused = clients.run("npm", "publish", cwd=clients.path("greeting"))
        assert refused.returncode != 0 and "E403" in refused.stderr, refused.stderr
        lab.enforcer.wait_record(type="decision", decision="deny", layer="http", host="npm.test", method="PUT", path="/greeting")
        folder = installs(clients, "words")
        equal(clients.ok("node", "-p", 'require("words").words', cwd=folder), "words\n")
        equal({r["method"] for r in nginx.requests()}, {"GET"}, "what the registry was asked")


def apt_settings(clients, repository):
    """apt with nothing of the machine's: an empty root of its own."""
    root = clients.path("root")
    for folder in ("etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg/info",
                   "var/lib/dpkg/updates", "var/log/apt"):
        os.makedirs(f"{root}/{folder}")
    clients.path("root/var/lib/dpkg/status", "")
    clients.path("root/var/lib/dpkg/available", "")
    clients.path("root/etc/apt/sources.list", f"deb [signed-by={repository.key}] https://apt.test/debian {SUITE} main\n")
    clients.environment |= {"DEBIAN_FRONTEND": "noninteractive", "APT_CONFIG": clients.path("apt.conf", (
        f'Dir::Etc "{root}/etc/apt"; Dir::State "{root}/var/lib/apt"; Dir::State::status "{root}/var/lib/dpkg/status"; '
        f'Dir::Cache "{root}/var/cache/apt"; Dir::Log "{root}/var/log/apt"; DPkg::Options {{ "--root={root}"; }}; '
        f'Dir::Etc::Parts "none"; Dir::Etc::SourceParts "none"; Acquire::https::CaInfo "{clients.certificate}"; '
        'Acquire::Languages "none";\n'))}
    return root


def test_apt_installs_from_a_signed_repository():
    with Lab(policy('apt.test http: [{methods: [GET, HEAD], paths: ["/debian/**"]}]')) as lab:
        clients = Clients(lab)
        repository = AptRepository(f"{lab.folder}/apt/debian", "greeting", LARGE)
        nginx = Nginx(lab, {"apt.test": {"/": f"{lab.folder}/apt"}})
        root = apt_settings(clients, repository)
        clients.ok("apt-get", "update", "-o", "APT::Update::Error-Mode=any")
        clients.ok("apt-get", "install", "--yes", "greeting")
        with open(f"{root}/usr/share/greeting/content", "rb") as file:
            assert file.read() == LARGE
        targets = {r["target"] for r in nginx.requests(status=200)}
        assert {"/debian/dists/stable/InRelease", "/debian/pool/greeting_1.0_all.deb"} <= targets, targets
        lab.enforcer.wait_record(type="decision", decision="allow", layer="http", host="apt.test", path="/debian/pool/greeting_1.0_all.deb")
