"""Turning what an engine shows into a recording.

The recorder is told that something happened (a method returned, a step was run) and looks: which
variables are there now, which are new, what are their values. It wraps nothing itself.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from slotscope.engines.meters.meter import Measured
from slotscope.engines.meters.statistics import MEASURES, STATISTICS, describe
from slotscope.engines.records import OptimizerVariable
from slotscope.engines.watched import Watched
from slotscope.recording.event_log import EventLog
from slotscope.recording.recording import Recording
from slotscope.recording.records import EventKind, Row, Variable
from slotscope.recording.slot_health import SlotHealth
from slotscope.recording.summary import listed
from slotscope.recording.watched_variables import WatchedVariable, updated

#: This many rows without values stay in memory; more go to disk.
ROWS_IN_MEMORY = 8192
#: What is said where a call of the train function steps several times.
_SEVERAL = "one call made several steps, and the last one alone has a row"
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
        self.log = EventLog(recording)
        self._health = SlotHealth()
        self._active: set[int] = set()
        #: The variable that holds the learning rate, if one does.
        self.rate: Any = None

    @property
    def iterations(self) -> int | None:
        """The step counter as it was last seen; None where another optimizer was not seen yet."""
        return self.log.iterations

    @property
    def refs(self) -> list[Any]:
        """The variables that a meter shall measure: all but the step counter, and the rate."""
        seen = [self.seen[index] for index in sorted(self._active)]
        refs = [variable.ref for variable in seen if variable.slot != "iterations"]
        extra = self.rate is not None and id(self.rate) not in self._index
        return [*refs, self.rate] if extra else refs

    @property
    def steps(self) -> int:
        """How many steps were made since the watch began."""
        return self.recording.counts.get("steps", 0)

    # ---- construction

    def follow(self, optimizer: Any) -> None:
        """Another optimizer is watched from now on: what the former one held has ended."""
        name, known = type(optimizer).__name__, self.recording.optimizer
        if name != known.split(", then ")[-1]:
            self.recording.optimizer = f"{known}, then {name}"
        self.log.iterations = None
        self._active = set()
        self._shown_ids = None

    def look(self, engine: Watched, optimizer: Any, model: Any, cause: str | None) -> bool:
        """See which variables ``optimizer`` holds now; ``cause`` is None before the watch.

        Returns:
            Whether they are others than at the last look.
        """
        self.rate = engine.rate_variable(optimizer)
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
            self._active |= set() if index is None else {index}
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
                self.log.note(kind, f"{cause} made {count} slot{'s' * (count > 1)}", count)
        if untold:
            self.log.untold(f"to which parameters these belong: {', '.join(untold)}", len(untold))
        if lost := set(shown_ids) - self._index.keys():
            self.log.untold("what some variables of the optimizer are", len(lost))
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
                optimizer=found.optimizer,
            )
        )
        self.seen.append(WatchedVariable(found, index))
        self._index[id(found.ref)] = index
        self._active.add(index)
        self._unread.add(index)
        return index

    @property
    def expects_values(self) -> bool:
        """Whether there is something that :meth:`read_initial` would read."""
        return self.iterations is None or bool(self._unread)

    def read_initial(self, engine: Watched, optimizer: Any, state: Any) -> None:
        """Read variables that no step has touched yet, as far as they have values."""
        if self.iterations is None:
            self.log.iterations = now = self.counter(engine, optimizer, state)
            if now:
                made = f"{now} step{'s' * (now > 1)}"
                self.log.note(EventKind.STARTED_LATE, f"{made} had been made before", now)
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

    def made_steps(self, engine: Watched, optimizer: Any) -> bool:
        """Whether ``optimizer`` is known to have made steps."""
        return bool(self.counter(engine, optimizer, engine.at_end()))

    def counter(self, engine: Watched, optimizer: Any, state: Any) -> int | None:
        """The value of the step counter, None if it cannot be read."""
        variable = engine.iterations(optimizer)
        if variable is None:
            return 0
        value = engine.read([variable], state)[0]
        return None if value is None else int(value)

    # ---- steps

    def arrive(self, now: int | None, unseen: str = "") -> None:
        """The step counter stands at ``now`` while no step is under way; None if nobody knows.

        Args:
            unseen: where steps may have been made that nothing noticed, what to say of them.
        """
        if now is not None and self.iterations is not None:
            self._moved_to(now, unseen)

    def _moved_to(self, now: int, unseen: str = "") -> None:
        before = self.iterations or 0
        self.log.iterations = now
        if now < before:
            self.log.note(EventKind.SET_BACK, f"from {before} to {now}", before - now)
        elif now > before and unseen:
            self.recording.counts["steps"] += now - before
            self.log.note(
                EventKind.GAP, f"steps {before + 1} to {now} left no row{unseen}", now - before
            )
        elif now > before:
            self.log.note(EventKind.RESTORED, f"from {before} to {now}", now - before)

    def step(
        self, engine: Watched, optimizer: Any, state: Any, *, returned: str, longest: int = 1
    ) -> bool:
        """See whether the step counter moved in a call, and record a row where it is due.

        Where it stood before the call, :meth:`arrive` has seen, unless the engine cannot tell.

        Args:
            returned: what returned that makes a step for certain, in words; empty for what may.
                Then an optimizer without a counter stepped, and another has one to be read.
            longest: the most steps of which the last one's row stands for all.

        Returns:
            Whether there was a step.
        """
        before = self.iterations or 0
        counts = engine.counts_steps(optimizer)
        now = self.counter(engine, optimizer, state) if counts else before + bool(returned)
        if now is None and returned:
            self.unread(f"{returned} returned, but the step counter cannot be read")
        if now is None or now == before:
            return False
        if counts and not engine.reads_before_steps:
            # One run is one step; what moves the counter otherwise was assigned.
            self._moved_to(now - 1 if returned or now == before + 1 else now)
            before = self.iterations or 0
        if now <= before:
            self._moved_to(now)
            return False
        self.log.iterations = now
        self._unread.clear()
        self.recording.counts["steps"] += now - before
        self.log.stepped(now - before)
        if now - before > longest:
            self.log.note_again(EventKind.GAP, _SEVERAL, now - before - 1)
        if now // self.recording.every != before // self.recording.every:
            self._record(engine, optimizer, state)
        return True

    def skipped(self, count: int = 1) -> None:
        """Note that gradients were applied, and the step counter stayed where it was."""
        self.log.note_again(EventKind.SKIPPED, "the step counter did not move", count)

    def unread(self, why: str) -> None:
        """Count a step that was made for certain, of which nothing could be read.

        At least one: what the counter says when it can be read again tells of more.
        """
        self.log.iterations = (self.iterations or 0) + 1
        self.recording.counts["steps"] += 1
        self.log.note_again(EventKind.GAP, why)

    def _record(self, engine: Watched, optimizer: Any, state: Any) -> None:
        indices = sorted(self._active)
        refs = [self.seen[index].ref for index in indices]
        values = engine.read(refs, state)
        present = [place for place, value in enumerate(values) if value is not None]
        shown = set(self._shown.values())
        gone = shown.difference(indices[place] for place in present)
        gone = {index for index in gone if self.seen[index].statistics is not None}
        if gone or (shown and not present):
            self.log.note_again(
                EventKind.GAP, "the counter moved, but not every variable could be read"
            )
        indices = [indices[place] for place in present]
        arrays = [_native(value) for value in values if value is not None]
        statistics = np.array([describe(array) for array in arrays]).reshape(-1, len(STATISTICS))
        identity = self._identities(engine, indices, state)
        live = self._live(indices, statistics)
        self._note_health(indices, statistics[None], [(self.steps, self.iterations or 0)])
        small = sum(array.size for array in arrays) <= SMALL_STATE
        kept = self.keep == "values" or (self.keep is None and small)
        if not kept and self.keep != "statistics":
            statistics[:, len(MEASURES["norms"]) :] = np.nan
        places = np.array(indices, dtype=np.int64)
        given = tuple(arrays) if kept else None
        now = self.iterations or 0
        held = _number(engine.read([self.rate], state)[0]) if self.rate is not None else math.nan
        rate = float(engine.rates(optimizer, np.array([held]), np.array([now - 1]))[0])
        self.recording.rows.append(
            Row(self.steps, now, places, statistics, identity, live, given, rate)
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

    def measured(
        self, engine: Watched, optimizer: Any, found: Measured, steps: int, *, skips: bool
    ) -> None:
        """Take over steps that were measured where they were made.

        Args:
            found: what was measured of each.
            steps: the most steps that were made since the last time.
            skips: whether the optimizer may skip a step.
        """
        if found.lost:
            why = "a step failed, and took the rows of those before it with it"
            self.log.note(EventKind.GAP, why, steps)
            self.log.iterations = None
            return
        if self.iterations is None:
            self.log.iterations = int(found.before[0])
        known = np.concatenate([[self.iterations], found.after[:-1]])
        jumps = np.flatnonzero(found.before != known).tolist()
        done = self.steps
        for begin, end in pairwise(sorted({0, *jumps, len(known)})):
            if begin in jumps:
                self._moved_to(int(found.before[begin]))
            made = int(found.after[end - 1] - found.before[begin])
            if made > 0:
                self.recording.counts["steps"] += made
                self.log.iterations = int(found.after[end - 1])
                self.log.stepped(made)
        moved = found.after - found.before
        if skips and not moved.all():
            self.skipped(int((moved == 0).sum()))
        every = self.recording.every
        if unseen := int(((found.after - 1) // every - found.before // every)[moved > 0].sum()):
            self.log.note_again(EventKind.GAP, _SEVERAL, unseen)
        if moved.any():
            self._unread.clear()
            self._take(engine, optimizer, found, done + np.cumsum(moved))

    def _take(self, engine: Watched, optimizer: Any, found: Measured, steps: np.ndarray) -> None:
        moved = found.after > found.before
        kept, rows = moved & found.due, moved[found.due]
        if not kept.any():
            return
        places = [place for place, ref in enumerate(found.refs) if id(ref) in self._index]
        indices = np.array([self._index[id(found.refs[p])] for p in places], dtype=np.int64)
        identity = self._identities(engine, indices, None)
        identity[:, 2] = -1  # of one time, which is not that of each row
        identity[:, 1] = identity[:, 1] if engine.keeps_handles else -1
        measured = found.numbers[rows]
        rates = self._rates(engine, optimizer, found, measured, found.after[kept] - 1)
        statistics = np.full((len(measured), len(places), len(STATISTICS)), np.nan)
        statistics[:, :, : measured.shape[2]] = measured[:, places]
        alone = len({self.seen[index].label for index in indices}) == len(places)
        everything = np.ones(len(places), dtype=bool)
        columns = steps[kept].tolist(), found.after[kept].tolist(), statistics, rates.tolist()
        for step, iterations, numbers, rate in zip(*columns, strict=True):
            live = everything if alone else self._live(indices.tolist(), numbers)
            self.recording.rows.append(
                Row(step, iterations, indices, numbers, identity, live, None, rate)
            )
        self._note_health(indices, statistics, list(zip(*columns[:2], strict=True)))
        self._spill_when_long()
        if alone:  # nothing can go on unseen, but the next row is compared with the last
            for index, numbers in zip(indices, statistics[-1], strict=True):
                self.seen[index].statistics = numbers

    def _rates(
        self,
        engine: Watched,
        optimizer: Any,
        found: Measured,
        measured: np.ndarray,
        before: np.ndarray,
    ) -> np.ndarray:
        """The learning rate of each row; of a variable, its norm is what it holds."""
        held = np.full(len(before), np.nan)
        for place, ref in enumerate(found.refs):
            if ref is self.rate:
                held = measured[:, place, 0]
        return engine.rates(optimizer, held, before)

    def _note_health(self, indices: Any, statistics: np.ndarray, at: list[tuple[int, int]]) -> None:
        """Note slots that are not finite for the first time; ``at`` is step and counter of rows."""
        slots = [
            place for place, index in enumerate(indices) if self.recording.seen[index].parameter
        ]
        of_slots = [int(indices[place]) for place in slots]
        found = self._health.update(of_slots, statistics[:, slots, 0])
        for row in sorted(set(found.values())):
            labels = [self.recording.seen[i].label for i, first in found.items() if first == row]
            self.log.note(EventKind.NOT_FINITE, listed(labels), len(labels), at[row])

    def end(self) -> None:
        """Note, as the watch ends, what all rows together say of each slot."""
        for kind, indices in self._health.verdicts().items():
            labels = [self.recording.seen[index].label for index in indices]
            self.log.note(kind, listed(labels), len(labels))

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
            self.log.note(
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


def _number(value: np.ndarray | None) -> float:
    return math.nan if value is None else float(value)


def _native(value: np.ndarray) -> np.ndarray:
    """``value`` in a dtype that NumPy itself has; float32 holds every narrower float exactly."""
    array = np.asarray(value)
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)
