"""Turning what an engine shows into a recording: how many steps were made, and when to look.

The recorder is told that something happened (a method returned, a step was run). Which variables
there are is kept by :mod:`slotscope.recording.seen_variables`, rows are made by
:mod:`slotscope.recording.row_taker`. It wraps nothing itself.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from slotscope.engines.meters.meter import Measured
from slotscope.engines.watched import Watched
from slotscope.recording.event_log import EventLog
from slotscope.recording.recording import Recording
from slotscope.recording.records import EventKind
from slotscope.recording.row_taker import SMALL_STATE, Look, RowTaker
from slotscope.recording.seen_variables import SeenVariables
from slotscope.recording.summary import listed, plural

#: What is said where a call of the train function steps several times.
_SEVERAL = "one call made several steps, and the last one alone has a row"


#: What is said where the step counter was moved, and nothing else.
FAILED = ", by a call that failed, or for which there was no data; it updated nothing"
#: The same of steps for a model that is not watched.
SHARED = ", by the other model that has this optimizer"


class Recorder:
    """Fills a :class:`~slotscope.recording.recording.Recording` with what one optimizer does.

    Args:
        recording: what is filled; several recorders may fill one.
        keep: what rows keep; None for values while the state is small, else norms.
        optimizer: how the variables name their optimizer, where it is one of several.
        buffers: whether rows tell where the values were, which a meter may not.
        beside: the log of another recorder that fills the same recording.
    """

    def __init__(
        self,
        recording: Recording,
        keep: str | None,
        optimizer: str = "",
        *,
        buffers: bool = False,
        beside: EventLog | None = None,
    ) -> None:
        self.recording = recording
        self.keep = keep
        self.optimizer = optimizer
        self.buffers = buffers
        #: Whether the optimizer serves another model, too.
        self.shared = False
        #: The recording's own, which it would bring up to date for anybody who asks it.
        self.counts = recording.counts
        self.log = EventLog(recording, beside)
        self.variables = SeenVariables(recording, self.log, optimizer)
        self.rows = RowTaker(recording, self.variables, self.log, keep, buffers=buffers)

    @property
    def iterations(self) -> int | None:
        """The step counter as it was last seen; None where another optimizer was not seen yet."""
        return self.log.iterations

    @property
    def steps(self) -> int:
        """How many steps were made since the watch began."""
        return self.counts.get("steps", 0)

    def _count(self, steps: int) -> None:
        self.counts["steps"] = self.steps + steps
        each = self.recording.steps_of
        each[self.optimizer] = each.get(self.optimizer, 0) + steps

    def follow(self, optimizer: Any) -> None:
        """Another optimizer is watched from now on."""
        name, known = type(optimizer).__name__, self.recording.optimizer
        if self.optimizer:
            self.recording.others[self.optimizer] = name
        elif name != known.split(", then ")[-1]:
            self.recording.optimizer = f"{known}, then {name}"
        self.log.iterations = None
        self.variables.end_all()

    @property
    def expects_values(self) -> bool:
        """Whether there is something that :meth:`read_initial` would read."""
        return self.iterations is None or self.variables.unread

    def read_initial(self, engine: Watched, optimizer: Any, state: Any) -> None:
        """Read the step counter and the variables that no step has touched yet."""
        if self.iterations is None:
            self.log.iterations = now = self.counter(engine, optimizer, state)
            if now:
                detail = f"{plural(now, 'step')} had been made before"
                self.log.note(EventKind.STARTED_LATE, detail, now)
        self.variables.read_initial(engine, state)

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

    def arrive(self, now: int | None, unseen: str = "", why: str = "") -> None:
        """The step counter stands at ``now`` while no step is under way; None if nobody knows.

        Args:
            unseen: where steps may have been made that nothing noticed, what to say of them.
            why: what else moved it on, in words that begin with a comma.
        """
        if now is not None and self.iterations is not None:
            self._moved_to(now, unseen, why)

    def note_assigned(self, engine: Watched, optimizer: Any, state: Any) -> None:
        """Note slots that were given other values while the step counter stayed."""
        labels = self.rows.assigned(engine, state)
        if labels and self.counter(engine, optimizer, state) == self.iterations:
            detail = f"{listed(labels)}: not what the last step left, at the same step counter"
            self.log.note(EventKind.RESTORED, detail, len(labels))

    def _moved_to(self, now: int, unseen: str = "", why: str = "") -> None:
        before = self.iterations or 0
        self.log.iterations = now
        if now < before:
            self.log.note(EventKind.SET_BACK, f"from {before} to {now}", before - now)
        elif now > before and unseen:
            self._count(now - before)
            self.log.note(
                EventKind.GAP, f"steps {before + 1} to {now} left no row{unseen}", now - before
            )
        elif now > before:
            why = why or (SHARED if self.shared else "")
            kind = EventKind.COUNTER_MOVED if why else EventKind.RESTORED
            self.log.note(kind, f"from {before} to {now}{why}", now - before)

    def step(
        self,
        engine: Watched,
        optimizer: Any,
        state: Any,
        *,
        returned: str,
        longest: int = 1,
        failed: bool = False,
    ) -> bool:
        """See whether the step counter moved in a call, and record a row where it is due.

        Where it stood before the call, :meth:`arrive` has seen, unless the engine cannot tell.

        Args:
            returned: what returned that makes a step for certain, in words; empty for what may.
                Then an optimizer without a counter stepped, and another has one to be read.
            longest: the most steps of which the last one's row stands for all.
            failed: whether what could make one step raised.

        Returns:
            Whether there was a step.
        """
        before = self.iterations or 0
        counts = engine.counts_steps(optimizer)
        # Where a row is certain, the counter comes with it: to read costs as much as what is read.
        certain = counts and returned and self.recording.every == 1
        look = self.rows.look(engine, state) if certain else None
        if counts:
            now = self._counter_in(look, engine, optimizer, state)
        else:
            now = before + bool(returned)
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
        if failed:
            look = look or self.rows.look(engine, state)
            if self.recording.every > 1 or not self.rows.moved(look):
                self._moved_to(now, why=FAILED)
                return False
        self.log.iterations = now
        self.variables.stepped()
        self._count(now - before)
        self.log.stepped(now - before)
        if now - before > longest:
            self.log.note_again(EventKind.GAP, _SEVERAL, now - before - 1)
        if now // self.recording.every != before // self.recording.every:
            self.rows.add(engine, look or self.rows.look(engine, state), self.steps)
        return True

    def _counter_in(
        self, look: Look | None, engine: Watched, optimizer: Any, state: Any
    ) -> int | None:
        """The step counter in what was seen; read alone where it is not there."""
        index = self.variables.index_of(engine.iterations(optimizer))
        value = None if look is None else look.value_of(index)
        return self.counter(engine, optimizer, state) if value is None else int(value)

    def skipped(self, count: int = 1, at: tuple[int, int] | None = None) -> None:
        """Note that gradients were applied, and the step counter stayed where it was."""
        self.log.note_again(EventKind.SKIPPED, "the step counter did not move", count, at)

    def unread(self, why: str) -> None:
        """Count a step that was made for certain, of which nothing could be read.

        At least one: what the counter says when it can be read again tells of more.
        """
        self.log.iterations = (self.iterations or 0) + 1
        self._count(1)
        self.log.note_again(EventKind.GAP, why)

    # ---- steps that a meter took

    def level(self, engine: Watched, model: Any) -> str | None:
        """What a meter shall measure.

        Returns:
            Empty if steps are read; None as long as the model isn't built and nobody knows.
        """
        if self.buffers:
            return ""
        if self.keep is None:
            size = _size(engine.trainer(model))
            return None if size == 0 else "norms" if size > SMALL_STATE else "values"
        return self.keep

    def measured(
        self, engine: Watched, found: Measured, steps: int, *, skips: bool, longest: int = 1
    ) -> None:
        """Take over steps that were measured where they were made.

        Args:
            found: what was measured of each.
            steps: the most steps that were made since the last time.
            skips: whether the optimizer may skip a step.
            longest: the most steps of which the last one's row stands for all.
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
            # With values there is an event for each step, as they are few.
            ends = range(begin + 1, end + 1) if found.values is not None else [end]
            for last in ends:
                made = int(found.after[last - 1]) - (self.iterations or 0)
                if made > 0:
                    self._count(made)
                    self.log.iterations = int(found.after[last - 1])
                    self.log.stepped(made)
        moved = found.after - found.before
        numbers = done + np.cumsum(moved)
        if skips and not moved.all():
            first = int(moved.argmin())
            at = int(numbers[first]), int(found.after[first])
            self.skipped(int((moved == 0).sum()), at)
        every = self.recording.every
        unseen = ((found.after - 1) // every - found.before // every) * (moved > longest)
        if unseen.any():
            first = int(unseen.argmax())
            at = int(numbers[first]), int(found.after[first])
            self.log.note_again(EventKind.GAP, _SEVERAL, int(unseen.sum()), at)
        if moved.any():
            self.variables.stepped()
            self.rows.take(engine, found, numbers)


def _size(trainer: Any) -> int:
    """How many numbers the trainable weights hold; 0 while they are not there."""
    try:
        return sum(math.prod(weight.shape) for weight in trainer.trainable_weights)
    except (ValueError, AttributeError):  # tf_keras says so of a model that is not built
        return 0
