"""The answer at one glance: v over batches, and the one variable that carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from slotscope.recording.records import EventKind
from slotscope.report.figures.finishing import closed
from slotscope.report.recordings.marks import COLOURS, event_mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slotscope.recording.recording import Recording

_BLUE, _ORANGE, _GREEN = COLOURS[:3]
_GREY = "#555555"


def velocity_figure(recording: Recording, g: float, mu: float, eta: float) -> Figure:
    """v over batches above, the life of the variable that holds it below.

    Args:
        recording: SGD with momentum on one weight whose gradient is the same at every batch, as
            :func:`slotscope.story.one_weight.train` makes it.
        g: the gradient.
        mu: momentum, in [0, 1).
        eta: learning rate.

    Returns:
        A closed figure of two axes that share the batches as their x axis.
    """
    figure, (values, life) = plt.subplots(
        2, 1, figsize=(8, 4.6), sharex=True, layout="constrained", height_ratios=[3, 1.2]
    )
    draw_velocity(values, recording, g, mu, eta)
    draw_life(life, recording)
    last = int(recording.iterations[-1])
    life.set_xlim(-0.5, last + 0.5)
    life.set_xticks(range(0, last + 1, 1 if last <= 20 else 5))
    life.set_xlabel("batches trained")
    return closed(figure)


def draw_velocity(axes: Axes, recording: Recording, g: float, mu: float, eta: float) -> None:
    """v after each batch, its limit, and what v would be if m were zero at every batch."""
    batches = recording.iterations
    v = recording.values("momentum").ravel()
    limit, alone = -eta * g / (1 - mu), -eta * g
    first, last = batches[0], batches[-1]
    axes.hlines(limit, first, last, color=_GREY, linestyle=":", linewidth=1.4)
    axes.hlines(alone, first, last, color=_ORANGE, linestyle="--", linewidth=1.4)
    axes.plot([first - 1, *batches], [_initial(recording), *v], "-", color=_BLUE, linewidth=1.8)
    axes.plot(first - 1, _initial(recording), "o", color=_BLUE, markerfacecolor="white")
    axes.plot(batches, v, "o", color=_BLUE, label="v")
    up = np.sign(limit)
    labels = [
        (limit, up, rf"the limit: $-\eta g\,/\,(1-\mu) = {limit:.4g}$", _GREY),
        (limit, -up, r"recorded: $v = \mu m - \eta g$", _BLUE),
        (alone, -up, rf"if $m$ were zero at every batch: $-\eta g = {alone:.4g}$", _ORANGE),
    ]
    for height, side, text, colour in labels:
        axes.annotate(
            text,
            (last, height),
            xytext=(0, 8 * side),
            textcoords="offset points",
            color=colour,
            ha="right",
            va="bottom" if side > 0 else "top",
        )
    start = rf"$m$ starts at {_initial(recording):g}"
    axes.annotate(start, (first - 1, 0), (9, -4), textcoords="offset points", color=_BLUE)
    axes.margins(y=0.14)
    axes.set_ylabel("velocity $v$,\nthe step of the weight")
    setting = rf"$g = {g:g}$, $\mu = {mu:g}$, $\eta = {eta:g}$"
    heading = f"{recording.optimizer} on {recording.engine}, one weight, {setting}"
    axes.set_title(heading, fontsize=10, loc="left")


def _initial(recording: Recording) -> float:
    return next(v.initial for v in recording.seen if v.slot == "momentum")


def draw_life(axes: Axes, recording: Recording) -> None:
    """When the slot was made, which variable it was after each batch, and when updates ran."""
    steps = recording.iterations
    appeared = (EventKind.CONSTRUCTED, EventKind.REPLACED)
    made = [event.iterations for event in recording.events if event.kind in appeared]
    same = recording.identity("momentum")["object"].to_numpy()
    starts = np.flatnonzero(np.diff(same, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        colour = COLOURS[2 + int(same[start])]
        axes.plot([steps[start] - 1, steps[end - 1]], [1, 1], color=colour, linewidth=7)
    axes.plot(made, [2] * len(made), **event_mark(EventKind.CONSTRUCTED))
    axes.plot(steps, [0] * len(steps), **event_mark(EventKind.STEPPED), markeredgewidth=2)
    calls = recording.counts.get("get_updates")
    origin = f"slots made: {len(made)}" if calls is None else f"get_updates called: {calls}"
    variables = len(set(same.tolist()))
    axes.set_yticks(
        [2, 1, 0],
        [
            origin,
            f"variables that were $m$: {variables}",
            f"updates run: {recording.counts['steps']}",
        ],
    )
    axes.set_ylim(-0.6, 2.6)
    axes.tick_params(axis="y", length=0)
