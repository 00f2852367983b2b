"""Noting what happens during a watch, and saying once, at its end, what its owner should know."""

from __future__ import annotations

import dataclasses
import warnings

from slotscope.errors import NoStepWarning, UnseenStepsWarning, UntoldWarning
from slotscope.recording.recording import Recording
from slotscope.recording.records import Event, EventKind
from slotscope.recording.row_blocks import SpilledRows

#: The kinds of event that come with a warning: its category, and how its text begins and ends.
_WARNED = {
    EventKind.NO_STEP: (NoStepWarning, "training goes past an optimizer", "Its slots say nothing."),
    EventKind.GAP: (UnseenStepsWarning, "not every step was seen", "These steps have no row."),
    EventKind.UNTOLD: (UntoldWarning, "not everything can be told", "All else was recorded."),
}


class EventLog:
    """The events of one recording.

    Args:
        recording: gets the events.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        #: The step counter as it was last seen, None until then. Events carry it.
        self.iterations: int | None = None
        self.places: dict[tuple[EventKind, str], int] = {}
        self.unsaid: dict[EventKind, list[tuple[EventKind, str]]] = {}

    def note(
        self,
        kind: EventKind,
        detail: str = "",
        count: int = 1,
        at: tuple[int, int] | None = None,
    ) -> None:
        """Note that something happened.

        Args:
            at: step and step counter, where it was not now.
        """
        step, iterations = at or (self._recording.counts.get("steps", 0), self.iterations or 0)
        self.places[kind, detail] = len(self._recording.events)
        self._recording.events.append(Event(kind, iterations, detail, count, step))
        if kind in _WARNED:
            self.unsaid.setdefault(kind, []).append((kind, detail))

    def note_again(self, kind: EventKind, detail: str, count: int = 1) -> None:
        """Note something that may come at every step: one event, which counts how often."""
        place = self.places.get((kind, detail))
        if place is None:
            self.note(kind, detail, count)
            return
        events = self._recording.events
        events[place] = dataclasses.replace(events[place], count=events[place].count + count)

    def untold(self, detail: str, count: int = 1) -> None:
        """Note, once, that something cannot be told."""
        if (EventKind.UNTOLD, detail) not in self.places:
            self.note(EventKind.UNTOLD, detail, count)

    def stepped(self, steps: int) -> None:
        """Note steps; those in a row are one event in a long run, which keeps no list of them."""
        events = self._recording.events
        again = bool(events) and events[-1].kind is EventKind.STEPPED
        if again and isinstance(self._recording.rows, SpilledRows):
            steps += events.pop().count
        self.note(EventKind.STEPPED, count=steps)

    def take_over(self, other: EventLog) -> None:
        """Have what ``other``, of the same recording, would warn of said with one's own."""
        for kind, keys in other.unsaid.items():
            self.unsaid.setdefault(kind, []).extend(keys)
        self.places = {**other.places, **self.places}
        other.unsaid = {}

    def warn(self) -> None:
        """Give the warnings that are due, one a kind; where they are errors, nothing is lost."""
        unsaid, self.unsaid = self.unsaid, {}
        for kind, keys in unsaid.items():
            category, begins, ends = _WARNED[kind]
            found = [self._recording.events[self.places[key]] for key in dict.fromkeys(keys)]
            details = "; ".join(_counted(event) for event in found)
            warnings.warn(
                f"{begins}: {details}. {ends} `recording.events` says when.",
                category,
                stacklevel=2,
            )


def _counted(event: Event) -> str:
    several = event.kind is EventKind.GAP and event.count > 1
    return f"{event.detail} ({event.count} steps)" if several else event.detail
