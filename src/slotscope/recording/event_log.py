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


#: Whose event it is, of which kind, and what it says.
_Key = tuple[int, EventKind, str]


class EventLog:
    """The events that one recorder adds to a recording.

    Args:
        recording: gets the events.
        beside: another recorder's, of the same recording.
    """

    def __init__(self, recording: Recording, beside: EventLog | None = None) -> None:
        self._recording = recording
        #: The step counter as it was last seen, None until then. Events carry it.
        self.iterations: int | None = None
        #: Where the last event of a kind and detail stands; of all logs of a recording.
        self.places: dict[_Key, int] = {} if beside is None else beside.places
        self.unsaid: dict[EventKind, list[_Key]] = {}

    def note(
        self,
        kind: EventKind,
        detail: str = "",
        count: int = 1,
        at: tuple[int, int] | None = None,
    ) -> None:
        """Note that something happened.

        Args:
            at: step and step counter, where it was not now; the event stands where they do.
        """
        step, iterations = at or (self._recording.counts.get("steps", 0), self.iterations or 0)
        events = self._recording.events
        place = len(events)
        while at is not None and place and events[place - 1].step > step:
            place -= 1
        events.insert(place, Event(kind, iterations, detail, count, step))
        if place < len(events) - 1:
            self.places.update({k: other + (other >= place) for k, other in self.places.items()})
        self.places[id(self), kind, detail] = place
        if kind in _WARNED:
            self.unsaid.setdefault(kind, []).append((id(self), kind, detail))

    def note_again(
        self,
        kind: EventKind,
        detail: str,
        count: int = 1,
        at: tuple[int, int] | None = None,
    ) -> None:
        """Note something that may come at every step: one event, which counts how often."""
        place = self.places.get((id(self), kind, detail))
        if place is None:
            self.note(kind, detail, count, at)
            return
        events = self._recording.events
        events[place] = dataclasses.replace(events[place], count=events[place].count + count)

    def untold(self, detail: str, count: int = 1) -> None:
        """Note, once, that something cannot be told."""
        if (id(self), EventKind.UNTOLD, detail) not in self.places:
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
        other.unsaid = {}

    def warn(self) -> None:
        """Give the warnings that are due, one a kind; where they are errors, nothing is lost."""
        unsaid, self.unsaid = self.unsaid, {}
        for kind, keys in unsaid.items():
            category, begins, ends = _WARNED[kind]
            found = [self._recording.events[self.places[key]] for key in dict.fromkeys(keys)]
            details = "; ".join(dict.fromkeys(map(_counted, found)))
            warnings.warn(
                f"{begins}: {details}. {ends} `recording.events` says when.",
                category,
                stacklevel=2,
            )


def _counted(event: Event) -> str:
    several = event.kind is EventKind.GAP and event.count > 1
    return f"{event.detail} ({event.count} steps)" if several else event.detail
