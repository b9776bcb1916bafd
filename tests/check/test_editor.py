"""What an author sees in an editor: the schema that is shipped, in the language server that editors use for YAML."""

import os
import sys

sys.path.insert(0, os.path.dirname(__file__))
from sources import ROOT, read  # noqa: E402

from lib.expect import equal  # noqa: E402
from lib.language_server import LanguageServer  # noqa: E402
from lib.npm_package import INSTALL_SECONDS  # noqa: E402
from lib.runner import hang_guard  # noqa: E402

GUARD_SECONDS = INSTALL_SECONDS + 120
POLICY = """apiVersion: enforcer.dev/v1
kind: Policy
metadata: {name: first}
spec:
  guests: {matchLabels: {role: agent}}
  allow:
    - name: issues
      to: [api.github.com]
      http:
        - methods: [POST]
          paths: ["/repos/*/*/issues/**"]
      private: false
"""


def modeline(name):
    return f"# yaml-language-server: $schema=file://{ROOT}/policies/schema/enforcer-{name}.schema.json\n"


def with_schema(text, name="policy"):
    """The line that names the schema is line 0: line N of the text is line N when counted from 0 afterwards."""
    return modeline(name) + text


def at(text, piece):
    """(line, column) of a piece that stands once in the text."""
    equal(text.count(piece), 1, f"times of {piece!r}")
    before = text[:text.index(piece)]
    return before.count("\n"), len(before) - before.rfind("\n") - 1


@hang_guard(GUARD_SECONDS)
def test_a_good_policy_has_no_diagnostics_and_each_mistake_one_in_its_line():
    mistakes = [("paths:", "path:", "Property path is not allowed."), ("methods: [POST]", "methods: POST", "array"),
                ("private: false", "inspect: always", "never"), ("      to: [api.github.com]\n", "", '"to"'),
                ("kind: Policy", "kind: Polcy", "Guardrail")]
    good = with_schema(POLICY)
    with LanguageServer() as server:
        server.open("p.yaml", good)
        server.no_mistakes("p.yaml")
        for version, (piece, mistake, expected) in enumerate(mistakes):
            line = at(good, piece.lstrip())[0]
            server.change("p.yaml", 2 * version + 2, good.replace(piece, mistake))
            told = server.mistakes("p.yaml")
            near = line if mistake else line - 1  # what is missing is told where its mapping begins
            assert [place for place, message in told if expected in message] == [near], f"{mistake!r}: {told}"
            server.change("p.yaml", 2 * version + 3, good)
            server.no_mistakes("p.yaml")


@hang_guard(GUARD_SECONDS)
def test_a_place_of_a_credential_wants_the_keys_of_its_kind_and_no_others():
    text = with_schema("""apiVersion: enforcer.dev/v1
kind: Credential
metadata: {name: bot}
spec:
  source: {store: true}
  inject:
    - to: [api.example.com]
      as: bearer
""")
    line = at(text, "as: bearer")[0]
    with LanguageServer() as server:
        server.open("c.yaml", text)
        server.no_mistakes("c.yaml")
        server.change("c.yaml", 2, text.replace("as: bearer", "as: basic"))
        told = server.mistakes("c.yaml")
        assert [place for place, message in told if '"username"' in message] == [line - 1], told
        server.change("c.yaml", 3, text.replace("as: bearer", "as: basic\n      username: bot"))
        server.no_mistakes("c.yaml")
        server.change("c.yaml", 4, text.replace("as: bearer", "as: bearer\n      username: bot"))
        told = server.mistakes("c.yaml")
        equal([place for place, message in told if "username" in message], [line + 1], f"lines of {told}")
        server.change("c.yaml", 5, text)
        server.no_mistakes("c.yaml")


@hang_guard(GUARD_SECONDS)
def test_everything_that_is_shipped_as_an_example_is_good_in_an_editor():
    with LanguageServer() as server:
        examples = [name for name in sorted(os.listdir(f"{ROOT}/policies")) if name.endswith(".yaml")]
        assert examples
        for name in examples:
            server.open(name, with_schema(read(f"policies/{name}")))
            server.no_mistakes(name)
        server.open("enforcer.yaml", with_schema(read("deploy/enforcer.yaml"), "config"))
        server.no_mistakes("enforcer.yaml")
        broken = read("deploy/enforcer.yaml").replace("journald: false", "journal: false")
        server.open("broken.yaml", with_schema(broken, "config"))
        told = server.mistakes("broken.yaml")
        equal(told, [(at(with_schema(broken, "config"), "journal: false")[0], "Property journal is not allowed.")])


@hang_guard(GUARD_SECONDS)
def test_the_unknown_keys_of_the_broken_file_are_told_in_the_same_lines_as_by_the_loader():
    folder = "tests/unit/policy/broken"
    expected = {int(line.split(":")[1]) for line in read(f"{folder}/unknown_keys.expected").splitlines() if "[E0102]" in line}
    with LanguageServer() as server:
        server.open("unknown.yaml", with_schema(read(f"{folder}/unknown_keys.yaml")))
        told = server.mistakes("unknown.yaml")
    assert expected and expected <= {line for line, message in told if "is not allowed" in message}, f"{expected}: {told}"


@hang_guard(GUARD_SECONDS)
def test_keys_and_words_are_offered_where_they_may_stand_and_only_there():
    text = with_schema(POLICY.replace('          paths: ["/repos/*/*/issues/**"]\n', "          \n").replace("kind: Policy", "kind: "))
    with LanguageServer() as server:
        server.open("kind.yaml", text)
        line, column = at(text, "kind: ")
        offered = server.completions("kind.yaml", line, column + 6)
        assert {"Policy", "Guardrail", "Credential"} <= set(offered), offered
        text = text.replace("kind: ", "kind: Policy")
        server.open("keys.yaml", text)
        line, column = at(text, "methods:")
        offered = server.completions("keys.yaml", line + 1, column)
        assert {"paths", "headers", "query"} <= set(offered), offered
        assert not {"methods", "approvals", "repos", "source"} & set(offered), offered
        text = with_schema(POLICY + "      \n")
        server.open("rule.yaml", text)
        offered = server.completions("rule.yaml", text.count("\n") - 1, 6)
        assert {"credential", "inspect", "broad"} <= set(offered), offered
        assert not {"approvals", "timeout", "paths"} & set(offered), offered  # a review's, a matcher's


@hang_guard(GUARD_SECONDS)
def test_a_key_says_what_it_means_when_pointed_at():
    text = with_schema(POLICY)
    with LanguageServer() as server:
        server.open("p.yaml", text)
        for key, words in (("paths:", "`**` any number of them"), ("guests:", "selects nobody"), ("kind:", "`Guardrail`: what holds for every guest")):
            line, column = at(text, key)
            shown = server.hover("p.yaml", line, column + 1)
            assert words in shown, f"{key} {shown!r}"
        equal(server.hover("p.yaml", 0, 3), "", "of a comment")
