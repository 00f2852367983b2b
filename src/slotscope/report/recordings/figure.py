"""A recording as one figure: what was called when, what stayed the same, how large it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from slotscope.recording.records import Event, EventKind
from slotscope.report.recordings.marks import COLOURS, event_mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slotscope.recording.recording import Recording

#: Beyond this many slots a legend and a label each no longer fit.
_NAMED = 12


def recording_figure(recording: Recording) -> Figure:
    """Timeline of calls, identity strip and norms over steps, one above the other.

    Returns:
        A figure of three axes that share the step counter as their x axis. It is closed, so that a
        notebook shows it once, as a cell's value.
    """
    slots = _slots(recording)
    height = 1.2 + 0.22 * len(_kinds(recording)) + 0.22 * min(len(slots), 2 * _NAMED) + 2.6
    figure, (calls, strip, norms) = plt.subplots(
        3,
        1,
        figsize=(8, height),
        sharex=True,
        layout="constrained",
        gridspec_kw={
            "height_ratios": [
                0.22 * len(_kinds(recording)) + 0.4,
                0.22 * min(len(slots), 2 * _NAMED) + 0.4,
                2.6,
            ]
        },
    )
    draw_timeline(calls, recording)
    draw_identity(strip, recording)
    draw_norms(norms, recording)
    if 0 < len(norms.lines) <= _NAMED:
        figure.legend(loc="outside lower center", fontsize=7, ncols=2, frameon=False)
    norms.set_xlabel("iterations (the optimizer's step counter)")
    figure.suptitle(f"{recording.optimizer} on {recording.engine}", fontsize=11)
    plt.close(figure)
    return figure


def draw_timeline(axes: Axes, recording: Recording) -> None:
    """A mark for each event, one line a kind."""
    kinds = _kinds(recording)
    for height, kind in enumerate(kinds):
        events = [event for event in recording.events if event.kind == kind]
        axes.plot(
            [event.iterations for event in events],
            [height] * len(events),
            **event_mark(kind, smaller=2),
        )
    totals = [_total(recording.events, kind) for kind in kinds]
    labels = [f"{kind}: {total}" for kind, total in zip(kinds, totals, strict=True)]
    axes.set_yticks(range(len(kinds)), labels, fontsize=8)
    axes.set_ylim(max(len(kinds), 1) - 0.5, -0.5)
    axes.set_title("what happened", fontsize=9, loc="left")
    axes.margins(x=0.02)


def draw_identity(axes: Axes, recording: Recording) -> None:
    """A row for each slot: the variable that training updated at each step.

    A change of colour is another variable object.
    """
    slots = _slots(recording)
    steps = recording.iterations
    if not slots or not len(steps):
        axes.text(0.5, 0.5, "no step was recorded", ha="center", transform=axes.transAxes)
        return
    grid = np.full((len(slots), len(steps)), np.nan)
    for column, row in enumerate(recording.rows):
        for index, live in zip(row.indices, row.live, strict=True):
            variable = recording.seen[index]
            if live and variable.parameter:
                place = slots.index((variable.slot, variable.parameter))
                grid[place, column] = (variable.number - 1) % len(COLOURS)
    for place in range(len(slots)):
        for number in np.unique(grid[place][~np.isnan(grid[place])]).astype(int):
            at = steps[grid[place] == number]
            axes.plot(at, [place] * len(at), "s", color=COLOURS[number], markersize=4)
    names = [f"{slot}/{parameter}" for slot, parameter in slots]
    shown = range(0, len(slots), 1 + len(slots) // (2 * _NAMED))
    axes.set_yticks(list(shown), [names[place] for place in shown], fontsize=7)
    axes.set_ylim(len(slots) - 0.5, -0.5)
    axes.set_title(
        "which variable holds the slot (one colour: the same object)", fontsize=9, loc="left"
    )


def draw_norms(axes: Axes, recording: Recording) -> None:
    """The L2 norm of each slot after each step."""
    table = recording.statistics
    per_parameter = {v.label for v in recording.seen if v.parameter}
    groups = table[table["variable"].isin(per_parameter)].groupby("variable", sort=False)
    for number, (label, rows) in enumerate(groups):
        axes.plot(
            rows["iterations"],
            rows["l2"],
            marker="." if len(rows) < 40 else None,
            linewidth=1.2,
            color=COLOURS[number % len(COLOURS)],
            linestyle=("-", "--", ":")[number // len(COLOURS) % 3],
            label=str(label),
        )
    axes.set_title("L2 norm of each slot", fontsize=9, loc="left")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _slots(recording: Recording) -> list[tuple[str, str]]:
    return list(dict.fromkeys((v.slot, v.parameter) for v in recording.seen if v.parameter))


def _kinds(recording: Recording) -> list[EventKind]:
    return list(dict.fromkeys(event.kind for event in recording.events))


def _total(events: list[Event], kind: EventKind) -> int:
    each = [event for event in events if event.kind is kind]
    return sum(event.count for event in each) if kind.is_step else len(each)
