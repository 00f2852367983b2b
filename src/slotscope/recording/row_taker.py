"""The rows of a recording: read after a step, or taken over from a meter."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from slotscope.engines.meters.meter import Measured
from slotscope.engines.meters.statistics import MEASURES, STATISTICS, describe
from slotscope.engines.watched import Watched
from slotscope.recording.event_log import EventLog
from slotscope.recording.recording import Recording
from slotscope.recording.records import EventKind, Row
from slotscope.recording.seen_variables import SeenVariables
from slotscope.recording.slot_health import SlotHealth
from slotscope.recording.summary import listed

#: This many rows without values stay in memory; more go to disk.
ROWS_IN_MEMORY = 8192
#: Values are kept by default while one step's optimizer variables hold at most this many numbers.
SMALL_STATE = 100_000


class RowTaker:
    """Adds rows to a recording, and notes what they say of each slot.

    Args:
        recording: gets the rows.
        variables: those that are read.
        log: gets the events; its counter is that of the row.
        keep: what rows keep; None for values while the state is small, else norms.
    """

    def __init__(
        self, recording: Recording, variables: SeenVariables, log: EventLog, keep: str | None
    ) -> None:
        self._recording = recording
        self._variables = variables
        self._log = log
        self._keep = keep
        self._health = SlotHealth()

    def read(self, engine: Watched, state: Any, step: int) -> None:
        """Add the row of the step that has just been made."""
        indices = self._variables.active
        values = engine.read([self._variables.all[index].ref for index in indices], state)
        present = [index for index, value in zip(indices, values, strict=True) if value is not None]
        self._note_missing(present)
        arrays = [_native(value) for value in values if value is not None]
        statistics = np.array([describe(array) for array in arrays]).reshape(-1, len(STATISTICS))
        identity = self._variables.identities(engine, present, state)
        live = self._variables.live(present, statistics)
        now = self._log.iterations or 0
        self._note_health(present, statistics[None], [(step, now)], live)
        small = sum(array.size for array in arrays) <= SMALL_STATE
        kept = self._keep == "values" or (self._keep is None and small)
        if not kept and self._keep != "statistics":
            statistics[:, len(MEASURES["norms"]) :] = np.nan
        rate = self._variables.rate
        held = _number(engine.read([rate], state)[0]) if rate is not None else math.nan
        used = float(
            engine.rates(self._variables.rate_source, np.array([held]), np.array([now - 1]))[0]
        )
        places = np.array(present, dtype=np.int64)
        given = tuple(arrays) if kept else None
        self._recording.rows.append(Row(step, now, places, statistics, identity, live, given, used))
        self._spill_when_long()

    def _note_missing(self, present: list[int]) -> None:
        shown = self._variables.shown
        gone = [
            i for i in shown.difference(present) if self._variables.all[i].statistics is not None
        ]
        if gone or (shown and not present):
            self._log.note_again(
                EventKind.GAP, "the counter moved, but not every variable could be read"
            )

    def _spill_when_long(self) -> None:
        rows = self._recording.rows
        long = isinstance(rows, list) and len(rows) > ROWS_IN_MEMORY
        if long and all(row.values is None for row in rows):
            self._recording.spill()

    def take(self, engine: Watched, found: Measured, steps: np.ndarray) -> None:
        """Add the rows of steps that were measured where they were made.

        Args:
            found: what was measured.
            steps: int64 array (steps,): the number of each.
        """
        moved = found.after > found.before
        kept, rows = moved & found.due, moved[found.due]
        if not kept.any():
            return
        places = [
            place
            for place, ref in enumerate(found.refs)
            if self._variables.index_of(ref) is not None
        ]
        indices = np.array(
            [self._variables.index_of(found.refs[p]) for p in places], dtype=np.int64
        )
        identity = self._variables.identities(engine, indices, None)
        identity[:, 2] = -1  # of one time, which is not that of each row
        identity[:, 1] = identity[:, 1] if engine.keeps_handles else -1
        measured = found.numbers[rows]
        rates = self._rates(engine, found, measured, found.after[kept] - 1)
        statistics = np.full((len(measured), len(places), len(STATISTICS)), np.nan)
        statistics[:, :, : measured.shape[2]] = measured[:, places]
        alone = len({self._variables.all[index].label for index in indices}) == len(places)
        everything = np.ones(len(places), dtype=bool)
        columns = steps[kept].tolist(), found.after[kept].tolist(), statistics, rates.tolist()
        for step, iterations, numbers, rate in zip(*columns, strict=True):
            live = everything if alone else self._variables.live(indices.tolist(), numbers)
            self._recording.rows.append(
                Row(step, iterations, indices, numbers, identity, live, None, rate)
            )
        self._note_health(indices, statistics, list(zip(*columns[:2], strict=True)), live)
        self._spill_when_long()
        if alone:  # nothing can go on unseen, but the next row is compared with the last
            for index, numbers in zip(indices, statistics[-1], strict=True):
                self._variables.all[index].statistics = numbers

    def _rates(
        self,
        engine: Watched,
        found: Measured,
        measured: np.ndarray,
        before: np.ndarray,
    ) -> np.ndarray:
        """The learning rate of each row; of a variable, its norm is what it holds."""
        held = np.full(len(before), np.nan)
        for place, ref in enumerate(found.refs):
            if ref is self._variables.rate:
                held = measured[:, place, 0]
        return engine.rates(self._variables.rate_source, held, before)

    def _note_health(
        self, indices: Any, statistics: np.ndarray, at: list[tuple[int, int]], live: np.ndarray
    ) -> None:
        """Note slots that are not finite for the first time.

        Args:
            indices: of the variables.
            statistics: array (rows, variables, statistics).
            at: step and step counter of each row.
            live: which variables training updates; of a mirror that stands still nothing is said.
        """
        slots = [
            place
            for place, index in enumerate(indices)
            if live[place] and self._recording.seen[index].parameter
        ]
        of_slots = [int(indices[place]) for place in slots]
        found = self._health.update(of_slots, statistics[:, slots, 0])
        for row in sorted(set(found.values())):
            labels = [self._recording.seen[i].label for i, first in found.items() if first == row]
            self._log.note(EventKind.NOT_FINITE, listed(labels), len(labels), at[row])

    def end(self) -> None:
        """Note, as the watch ends, what all rows together say of each slot."""
        seen = self._recording.seen
        shapes: dict[str, set[tuple[int, ...]]] = defaultdict(set)
        for variable in seen:
            if variable.parameter:
                shapes[variable.slot].add(variable.shape)
        # Keras 2.1's Adam holds one zero for each parameter in place of a slot that it lacks.
        several = any(of != {(1,)} for of in shapes.values())
        lacking = {slot for slot, of in shapes.items() if several and of == {(1,)}}
        for kind, indices in self._health.verdicts().items():
            labels = [seen[index].label for index in indices if seen[index].slot not in lacking]
            if labels:
                self._log.note(kind, listed(labels), len(labels))


def _number(value: np.ndarray | None) -> float:
    return math.nan if value is None else float(value)


def _native(value: np.ndarray) -> np.ndarray:
    """``value`` in a dtype that NumPy itself has; float32 holds every narrower float exactly."""
    array = np.asarray(value)
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)
