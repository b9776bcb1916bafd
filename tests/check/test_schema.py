"""The schemas for editors, judged by another validator: what loads is valid, what has the wrong shape is not. That they are what the tables
say is a unit test (unit/pages)."""

import json
import os
import re
import sys

import jsonschema

sys.path.insert(0, os.path.dirname(__file__))
from sources import files, read  # noqa: E402

from lib import yaml_core  # noqa: E402

BROKEN = "tests/unit/policy/broken"
SHAPE_CODES = {"E0101", "E0102", "E0103", "E0104"}
# Judged by the loader alone: what depends on the value or the presence of another key, ...
LOADER_ONLY = {
    ("credential_sources", "vault has no 'tokenFile' (or roleId and secretIdFile)"),
    ("credential_sources", "vault has no 'secretIdFile' (beside roleId)"),
    ("missing_keys", "test has no 'connect' (or request, aws or git)"),
    ("presets", "include has no 'preset' (name of a preset)"),
    # ... and a spelling that YAML, but not the loader, takes for `true`.
    ("norway", "'True' is not one of: false, true; did you mean 'true'?"),
}
# Whose keys are the author's own.
FREE = {"labels", "matchLabels", "headers", "query", "env", "tags", "permissions", "graphql", "mcp"}


def schema(name):
    return json.loads(read(f"policies/schema/enforcer-{name}.schema.json"))


def errors_of(validator, document):
    """[(line, what)] of what the validator says about one document: at the key where it is one, else where the value begins."""
    found = []
    for error in validator.iter_errors(document.value):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            extra = [key for key in error.instance if key not in error.schema["properties"]]
            found += [(document.key_line(path + (key,)), f"unknown key {key}") for key in extra]
        else:
            found.append((document.line(path), error.message))
    return found


def documents_of_a_page(path):
    blocks = re.findall(r"^```yaml\n(.*?)^```", read(path), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if block.startswith("apiVersion:")]


def valid_texts():
    """[(what, text)] of policies and credentials that load; unit tests say that they do."""
    texts = [(path, read(path)) for path in files(".yaml", under="policies") if not path.startswith("policies/presets/")]
    for page in set(files(".md", under="policies")) - {"policies/diagnostics.md"}:  # half of its examples are wrong on purpose
        texts += [(page, text) for text in documents_of_a_page(page)]
    return [*texts, ("warnings_only", read(f"{BROKEN}/warnings_only.yaml"))]


def objects(value, path=()):
    """The paths of all mappings."""
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            yield from objects(inner, path + (key,))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from objects(inner, path + (index,))


def with_key(value, path, key):
    """A copy in which the mapping at the path has one key more."""
    if not path:
        return {**value, key: "x"}
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_key(copy[path[0]], path[1:], key)
    return copy


def test_both_schemas_are_draft_07_and_their_patterns_are_regular_expressions_everywhere():
    for name in ("policy", "config"):
        jsonschema.Draft7Validator.check_schema(schema(name))
        for pattern in re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', read(f"policies/schema/enforcer-{name}.schema.json")):
            re.compile(json.loads(f'"{pattern}"'))


def test_every_policy_that_loads_is_valid_as_an_editor_and_as_the_loader_reads_it():
    validator, texts = jsonschema.Draft7Validator(schema("policy")), valid_texts()
    assert len(texts) > 15, texts
    for what, text in texts:
        for reading in (yaml_core.typed, yaml_core.texts):
            for document in reading(text):
                assert not errors_of(validator, document), f"{what}: {errors_of(validator, document)}"


def test_the_shipped_configuration_is_valid():
    validator = jsonschema.Draft7Validator(schema("config"))
    (document,) = yaml_core.typed(read("deploy/enforcer.yaml"))
    assert not errors_of(validator, document), errors_of(validator, document)


CREDENTIAL = ("apiVersion: enforcer.dev/v1\nkind: Credential\nmetadata: {name: bot}\n"
              "spec: {source: {exec: %s}, inject: [{to: [a.test], as: bearer}]}\n")
POLICY = "apiVersion: enforcer.dev/v1\nkind: Policy\nmetadata: {name: %s}\nspec: {guests: {names: [g]}, allow: [{name: %s, to: [%s]}]}\n"


def test_what_yaml_takes_for_truths_and_numbers_is_text_where_the_loader_takes_text():
    """The unit test of the tool says that the loader judges the same texts so."""
    validator = jsonschema.Draft7Validator(schema("policy"))
    wrong = lambda text: [error for document in yaml_core.typed(text) for error in errors_of(validator, document)]
    for text in (POLICY % ("true", "false", "true"), POLICY % ("7", "1.5", "a.test"), CREDENTIAL % "[/usr/bin/x, true, 5]"):
        assert not wrong(text), (text, wrong(text))
    for text in (POLICY % ("null", "a", "a.test"), POLICY % ("[a]", "a", "a.test"), CREDENTIAL % "[x]", CREDENTIAL % "[true]",
                 CREDENTIAL % "[]"):
        assert wrong(text), text
    notify = jsonschema.Draft7Validator(schema("config"))
    assert notify.is_valid({"review": {"notify": ["/usr/bin/x", "y"]}}) and not notify.is_valid({"review": {"notify": ["x", "/y"]}})


def test_one_unknown_key_anywhere_is_refused_where_it_stands():
    cases = [("policy", text) for _, text in valid_texts()] + [("config", read("deploy/enforcer.yaml"))]
    tried = 0
    for name, text in cases:
        validator = jsonschema.Draft7Validator(schema(name))
        for document in yaml_core.typed(text):
            for path in objects(document.value):
                if FREE & set(path):
                    continue
                tried += 1
                found = list(validator.iter_errors(with_key(document.value, path, "zzz")))
                assert [tuple(e.absolute_path) for e in found if e.validator == "additionalProperties"] == [path], f"{path}: {found}"
    assert tried > 100, tried


def test_every_mistake_of_shape_in_the_broken_files_is_refused_in_its_line():
    validator = jsonschema.Draft7Validator(schema("policy"))
    judged, unseen, excused = 0, [], set()
    for path in files(".expected", under=BROKEN):
        stem = os.path.basename(path).removesuffix(".expected")
        told = [line for line in read(path).splitlines() if any(f"[{code}]" in line for code in SHAPE_CODES)]
        if not told or "[E000" in read(path):  # what is no YAML of ours may be none at all
            continue
        lines = {line for document in yaml_core.typed(read(f"{BROKEN}/{stem}.yaml")) for line, _ in errors_of(validator, document)}
        for diagnostic in told:
            number, message = re.match(r"[^:]+:(\d+):\d+: error\[\w+\]: (.*)", diagnostic).groups()
            judged += 1
            if int(number) in lines:
                continue
            if (stem, message) in LOADER_ONLY:
                excused.add((stem, message))
            else:
                unseen.append(diagnostic)
    assert not unseen, "\n".join(unseen)
    assert excused == LOADER_ONLY, f"the schema says these by now: {LOADER_ONLY - excused}"
    assert judged > 40, judged
