"""What vm-images/profiles/docker.root/usr/lib/enforcer/runc makes of a container: its edits of config.json and process.json, and what it leaves alone."""

import contextlib
import importlib.machinery
import importlib.util
import json
import os
import re
import subprocess
import tempfile

from lib.expect import equal
from lib.lab import REPOSITORY

ONE_SANITIZER = "run a script of an image"

WRAPPER = f"{REPOSITORY}/vm-images/profiles/docker.root/usr/lib/enforcer/runc"
CA = "-----BEGIN CERTIFICATE-----\nCA of the guest\n-----END CERTIFICATE-----\n"
IN_CONTAINER = "/dev/enforcer/ca-certificates.crt"


def wrapper():
    loader = importlib.machinery.SourceFileLoader("enforcer_runc", WRAPPER)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("enforcer_runc", loader))
    loader.exec_module(module)
    return module


class Bundle:
    """The folder of a container as an engine makes it, and a guest with its CA."""

    def __init__(self, folder):
        self.folder = folder
        self.rootfs = f"{folder}/layers/merged"
        self.bundle = f"{folder}/bundle"
        os.makedirs(self.bundle)
        os.makedirs(self.rootfs)
        self.write("guest/ca.crt", CA)
        self.write("guest/bundle", "guest's bundle\n")
        self.config = {
            "ociVersion": "1.0.2-dev", "hostname": "c1",
            "process": {"user": {"uid": 0}, "args": ["sh"], "cwd": "/", "env": ["PATH=/bin", "TERM=xterm"]},
            "root": {"path": self.rootfs},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]}],
        }

    def write(self, path, text):
        os.makedirs(os.path.dirname(f"{self.folder}/{path}"), exist_ok=True)
        with open(f"{self.folder}/{path}", "w") as file:
            file.write(text)

    def in_rootfs(self, path, text):
        self.write(f"layers/merged{path}", text)

    def prepare(self, *words):
        with open(f"{self.bundle}/config.json", "w") as file:
            json.dump(self.config, file)
        words = words or ("--root", "/run/runc", "--log", "create", "create", "--bundle", self.bundle, "--pid-file", "run", "name")
        wrapper().prepare(list(words), f"{self.folder}/guest/ca.crt", [f"{self.folder}/guest/bundle"])
        with open(f"{self.bundle}/config.json") as file:
            return json.load(file)

    def made(self, name="ca-certificates.crt"):
        with open(f"{self.bundle}/enforcer/{name}") as file:
            return file.read()


@contextlib.contextmanager
def container():
    with tempfile.TemporaryDirectory() as folder:
        yield Bundle(folder)


def environment(config):
    return dict(entry.split("=", 1) for entry in config["process"]["env"])


def test_container_gets_its_own_bundle_with_the_guests_ca_and_variables_that_name_it():
    with container() as made:
        made.in_rootfs("/etc/ssl/certs/ca-certificates.crt", "the image's own")
        config = made.prepare()
        equal(made.made(), "the image's own\n" + CA, "the bundle")
        equal(made.made("enforcer.crt"), CA, "the certificate")
        equal(config["mounts"][:2], made.config["mounts"], "mounts of the engine")
        added = config["mounts"][2:]
        equal([(mount["destination"], mount["source"], mount["type"]) for mount in added],
              [("/dev/enforcer", f"{made.bundle}/enforcer", "bind")], "mounts added")
        assert {"ro", "nosuid", "nodev", "noexec"} <= set(added[0]["options"]), added
        found = environment(config)
        equal((found["PATH"], found["TERM"]), ("/bin", "xterm"), "variables of the engine")
        equal(found["SSL_CERT_FILE"], IN_CONTAINER)
        equal(found["NODE_EXTRA_CA_CERTS"], "/dev/enforcer/enforcer.crt")
        for key in ("ociVersion", "hostname", "root"):
            equal(config[key], made.config[key], key)
        with open(f"{made.rootfs}/etc/ssl/certs/ca-certificates.crt") as file:
            equal(file.read(), "the image's own", "the image's bundle afterwards")


def test_container_without_a_bundle_gets_the_guests():
    with container() as made:
        made.prepare()
        equal(made.made(), "guest's bundle\n" + CA)


def test_what_the_user_set_stays_and_what_names_the_images_bundle_does_not():
    with container() as made:
        made.config["process"]["env"] += ["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "PIP_CERT=/mine/ca.pem", "WGETRC="]
        config = made.prepare()
        equal(environment(config)["SSL_CERT_FILE"], IN_CONTAINER, "as distroless images set it")
        equal(environment(config)["PIP_CERT"], "/mine/ca.pem", "as a user set it")
        equal(environment(config)["WGETRC"], "", "as a user set it")
        names = [entry.split("=")[0] for entry in config["process"]["env"]]
        equal(len(names), len(set(names)), "each variable once")


def test_links_of_an_image_do_not_lead_out_of_it():
    with container() as made:
        secret = f"{made.folder}/secret"
        made.write("secret", "of the guest")
        os.makedirs(f"{made.rootfs}/etc/ssl/certs")
        up = "/".join([".."] * 12)
        for target in (secret, f"{up}{secret}", f"/{up}{secret}"):
            os.symlink(target, f"{made.rootfs}/etc/ssl/certs/ca-certificates.crt")
            made.prepare()
            equal(made.made(), "guest's bundle\n" + CA, target)
            os.unlink(f"{made.rootfs}/etc/ssl/certs/ca-certificates.crt")
        # The same links, to what the image itself has at that place.
        made.in_rootfs(secret, "of the image\n")
        for target in (secret, f"{up}{secret}"):
            os.symlink(target, f"{made.rootfs}/etc/ssl/certs/ca-certificates.crt")
            made.prepare()
            equal(made.made(), "of the image\n" + CA, target)
            os.unlink(f"{made.rootfs}/etc/ssl/certs/ca-certificates.crt")


def test_links_are_followed_inside_and_a_circle_of_them_is_no_bundle():
    with container() as made:
        made.in_rootfs("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "red\n")
        os.makedirs(f"{made.rootfs}/etc/pki/tls")
        os.symlink("../ca-trust/extracted/pem", f"{made.rootfs}/etc/pki/tls/certs")
        os.symlink("/etc/pki/tls/certs/tls-ca-bundle.pem", f"{made.rootfs}/etc/pki/ca-trust/extracted/pem/ca-bundle.crt")
        os.makedirs(f"{made.rootfs}/etc/ssl/certs")
        os.symlink("ca-certificates.crt", f"{made.rootfs}/etc/ssl/certs/ca-certificates.crt")
        made.prepare()
        equal(made.made(), "red\n" + CA)


def test_exec_gets_the_variables():
    with container() as made:
        path = f"{made.folder}/process.json"
        made.write("process.json", json.dumps({"args": ["sh"], "cwd": "/", "env": ["A=b"]}))
        before = made.config
        after = made.prepare("--root", "/r", "exec", "--process", path, "--detach", "--pid-file", "p", "name")
        equal(after, before, "config.json")
        with open(path) as file:
            process = json.load(file)
        equal((environment({"process": process})["SSL_CERT_FILE"], environment({"process": process})["A"]), (IN_CONTAINER, "b"))


def test_other_commands_and_guests_without_a_ca_change_nothing():
    with container() as made:
        at = ("--bundle", made.bundle, "create")  # an option's value is no command
        for words in (("start", "create"), ("--log", "create", "state", "run"), ("delete", *at), ("--version",), ()):
            equal(made.prepare(*(words or ("features",))), made.config, words)
        equal(len(made.prepare("create", f"--bundle={made.bundle}", "n")["mounts"]), 3, "the control: create")
        equal(len(made.prepare("run", "-b", made.bundle, "n")["mounts"]), 3, "the control: run")
        os.unlink(f"{made.folder}/guest/ca.crt")
        equal(made.prepare(), made.config, "without a CA")


def test_config_that_cannot_be_read_is_said_and_runs_nothing():
    with tempfile.TemporaryDirectory() as folder:
        with open(WRAPPER) as file:
            source = file.read().replace(wrapper().CERTIFICATE, WRAPPER).replace(wrapper().RUNC, "/bin/echo")
        program = f"{folder}/runc"
        with open(program, "w") as file:
            file.write(source)
        run = lambda *words: subprocess.run(["/usr/bin/python3", "-IS", program, *words], capture_output=True, text=True, timeout=30)
        missing = run("create", "--bundle", folder, "n")
        equal((missing.returncode, missing.stdout), (1, ""), missing.stderr)
        assert missing.stderr.startswith("enforcer-runc: FileNotFoundError: ") and "config.json" in missing.stderr, missing.stderr
        with open(f"{folder}/config.json", "w") as file:
            file.write("{")
        equal((run("create", "--bundle", folder, "n").returncode, run("start", "n").stdout), (1, "start n\n"))


def test_variables_are_those_of_the_guest_itself():
    with open(f"{REPOSITORY}/vm-images/init/trust.cc") as file:
        text = file.read()
    lists = {name: set(re.findall(r'"([A-Z_]+)"', re.search(rf"{name}\[\] = \{{(.*?)\}};", text, re.S).group(1)))
             for name in ("kBundleVariables", "kCertificateVariables")}
    inside = wrapper().VARIABLES
    equal({name for name, value in inside.items() if value.endswith("/ca-certificates.crt")}, lists["kBundleVariables"])
    equal({name for name, value in inside.items() if value.endswith("/enforcer.crt")}, lists["kCertificateVariables"])
