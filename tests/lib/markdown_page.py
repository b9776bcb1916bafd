"""What Markdown pages are made of, as far as the checks ask: fenced blocks, words, links and the anchors that headings make."""

import re

_FENCED = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```\s*?$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """[(language, content)] of the fenced blocks."""
    return _FENCED.findall(text)


def without_blocks(text):
    return _FENCED.sub("", text)


def words(text):
    """As wc -w counts them, fenced blocks left out; tables and links are words, too."""
    return len(without_blocks(text).split())


def links(text):
    """The targets of links and pictures, outside of blocks and of code."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "``", without_blocks(text)))


def anchors(text):
    """What may stand after '#': of each heading, as GitHub makes it."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", without_blocks(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (name := anchor if number == 0 else f"{anchor}-{number}") in found:
            number += 1
        found.add(name)
    return found


def section(text, heading):
    """From the heading to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    start = text.index(f"\n{heading}\n") + 1
    rest = text[start + len(heading):]
    end = re.search(rf"^#{{1,{level}}} ", without_heading_marks(rest), re.MULTILINE)
    return text[start:start + len(heading) + (end.start() if end else len(rest))]


def without_heading_marks(text):
    """Comments in fenced blocks look like headings: the same length, without them."""
    return _FENCED.sub(lambda block: block[0].replace("#", " "), text)
