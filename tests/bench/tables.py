"""Figures as tables: a row for each peer, medians with [least-most], and ratios to haproxy of the same round."""

import statistics

BASE, ORIGIN_OF_ADDED = "haproxy", "direct"


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def spread(values):
    return f"{number(statistics.median(values))} [{number(min(values))}-{number(max(values))}]" if values else "-"


def _ratio(mine, base, name):
    found = [m.values[name] / b.values[name] for m, b in zip(mine, base) if m and b and m.values.get(name) and b.values.get(name)]
    return f"{statistics.median(found):.2f}" if found else "-"


def _added(mine, direct, name):
    found = [m.values[name] - d.values[name] for m, d in zip(mine, direct) if m and d and name in m.values and name in d.values]
    return number(statistics.median(found)) if found else "-"


def _busy(rounds):
    found = [r.busy for r in rounds if r and r.busy]
    return "/".join(f"{statistics.median(column):.0f}" for column in zip(*found)) if found else "-"


def rows_of(results):
    """results: {peer: [Figures or None, by round]}. The first row is the head."""
    names = max((list(r.values) for rounds in results.values() for r in rounds if r), key=len, default=[])
    latencies = [name for name in names if name.startswith("p") and results.get(ORIGIN_OF_ADDED)]
    head = ["peer"] + [title for name in names for title in (name, f"/{BASE}")] + [f"added {name}" for name in latencies]
    rows = [head + ["cpu0/1 busy %", "rounds"]]
    for peer, rounds in results.items():
        row = [peer]
        for name in names:
            row += [spread([r.values[name] for r in rounds if r and name in r.values]), _ratio(rounds, results.get(BASE, []), name)]
        row += [_added(rounds, results[ORIGIN_OF_ADDED], name) if peer != ORIGIN_OF_ADDED else "-" for name in latencies]
        rows.append(row + [_busy(rounds), str(sum(r is not None for r in rounds))])
    return rows


def text(title, rows, notes):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths)))
             for row in rows]
    return "\n".join([title, *lines, *(f"  {note}" for note in notes), ""])


def markdown(title, rows, notes):
    head, *rest = ["| " + " | ".join(row) + " |" for row in rows]
    rule = "| --- |" + " ---: |" * (len(rows[0]) - 1)
    return "\n".join([f"**{title}**", "", head, rule, *rest, "", *(f"- {note}" for note in notes), ""])
