"""What Markdown pages are made of, as far as the checks ask: fenced blocks, words, links and the anchors that headings make."""

import os
import re

_FENCED = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```\s*?$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """[(language, content)] of the fenced blocks."""
    return _FENCED.findall(text)


def scripts(text):
    """The fenced blocks of shell commands, as they stand there."""
    return [content for language, content in blocks(text) if language == "sh"]


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


def _led_to(path, target):
    """(path, anchor) of what a link of the page at `path` leads to; (None, "") where that is not a file beside it."""
    if re.match(r"[a-z]+:", target):
        return None, ""
    name, _, anchor = target.partition("#")
    return os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path, anchor


def broken_links(path, text, exists, page):
    """What is wrong with the relative links of one page. exists(path): is there such a file? page(path): its text."""
    wrong = []
    for target in links(text):
        place, anchor = _led_to(path, target)
        if place is None:
            continue
        if not exists(place):
            wrong.append(f"{path}: {target}: no such file")
        elif anchor and anchor not in (anchors(page(place)) if place.endswith(".md") else ()):
            wrong.append(f"{path}: {target}: no such heading")
    return wrong


def reachable(path, page):
    """The pages and other files that relative links lead to from the page at `path`, which is one of them."""
    reached, waiting = set(), [path]
    while waiting:
        if (path := waiting.pop()) in reached:
            continue
        reached.add(path)
        if path.endswith(".md"):
            waiting += [place for target in links(page(path)) if (place := _led_to(path, target)[0])]
    return reached
