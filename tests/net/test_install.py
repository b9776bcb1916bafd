"""What `cmake --install` leaves on a machine, and what systemd's own tools say about it."""

import contextlib
import os
import re
import shutil
import stat
import subprocess

from lib.expect import equal
from lib.lab import REPOSITORY, build_folder, work_folder
from lib.markdown_page import broken_links, links, reachable

ONE_SANITIZER = "look at installed files"


def page(path, root=REPOSITORY):
    with open(f"{root}/{path}", encoding="utf-8") as file:
        return file.read()


MOST_EXPOSURE = {"enforcerd.service": 2.0, "enforcer-hostd.service": 5.0}
PRESETS = [name.removesuffix(".yaml") for name in os.listdir(f"{REPOSITORY}/policies/presets") if name.endswith(".yaml")]
EXPECTED = {
    "usr/sbin/enforcerd": 0o755, "usr/sbin/enforcer-hostd": 0o755, "usr/bin/enforcerctl": 0o755,
    "usr/lib/systemd/system/enforcerd.service": 0o644, "usr/lib/systemd/system/enforcer-hostd.service": 0o644,
    "usr/lib/sysusers.d/enforcer.conf": 0o644, "usr/lib/tmpfiles.d/enforcer.conf": 0o644,
    "etc/enforcer/enforcer.yaml": 0o644,
    "usr/lib/enforcer/vm-images/build": 0o755, "usr/lib/enforcer/vm-images/enforcer-init": 0o755,
    **{f"usr/lib/enforcer/vm-images/builder/{name}": 0o644 for name in os.listdir(f"{REPOSITORY}/vm-images/builder")
       if name.endswith(".py")},
    "usr/lib/enforcer/vm-images/profiles/agent.list": 0o644, "usr/lib/enforcer/vm-images/profiles/docker.list": 0o644,
    "usr/lib/enforcer/vm-images/profiles/agent.root/etc/sudoers.d/enforcer": 0o644,
    "usr/lib/enforcer/vm-images/profiles/docker.root/usr/lib/enforcer/start": 0o755,
    "usr/lib/enforcer/vm-images/profiles/docker.root/usr/lib/enforcer/runc": 0o755,
    "usr/lib/enforcer/vm-images/profiles/docker.root/etc/docker/daemon.json": 0o644,
    "usr/share/man/man1/enforcerctl.1": 0o644,
    "usr/share/man/man8/enforcerd.8": 0o644, "usr/share/man/man8/enforcer-hostd.8": 0o644,
    "usr/share/bash-completion/completions/enforcerctl": 0o644, "usr/share/zsh/vendor-completions/_enforcerctl": 0o644,
    "usr/share/fish/vendor_completions.d/enforcerctl.fish": 0o644,
    **{f"usr/lib/enforcer/vm-images/profiles/docker.root/var/lib/{engine}/.folder": 0o644 for engine in ("docker", "containerd")},
    **{f"usr/share/doc/enforcer/{path}": 0o644 for path in reachable("README.md", page)},
    "usr/share/man/man5/enforcer-policy.5": 0o644, "usr/share/man/man5/enforcer-credential.5": 0o644,
    "usr/share/enforcer/schema/v1/policy.json": 0o644, "usr/share/enforcer/schema/v1/config.json": 0o644,
    **{f"usr/share/enforcer/grafana/dashboards/{name}": 0o644 for name in os.listdir(f"{REPOSITORY}/deploy/grafana/dashboards")},
    "usr/share/enforcer/grafana/provisioning/dashboards/enforcer.yaml": 0o644,
    "usr/share/enforcer/grafana/provisioning/datasources/enforcer.yaml": 0o644,
    "usr/share/enforcer/prometheus/prometheus.yml": 0o644,
    "usr/share/enforcer/prometheus/enforcer.rules.yml": 0o644,
    "usr/share/enforcer/prometheus/enforcer.rules.test.yml": 0o644,
    "usr/share/enforcer/prometheus/enforcer.trends.test.yml": 0o644,
    **{f"usr/share/enforcer/runbooks/{name}": 0o644 for name in os.listdir(f"{REPOSITORY}/deploy/runbooks")},
    **{f"usr/share/enforcer/policies/{name}": 0o644 for name in os.listdir(f"{REPOSITORY}/policies") if name.endswith(".yaml")},
    **{f"usr/share/enforcer/presets/{name}.yaml": 0o644 for name in PRESETS},
}


@contextlib.contextmanager
def installed():
    """The folder that stands for "/", with everything installed below."""
    os.umask(0o022)
    with work_folder() as folder:
        install(folder)
        yield folder


def install(folder):
    done = subprocess.run(["cmake", "--install", build_folder()], env={**os.environ, "DESTDIR": folder}, capture_output=True,
                          text=True, timeout=60)
    equal(done.returncode, 0, done.stdout + done.stderr)


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env={**os.environ, "SYSTEMD_COLORS": "0"})
    return done.returncode, done.stdout + done.stderr


def unit_in_place(root, name):
    """The unit, with the daemons where this test has put them."""
    path = f"{root}/{name}"
    with open(f"{root}/usr/lib/systemd/system/{name}") as file:
        text = file.read()
    assert "/usr/sbin/enforcer" in text, text
    with open(path, "w") as file:
        file.write(text.replace("/usr/sbin/", f"{root}/usr/sbin/"))
    return path


def test_install_puts_exactly_these_files_into_their_places():
    with installed() as root:
        found = {}
        for folder, _, names in os.walk(root):
            for name in names:
                path = f"{folder}/{name}"
                found[os.path.relpath(path, root)] = stat.S_IMODE(os.stat(path).st_mode)
        equal(found.keys() - EXPECTED.keys(), set(), "not expected")
        equal(EXPECTED.keys() - found.keys(), set(), "missing")
        equal(found, EXPECTED, "modes")
        empty = {os.path.relpath(folder, root) for folder, folders, names in os.walk(root) if not folders and not names}
        equal(empty, {"etc/enforcer/policies", "etc/enforcer/credentials"}, "folders without anything in them")


def pages_below(root):
    return [os.path.relpath(f"{folder}/{name}", root) for folder, _, names in os.walk(root) for name in names if name.endswith(".md")]


def broken_links_below(root):
    return [wrong for path in pages_below(root)
            for wrong in broken_links(path, page(path, root), lambda place: os.path.exists(f"{root}/{place}"), lambda place: page(place, root))]


def test_every_link_and_anchor_of_the_installed_pages_leads_somewhere():
    with installed() as root:
        equal(broken_links_below(root), [])
        seen = {path: links(page(path, root)) for path in pages_below(root)}
        assert sum(map(len, seen.values())) > 100, seen
        # The controls: a page, a picture and a heading that are missing.
        doc = "usr/share/doc/enforcer"
        for gone, from_readme in ((f"{doc}/deploy/sizing.md", "deploy/sizing.md"), (f"{doc}/deploy/grafana/overview.svg", "deploy/grafana/overview.svg")):
            os.rename(f"{root}/{gone}", f"{root}/moved")
            assert f"{doc}/README.md: {from_readme}: no such file" in broken_links_below(root), gone
            os.rename(f"{root}/moved", f"{root}/{gone}")
        with open(f"{root}/{doc}/bpf/README.md", "w") as file:
            file.write("# Without the table of drops\n")
        assert f"{doc}/README.md: bpf/README.md#drop-reasons: no such heading" in broken_links_below(root)


def test_installing_again_leaves_the_configuration_as_it_was_edited():
    with installed() as root:
        for path in ("etc/enforcer/enforcer.yaml", "usr/lib/sysusers.d/enforcer.conf"):
            with open(f"{root}/{path}", "w") as file:
                file.write("# edited\n")
        install(root)
        sizes = [os.stat(f"{root}/{path}").st_size for path in ("etc/enforcer/enforcer.yaml", "usr/lib/sysusers.d/enforcer.conf")]
        assert sizes[0] == len("# edited\n") < sizes[1], sizes


def test_the_installed_tool_finds_its_presets_and_says_where_it_looked():
    with installed() as root:
        tool = f"{root}/usr/bin/enforcerctl"
        status, text = run(tool, "preset", "list", "-o", "name")
        equal((status, sorted(text.split())), (0, sorted(PRESETS)))
        status, text = run(tool, "policy", "init", "--start", "locked", "--preset", "model-anthropic", "--machine-root", root)
        assert status == 0 and "name: model-anthropic" in text, text
        os.rename(f"{root}/usr/share/enforcer/presets", f"{root}/usr/share/enforcer/moved")
        status, text = run(tool, "preset", "list")
        assert status != 0 and f"{root}/usr/share/enforcer/presets" in text, text


def test_systemd_finds_nothing_wrong_with_the_units():
    with installed() as root:
        for name in MOST_EXPOSURE:
            equal(run("systemd-analyze", "verify", "--man=no", unit_in_place(root, name)), (0, ""), name)
            broken = f"{root}/broken.service"  # the control: it would have said something
            shutil.copy(unit_in_place(root, name), broken)
            with open(broken, "a") as file:
                file.write("\n[Service]\nRestrictNamespace=yes\n")
            complaint = run("systemd-analyze", "verify", "--man=no", broken)[1]
            assert "'RestrictNamespace'" in complaint, complaint


def test_exposure_of_the_units_is_below_what_the_design_allows():
    with installed() as root:
        for name, most in MOST_EXPOSURE.items():
            status, text = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit_in_place(root, name))
            found = re.search(rf"Overall exposure level for {name}: ([\d.]+)", text)
            assert status == 0 and found, text
            assert float(found.group(1)) <= most, f"{name}: {found.group(1)} is more than {most}\n{text}"


def test_users_and_folders_are_made_by_systemd_s_tools():
    with installed() as root:
        for _ in range(2):  # again: nothing to do is no failure
            equal(run("systemd-sysusers", f"--root={root}", f"{root}/usr/lib/sysusers.d/enforcer.conf")[0], 0, "sysusers")
            equal(run("systemd-tmpfiles", f"--root={root}", "--create", f"{root}/usr/lib/tmpfiles.d/enforcer.conf"), (0, ""))
        with open(f"{root}/etc/passwd") as file:
            users = {line.split(":")[0]: line.rstrip().split(":") for line in file}
        with open(f"{root}/etc/group") as file:
            groups = {line.split(":")[0]: int(line.split(":")[2]) for line in file}
        equal(users.keys(), {"enforcer"})
        assert users["enforcer"][6].endswith("nologin"), users
        equal(groups.keys(), {"enforcer", "enforcer-viewer", "enforcer-reviewer", "enforcer-admin"})
        for path, group, mode in (("run/enforcer", 0, 0o755), ("run/enforcer/default", groups["enforcer"], 0o1775),
                                  ("var/lib/enforcer", 0, 0o755), ("var/lib/enforcer/default", groups["enforcer"], 0o1770)):
            made = os.stat(f"{root}/{path}")
            equal((made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)), (0, group, mode), path)


def test_installed_daemons_read_the_installed_configuration():
    with installed() as root:
        # The daemons refuse their users before anything else happens, but after the configuration was read.
        status, text = run(f"{root}/usr/sbin/enforcerd", "--config", f"{root}/etc/enforcer/enforcer.yaml")
        assert status == 1 and "root" in text, text
        with open(f"{root}/etc/enforcer/enforcer.yaml", "a") as file:
            file.write("unknown: 1\n")
        status, text = run(f"{root}/usr/sbin/enforcerd", "--config", f"{root}/etc/enforcer/enforcer.yaml")
        assert status == 3 and "unknown" in text, text


def test_removal_ends_guests_though_the_configuration_does_not_load():
    with work_folder() as folder:
        # In hostd's place: it writes down what it was asked, and how it ends depends on whether that names a configuration.
        for name, body in (("deb-systemd-invoke", ""), ("enforcer-hostd", f"""
[ "$1" = --config ] && {{ cat "$2" >>{folder}/asked; shift 2; exec >>{folder}/asked; echo "$*"; exit $NAMED; }}
echo "$*" >>{folder}/asked
exit $STATUS""")):
            with open(f"{folder}/{name}", "w") as file:
                file.write(f"#!/bin/sh{body}\n")
            os.chmod(f"{folder}/{name}", 0o755)
        for first, named, status, asked in ((0, 1, 0, "--teardown\n"), (1, 0, 1, "--teardown\n"),  # as when hostd runs
                                            (3, 0, 0, "--teardown\ninstance: default\n--teardown\n"),
                                            (3, 1, 1, "--teardown\ninstance: default\n--teardown\n")):
            with open(f"{folder}/asked", "w"):
                pass
            environment = {"PATH": f"{folder}:{os.environ['PATH']}", "STATUS": str(first), "NAMED": str(named), "TMPDIR": folder}
            done = subprocess.run([f"{REPOSITORY}/deploy/debian/prerm", "remove"], env=environment, timeout=30)
            with open(f"{folder}/asked") as file:
                equal((done.returncode, file.read()), (status, asked), f"after {first}")
            equal([name for name in os.listdir(folder) if name.startswith("tmp.")], [])
