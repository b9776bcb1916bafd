"""A row of panels as one SVG file, each with one curve over the same x: logarithmic x, linear y from zero.

It is light or dark as the reader's browser is.
"""

import dataclasses
import math

from lib.axis import nice_steps

PANEL, HEIGHT = 360, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 96, 56
STYLE = """
  svg { font: 13px system-ui, sans-serif; } .paper { fill: #ffffff; } text { fill: #24292f; } .title { font-size: 17px; font-weight: 600; }
  .small { font-size: 12px; fill: #57606a; } .grid { stroke: #e4e7ea; } .axis { stroke: #8c959f; }
  .curve { fill: none; stroke: #0072b2; stroke-width: 2; } .point { fill: #0072b2; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } text { fill: #d0d7de; } .small { fill: #8b949e; } .grid { stroke: #262c33; } .axis { stroke: #6e7681; }
    .curve { stroke: #56b4e9; } .point { fill: #56b4e9; }
  }
"""


@dataclasses.dataclass
class Panel:
    title: str     # what y is, with its unit
    points: list   # of (x, y), every x above 0


def _panel(panel, at, x_axis):
    xs = [x for x, _ in panel.points]
    steps = nice_steps(max(y for _, y in panel.points))
    low, high = math.log10(xs[0]), math.log10(max(xs[-1], xs[0] * 1.01))
    left, right, bottom = at + LEFT, at + PANEL - RIGHT, HEIGHT - BOTTOM

    def across(x):
        return left + 10 + (math.log10(x) - low) / (high - low) * (right - left - 20)

    def up(y):
        return bottom - y / steps[-1] * (bottom - TOP)

    yield f'<text x="{left}" y="{TOP - 14}">{panel.title}</text>'
    for step in steps:
        yield (f'<line class="grid" x1="{left}" x2="{right}" y1="{up(step):.1f}" y2="{up(step):.1f}"/>'
               f'<text class="small" x="{left - 8}" y="{up(step) + 4:.1f}" text-anchor="end">{step:,g}</text>')
    free_to = math.inf
    for x in reversed(xs):
        label = f"{x:,}"
        yield f'<line class="axis" x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{bottom}" y2="{bottom + 5}"/>'
        if across(x) + 4 * len(label) < free_to:  # labels do not overlap; the last one is always there
            yield f'<text class="small" x="{across(x):.1f}" y="{bottom + 20}" text-anchor="middle">{label}</text>'
            free_to = across(x) - 4 * len(label)
    yield (f'<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'
           f'<text class="small" x="{(left + right) / 2}" y="{HEIGHT - 14}" text-anchor="middle">{x_axis}</text>')
    places = [(f"{across(x):.1f}", f"{up(y):.1f}") for x, y in panel.points]
    yield f'<polyline class="curve" points="{" ".join(map(",".join, places))}"/>'
    yield from (f'<circle class="point" cx="{x}" cy="{y}" r="3.5"/>' for x, y in places)


def plot(path, title, subtitle, x_axis, panels):
    """Writes the file."""
    width = PANEL * len(panels)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" role="img" aria-label="{title}">',
           f"<style>{STYLE}</style>", f'<rect class="paper" width="{width}" height="{HEIGHT}"/>',
           f'<text class="title" x="{LEFT}" y="32">{title}</text>', f'<text class="small" x="{LEFT}" y="52">{subtitle}</text>']
    for number, panel in enumerate(panels):
        out += _panel(panel, number * PANEL, x_axis)
    with open(path, "w") as file:
        file.write("\n".join([*out, "</svg>\n"]))
