"""Documentation: links and anchors lead somewhere, the README is short, and pages say what other files say."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(__file__))
from sources import ROOT, files, read  # noqa: E402

from lib.expect import equal  # noqa: E402
from lib.markdown_page import blocks, broken_links, links, reachable, section, words  # noqa: E402

README_WORDS = 700


def test_every_link_and_anchor_of_every_page_leads_somewhere():
    wrong, seen = [], 0
    for path in files(".md"):
        seen += len(links(read(path)))
        wrong += broken_links(path, read(path), lambda place: os.path.exists(f"{ROOT}/{place}"), read)
    assert not wrong, "\n".join(wrong)
    assert seen > 100, seen


def test_links_that_lead_nowhere_are_found():
    pages = {"a.md": "# A `b` & c\n\n```sh\n# no heading\n```\n## Twice\n## Twice\n", "d/e.md": "# E\n"}
    good = "[x](a.md#a-b--c) [y](d/e.md) ![z](a.md#twice-1) [w](https://nowhere.invalid/x) `[v](nothing)`\n```\n[u](nothing)\n```\n"
    pages["p.md"] = "# P\n"
    equal(broken_links("p.md", good, pages.__contains__, pages.get), [])
    for link in ("e.md", "a.md#no-heading", "a.md#twice-2", "d/e.md#a-b--c", "#here"):
        equal(len(broken_links("p.md", f"[x]({link})", pages.__contains__, pages.get)), 1, link)


def test_the_readme_is_short():
    assert words(read("README.md")) <= README_WORDS, words(read("README.md"))
    equal(words("# One two\n\n```sh\nnot these\n```\n| three | four |\n"), 8)  # '#' and '|' count, as for wc


def test_the_readme_leads_to_every_page_that_is_not_found_from_another():
    unreached = set(files(".md")) - reachable("README.md", read)
    assert not unreached, f"no link leads to {sorted(unreached)}"


def test_the_first_policy_of_the_readme_is_the_file():
    texts = [text for language, text in blocks(section(read("README.md"), "## A first policy")) if language == "yaml"]
    equal(texts, [read("policies/first.yaml")])


def test_the_invariants_are_tested_where_the_concepts_say():
    rows = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", section(read("userspace/concepts.md"), "## Invariants"), re.MULTILINE)
    equal([int(number) for number, _ in rows], list(range(1, 13)))
    for number, places in rows:
        named = re.findall(r"`([\w/.]+)`", places)
        assert named, f"invariant {number}"
        for place in named if number == "6" else [*named, "tests/net/test_invariants.py"]:
            assert f"invariant_{number}_" in read(place), f"{place} has no test of invariant {number}"


def test_every_claim_about_a_peer_has_a_source_and_every_source_is_used():
    text = read("tests/bench/comparison.md")
    listed = re.findall(r"^\| ([A-Z]\d) \| .+ \| <https://\S+> \|$", section(text, "## Sources"), re.MULTILINE)
    assert len(listed) > 20 and len(set(listed)) == len(listed), listed
    for heading in ("## Made for agents", "## Proxies and networks"):
        rows = [line.strip("| ").split(" | ") for line in section(text, heading).splitlines() if line.startswith("| ")][2:]
        assert len(rows) > 5, heading
        for name, _ours, *peers in rows:
            for claim in peers:
                if claim != "-":
                    assert re.search(r" [A-Z]\d(, [A-Z]\d)*$", claim), f"{name}: {claim}"
    used = set(re.findall(r"\b([A-Z]\d)\b", text[:text.index("## Sources")]))
    equal(used, set(listed), "sources")
