"""A dashboard as one SVG file: its panels where Grafana has them, with what a Prometheus says. Light or dark as the reader's browser is.

It draws what our dashboards have (stat, timeseries, table), and nothing else of Grafana.
"""

import math
from xml.sax.saxutils import escape

from lib.axis import nice_steps
from lib.dashboards import ROW, shown

COLUMN, UNIT, GAP, TOP = 50, 30, 8, 64   # pixels of a column and of a unit of height; between panels; above all of them
LEGEND_LINE = 16
COLORS = [("#0072b2", "#56b4e9"), ("#d55e00", "#f0883e"), ("#009e73", "#3fb68b"), ("#cc79a7", "#e39ac4"), ("#8a6d00", "#e5c445"),
          ("#6f42c1", "#b392f0"), ("#57606a", "#9aa4ae"), ("#b31d28", "#ff7b72")]
NAMED = {"green": ("#1a7f37", "#3fb950"), "red": ("#cf222e", "#ff7b72")}
STYLE = """
  svg { font: 12px system-ui, sans-serif; } .paper { fill: #f4f5f5; } .panel { fill: #ffffff; stroke: #e4e7ea; } text { fill: #24292f; }
  .head { font-size: 18px; font-weight: 600; }
  .row { font-size: 14px; font-weight: 600; } .title { font-size: 13px; font-weight: 600; }
  .small { font-size: 11px; fill: #57606a; } .big { font-size: 22px; font-weight: 600; } .grid { stroke: #eceef0; }
  .line { fill: none; stroke-width: 1.5; } .area { stroke: none; fill-opacity: 0.15; }
  %s
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } .panel { fill: #161b22; stroke: #262c33; } text { fill: #d0d7de; } .small { fill: #8b949e; }
    .grid { stroke: #262c33; }
    %s
  }
"""


def _style():
    light, dark = [], []
    named = {**{str(number): pair for number, pair in enumerate(COLORS)}, **NAMED}
    for name, pair in named.items():
        for rules, color in zip((light, dark), pair):
            rules.append(f".line.c-{name} {{ stroke: {color}; }} .area.c-{name}, .key.c-{name}, .big.c-{name} {{ fill: {color}; }}")
    return STYLE % ("\n  ".join(light), "\n    ".join(dark))


def written(value, defaults):
    """A number with its unit, as short as people read it. defaults: of the panel's fields."""
    unit = defaults["unit"]
    if defaults.get("decimals") == 0 and abs(value) < 1000:
        value = round(value)
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        for name, factor in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
            if abs(value) >= factor:
                return f"{value / factor:.3g} {name}"
        return f"{value * 1e6:.3g} µs" if value else "0"
    name, factor = next(((name, factor) for name, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)) if abs(value) >= factor), ("", 1))
    end = name + {"Bps": "B/s", "ops": "/s", "pps": "/s"}.get(unit, "")
    return f"{value / factor:.3g}{' ' if name or unit == 'Bps' else ''}{end}"


def _text(x, y, kind, content, **attributes):
    more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}"{more}>{escape(content)}</text>'


def _clipped(text, pixels):
    fits = int(pixels / 6.2)
    return text if len(text) <= fits else text[:max(fits - 1, 1)] + "…"


def _state(panel, value):
    """(text, color) of a stat's number: its mapping's, its threshold's, or none of either."""
    defaults = panel["fieldConfig"]["defaults"]
    for mapping in defaults.get("mappings", []):
        found = mapping["options"].get(f"{value:g}")
        if found:
            return found["text"], found["color"]
    steps = [step["color"] for step in defaults.get("thresholds", {}).get("steps", []) if step["value"] is None or value >= step["value"]]
    return written(value, defaults), steps[-1] if steps else "0"


def _stat(panel, lines, x, y, width, height):
    each = width / max(len(lines), 1)
    for number, line in enumerate(lines):
        center = x + each * (number + 0.5)
        only_name = panel["options"]["textMode"] == "name"
        if (len(lines) > 1 or line.labels) and not only_name:
            yield _text(center, y + height - 14, "small", _clipped(line.name, each), text_anchor="middle")
        text, color = _state(panel, line.points[-1][1])
        yield _text(center, y + height / 2 + 14, f"big c-{color}", _clipped(line.name if only_name else text, each * 0.6),
                    text_anchor="middle")


def _table(panel, lines, x, y, width, height):
    defaults = panel["fieldConfig"]["defaults"]
    columns = sorted({name for line in lines for name in line.labels})
    heads = [*columns, panel["options"]["sortBy"][0]["displayName"]]
    each = (width - 24) / len(heads)
    rows = [[*(line.labels.get(name, "") for name in columns), written(line.points[-1][1], defaults)]
            for line in sorted(lines, key=lambda line: -line.points[-1][1])]
    for number, row in enumerate([heads, *rows][:int((height - 40) / 20)]):
        for place, cell in enumerate(row):
            yield _text(x + 12 + each * place, y + 48 + 20 * number, "small" if number == 0 else "cell", _clipped(cell, each))


def _stacked(lines):
    """Each line on top of those before it."""
    under, out = {}, []
    for line in lines:
        below = [(at, under.get(at, 0.0)) for at, _ in line.points]
        points = [(at, under.get(at, 0.0) + value) for at, value in line.points]
        under.update(points)
        out.append((points, below))
    return out


def _series(panel, lines, x, y, width, height, span):
    defaults = panel["fieldConfig"]["defaults"]
    lines = sorted(lines, key=lambda line: -max(value for _, value in line.points))
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    curves = _stacked(lines) if stacked else [(line.points, None) for line in lines]
    steps = nice_steps(defaults.get("max") or max(value for points, _ in curves for _, value in points) or 1, 3)
    legend = min(4, math.ceil(len(lines) / 2))
    left, right, top, bottom = x + 62, x + width - 14, y + 40, y + height - 34 - LEGEND_LINE * legend
    begin, end = span

    def place(at, value):
        return f"{left + (at - begin) / (end - begin) * (right - left):.0f},{bottom - value / steps[-1] * (bottom - top):.1f}"

    for step in steps:
        up = bottom - step / steps[-1] * (bottom - top)
        yield f'<line class="grid" x1="{left}" x2="{right}" y1="{up:.0f}" y2="{up:.0f}"/>'
        yield _text(left - 6, up + 4, "small", written(step, defaults), text_anchor="end")
    yield _text(left, bottom + 16, "small", f"{(end - begin) / 60:.2g} min ago" if end - begin > 90 else f"{end - begin:.0f} s ago")
    yield _text(right, bottom + 16, "small", "now", text_anchor="end")
    for number, (points, below) in reversed(list(enumerate(curves))):
        color = number % len(COLORS)
        path = " ".join(place(at, value) for at, value in points)
        if below is not None:
            yield f'<polygon class="area c-{color}" points="{path} {" ".join(place(*point) for point in reversed(below))}"/>'
        yield f'<polyline class="line c-{color}" points="{path}"/>'
    for number, line in enumerate(lines[:2 * legend]):
        across, down = x + 12 + (width - 20) / 2 * (number % 2), bottom + 34 + LEGEND_LINE * (number // 2)
        yield f'<rect class="key c-{number % len(COLORS)}" x="{across:.0f}" y="{down - 8:.0f}" width="10" height="4"/>'
        last = written(line.points[-1][1], defaults)
        yield _text(across + 15, down, "small", _clipped(f"{line.name}  {last}", (width - 20) / 2 - 20))


def _finite(lines):
    for line in lines:
        line.points = [point for point in line.points if math.isfinite(point[1])]
    return [line for line in lines if line.points]


def draw(path, board, prometheus, seconds, note):
    """Writes the file. seconds: how far the curves go back; note: a line below the title."""
    out, height = [], 0
    for panel in board["panels"]:
        place = panel["gridPos"]
        x, y = place["x"] * COLUMN + GAP / 2, TOP + place["y"] * UNIT
        width, tall = place["w"] * COLUMN - GAP, place["h"] * UNIT - GAP
        height = max(height, y + tall + GAP)
        if panel["type"] == ROW:
            out.append(_text(x + 4, y + 18, "row", panel["title"]))
            continue
        out.append(f'<rect class="panel" x="{x:.0f}" y="{y}" width="{width:.0f}" height="{tall}" rx="3"/>')
        out.append(_text(x + 10, y + 20, "title", _clipped(panel["title"], width - 10)))
        lines = _finite(shown(panel, prometheus, seconds))
        if not lines:
            out.append(_text(x + width / 2, y + tall / 2 + 10, "small", "no data", text_anchor="middle"))
        elif panel["type"] == "timeseries":
            times = [at for line in lines for at, _ in line.points]
            end = max(times)
            out += _series(panel, lines, x, y, width, tall, (min(min(times), end - seconds), end))
        else:
            out += {"stat": _stat, "table": _table}[panel["type"]](panel, lines, x, y, width, tall)
    size = f'viewBox="0 0 {24 * COLUMN} {height}" width="{24 * COLUMN}"'
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(board["title"])}">',
            f"<style>{_style()}</style>", f'<rect class="paper" width="{24 * COLUMN}" height="{height}"/>',
            _text(12, 28, "head", board["title"]), _text(12, 48, "small", note)]
    with open(path, "w") as file:
        file.write("\n".join([*head, *out, "</svg>\n"]))
