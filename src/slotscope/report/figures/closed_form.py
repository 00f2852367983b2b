"""A slot as it was recorded, among the closed forms of several momenta and learning rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from slotscope.report.figures.finishing import closed
from slotscope.report.recordings.marks import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: From numbers of batches (float, any shape), mu and eta to values of the slot.
ClosedForm = Callable[[np.ndarray, float, float], np.ndarray]

_BLUE, _ORANGE, _GREEN, _PINK = COLOURS[:4]


def closed_form_figure(
    recorded: np.ndarray, closed_form: ClosedForm, mu: float, eta: float, label: str, heading: str
) -> Figure:
    """The recorded values as dots, twice: among curves of other mu, and of other eta.

    The curve through the dots is the closed form. Two horizontal lines are what it approaches, and
    what the slot would be if it were zero at the beginning of every batch, which is the closed
    form's value after one.

    Args:
        recorded: array (batches,), the slot after each batch.
        closed_form: the slot as a function of batches, mu and eta.
        mu: between 0 and 1; the others are half of it, and half-way to 1.
        eta: above 0; the others are half and twice of it.
        label: the label of the y axis.
        heading: the heading of the figure.

    Returns:
        A closed figure of two axes that share the y axis.
    """
    figure, (momenta, rates) = plt.subplots(
        1, 2, figsize=(9, 3.8), sharey=True, layout="constrained"
    )
    mus, etas = (mu / 2, mu, (1 + mu) / 2), (eta / 2, eta, 2 * eta)
    _draw(momenta, recorded, closed_form, [(f"μ = {m:.4g}", m, eta) for m in mus])
    _draw(rates, recorded, closed_form, [(f"η = {e:.4g}", mu, e) for e in etas])
    momenta.set_ylabel(label)
    figure.suptitle(heading, fontsize=10)
    return closed(figure)


def _draw(
    axes: Axes,
    recorded: np.ndarray,
    closed_form: ClosedForm,
    curves: Sequence[tuple[str, float, float]],
) -> None:
    """Three curves, each a name, mu and eta; the one in the middle is the recorded one's."""
    steps = np.linspace(0, len(recorded), 400)
    styles = ((_GREEN, "--"), (_BLUE, "-"), (_PINK, "-."))
    for (name, mu, eta), (colour, line) in zip(curves, styles, strict=True):
        curve = closed_form(steps, mu, eta)
        axes.plot(steps, curve, linestyle=line, color=colour, linewidth=1.6, label=name)
    _, mu, eta = curves[1]
    limit, alone = (closed_form(np.array(k), mu, eta).item() for k in (np.inf, 1.0))
    batches, size = np.arange(1, len(recorded) + 1), 5 if len(recorded) <= 50 else 2
    axes.plot(batches, recorded, "o", color=_BLUE, markersize=size, zorder=3, label="recorded")
    axes.axhline(limit, color="#555555", linestyle=":", linewidth=1.4, label=f"limit {limit:.4g}")
    zero = f"if zero at every batch: {alone:.4g}"
    axes.axhline(alone, color=_ORANGE, linestyle=(0, (6, 3)), linewidth=1.4, label=zero)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("batches trained")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[: len(curves)], labels[: len(curves)], frameon=False, fontsize=8)
    if axes.get_subplotspec().is_last_col():  # type: ignore[union-attr]
        own = [labels.index("recorded"), *range(len(curves) + 1, len(labels))]
        axes.figure.legend(
            [handles[i] for i in own],
            [labels[i] for i in own],
            loc="outside lower center",
            ncols=3,
            frameon=False,
        )
