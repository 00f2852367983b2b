"""One slot over the batches, on several engines; those that agree share a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from slotscope.report.figures.finishing import closed
from slotscope.report.recordings.marks import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def series_figure(series: Mapping[str, np.ndarray], label: str, limit: float) -> Figure:
    """Values of a slot after each batch.

    Args:
        series: by engine, an array (batches,). Engines with equal arrays are drawn as one line.
        label: the label of the y axis.
        limit: what the values approach, drawn as a horizontal line.

    Returns:
        A closed figure of one axes.
    """
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    groups: dict[tuple[float, ...], list[str]] = {}
    for name, values in series.items():
        groups.setdefault(tuple(np.asarray(values, float).tolist()), []).append(name)
    last = max(map(len, groups))
    axes.axhline(limit, color="#555555", linestyle=":", linewidth=1.4)
    axes.text(1, limit, f"the limit {limit:g}", color="#555555", va="bottom")
    # The first line is drawn last, so that it stays visible where the lines are one.
    for number, (heights, names) in reversed(list(enumerate(groups.items()))):
        batches = range(1, len(heights) + 1)
        colour = COLOURS[1 - number] if number < 2 else COLOURS[number]
        text = ", ".join(names)
        axes.plot(batches, heights, "o-", color=colour, linewidth=1.8, markersize=6, label=text)
    figure.legend(loc="outside lower left", labelcolor="linecolor", frameon=False, reverse=True)
    axes.set_xticks(range(1, last + 1))
    axes.set_xlim(0.7, last + 0.3)
    axes.margins(y=0.15)
    axes.set_xlabel("batches trained")
    axes.set_ylabel(label)
    return closed(figure)
