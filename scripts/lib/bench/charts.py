# SPDX-License-Identifier: Apache-2.0
"""Bar charts as SVG, readable on a light and on a dark page."""

from dataclasses import dataclass
from html import escape

WIDTH = 760
LABEL_WIDTH = 170
VALUE_WIDTH = 170  # room for the longest text behind a bar
BAR_HEIGHT = 20
BAR_GAP = 6
GROUP_GAP = 18
HEAD_HEIGHT = 58
COLOURS = {"none": "#8c959f", "empty": "#54aeff", "sonde": "#1a7f37", "bystander": "#bf8700"}
OTHER_COLOUR = "#8250df"

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 16px }
.note { fill: #57606a; font-size: 12px }
.aim { stroke: #cf222e; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .note { fill: #9ea7b3 } }
"""


@dataclass
class Bar:
    group: str
    label: str
    value: float
    text: str


def bar_chart(title: str, note: str, bars: list[Bar], aim: float | None = None) -> str:
    """Horizontal bars from zero, in the order given; a dashed line at the aim."""
    scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / max([bar.value for bar in bars] + [aim or 0, 1e-12])
    body = []
    y = HEAD_HEIGHT
    group = None
    for bar in bars:
        if bar.group != group:
            y += GROUP_GAP if group is not None else 0
            group = bar.group
            body.append(f'<text class="note" x="12" y="{y + 12}">{escape(group)}</text>')
            y += BAR_HEIGHT
        width = max(bar.value * scale, 1)
        middle = y + BAR_HEIGHT / 2 + 4
        colour = COLOURS.get(bar.label, OTHER_COLOUR)
        body.append(f'<text x="{LABEL_WIDTH - 8}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>')
        body.append(f'<rect x="{LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2" fill="{colour}"/>')
        body.append(f'<text x="{LABEL_WIDTH + width + 8:.1f}" y="{middle}">{escape(bar.text)}</text>')
        y += BAR_HEIGHT + BAR_GAP
    height = y + 12
    if aim is not None:
        x = LABEL_WIDTH + aim * scale
        body.append(f'<line class="aim" x1="{x:.1f}" y1="{HEAD_HEIGHT - 6}" x2="{x:.1f}" y2="{height - 8}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" '
        f'aria-label="{escape(title)}">\n<style>{STYLE}</style>\n'
        f'<text class="title" x="12" y="24">{escape(title)}</text>\n'
        f'<text class="note" x="12" y="43">{escape(note)}</text>\n' + "\n".join(body) + "\n</svg>\n"
    )
