"""The rows of a recording: read after a step, or taken over from a meter."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from slotscope.engines.meters.host_numbers import row_norms
from slotscope.engines.meters.meter import Measured
from slotscope.engines.meters.statistics import MEASURES, STATISTICS, describe
from slotscope.engines.watched import Watched
from slotscope.recording.event_log import EventLog
from slotscope.recording.measured_rows import measured_rows
from slotscope.recording.recording import Recording
from slotscope.recording.records import EventKind, Row, native
from slotscope.recording.row_blocks import SpilledRows
from slotscope.recording.seen_variables import SeenVariables
from slotscope.recording.slot_health import SlotHealth
from slotscope.recording.summary import listed

#: This many rows without values stay in memory; more go to disk.
ROWS_IN_MEMORY = 8192
#: Values are kept by default while one step's optimizer variables hold at most this many numbers.
SMALL_STATE = 100_000
#: What rows with values say is found out when so many were read, or rows of so many numbers.
MOST_ROWS, MOST_NUMBERS = 32, 1 << 20


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """A row that was read, and not looked at.

    Attributes:
        place: its place among the rows.
        engine: the engine that has read it.
        source: where its learning rate came from.
    """

    place: int
    engine: Watched
    source: Any


@dataclass(frozen=True, slots=True)
class Look:
    """What the variables of an optimizer held at one time.

    Attributes:
        indices: which variables could be read.
        arrays: the values of each.
        identity: as in ``Row.identity``.
        rate: what the variable of the learning rate held, NaN if there is none.
    """

    indices: list[int]
    arrays: tuple[np.ndarray, ...]
    identity: np.ndarray
    rate: float

    def value_of(self, index: int | None) -> np.ndarray | None:
        """The values of one variable, None if it could not be read."""
        return self.arrays[self.indices.index(index)] if index in self.indices else None


class RowTaker:
    """Adds rows to a recording, and notes what they say of each slot.

    Args:
        recording: gets the rows.
        variables: those that are read.
        log: gets the events; its counter is that of the row.
        keep: what rows keep; None for values while the state is small, else norms.
        buffers: whether rows tell where values were, also where that costs a copy.
    """

    def __init__(
        self,
        recording: Recording,
        variables: SeenVariables,
        log: EventLog,
        keep: str | None,
        *,
        buffers: bool = False,
    ) -> None:
        self._recording = recording
        self._variables = variables
        self._log = log
        self._keep = keep
        self._buffers = buffers
        self._health = SlotHealth()
        self._unfinished: list[_Unfinished] = []
        self._unfinished_numbers = 0

    def _keeps(self, arrays: Iterable[np.ndarray]) -> bool:
        """Whether the values of a step that left these are kept."""
        small = self._keep is None and sum(array.size for array in arrays) <= SMALL_STATE
        return self._keep == "values" or small

    def look(self, engine: Watched, state: Any) -> Look:
        """What the variables hold now, of which a row can be made."""
        active = self._variables.active
        refs = [self._variables.all[index].ref for index in active]
        rate = self._variables.rate
        alone = rate is not None and self._variables.index_of(rate) not in active
        asked = [*refs, rate] if alone else refs
        if engine.shares_memory and not self._buffers:
            values = engine.take(asked, state)
            identity = self._variables.lasting_identities(engine, active)
        else:
            values = engine.read(asked, state)
            found = [engine.identify(ref, state) for ref in refs]
            identity = self._variables.identities(active, found)
        held = next((v for ref, v in zip(asked, values, strict=True) if ref is rate), None)
        there = [place for place in range(len(refs)) if values[place] is not None]
        present = [active[place] for place in there]
        arrays = tuple(native(value) for value in values[: len(refs)] if value is not None)
        return Look(present, arrays, identity[there], math.nan if held is None else float(held))

    def moved(self, look: Look) -> bool:
        """Whether a slot is another than when it was last read; no, where there is none."""
        found = zip(look.indices, look.arrays, strict=True)
        slots = [(i, array) for i, array in found if self._recording.seen[i].parameter]
        variables = self._variables.all
        return any(variables[i].last is None or variables[i].moved(array) for i, array in slots)

    def add(self, engine: Watched, look: Look, step: int) -> None:
        """Add the row of the step that has just been made, and left what was seen.

        What rows with values say together is found out by :meth:`finish`, for many at once.
        """
        self._note_missing(look.indices)
        live = self._variables.live(look.indices, look.arrays)
        places = np.array(look.indices, dtype=np.int64)
        now = self._log.iterations or 0
        row = Row(step, now, places, None, look.identity, live, look.arrays, look.rate)
        if not self._keeps(look.arrays) or isinstance(self._recording.rows, SpilledRows):
            self._add_described(engine, row, look.arrays)
            return
        place = len(self._recording.rows)
        self._recording.rows.append(row)
        self._unfinished.append(_Unfinished(place, engine, self._variables.rate_source))
        self._unfinished_numbers += sum(array.size for array in look.arrays)
        if len(self._unfinished) >= MOST_ROWS or self._unfinished_numbers >= MOST_NUMBERS:
            self.finish()

    def _add_described(self, engine: Watched, row: Row, arrays: Sequence[np.ndarray]) -> None:
        """Add a row with the numbers of its values in their place."""
        numbers = np.array([describe(array) for array in arrays]).reshape(-1, len(STATISTICS))
        if self._keep != "statistics" and not self._keeps(arrays):
            numbers[:, len(MEASURES["norms"]) :] = np.nan
        held, before = np.array([row.learning_rate]), np.array([row.iterations - 1])
        rate = float(engine.rates(self._variables.rate_source, held, before)[0])
        described = replace(row, numbers=numbers, values=None, learning_rate=rate)
        self._add([described], numbers[None, :, 0])

    def _add(self, rows: Sequence[Row], norms: np.ndarray) -> None:
        on_disk = isinstance(self._recording.rows, SpilledRows)
        for row in rows:
            if on_disk and row.values is not None:  # a file has numbers alone
                row = replace(row, numbers=row.statistics, values=None)
            self._recording.rows.append(row)
        if rows:
            self._note_health(rows, norms)
            self._spill_when_long()

    def finish(self) -> None:
        """Give the rows that were read the rates of a schedule, and note what is not finite."""
        unfinished, self._unfinished, self._unfinished_numbers = self._unfinished, [], 0
        rows = self._recording.rows
        if isinstance(rows, SpilledRows):
            return  # where each was complete when it was added
        for _, group in groupby(unfinished, lambda row: (id(row.engine), id(row.source))):
            same = list(group)
            held = np.array([rows[row.place].learning_rate for row in same])
            before = np.array([rows[row.place].iterations for row in same]) - 1
            used = same[0].engine.rates(same[0].source, held, before)
            for row, rate in zip(same, used.tolist(), strict=True):
                if rate != rows[row.place].learning_rate and not math.isnan(rate):
                    rows[row.place] = replace(rows[row.place], learning_rate=rate)
        read = [rows[row.place] for row in unfinished]
        for _, alike in groupby(read, lambda row: (row.indices.tobytes(), row.live.tobytes())):
            self._note_health(*_with_norms(list(alike)))

    def _note_missing(self, present: list[int]) -> None:
        shown = self._variables.shown
        gone = [i for i in shown.difference(present) if self._variables.all[i].last is not None]
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
        self._add(*measured_rows(found, steps, engine, self._variables, self._keeps))

    def _note_health(self, rows: Sequence[Row], norms: np.ndarray) -> None:
        """Note slots that are not finite for the first time.

        Args:
            rows: have the same variables; of a mirror that stands still nothing is said.
            norms: float64 array (rows, variables).
        """
        indices, live = rows[-1].indices.tolist(), rows[-1].live
        slots = [p for p, i in enumerate(indices) if live[p] and self._recording.seen[i].parameter]
        found = self._health.update([indices[place] for place in slots], norms[:, slots])
        for place in sorted(set(found.values())):
            labels = [self._recording.seen[i].label for i, first in found.items() if first == place]
            at = rows[place].step, rows[place].iterations
            self._log.note(EventKind.NOT_FINITE, listed(labels), len(labels), at)

    def changes(self) -> dict[str, tuple[int, int]]:
        """For each parameter with slots, how many rows there are of them, and how many moves."""
        self.finish()
        found: dict[str, tuple[int, int]] = {}
        for index, variable in enumerate(self._recording.seen):
            if variable.parameter:
                rows, moved = found.get(variable.parameter, (0, 0))
                more = self._health.changes(index, variable.initial)
                found[variable.parameter] = rows + more[0], moved + more[1]
        return found

    def assigned(self, engine: Watched, state: Any) -> list[str]:
        """The slots that have not the values any more that the last row has."""
        if self._recording.every > 1 or not self._variables.alone(self._variables.active):
            return []
        watched = [self._variables.all[index] for index in self._variables.active]
        slots = [v for v in watched if self._recording.seen[v.index].parameter]
        slots = [v for v in slots if v.holds_values(self._recording.seen[v.index].shape)]
        values = engine.read([variable.ref for variable in slots], state)
        read = [
            (v, native(value)) for v, value in zip(slots, values, strict=True) if value is not None
        ]
        other = [(variable, value) for variable, value in read if variable.moved(value)]
        self._variables.note_read([v.index for v, _ in other], [value for _, value in other])
        return [self._recording.seen[variable.index].label for variable, _ in other]

    def end(self) -> None:
        """Note, as the watch ends, what all rows together say of each slot."""
        self.finish()
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


def _with_norms(rows: list[Row]) -> tuple[list[Row], np.ndarray]:
    """Rows with the same variables; float64 array (rows, variables) of the L2 norms."""
    columns = zip(*(row.values or () for row in rows), strict=True)
    norms = [row_norms(np.stack([v.reshape(-1) for v in column])) for column in columns]
    return rows, np.array(norms).T.reshape(len(rows), -1)
