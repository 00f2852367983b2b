"""A slot as it was recorded, over the closed form that it should follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from slotscope.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREEN = COLOURS[:3]


def closed_form_figure(
    recorded: np.ndarray,
    closed_form: Callable[[np.ndarray], np.ndarray],
    limit: float,
    label: str,
    heading: str,
) -> Figure:
    """The recorded values as dots, the closed form through them, and two horizontal lines.

    The lines are what the values approach, and what they would be if the slot were zero at the
    beginning of every batch, which is the closed form's value after one.

    Args:
        recorded: array (batches,), the slot after each batch.
        closed_form: from numbers of batches (float, any shape) to values.
        limit: what the closed form approaches.
        label: of the y axis.
        heading: of the figure.

    Returns:
        A closed figure of one axes.
    """
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    batches = np.arange(1, len(recorded) + 1)
    steps = np.linspace(0, len(recorded), 400)
    alone = closed_form(np.array(1.0)).item()
    axes.axhline(limit, color="#555555", linestyle=":", linewidth=1.4, label=f"limit {limit:.4g}")
    axes.plot(steps, closed_form(steps), color=_GREEN, linewidth=1.6, label="closed form")
    size = 6 if len(recorded) <= 50 else 3
    axes.plot(batches, recorded, "o", color=_BLUE, markersize=size, zorder=3, label="recorded")
    zero = f"if it were zero at every batch: {alone:.4g}"
    axes.axhline(alone, color=_ORANGE, linestyle="--", linewidth=1.4, label=zero)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("batches trained")
    axes.set_ylabel(label)
    axes.set_title(heading, fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    plt.close(figure)
    return figure
