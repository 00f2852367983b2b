"""What a watch sees of one optimizer: what it holds, how far it has stepped, and who else uses it.

Nothing is wrapped here. :mod:`slotscope.recording.hooked_calls` has an observer look whenever
something that is wrapped returns, and the observer tells the recorder.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from slotscope.engines import engine_of
from slotscope.engines.meters.meter import Targets
from slotscope.engines.watched import Watched, steps_per_execution
from slotscope.errors import SlotscopeError
from slotscope.recording.metering import Metering
from slotscope.recording.recorder import FAILED, Recorder
from slotscope.recording.records import EventKind
from slotscope.recording.who_trains import WhoTrains


def aside(method: Callable[..., Any]) -> Callable[..., Any]:
    """``method``, which looks at what trains, so that it stops no training where it fails.

    A private name may be another thing in a later release; that is said, and nothing is returned.
    What fails before the training fails the watch.
    """

    @functools.wraps(method)
    def look(self: Observer, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except Warning:  # it was given, and the caller has made errors of warnings
            raise
        except Exception as error:
            if not self.attached:
                raise
            self.recorder.log.untold(failed(error))
            return None

    return look


def failed(error: Exception) -> str:
    """What an error says, in a line that tells where it comes from."""
    said = str(error).strip() or "no reason"
    return said if isinstance(error, SlotscopeError) else f"{type(error).__name__}: {said}"


class _Depth(threading.local):
    """How deep a thread is in hooked calls."""

    names: tuple[str, ...] = ()  # of the optimizer's methods
    building = 0
    step = 0
    own_step = False
    unsettled = 0  # steps of the watched optimizer that this thread makes
    applied = False  # eagerly, within the step that is under way


class Observer:
    """Looks at the optimizer of one watch, and tells the recorder what it sees.

    Args:
        model: the model that is watched.
        optimizer: the optimizer, where it is not the one that the model is compiled with.
        recorder: what is told.
    """

    def __init__(self, model: Any, optimizer: Any, recorder: Recorder) -> None:
        self.model = model
        self.recorder = recorder
        self.engine: Watched = engine_of(model, optimizer)
        self.optimizer: Any = None
        self._given = optimizer
        self._who: WhoTrains | None = None
        self._traced_elsewhere = False  # a step, for a compiled function that is not the model's
        self._depth = _Depth()
        self._lock = threading.RLock()
        self._metering: Metering | None = None
        self._handed_over = False
        self._own_steps = 0  # under way, in any thread
        self._longest = 1  # steps that one call of the train function can make
        self.attached = False

    # ---- what the optimizer holds

    @aside
    def _look(self, cause: str | None) -> None:
        with self._lock:
            changed = self.recorder.variables.look(self.engine, self.optimizer, self.model, cause)
        if changed and self.engine.foreign(self.optimizer, self.model):
            self._note_shared("it holds slots for the parameters of another model")

    @aside
    def _look_at_rate(self) -> None:
        """See, as a step is made or traced, where it has its learning rate from."""
        variables = self.recorder.variables
        if variables.other_rate(self.engine, self.optimizer):
            self._drain()  # rows so far have the former one
            variables.take_rate(self.engine, self.optimizer)

    @aside
    def _read_initial(self, state: Any) -> None:
        with self._lock, self._within_step():
            self.recorder.read_initial(self.engine, self.optimizer, state)

    @aside
    def _state(self, find: Callable[..., Any], *where: Any) -> Any:
        return find(*where)

    def _targets(self, metering: Metering) -> Targets:
        counter = self.engine.iterations(self.optimizer)
        refs = self.recorder.variables.refs(metering.meter.measures)
        return Targets(refs, counter, self._longest)

    def _trains_the_model(self) -> bool:
        """Whether the train function runs this optimizer, not another one of a custom loop."""
        return self._given is None or self._given is getattr(self.model, "optimizer", None)

    # ---- steps

    @aside
    def _arrive(self, state: Any) -> None:
        """See where the step counter stands before something steps."""
        if not self.engine.reads_before_steps:
            return
        with self._lock, self._within_step():
            if not self._another_thread_steps and not self._undrained:
                now = self.recorder.counter(self.engine, self.optimizer, state)
                self.recorder.arrive(now, self._unseen())

    @property
    def _undrained(self) -> bool:
        """Whether there are rows in a meter that have not been taken over."""
        return self._metering is not None and self._metering.undrained > 0

    @property
    def _another_thread_steps(self) -> bool:
        """Whether a step is under way that is seen when it returns; ask while holding the lock."""
        return self._own_steps > self._depth.unsettled

    def _unseen(self, *, ended: bool = False) -> str:
        """Where steps may have been made that no hook saw, what to say of them.

        Args:
            ended: whether the watch has: a loop may have run a function that was traced before.
        """
        possible = (
            self.recorder.shared or self._traced_elsewhere or (ended and not self.recorder.steps)
        )
        return " that a hook could see" if self.engine.runs_unseen and possible else ""

    def hand_over(self, arrays: Sequence[Any]) -> None:
        """A loop tells the state that its step left."""
        state = self.engine.state_of_arrays(self.optimizer, arrays)
        self._handed_over = True
        self._step(state, returned="a step that was handed over")

    def _step(self, state: Any, *, returned: str = "", failed: bool = False) -> bool:
        self._look("a step")
        seen: bool | None = self._seen_step(state, returned, failed)
        if seen is None and returned:
            with self._lock:
                self.recorder.unread(f"{returned} returned, but what it left cannot be read")
        return bool(seen)

    @aside
    def _seen_step(self, state: Any, returned: str, failed: bool) -> bool:
        longest = steps_per_execution(self.model)
        with self._lock, self._within_step():
            if self._another_thread_steps or (self._undrained and not self._depth.unsettled):
                return False  # it is seen when it returns, or has been measured
            seen = self.recorder.step(
                self.engine,
                self.optimizer,
                state,
                returned=returned,
                longest=longest,
                failed=failed and longest == 1,
            )
            if returned and not seen and self._may_skip():
                self.recorder.skipped()
            return seen

    def _may_skip(self) -> bool:
        """Whether the optimizer is one around another, as for loss scaling."""
        return len(list(self.engine.parts(self.optimizer))) > 1

    @contextlib.contextmanager
    def _within_step(self) -> Iterator[None]:
        """While something runs whose hooked calls are not steps by themselves."""
        self._depth.step += 1
        try:
            yield
        finally:
            self._depth.step -= 1

    @aside
    def _drain(self, *, failed: bool = False) -> None:
        """Take over the rows that steps have left in the meter; perhaps after one that failed."""
        if sys.is_finalizing():  # frameworks are half taken apart, and nobody will read the rows
            return
        metering = self._metering
        if metering is None or not metering.undrained:
            return
        if metering.meter.away and self._depth.own_step and self._depth.step:
            return  # a call that is under way has the rows: one of several steps, traced once more
        with self._lock, self._within_step():
            if self._another_thread_steps:
                return
            steps = metering.undrained
            found = metering.drain()
            # A train function that stays leaves what its last step did.
            longest = 1 if metering.meter.remakes else self._longest
            skips = self._may_skip()
            for part in found:
                self.recorder.measured(self.engine, part, steps, skips=skips, longest=longest)
            if failed or not found:
                unseen = "" if failed else " where they should have been measured"
                now = self.recorder.counter(self.engine, self.optimizer, None)
                self.recorder.arrive(now, unseen, FAILED if failed else "")

    @aside
    def _catch_up(self) -> None:
        """See, as the watch ends, whether steps were made that nothing here has noticed."""
        if sys.is_finalizing():
            return
        with self._lock, self._within_step():
            state = self.engine.at_end()
            now = self.recorder.counter(self.engine, self.optimizer, state)
            if self._handed_over and now is not None and now < (self.recorder.iterations or 0):
                return  # the loop kept its state to itself
            self.recorder.arrive(now, self._unseen(ended=True))

    @aside
    def _note_assigned(self) -> None:
        """See, before a fit, whether slots were given other values since the last step."""
        with self._lock, self._within_step():
            if self._another_thread_steps or self._undrained or not self.recorder.steps:
                return
            self.recorder.note_assigned(self.engine, self.optimizer, self.engine.at_end())

    @aside
    def _begin_who_trains(self) -> None:
        """Look at the model before it trains; a graph is read when it has been built."""
        recorder = self.recorder
        self._who = WhoTrains(
            self.engine, self.model, recorder.recording, recorder.log, recorder.rows.changes
        )
        self._who.follow(self.optimizer)
        self._who.begin()

    @aside
    def _ask_who_trains(self, ask: Callable[[WhoTrains], None]) -> None:
        """Have it look at the model, or note what it has seen."""
        if self._who is not None and not sys.is_finalizing():
            self._drain()
            with self._lock, self._within_step():
                ask(self._who)

    def _end_who_trains(self, who: WhoTrains) -> None:
        """The watch ends: was it this optimizer that trained?"""
        who.end(self.optimizer, given=self._given is not None)
        if not self._handed_over:  # a loop that does holds the parameters itself
            who.note_parameters()
        who.note_trainable()

    # ---- what is noticed on the way

    @aside
    def _note_trace(self, arguments: Any) -> bool:
        traced = self.engine.trace(arguments) is not None
        if traced:
            self._drain()
            self._traced_elsewhere |= not self._depth.own_step
            self.recorder.counts["traces"] += 1
            self.recorder.log.note(EventKind.TRACED)
        return traced

    @aside
    def _note_other_model(self) -> None:
        if not self._depth.own_step and not self.recorder.shared:
            own = (self.model, self.engine.trainer(self.model))
            other = self._user_on_the_stack(own)
            if other is not None:
                name = getattr(other, "name", type(other).__name__)
                self._note_shared(f"the model {name!r} uses it too")

    def _note_shared(self, detail: str) -> None:
        if not self.recorder.shared:
            self.recorder.shared = True
            self.recorder.log.note(EventKind.SHARED, detail)

    def _user_on_the_stack(self, own: tuple[Any, ...]) -> Any:
        """A model further up the call stack, not in ``own``, whose optimizer this is."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            # Only methods: to look at a frame's locals makes a copy of them all.
            caller = frame.f_locals.get("self") if "self" in frame.f_code.co_varnames else None
            if caller is not None and not any(caller is known for known in own):
                uses_it = inspect.getattr_static(caller, "optimizer", None) is self.optimizer
                if uses_it and self.engine.owns(caller, self.optimizer):
                    return caller
            frame = frame.f_back
        return None
