"""How the quickstart shows what happened: a row for each thing tried, and the end at the first that is not as it must be."""


class Surprise(Exception):
    """Something came out otherwise than it must."""


def expect(holds, what, seen):
    if not holds:
        raise Surprise(f"{what}: not what must happen. Seen:\n{seen.strip()}")


def row(command, outcome, decision):
    print(f"  {command:<32} {outcome:<48} {decision}")


def clipped(text, lines=12, width=150):
    kept = text.rstrip().splitlines()[:lines]
    return "\n".join("  " + line[:width].rstrip() for line in kept)
