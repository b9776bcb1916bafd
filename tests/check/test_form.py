"""Form: formatting, sizes, syntax of scripts, the layout."""

import ast
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
from sources import ROOT, files, read, scripts  # noqa: E402

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "bpf", "deploy", "policies", "tests", "userspace",
             "vm-images"}
# Of Debian's packages (deploy/packages): peers of tests, and nothing else.
TEST_PACKAGES = {"boto3", "botocore", "brotli", "cryptography", "grpc", "h2", "hpack", "jsonschema", "websockets", "yaml",
                 "zstandard"}
LINES_AT_MOST, BPF_LINES_AT_MOST = 400, 250


def test_c_and_cpp_are_formatted():
    sources = files(".cc", ".h", ".c")
    done = subprocess.run(["clang-format-19", "--dry-run", "--Werror", *sources], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, "run clang-format-19 -i on:\n" + "\n".join(
        sorted({line.split(":")[0] for line in done.stderr.splitlines() if ": error:" in line}))


def test_shell_scripts_parse():
    for script in scripts("bash"):
        done = subprocess.run(["bash", "-n", script], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_python_parses_and_uses_nothing_but_the_standard_library_and_the_packages_of_peers():
    for script in scripts("python3"):
        for node in ast.walk(ast.parse(read(script), script)):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names] if isinstance(node, ast.Import) else []
            for module in (name.split(".")[0] for name in names):
                places = [f"{ROOT}/{os.path.dirname(script)}", f"{ROOT}/tests", f"{ROOT}/tests/bench", f"{ROOT}/vm-images"]
                local = any(os.path.exists(f"{place}/{module}{end}") for place in places for end in (".py", "/__init__.py"))
                peer = script.startswith("tests/") and module in TEST_PACKAGES
                assert local or peer or module in sys.stdlib_module_names, f"{script}:{node.lineno}: {module}"


def test_scripts_are_executable_and_nothing_else_is():
    for path in files():
        executable = os.access(f"{ROOT}/{path}", os.X_OK)
        with open(f"{ROOT}/{path}", "rb") as file:
            shebang = file.read(2) == b"#!"
        assert executable == shebang, f"{path}: {'executable without #!' if executable else '#! but not executable'}"


def test_no_file_is_a_hub():
    for path in files(".cc", ".h", ".c", ".py", ".sh"):
        lines = read(path).count("\n")
        limit = BPF_LINES_AT_MOST if path.endswith(".bpf.c") else LINES_AT_MOST
        assert lines <= limit, f"{path}: {lines} lines; one file, one noun (at most {limit})"


def test_top_level_is_the_layout_of_the_design():
    top = {path.split("/")[0] for path in files()}
    unknown = {name for name in top if not name.startswith(".")} - TOP_LEVEL
    assert not unknown, f"not part of the layout: {sorted(unknown)}"


def test_text_ends_with_a_newline_and_lines_with_something_visible():
    broken_on_purpose = ("tests/fuzz/corpus/", "tests/unit/policy/broken/")
    for path in files(".cc", ".h", ".c", ".py", ".md", ".txt", ".yaml", ".json", ".sh"):
        text = "" if path.startswith(broken_on_purpose) else read(path)
        assert not text or text.endswith("\n"), f"{path}: no newline at the end"
        for number, line in enumerate(text.split("\n"), 1):
            assert line == line.rstrip(), f"{path}:{number}: white space at the end"


def test_skips_are_said_in_the_form_that_the_suite_counts():
    counted = re.compile(r'"SKIP: ')
    assert counted.search(read("tests/unit/pages/manual_test.cc")), "the control: this file may skip"
    for path in files(".cc", ".h", under="tests"):
        for number, line in enumerate(read(path).split("\n"), 1):
            other = "SKIPPED" in line or (counted.search(line) and not re.search(r"print|puts|cout", line))
            assert not other, f"{path}:{number}: a skip is printed to standard output as 'SKIP: why', at the beginning of a line"
