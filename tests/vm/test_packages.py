"""The Debian packages: what is in them, what Debian's own tools say of them, and that packing again gives the same bytes."""

import hashlib
import json
import os
import re
import shutil
import subprocess

from lib.expect import Skip, equal
from lib.lab import REPOSITORY, work_folder
from lib.packages import NAMES, RELEASE, field, pack, unpacked
from lib.runner import hang_guard

# Where a file belongs, by its path: the first that matches. A file of the tool that lies in `enforcer` lacks a COMPONENT.
PLACES = [
    (r"usr/share/doc/([^/]+)/.*", None), (r"usr/share/lintian/overrides/([^/]+)", None),
    (r"usr/bin/.*|usr/share/(bash-completion|zsh|fish)/.*|usr/share/man/man[15]/.*", "enforcerctl"),
    (r"usr/share/enforcer/(schemas?|presets)/.*", "enforcerctl"),
    (r"usr/share/enforcer/(grafana|prometheus|runbooks)/.*", "enforcer-dashboards"),
    (r"(etc/enforcer|usr/sbin|usr/lib/(enforcer|systemd|sysusers\.d|tmpfiles\.d)|usr/share/(enforcer|man/man8))/.*", "enforcer"),
]


def files_below(folder):
    return sorted(os.path.relpath(f"{place}/{name}", folder) for place, _, names in os.walk(folder) for name in names)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


# ---- what is packed

@hang_guard(600)
def test_packing_again_elsewhere_by_another_user_s_habits_gives_the_same_bytes():
    with work_folder() as folder:
        one = pack(f"{folder}/one", environment={"TZ": "UTC", "LC_ALL": "C"})
        other = pack(f"{folder}/a/longer path", umask=0o077, environment={"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "HOME": folder})
        equal({name: digest(path) for name, path in other.items()}, {name: digest(path) for name, path in one.items()})
        # The control: something does depend on what must not change.
        later = pack(f"{folder}/later", environment={"SOURCE_DATE_EPOCH": "1700000000"})
        for name in NAMES:
            assert digest(later[name]) != digest(one[name]), f"{name} has no times in it"


@hang_guard(600)
def test_each_file_is_in_the_package_it_belongs_to_and_in_no_other():
    with work_folder() as folder:
        seen = {}
        for name, package in pack(f"{folder}/packages").items():
            equal(field(package, "Version"), f"{project_version()}-{RELEASE}")
            for path in files_below(unpacked(package, f"{folder}/{name}")):
                match, place = next(((found, place) for pattern, place in PLACES if (found := re.fullmatch(pattern, path))), (None, None))
                assert match, f"{name}: no place for {path}"
                equal(name, place or match.group(1), f"the package of {path}")
                assert path not in seen, f"{path} is in {name} and {seen[path]}"
                seen[path] = name
        for path in ("usr/sbin/enforcerd", "usr/bin/enforcerctl", "usr/share/enforcer/prometheus/enforcer.rules.yml",
                     *[f"usr/share/doc/{name}/{document}" for name in NAMES for document in ("copyright", "changelog.Debian.gz")]):
            assert path in seen, f"{path} is missing"
        # Nothing of the place where it was built is in what is installed.
        for name in NAMES:
            found = subprocess.run(["grep", "-rlF", REPOSITORY, f"{folder}/{name}"], capture_output=True, text=True)
            equal((found.returncode, found.stdout), (1, ""), "files that name this clone")


def project_version():
    with open(f"{REPOSITORY}/CMakeLists.txt") as file:
        return re.search(r"project\(enforcer VERSION (\S+)", file.read()).group(1)


def test_changelog_is_of_the_version_that_is_packed():
    version = subprocess.run(["dpkg-parsechangelog", "--file", f"{REPOSITORY}/deploy/debian/changelog", "--show-field", "Version"],
                             capture_output=True, text=True, check=True).stdout.strip()
    equal(version, f"{project_version()}-{RELEASE}")


def test_copyright_says_what_only_the_owners_may_decide():
    with open(f"{REPOSITORY}/deploy/debian/copyright") as file:
        copyright = " ".join(file.read().split())
    equal("has no LICENSE file" in copyright, not os.path.exists(f"{REPOSITORY}/LICENSE"))
    with open(f"{REPOSITORY}/deploy/debian/packages.cmake") as file:
        equal("(enforcer.invalid) is none" in copyright, "@enforcer.invalid>" in file.read())


def lintian(*packages):
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", *packages], capture_output=True, text=True, timeout=200)
    print(done.stdout, done.stderr)
    return done


@hang_guard(600)
def test_lintian_finds_no_errors():
    if not shutil.which("lintian"):
        raise Skip("lintian is missing: deploy/install-packages test")
    with work_folder() as folder:
        packages = pack(f"{folder}/packages")
        equal(lintian(*packages.values()).returncode, 0, "lintian's status")
        # The control: it would have said something.
        broken = unpacked(packages["enforcerctl"], f"{folder}/broken")
        os.makedirs(f"{broken}/DEBIAN")
        with open(f"{broken}/DEBIAN/control", "w") as file:
            file.write("Package: enforcerctl\nVersion: 0.1.0-1\nArchitecture: amd64\nMaintainer: nobody\nDescription: none\n")
        subprocess.run(["dpkg-deb", "--build", broken, f"{folder}/enforcerctl_0.1.0-1_amd64.deb"], check=True, capture_output=True)
        control = lintian(f"{folder}/enforcerctl_0.1.0-1_amd64.deb")
        assert control.returncode == 2 and "E: enforcerctl: " in control.stdout, control


# ---- the bill of materials

def elf_needed(path):
    """NEEDED of a program as readelf tells it; None for what is no program."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
    dynamic = subprocess.run(["readelf", "--dynamic", "--wide", path], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", dynamic))


def check_form(bill):
    """What SPDX 2.3 requires of a document and of what is in it."""
    equal([bill[key] for key in ("spdxVersion", "dataLicense", "SPDXID")], ["SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT"])
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["documentNamespace"]), bill["documentNamespace"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bill["creationInfo"]["created"]), bill["creationInfo"]
    creators = bill["creationInfo"]["creators"]
    assert creators and all(re.fullmatch(r"(Tool|Person|Organization): .+", creator) for creator in creators), creators
    elements = {"SPDXRef-DOCUMENT"}
    for element in bill["packages"] + bill["files"]:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", element["SPDXID"]), element
        assert element["SPDXID"] not in elements, f"{element['SPDXID']} twice"
        elements.add(element["SPDXID"])
    for package in bill["packages"]:
        assert package["name"] and package["versionInfo"] and package["downloadLocation"] == "NOASSERTION", package
        assert package["filesAnalyzed"] is False, package
    for relation in bill["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= elements, relation
    assert any(r["relationshipType"] == "DESCRIBES" for r in bill["relationships"]), "describes nothing"


@hang_guard(600)
def test_bill_of_materials_names_every_file_and_every_library_with_its_version():
    with work_folder() as folder:
        programs = 0
        for name, package in pack(f"{folder}/packages").items():
            tree = unpacked(package, f"{folder}/{name}")
            with open(f"{tree}/usr/share/doc/{name}/sbom.spdx.json") as file:
                bill = json.load(file)
            check_form(bill)
            files = {f["fileName"].removeprefix("./"): f for f in bill["files"]}
            equal(sorted(files), [path for path in files_below(tree) if not path.endswith("sbom.spdx.json")])
            packages = {p["SPDXID"]: p for p in bill["packages"]}
            equal([packages["SPDXRef-Package"][key] for key in ("name", "versionInfo")], [name, field(package, "Version")])
            for path, listed in files.items():
                equal([c["checksumValue"] for c in listed["checksums"] if c["algorithm"] == "SHA256"], [digest(f"{tree}/{path}")], path)
                if (needed := elf_needed(f"{tree}/{path}")) is not None:
                    programs += 1
                    check_program(path, needed, listed["SPDXID"], bill["relationships"], packages)
        equal(programs, 4, "programs in the packages")


def check_program(path, needed, identifier, relations, packages):
    """Each NEEDED library is linked with the package that is installed here, in its version; so are headers that leave code behind."""
    linked = {r["comment"]: packages[r["relatedSpdxElement"]] for r in relations
              if r["spdxElementId"] == identifier and r["relationshipType"] in ("DYNAMIC_LINK", "STATIC_LINK")}
    assert needed <= linked.keys(), f"{path}: {needed - linked.keys()} missing in the bill"
    assert needed or "libc.a" in linked, f"{path} is static, and not said to be of libc.a"
    for library, package in linked.items():
        installed = subprocess.run(["dpkg-query", "-W", "-f", "${Version} ", package["name"]], capture_output=True, text=True,
                                   check=True).stdout
        assert package["versionInfo"] in installed.split(), f"{library}: {package['name']} {package['versionInfo']}, here {installed}"
        assert package["externalRefs"][0]["referenceLocator"].startswith(f"pkg:deb/debian/{package['name']}@"), package
    headers = {packages[r["spdxElementId"]]["name"] for r in relations
               if r["relatedSpdxElement"] == identifier and r["relationshipType"] == "BUILD_DEPENDENCY_OF"}
    assert {"nlohmann-json3-dev", "libstdc++-12-dev"} <= headers, f"{path}: headers of {headers}"
