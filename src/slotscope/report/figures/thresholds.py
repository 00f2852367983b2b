"""From which learning rate on each optimizer moves, measured and expected, on a scale of powers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from slotscope.report.figures.finishing import closed
from slotscope.report.recordings.marks import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREEN = COLOURS[:3]


def thresholds_figure(table: pd.DataFrame, step: float, heading: str) -> Figure:
    """One line for each optimizer; words stand beside a line where no rate up to 1 moves it.

    Args:
        table: by optimizer, ``measured`` and ``expected`` as exponents of 2, missing where there
            is none, ``default``, a learning rate, and ``verdict``, in words.
        step: the smallest step that moves the weight; a vertical line.
        heading: the heading of the figure.

    Returns:
        A closed figure of one axes, with lines ``measured``, ``by the rule in float64`` and ``its
        default``.
    """
    figure, axes = plt.subplots(figsize=(8, 1.4 + 0.27 * len(table)), layout="constrained")
    places = np.arange(len(table))
    axes.axvline(step, color="#555555", linestyle=":", linewidth=1.4, label="half the spacing")
    columns = [
        ("measured", 2.0 ** table["measured"].astype(float), "o", _BLUE, _BLUE),
        ("by the rule in float64", 2.0 ** table["expected"].astype(float), "D", _ORANGE, "none"),
        ("its default", table["default"], "|", _GREEN, _GREEN),
    ]
    for name, rates, mark, colour, fill in columns:
        style: dict[str, Any] = {"markersize": 9, "markeredgewidth": 2.5 if mark == "|" else 1.3}
        axes.plot(rates, places, mark, color=colour, markerfacecolor=fill, label=name, **style)
    axes.set_xscale("log", base=2)
    axes.set_xlim(2.0**-25, 2.0**5)
    for place, (_, row) in enumerate(table.iterrows()):
        if pd.isna(row["measured"]):
            said = "beyond 1" if pd.isna(row["expected"]) else row["verdict"]
            axes.text(1.3, place, said, va="center", fontsize=8)
    axes.set_yticks(places, [str(name) for name in table.index])
    axes.invert_yaxis()
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_xlabel("learning rate")
    axes.set_title(heading, fontsize=10, loc="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return closed(figure)
