"""How figures of recordings mark what is in them.

The colours of variables are here. Colour, marker and size of an event are those of its kind, a
member of :class:`~slotscope.recording.records.EventKind`.
"""

from __future__ import annotations

from typing import Any

from slotscope.recording.records import EventKind

#: Of variables: Okabe and Ito's palette, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def event_mark(kind: EventKind, smaller: float = 0) -> dict[str, Any]:
    """What matplotlib's ``plot`` takes to mark an event, ``smaller`` points below the kind's size.

    The marks are joined by no line.
    """
    return {
        "linestyle": "",
        "marker": kind.marker,
        "markersize": kind.size - smaller,
        "color": kind.colour,
    }
