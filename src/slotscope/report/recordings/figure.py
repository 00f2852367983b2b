"""A recording as one figure: what happened when, what stayed the same, how large it was."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from slotscope.recording.records import Event, EventKind
from slotscope.report.recordings.drawn_slots import DrawnSlot, drawn_slots, held_alike, largest
from slotscope.report.recordings.marks import COLOURS, event_mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slotscope.recording.recording import Recording

#: Inches of a line of text, of the panels of curves, and of what surrounds a panel of lines.
_LINE, _NORMS, _RATES, _AROUND = 0.22, 2.6, 1.0, 0.4
#: Fewer rows than this get a point each.
_POINTS = 40


def recording_figure(
    recording: Recording,
    slots: str | Collection[str] | None = None,
    parameters: str | Collection[str] | None = None,
    top: int = 8,
    log: bool = True,
) -> Figure:
    """Timeline of events, which variable held each slot, norms and learning rate.

    Args:
        recording: what is drawn.
        slots: only these slots.
        parameters: only slots of these parameters.
        top: so many slots get a curve.
        log: whether norms are drawn on a logarithmic axis.

    Returns:
        A figure of three axes or four that share the number of the step as their x axis. It is
        closed, so that a notebook shows it once, as a cell's value.
    """
    chosen = drawn_slots(recording, slots, parameters)
    groups = held_alike(chosen, recording.steps)
    rates = np.isfinite(recording.learning_rates).any()
    heights = [
        _LINE * len(_kinds(recording)) + _AROUND,
        _LINE * max(len(groups), 1) + _AROUND,
        _NORMS,
        *([_RATES] if rates else []),
    ]
    figure, panels = plt.subplots(
        len(heights),
        1,
        figsize=(8, sum(heights) + 1.2 + 0.09 * min(top, len(chosen))),
        sharex=True,
        layout="constrained",
        facecolor="white",
        gridspec_kw={"height_ratios": heights},
    )
    draw_timeline(panels[0], recording)
    draw_identity(panels[1], recording, groups)
    draw_norms(panels[2], recording, chosen, top=top, log=log)
    if rates:
        draw_rates(panels[3], recording)
    if panels[2].get_legend_handles_labels()[1]:
        figure.legend(loc="outside lower center", fontsize=7, ncols=2, frameon=False)
    panels[-1].set_xlabel("steps since the watch began")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(f"{recording.optimizer} on {recording.engine}", fontsize=11)
    figure.set_label(_in_words(recording, groups, largest(chosen, top)))
    plt.close(figure)
    return figure


def draw_timeline(axes: Axes, recording: Recording) -> None:
    """A mark for each event, one line a kind."""
    kinds = _kinds(recording)
    for height, kind in enumerate(kinds):
        events = [event for event in recording.events if event.kind == kind]
        axes.plot(
            [event.step for event in events],
            [height] * len(events),
            **event_mark(kind, smaller=2),
        )
    totals = [_total(recording.events, kind) for kind in kinds]
    labels = [f"{kind}: {total}" for kind, total in zip(kinds, totals, strict=True)]
    axes.set_yticks(range(len(kinds)), labels, fontsize=8)
    axes.set_ylim(max(len(kinds), 1) - 0.5, -0.5)
    axes.set_title("what happened", fontsize=9, loc="left")
    axes.margins(x=0.02)


def draw_identity(axes: Axes, recording: Recording, groups: list[tuple[str, DrawnSlot]]) -> None:
    """A line for each group of slots: the variable that training updated at each step.

    A change of colour is another variable object.
    """
    steps = recording.steps
    axes.set_title(
        "which variable holds a slot (a new colour: another object)", fontsize=9, loc="left"
    )
    axes.set_yticks([])
    if not groups or not len(steps):
        axes.text(0.5, 0.5, "no step was recorded", ha="center", transform=axes.transAxes)
        return
    for height, (_, slot) in enumerate(groups):
        for number in np.unique(slot.numbers[~np.isnan(slot.numbers)]).astype(int):
            at = steps[slot.numbers == number]
            colour = COLOURS[(number - 1) % len(COLOURS)]
            axes.plot(at, [height] * len(at), "s", color=colour, markersize=4)
    for height, (text, _) in enumerate(groups):
        axes.text(0.005, height - 0.28, text, fontsize=7, transform=axes.get_yaxis_transform())
    axes.set_ylim(len(groups) - 0.5, -0.7)


def draw_norms(
    axes: Axes, recording: Recording, chosen: list[DrawnSlot], *, top: int, log: bool
) -> None:
    """The L2 norms of the ``top`` largest slots after each step, and the range of the others."""
    steps = recording.steps
    drawn = largest(chosen, top)
    for number, slot in enumerate(drawn):
        axes.plot(
            *slot.curve(steps),
            marker="." if len(steps) < _POINTS else None,
            linewidth=1.2,
            color=COLOURS[number % len(COLOURS)],
            linestyle=("-", "--", ":")[number // len(COLOURS) % 3],
            label=slot.name,
        )
    others = np.array([slot.norms for slot in chosen if slot not in drawn])
    if others.size and np.isfinite(others).any():
        there = np.isfinite(others).any(axis=0)
        low, high = np.nanmin(others[:, there], axis=0), np.nanmax(others[:, there], axis=0)
        label = f"range of the other {len(others)}"
        axes.fill_between(steps[there], low, high, color="#bbbbbb", alpha=0.5, label=label)
    logarithmic = log and any(slot.largest > 0 for slot in chosen)
    if logarithmic:
        axes.set_yscale("log", nonpositive="mask")
    else:
        axes.set_ylim(bottom=0)
    scale = ", on a logarithmic axis" if logarithmic else ""
    axes.set_title(f"L2 norm of slots{scale}", fontsize=9, loc="left")


def draw_rates(axes: Axes, recording: Recording) -> None:
    """The learning rate that each recorded step used."""
    rates = recording.learning_rates
    marker = "." if len(rates) < _POINTS else None
    axes.plot(recording.steps, rates, color="#000000", linewidth=1.2, marker=marker)
    axes.set_title("learning rate", fontsize=9, loc="left")
    axes.set_ylim(bottom=min(0, float(np.nanmin(rates))))


def _in_words(
    recording: Recording, groups: list[tuple[str, DrawnSlot]], drawn: list[DrawnSlot]
) -> str:
    """What the figure shows, for whoever cannot see it."""
    happened = ", ".join(f"{kind} {_total(recording.events, kind)}" for kind in _kinds(recording))
    held = "; ".join(text for text, _ in groups)
    norms = "; ".join(f"{slot.name} up to {slot.largest:.2g}" for slot in drawn)
    return (
        f"{recording.optimizer} on {recording.engine} over {len(recording.rows)} recorded steps."
        f" Events: {happened or 'none'}. Variables: {held or 'none'}. L2 norms: {norms or 'none'}."
    )


def _kinds(recording: Recording) -> list[EventKind]:
    return list(dict.fromkeys(event.kind for event in recording.events))


def _total(events: list[Event], kind: EventKind) -> int:
    each = [event for event in events if event.kind is kind]
    return sum(event.count for event in each) if kind.is_step else len(each)
