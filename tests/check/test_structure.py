"""Structure: who may include what, one foreign library in one folder, tables that must agree, invariants that must be tested."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(__file__))
from sources import ROOT, files, read  # noqa: E402

# Headers of a foreign library -> the folders that may know it (the others see our own types).
FOREIGN = {
    r"bpf/": {"host", "metrics", "enforcerd"}, r"netlink/": {"host"}, r"openssl/": {"tls", "base", "credentials", "audit", "git", "review"},
    r"nghttp2/": {"http"}, r"(zstd\w*|brotli/.*)\.h": {"http"}, r"zlib\.h": {"http", "git"},
    r"ares\.h": {"dns"}, r"yaml-cpp/": {"policy", "config"}, r"prometheus/": {"metrics"},
    r"CLI/": {"enforcerctl", "enforcerd"}, r"libpsl\.h": {"policy"}, r"seccomp\.h": {"base", "enforcerd"},
}


def links():
    """{folder: folders its library links directly}, from the CMakeLists.txt."""
    found = {}
    for path in files("CMakeLists.txt", under="userspace"):
        folder = os.path.basename(os.path.dirname(path))
        calls = re.findall(r"(?:enforcer_library|target_link_libraries|add_executable)\(([^)]*)\)", read(path))
        found[folder] = {word for call in calls for word in call.split() if os.path.isdir(f"{ROOT}/userspace/{word}")} - {folder}
    return found


def reachable(folder, direct, seen=None):
    seen = set() if seen is None else seen
    for other in direct.get(folder, ()):
        if other not in seen:
            seen.add(other)
            reachable(other, direct, seen)
    return seen


def test_folders_include_only_what_they_link():
    direct = links()
    wrong = []
    for path in files(".cc", ".h", under="userspace"):
        folder = path.split("/")[1]
        allowed = reachable(folder, direct) | {folder}
        for included in re.findall(r'^#include "([^"/]+)/', read(path), re.MULTILINE):
            if included not in allowed:
                wrong.append(f"{path} includes {included}/, which {folder} does not link")
    assert not wrong, "\n".join(wrong)


def test_arrows_between_folders_go_one_way():
    direct = links()
    for folder in direct:
        assert folder not in reachable(folder, direct), f"userspace/{folder} depends on itself"
    assert not direct["base"], "base depends on nothing of ours"


def test_each_foreign_library_stays_in_its_folder():
    wrong = []
    for path in files(".cc", ".h", under="userspace"):
        for header in re.findall(r"^#include <([^>]+)>", read(path), re.MULTILINE):
            for pattern, folders in FOREIGN.items():
                if re.match(pattern, header) and path.split("/")[1] not in folders:
                    wrong.append(f"{path}: <{header}> belongs to {', '.join(sorted(folders))}")
    assert not wrong, "\n".join(wrong)


def x_macro(path, name):
    body = re.search(rf"#define {name}\(X\)((?:.*\\\n)*.*)", read(path)).group(1)
    return re.findall(r'X\((\w+), "([^"]+)", "([^"]+)"\)', body)


def test_every_drop_reason_is_documented_and_provoked_by_a_test():
    reasons = x_macro("bpf/abi.h", "ENFORCER_DROP_REASONS")
    assert reasons
    table = read("bpf/README.md")
    tests = "".join(read(path) for path in files(".cc", ".h", under="tests/bpf"))
    for name, label, _ in reasons:
        assert f"`{label}`" in table, f"bpf/README.md has no row for `{label}`"
        assert f"ENFORCER_DROP_{name}" in tests, f"no test in tests/bpf provokes {name}"


def test_every_invariant_has_a_test_with_its_number():
    tests = "".join(read(path) for path in files(".cc", ".py", under="tests"))
    for number in range(1, 13):
        assert f"invariant_{number}_" in tests, f"no test is named invariant_{number}_..."


def test_every_folder_of_userspace_but_the_daemons_has_unit_tests():
    for folder in sorted(os.listdir(f"{ROOT}/userspace")):
        if os.path.isdir(f"{ROOT}/userspace/{folder}") and folder not in ("enforcerd", "hostd"):
            assert files(".cc", under=f"tests/unit/{folder}"), f"tests/unit/{folder} has no test"


def test_commands_of_the_readmes_exist():
    for path in files("README.md"):
        for block in re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", read(path), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                words = line.strip().removeprefix("$ ").removeprefix("sudo ").split()
                if words and re.match(r"^\.?[\w-]+/[\w/.-]+$", words[0]) and not words[0].startswith("build/"):
                    assert os.access(f"{ROOT}/{words[0]}", os.X_OK), f"{path}: {line.strip()}: no such command"


def test_every_file_of_lib_has_a_row_in_the_table_and_every_row_a_file():
    table = read("tests/README.md").partition("## What is in `lib/`\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    named = [name for cell in cells for name in re.findall(r"`(\w+\.py)`", cell)]
    there = {os.path.basename(path) for path in files(".py", under="tests/lib")} - {"__init__.py"}
    assert there - set(named) == set(), f"no row in tests/README.md: {sorted(there - set(named))}"
    assert set(named) - there == set(), f"not in tests/lib: {sorted(set(named) - there)}"
    twice = {name for name in named if named.count(name) > 1}
    assert not twice, f"two rows in tests/README.md: {sorted(twice)}"
