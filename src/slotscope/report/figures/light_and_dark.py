"""Figures of matplotlib that follow the reader's light or dark theme.

An SVG may hold its own style sheet, and a media query in it, also where it is an image of a page.
Each colour that is drawn becomes a variable that has another value in the dark.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib import colormaps, colors

from slotscope.report.results.encoding import as_base64

#: Of text and axes, of grid lines, and of what is wrong: light and dark, as checks.css has them.
INK, FAINT, BAD = ("#1d2330", "#e6e9ef"), ("#d9dee6", "#333b48"), ("#b3261e", "#ff8f87")

#: Light and dark, from Okabe and Ito's palette, which colour-blind readers can tell apart.
CATEGORIES = (
    ("#0072b2", "#56a9e0"),
    ("#d55e00", "#ff8a3d"),
    ("#009e73", "#3ccfa2"),
    ("#cc79a7", "#e29bc4"),
    ("#e69f00", "#f0b840"),
    ("#6a3fa0", "#c5a6f5"),
    ("#56b4e9", "#9bd3f7"),
)

Shade = tuple[str, str]

STYLE: Any = {
    "axes.edgecolor": INK[0],
    "axes.grid": True,
    "axes.labelcolor": INK[0],
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "font.size": 9,
    "grid.color": FAINT[0],
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "slotscope",
    "text.color": INK[0],
    "text.parse_math": False,  # a name may have a dollar in it
    "xtick.color": INK[0],
    "ytick.color": INK[0],
}


def shades(count: int, ordered: bool) -> list[Shade]:
    """``count`` colours: of a scale if they are ordered."""
    if not ordered:
        return [CATEGORIES[index % len(CATEGORIES)] for index in range(count)]
    parts = [index / max(count - 1, 1) for index in range(count)]
    scale = colormaps["plasma"]  # of these parts each colour has a contrast of 3 to its page
    return [
        (colors.to_hex(scale(0.62 * part)), colors.to_hex(scale(0.42 + 0.58 * part)))
        for part in parts
    ]


def image(figure: Any, used: Sequence[Shade]) -> str:
    """A figure as the source of an image, in which the colours ``used`` follow the theme."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):  # the salt is asked for when it is written
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    pairs = dict.fromkeys((INK, FAINT, BAD, *used))
    light, dark = [], []
    for number, (day, night) in enumerate(pairs):
        text = text.replace(day, f"var(--c{number})")
        light.append(f"--c{number}:{day}")
        dark.append(f"--c{number}:{night}")
    style = (
        f"<style>:root{{{';'.join(light)}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{';'.join(dark)}}}}}</style>"
    )
    text = text.replace("<defs>", f"{style}<defs>", 1)
    return "data:image/svg+xml;base64," + as_base64(text.encode())
