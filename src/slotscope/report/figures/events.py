"""What happened between which batches, on several engines, one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.lines import Line2D

from slotscope.recording.records import EventKind
from slotscope.report.figures.finishing import closed
from slotscope.report.recordings.marks import event_mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from slotscope.recording.recording import Recording

#: Points that the lines of a mark are wide.
_EDGE = 1.8


def events_figure(
    recordings: Mapping[str, Recording], fits: Sequence[tuple[str, int]] = ()
) -> Figure:
    """A line for each recording, along which its events stand in order.

    Batches stand at their number, and what happened between two of them stands between.

    Args:
        recordings: by what each line is called.
        fits: name and number of batches of each fit, to be told apart by their background.

    Returns:
        A closed figure of one axes.
    """
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.38 * len(recordings)), layout="constrained")
    for height, recording in enumerate(recordings.values()):
        draw_events(axes, recording, height)
    start = 0.15
    for number, (name, batches) in enumerate(fits):
        axes.axvspan(start, start + batches, color="#000000", alpha=0.05 * (number % 2), lw=0)
        place = (start + batches / 2, 1.02)
        axes.text(*place, name, transform=axes.get_xaxis_transform(), ha="center", fontsize=9)
        start += batches
    last = max(int(recording.iterations[-1]) for recording in recordings.values())
    axes.set_yticks(range(len(recordings)), list(recordings))
    axes.set_ylim(len(recordings) - 0.5, -0.5)
    axes.set_xlim(-0.1, last + 0.5)
    axes.set_xticks(range(1, last + 1))
    axes.set_xlabel("batches trained")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    draw_key(figure, recordings)
    return closed(figure)


def draw_events(axes: Axes, recording: Recording, height: float) -> None:
    """The events of one recording, from left to right."""
    between = Counter(e.iterations for e in recording.events if not e.kind.is_step)
    seen: Counter[int] = Counter()
    for event in recording.events:
        place: float = event.iterations
        if not event.kind.is_step:
            seen[event.iterations] += 1
            place += seen[event.iterations] / (between[event.iterations] + 1)
        axes.plot(place, height, **event_mark(event.kind), markeredgewidth=_EDGE)


def draw_key(figure: Figure, recordings: Mapping[str, Recording]) -> None:
    """The name of each kind of event that occurs, below."""
    kinds = {event.kind for recording in recordings.values() for event in recording.events}
    shown = [kind for kind in EventKind if kind in kinds]
    lines = [Line2D([], [], **event_mark(kind), markeredgewidth=_EDGE) for kind in shown]
    figure.legend(lines, shown, loc="outside lower center", ncols=len(shown), frameon=False)
