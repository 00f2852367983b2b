"""The optimizer variables that a watch has seen: which are new, which are shown, which go on."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from slotscope.engines.records import Identity, OptimizerVariable
from slotscope.engines.watched import Watched
from slotscope.recording.event_log import EventLog
from slotscope.recording.recording import Recording
from slotscope.recording.records import EventKind, Variable
from slotscope.recording.summary import plural
from slotscope.recording.watched_variables import WatchedVariable, updated


class SeenVariables:
    """Keeps a recording's list of variables, and the live objects beside it.

    Args:
        recording: gets the variables.
        log: gets the events of construction.
        optimizer: how the variables name their optimizer, where it is one of several.
    """

    def __init__(self, recording: Recording, log: EventLog, optimizer: str = "") -> None:
        self._recording = recording
        self._log = log
        self._optimizer = optimizer
        #: The live objects, by the index of their variable in the recording.
        self.all: dict[int, WatchedVariable] = {}
        self._index: dict[int, int] = {}
        self._shown: dict[str, int] = {}
        self._shown_ids: tuple[int, ...] | None = None
        self._frozen: set[str] = set()
        self._unread: set[int] = set()
        self._active: set[int] = set()
        self._refs: dict[str, list[Any]] = {}
        self._lasting: tuple[list[int], np.ndarray] | None = None
        #: The variable that holds the learning rate, if one does.
        self.rate: Any = None
        #: What else the engine computes learning rates from.
        self.rate_source: Any = None

    @property
    def active(self) -> list[int]:
        """The indices of those that the watched optimizer, or its train function, has."""
        return sorted(self._active)

    def index_of(self, ref: Any) -> int | None:
        """The index of a live object, None if it is not a variable of the recording."""
        return self._index.get(id(ref))

    def refs(self, measures: str) -> list[Any]:
        """The variables that a meter shall measure, with the rate; a counter has values alone."""
        if measures not in self._refs:
            self._refs[measures] = self._found_refs(measures)
        return self._refs[measures]

    def _found_refs(self, measures: str) -> list[Any]:
        seen = [self.all[index] for index in self.active]
        counters = measures == "values"
        refs = [variable.ref for variable in seen if counters or variable.slot != "iterations"]
        extra = self.rate is not None and self.index_of(self.rate) is None
        return [*refs, self.rate] if extra else refs

    def other_rate(self, engine: Watched, optimizer: Any) -> bool:
        """Whether the learning rate comes from somewhere else than when it was taken."""
        now = engine.rate_variable(optimizer), engine.rate_source(optimizer)
        return now[0] is not self.rate or (
            now[1] is not self.rate_source and now[1] != self.rate_source
        )

    def take_rate(self, engine: Watched, optimizer: Any) -> None:
        """See where the learning rate comes from."""
        self.rate = engine.rate_variable(optimizer)
        self.rate_source = engine.rate_source(optimizer)
        self._refs = {}

    @property
    def shown(self) -> set[int]:
        """The indices of those that the optimizer shows now."""
        return set(self._shown.values())

    def end_all(self) -> None:
        """Another optimizer is watched from now on: what the former one held has ended."""
        self._active = set()
        self._refs = {}
        self._shown_ids = None

    def look(self, engine: Watched, optimizer: Any, model: Any, cause: str | None) -> bool:
        """See which variables ``optimizer`` holds now; ``cause`` is None before the watch.

        Returns:
            Whether they are others than at the last look.
        """
        shown_ids = tuple(map(id, engine.shows(optimizer)))
        if shown_ids == self._shown_ids:
            return False
        self._shown_ids = shown_ids
        self.take_rate(engine, optimizer)
        created = -1 if cause is None else self._log.iterations or 0
        kinds: dict[EventKind, int] = defaultdict(int)
        self._shown = {}
        untold = []
        for found in map(self._named, engine.variables(optimizer, model)):
            index = self.index_of(found.ref)
            if index is None:
                index = self._add(found, created)
                untold += [found.name] * found.untold
                if found.parameter or found.untold:
                    number = self._recording.seen[index].number
                    kinds[EventKind.CONSTRUCTED if number == 1 else EventKind.REPLACED] += 1
            self._active.add(index)
            if id(found.ref) in shown_ids:
                self._shown[found.label] = index
        self._refs = {}
        if cause is not None:
            self._recording.counts["slots created"] += sum(kinds.values())
            for kind, count in kinds.items():
                self._log.note(kind, f"{cause} made {plural(count, 'slot')}", count)
        if untold:
            self._log.untold(f"to which parameters these belong: {', '.join(untold)}", len(untold))
        if lost := set(shown_ids) - self._index.keys():
            self._log.untold("what some variables of the optimizer are", len(lost))
        return True

    def _named(self, found: OptimizerVariable) -> OptimizerVariable:
        """The variable with its optimizer's name, where that is one of several."""
        names = filter(None, (self._optimizer, found.optimizer))
        return dataclasses.replace(found, optimizer=".".join(names))

    def _add(self, found: OptimizerVariable, created: int) -> int:
        index = len(self._recording.seen)
        number = 1 + sum(seen.label == found.label for seen in self.all.values())
        self._recording.seen.append(
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
        self.all[index] = WatchedVariable(found, index)
        self._index[id(found.ref)] = index
        self._unread.add(index)
        return index

    @property
    def unread(self) -> bool:
        """Whether there are some whose initial value is not known."""
        return bool(self._unread)

    def read_initial(self, engine: Watched, state: Any) -> None:
        """Read those that no step has touched yet, as far as they have values."""
        unread = sorted(self._unread)
        if not unread:
            return
        values = engine.read([self.all[index].ref for index in unread], state)
        for index, value in zip(unread, values, strict=True):
            if value is None:
                continue
            self._unread.discard(index)
            self.all[index].last = value
            if value.size and np.all(value == value.flat[0]):
                self._recording.seen[index] = dataclasses.replace(
                    self._recording.seen[index], initial=float(value.flat[0])
                )

    def stepped(self) -> None:
        """A step was made: no initial value can be read any more."""
        self._unread.clear()

    def identities(self, indices: Iterable[int], found: Sequence[Identity]) -> np.ndarray:
        """Int64 array (variables, 3), as in ``Row.identity``."""
        numbers = [self.all[i].identity(each) for i, each in zip(indices, found, strict=True)]
        return np.array(numbers, dtype=np.int64).reshape(-1, 3)

    def lasting_identities(self, engine: Watched, indices: list[int]) -> np.ndarray:
        """The same where handles last and buffers are not told, as at the last look."""
        if self._lasting is None or self._lasting[0] != indices:
            found = [engine.identify(self.all[index].ref) for index in indices]
            told = self.identities(indices, [Identity(i.object, i.handle, None) for i in found])
            self._lasting = indices, told
        return self._lasting[1]

    def alone(self, indices: Iterable[int]) -> bool:
        """Whether each is the one that the optimizer shows, of its slot and parameter."""
        return all(self._shown.get(self.all[index].label) == index for index in indices)

    def note_read(self, indices: Iterable[int], read: Sequence[np.ndarray]) -> None:
        """Keep what was read, to compare what will be read with it."""
        for index, numbers in zip(indices, read, strict=True):
            self.all[index].last = numbers

    def live(self, indices: list[int], read: Sequence[np.ndarray]) -> np.ndarray:
        """Which variable of each slot training updates, and what that tells of the others.

        Args:
            indices: of the variables.
            read: of each, its values or its statistics.
        """
        if self.alone(indices):  # nothing can go on unseen, but the next row is compared with this
            self.note_read(indices, read)
            return np.ones(len(indices), dtype=bool)
        variables = [self.all[index] for index in indices]
        live, frozen = updated(variables, read, self._shown)
        self.note_read(indices, read)
        if frozen - self._frozen:
            self._frozen |= frozen
            self._log.note(
                EventKind.FROZEN_MIRROR,
                "training updates slots that the optimizer does not show: "
                + ", ".join(sorted(frozen)),
                len(frozen),
            )
        return live
