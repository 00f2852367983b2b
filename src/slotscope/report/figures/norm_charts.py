"""The norms of slots over batches, one small chart for each optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import MaxNLocator

from slotscope.report.figures.finishing import closed
from slotscope.report.recordings.marks import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 3


def slot_norms_figure(norms: pd.DataFrame, heading: str) -> Figure:
    """Recorded norms as dots, the rule's as a line through them, on one logarithmic scale.

    Args:
        norms: rows with ``optimizer``, ``slot``, ``batch``, ``norm`` and ``rule``. Slots that stay
            zero have no place on such a scale, and are not drawn.
        heading: the heading of the figure.

    Returns:
        A closed figure of one axes for each optimizer, titled with its name; its lines are named as
        the slots are, those of the rule ``rule of ...``.
    """
    norms = norms[norms.groupby(["optimizer", "slot"])["norm"].transform("max") > 0]
    names = list(norms["optimizer"].unique())
    rows, columns = -(-len(names) // _COLUMNS), min(len(names), _COLUMNS)
    size = (9, 0.7 + 1.9 * rows) if columns == _COLUMNS else (4.5 * columns, 3)
    figure, grid = plt.subplots(
        rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for axes, name in zip(grid.flat, names, strict=False):
        own = norms[norms["optimizer"] == name]
        for (slot, table), colour in zip(own.groupby("slot", sort=False), COLOURS, strict=False):
            axes.plot(
                table["batch"], table["rule"], color=colour, linewidth=1, label=f"rule of {slot}"
            )
            axes.plot(table["batch"], table["norm"], ".", color=colour, label=str(slot))
        axes.set_yscale("log")
        axes.set_title(name, fontsize=9, loc="left")
        axes.tick_params(labelsize=7)
        handles = [line for line in axes.lines if not str(line.get_label()).startswith("rule")]
        axes.legend(handles=handles, fontsize=6.5, frameon=False, handletextpad=0.1)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.supxlabel("batches trained", fontsize=9)
    figure.supylabel("L2 norm", fontsize=9)
    figure.suptitle(heading, fontsize=10)
    return closed(figure)
