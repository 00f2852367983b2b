"""Turning what an engine shows into a recording.

The recorder is told that something happened (a method returned, a step was run) and looks: which
variables are there now, which are new, what are their values. It wraps nothing itself.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from slotscope.engines.meters.meter import Measured
from slotscope.engines.meters.statistics import MEASURES, STATISTICS, describe
from slotscope.engines.records import OptimizerVariable
from slotscope.engines.watched import Watched
from slotscope.errors import UnseenStepsWarning, UntoldWarning
from slotscope.recording.recording import Recording
from slotscope.recording.records import Event, EventKind, Row, Variable
from slotscope.recording.row_blocks import SpilledRows
from slotscope.recording.watched_variables import WatchedVariable, updated

#: This many rows without values stay in memory; more go to disk.
ROWS_IN_MEMORY = 8192
#: Values are kept by default while one step's optimizer variables hold at most this many numbers.
SMALL_STATE = 100_000


class Recorder:
    """Fills one :class:`~slotscope.recording.recording.Recording`."""

    def __init__(self, recording: Recording, keep: str | None) -> None:
        self.recording = recording
        self.keep = keep
        self.seen: list[WatchedVariable] = []
        self._index: dict[int, int] = {}
        self._shown: dict[str, int] = {}
        self._shown_ids: tuple[int, ...] | None = None
        self._frozen: set[str] = set()
        self._unread: set[int] = set()
        self.iterations: int | None = None
        #: The variables that a meter shall measure: all but the step counter.
        self.refs: list[Any] = []
        self._warnings: list[tuple[type[Warning], str]] = []
        self._said: dict[str, int] = {}

    def event(self, kind: EventKind, detail: str = "", count: int = 1) -> None:
        """Note that something happened."""
        self.recording.events.append(Event(kind, self.iterations or 0, detail, count))

    def gap(self, detail: str, count: int) -> None:
        """Note that steps went by without a row, or left two; :meth:`warn` says so."""
        self.event(EventKind.GAP, detail, count)
        self._warnings.append((UnseenStepsWarning, f"not every step was seen: {detail}"))

    def _gap_again(self, detail: str) -> None:
        """Note one more step of a ``gap`` that comes at each: one event, and one warning."""
        if detail not in self._said:
            self._said[detail] = len(self.recording.events)
            self.gap(detail, 1)
            return
        events, place = self.recording.events, self._said[detail]
        events[place] = dataclasses.replace(events[place], count=events[place].count + 1)

    def untold(self, detail: str, count: int = 1) -> None:
        """Note, once, that something cannot be told; :meth:`warn` says so."""
        if detail not in self._said:
            self._said[detail] = len(self.recording.events)
            self.event(EventKind.UNTOLD, detail, count)
            self._warnings.append((UntoldWarning, f"not everything can be told: {detail}"))

    def warn(self) -> None:
        """Give the warnings that are due; where they are errors, all that was seen is kept."""
        due, self._warnings = self._warnings, []
        for category, message in due:
            warnings.warn(message, category, stacklevel=2)

    def _stepped(self, steps: int) -> None:
        """Note steps; those in a row are one event in a long run, which keeps no list of them."""
        events = self.recording.events
        again = bool(events) and events[-1].kind is EventKind.STEPPED
        if again and isinstance(self.recording.rows, SpilledRows):
            steps += events.pop().count
        self.event(EventKind.STEPPED, count=steps)

    # ---- construction

    def look(self, engine: Watched, optimizer: Any, model: Any, cause: str | None) -> bool:
        """See which variables ``optimizer`` holds now; ``cause`` is None before the watch.

        Returns:
            Whether they are others than at the last look.
        """
        shown_ids = tuple(map(id, engine.shows(optimizer)))
        if shown_ids == self._shown_ids:
            return False
        self._shown_ids = shown_ids
        created = -1 if cause is None else self.iterations or 0
        kinds: dict[EventKind, int] = defaultdict(int)
        self._shown = {}
        untold = []
        for found in engine.variables(optimizer, model):
            index = self._index.get(id(found.ref))
            if index is None:
                index = self._add(found, created)
                untold += [found.name] * found.untold
                if found.parameter or found.untold:
                    number = self.recording.seen[index].number
                    kinds[EventKind.CONSTRUCTED if number == 1 else EventKind.REPLACED] += 1
            if id(found.ref) in shown_ids:
                self._shown[found.label] = index
        if cause is not None:
            self.recording.counts["slots created"] += sum(kinds.values())
            for kind, count in kinds.items():
                self.event(kind, f"{cause} made {count} slot{'s' * (count > 1)}", count)
        if untold:
            self.untold(f"to which parameters these belong: {', '.join(untold)}", len(untold))
        if lost := set(shown_ids) - self._index.keys():
            self.untold("what some variables of the optimizer are", len(lost))
        return True

    def _add(self, found: OptimizerVariable, created: int) -> int:
        index = len(self.seen)
        number = 1 + sum(seen.label == found.label for seen in self.seen)
        self.recording.seen.append(
            Variable(
                found.slot,
                found.parameter,
                number,
                found.name,
                found.shape,
                found.dtype,
                created,
            )
        )
        self.seen.append(WatchedVariable(found, index))
        self._index[id(found.ref)] = index
        if found.slot != "iterations":
            self.refs.append(found.ref)
        self._unread.add(index)
        return index

    @property
    def expects_values(self) -> bool:
        """Whether there is something that :meth:`read_initial` would read."""
        return self.iterations is None or bool(self._unread)

    def read_initial(self, engine: Watched, optimizer: Any, state: Any) -> None:
        """Read variables that no step has touched yet, as far as they have values."""
        if self.iterations is None:
            self.iterations = self._counter(engine, optimizer, state)
        unread = sorted(self._unread)
        if not unread:
            return
        values = engine.read([self.seen[index].ref for index in unread], state)
        for index, value in zip(unread, values, strict=True):
            if value is None:
                continue
            self._unread.discard(index)
            self.seen[index].statistics = describe(value)
            if value.size and np.all(value == value.flat[0]):
                self.recording.seen[index] = dataclasses.replace(
                    self.recording.seen[index], initial=float(value.flat[0])
                )

    def _counter(self, engine: Watched, optimizer: Any, state: Any) -> int | None:
        """The value of the step counter, None if it cannot be read."""
        variable = engine.iterations(optimizer)
        if variable is None:
            return 0
        value = engine.read([variable], state)[0]
        return None if value is None else int(value)

    # ---- steps

    def step(
        self, engine: Watched, optimizer: Any, state: Any, *, returned: str, longest: int = 1
    ) -> bool:
        """See whether the step counter moved, and record a row where it is due.

        Args:
            returned: what returned that makes a step for certain, in words; empty for what may.
                Then an optimizer without a counter stepped, and another has one to be read.
            longest: the most steps that one call can make.

        Returns:
            Whether there was a step.
        """
        before = self.iterations or 0
        counts = engine.iterations(optimizer) is not None
        now = self._counter(engine, optimizer, state) if counts else before + bool(returned)
        if now is None and returned:
            self.unread(f"{returned} returned, but the step counter cannot be read")
        if now is None or now == before:
            return False
        self.iterations = now
        self._unread.clear()
        advance = now - before
        if 0 < advance <= longest:
            self._stepped(advance)
        else:
            self.gap(f"the counter went from {before} to {now}", advance)
        self.recording.counts["steps"] += max(advance, 0)
        every = self.recording.every
        if now // every != before // every:
            self._record(engine, state)
        self.warn()
        return True

    def unread(self, why: str) -> None:
        """Count a step that was made for certain, of which nothing could be read.

        At least one: what the counter says when it can be read again tells of more.
        """
        self.iterations = (self.iterations or 0) + 1
        self.recording.counts["steps"] += 1
        self._gap_again(why)
        self.warn()

    def catch_up(self, engine: Watched, optimizer: Any, state: Any, steps: int = 0) -> None:
        """Note steps that left no trace but in the step counter.

        Args:
            steps: calls of the train function that should have left rows in a meter, and did not.
        """
        now, before = self._counter(engine, optimizer, state), self.iterations or 0
        if now is not None and now > before:
            self.iterations = now
            self.recording.counts["steps"] += now - before
            why = " where they should have been measured" if steps else ""
            self.gap(f"steps {before + 1} to {now} left no row{why}", now - before)

    def _record(self, engine: Watched, state: Any) -> None:
        indices = list(range(len(self.seen)))
        refs = [self.seen[index].ref for index in indices]
        values = engine.read(refs, state)
        present = [place for place, value in enumerate(values) if value is not None]
        shown = set(self._shown.values())
        gone = shown.difference(present) & {i for i in shown if self.seen[i].statistics is not None}
        if gone or (shown and not present):
            self._gap_again("the counter moved, but not every variable could be read")
        indices = [indices[place] for place in present]
        arrays = [_native(value) for value in values if value is not None]
        statistics = np.array([describe(array) for array in arrays]).reshape(-1, len(STATISTICS))
        identity = self._identities(engine, indices, state)
        live = self._live(indices, statistics)
        small = sum(array.size for array in arrays) <= SMALL_STATE
        kept = self.keep == "values" or (self.keep is None and small)
        if not kept and self.keep != "statistics":
            statistics[:, len(MEASURES["norms"]) :] = np.nan
        places = np.array(indices, dtype=np.int64)
        given = tuple(arrays) if kept else None
        self.recording.rows.append(
            Row(self.iterations or 0, places, statistics, identity, live, given)
        )
        self._spill_when_long()

    def _spill_when_long(self) -> None:
        rows = self.recording.rows
        long = isinstance(rows, list) and len(rows) > ROWS_IN_MEMORY
        if long and all(row.values is None for row in rows):
            self.recording.spill()

    # ---- rows that a meter took

    def level(self, engine: Watched, model: Any) -> str | None:
        """What a meter shall measure.

        Returns:
            Empty if values are kept, which must be read; None as long as the model isn't built and
            the answer isn't known.
        """
        if self.keep is None:
            size = _size(engine.trainer(model))
            return None if size == 0 else "norms" if size > SMALL_STATE else ""
        return "" if self.keep == "values" else self.keep

    def measured(self, engine: Watched, found: Measured, steps: int, skips: bool) -> None:
        """Take over rows that were made inside of the steps.

        Args:
            found: the rows.
            steps: the most steps that were made since the last time.
            skips: a step may leave everything as it was, as one whose loss overflowed does.
        """
        before, every = self.iterations or 0, self.recording.every
        if found.last is None:
            self.gap("a step failed, and took the rows of those before it with it", steps)
            self.iterations = None
            return
        moved = np.diff(found.iterations, prepend=before)
        due = np.arange((before // every + 1) * every, found.last + 1, every)
        unseen = np.setdiff1d(due, found.iterations).size
        self.iterations = found.last
        if found.last > before:
            self._unread.clear()
            self.recording.counts["steps"] += found.last - before
            self._stepped(found.last - before)
        kept = moved != 0 if skips else np.ones(len(moved), dtype=bool)
        if kept.any():
            self._take(engine, found, kept)
        if unseen:
            self.gap(f"{unseen} of the steps {before + 1} to {found.last} left no row", unseen)
        stuck = int((moved < 0).sum() if skips else (moved <= 0).sum())
        if stuck:
            self.gap(f"in {stuck} steps up to {found.last} the counter did not move on", stuck)

    def _take(self, engine: Watched, found: Measured, kept: np.ndarray) -> None:
        indices = np.array([self._index[id(ref)] for ref in found.refs], dtype=np.int64)
        identity = self._identities(engine, indices, None)
        counters, measured = found.iterations[kept], found.numbers[kept]
        steps, variables, measures = measured.shape
        statistics = np.full((steps, variables, len(STATISTICS)), np.nan)
        statistics[:, :, :measures] = measured
        alone = len({self.seen[index].label for index in indices}) == variables
        everything = np.ones(variables, dtype=bool)
        for iterations, numbers in zip(counters.tolist(), statistics, strict=True):
            live = everything if alone else self._live(indices.tolist(), numbers)
            self.recording.rows.append(Row(iterations, indices, numbers, identity, live, None))
        self._spill_when_long()
        if alone:  # nothing can go on unseen, but the next row is compared with the last
            for index, numbers in zip(indices, statistics[-1], strict=True):
                self.seen[index].statistics = numbers

    def _identities(self, engine: Watched, indices: Iterable[int], state: Any) -> np.ndarray:
        found = [self.seen[index].identity(engine, state) for index in indices]
        return np.array(found, dtype=np.int64).reshape(-1, 3)

    def _live(self, indices: list[int], statistics: np.ndarray) -> np.ndarray:
        """Which variable of each slot training updates, and what that tells of the others."""
        variables = [self.seen[index] for index in indices]
        live, frozen = updated(variables, statistics, self._shown)
        for variable, numbers in zip(variables, statistics, strict=True):
            variable.statistics = numbers
        if frozen - self._frozen:
            self._frozen |= frozen
            self.event(
                EventKind.FROZEN_MIRROR,
                "training updates slots that the optimizer does not show: "
                + ", ".join(sorted(frozen)),
                len(frozen),
            )
        return live


def _size(trainer: Any) -> int:
    """How many numbers the trainable weights hold; 0 while they are not there."""
    try:
        return sum(math.prod(weight.shape) for weight in trainer.trainable_weights)
    except (ValueError, AttributeError):  # tf_keras says so of a model that is not built
        return 0


def _native(value: np.ndarray) -> np.ndarray:
    """``value`` in a dtype that NumPy itself has; float32 holds every narrower float exactly."""
    array = np.asarray(value)
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)
