"""How far apart trainings ended, on a scale from one rounding to another training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd

from slotscope.report.figures.finishing import closed
from slotscope.report.recordings.marks import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A rounding of float32, relative.
ROUNDING = 2.0**-24
#: What is equal to the last bit is drawn here, where a scale of powers has no zero.
EXACT = 1e-9
_MARKS = (("o", COLOURS[0]), ("D", COLOURS[1]), ("s", COLOURS[2]), ("^", COLOURS[3]))


def distances_figure(distances: pd.DataFrame, limit: float, heading: str) -> Figure:
    """One line for each row, one kind of mark for each column.

    Args:
        distances: 0 or more; missing where there is nothing to draw.
        limit: up to here the notebook calls two trainings equal.
        heading: the heading of the figure.

    Returns:
        A closed figure of one axes, whose lines are named as the columns are.
    """
    height = 1.3 + 0.32 * len(distances)
    figure, axes = plt.subplots(figsize=(8, height), layout="constrained")
    places = range(len(distances))
    axes.axvspan(EXACT / 2, limit, color="#eeeeee", zorder=0, label="equal")
    axes.axvline(ROUNDING, color="#555555", linestyle=":", linewidth=1.2, label="one rounding")
    for (name, column), (mark, colour) in zip(distances.items(), _MARKS, strict=False):
        shown = column.clip(lower=EXACT)
        fill = colour if mark == "o" else "none"
        axes.plot(
            shown, places, mark, color=colour, markerfacecolor=fill, markersize=8, label=str(name)
        )
    axes.set_xscale("log")
    axes.set_xlim(EXACT / 2, 5)
    axes.set_yticks(list(places), [str(name) for name in distances.index])
    axes.set_ylim(len(distances) - 0.5, -0.5)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlabel("how far apart, as a part of the largest move")
    axes.set_title(heading, fontsize=10, loc="left")
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    return closed(figure)
