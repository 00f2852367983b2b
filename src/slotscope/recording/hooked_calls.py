"""What a watch does when something that it wraps is called.

Two halves, as in the optimizers themselves. *Construction*: the optimizer's own methods are
counted. *Execution*: a step is whatever moves the optimizer's step counter, and the counter is
looked at when a callable through which steps run returns: the model's train function, an eager
``apply``, any compiled function of a custom loop. Only the outermost of these counts, as they call
each other.

What is wrapped is said in :mod:`slotscope.recording.hooks`; what is looked at then, and told to
the recorder, is in :mod:`slotscope.recording.observer`.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from slotscope.engines.slot_names import unique_paths
from slotscope.recording.metering import Metering
from slotscope.recording.observer import Observer, aside
from slotscope.recording.patches import original_of
from slotscope.recording.recorder import Recorder
from slotscope.recording.who_trains import WhoTrains


class HookedCalls(Observer):
    """What stands in for each callable that the hooks of one watch wrap.

    Args:
        model: the model that is watched.
        optimizer: the optimizer, where it is not the one that the model is compiled with.
        recorder: what is told.
        leads: whether what the model itself does is told to this recorder. Where a model has
            several optimizers, each has hooks of its own, and the first ones lead.
    """

    def __init__(
        self, model: Any, optimizer: Any, recorder: Recorder, *, leads: bool = True
    ) -> None:
        super().__init__(model, optimizer, recorder)
        self._leads = leads
        self._undecided = False  # whether to measure: the model is not built
        self._beside_others = False  # whose rows are read, and all are in one order

    @abstractmethod
    def _follow_optimizer(self, cause: str | None) -> None:
        """Watch the optimizer that the model has now."""

    # ---- what is measured within the train function

    def _set_meter(self) -> bool:
        """Have the train function measure, in place of reading what it leaves, from now on."""
        level = self.recorder.level(self.engine, self.model) if self._given is None else ""
        self._undecided = level is None
        if not level or (level == "values" and self._beside_others):
            return False
        optimizer = self.model.optimizer
        if not all(hasattr(optimizer, name) for name in self.engine.stepping):
            return False  # rows are read then
        meter = self.engine.meter(self.model, level, self.recorder.recording.every)
        if meter is None or (meter.remakes and self._stays_as_made(level)):
            return False
        self._metering = Metering(meter, self.engine.trainer(self.model), self.engine.maker)
        return meter.remakes

    @aside
    def _measure_anew(self) -> None:
        """Choose once more how the train function is measured, as something has changed."""
        self._drain()
        if self._metering is not None:
            self._metering.remove()
            self._metering = None
        self._set_meter()

    def _stays_as_made(self, level: str) -> bool:
        """Whether the model must keep the train function that it has.

        It keeps the optimizer and the parameters that the model had when it was made, and may
        train by or what a new one would not. And by default a watch causes no trace.
        """
        trainer, optimizer = self.engine.trainer(self.model), self.model.optimizer
        if original_of(trainer, "train_function") is None:
            return False
        if level == "values":
            return True
        found = self.engine.variables(optimizer, self.model)
        slots = {variable.parameter for variable in found if variable.parameter}
        trainable = set(unique_paths(map(self.engine.path, trainer.trainable_weights)))
        return slots != trainable or not self.recorder.made_steps(self.engine, optimizer)

    # ---- construction

    def _called(self, name: str, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A method of the optimizer was called."""
        within = self._depth.names
        self.recorder.counts[name] += name not in within
        if within:
            with self._naming(name):
                return proceed(*args, **kwargs)
        self._note_other_model()
        traced = name in self.engine.traced and bool(self._note_trace((args, kwargs)))
        if name in self.engine.traced:
            self._look_at_rate()
        steps = name in self.engine.stepping
        if steps and not self._depth.step:
            self._drain()  # what came before comes first
        measured = steps and self._depth.own_step and self._metering is not None
        if measured:
            self._applying(self._metering)
        elif steps and not traced:
            self._arrive(None)
        with self._unsettled(steps and not traced):
            with self._naming(name):
                result = proceed(*args, **kwargs)
            self._look(name)
            self._read_initial(None)
            if measured:
                self._applied(self._metering)
            elif steps and not traced:
                self._depth.applied = True
                self._step(None, returned=name)
        return result

    @contextlib.contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        """While a method of the optimizer runs."""
        before = self._depth.names
        self._depth.names = (*before, name)
        try:
            yield
        finally:
            self._depth.names = before

    def _builds(self, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A method of the optimizer that makes slots was called, perhaps within a step."""
        if not self._depth.building:
            self._drain()  # what came before comes first
        self._depth.building += 1
        try:
            result = proceed(*args, **kwargs)
        finally:
            self._depth.building -= 1
        if not self._depth.building:  # what is new has its initial value, and nothing has moved
            self._look(next(iter(self._depth.names), "build"))
            self._read_initial(None)
            measured = self._depth.own_step and self._metering is not None
            if self._depth.names and not measured:
                self._arrive(None)  # a checkpoint is restored as its variables are made
        return result

    @aside
    def _applying(self, metering: Metering) -> None:
        metering.applying(self._targets(metering))

    @aside
    def _applied(self, metering: Metering) -> None:
        metering.applied(self._targets(metering))

    # ---- execution

    def _train(self, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The model's train function was called."""
        if self._depth.step:
            return proceed(*args, **kwargs)
        self._follow_optimizer("assignment")
        own = self._trains_the_model()
        if own and self._who is not None and self._who.flags_changed():
            self._ask_who_trains(WhoTrains.about_to_train)
        metering = self._metering if own else None
        state = None
        if metering is None or self.recorder.expects_values:
            state = self._state(self.engine.state_before, self.optimizer, args) if own else None
            self._read_initial(state)
            self._arrive(state)
        if metering is not None:
            entering = self._entering(metering, args)
            if entering is not None:
                with self._unsettled(True):
                    with self._stepping(True, None):
                        result = metering.meter.leave(proceed(*entering, **kwargs))
                    self.recorder.recording.train_calls += self._leads
                    self._measured(metering)
                self._after_first_step()
                return result
        self._drain()
        with self._unsettled(own):
            with self._stepping(own, None):
                result = proceed(*args, **kwargs)
            self.recorder.recording.train_calls += self._leads
            state = self._state(self.engine.state_after, self.optimizer, result) if own else None
            self._step(state, returned=self._returned(own))
        self._after_first_step()
        if own and self._undecided and self._set_meter():
            getattr(self.engine.trainer(self.model), self.engine.maker)()
        return result

    def _after_first_step(self) -> None:
        if self._who is not None and self._who.wants_first_step:
            self._ask_who_trains(WhoTrains.first_step)

    def _returned(self, own: bool) -> str:
        """What returned that makes a step for certain, if nothing in it was seen to make one."""
        return "the train function" if own and not self._depth.applied else ""

    @aside
    def _entering(self, metering: Metering, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return metering.meter.enter(self.optimizer, self._targets(metering), args)

    def _measured(self, metering: Metering) -> None:
        """The train function returned, and left its rows in the meter."""
        full = metering.ran(self._longest)
        if full or self._beside_others:
            self._drain()

    def _ran(self, proceed: Any, runner: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A compiled function, of this model or of anyone, was called."""
        inner = self._depth.step or self._depth.names or self._own_steps
        if inner or self.engine.trace(()) is not None:
            return proceed(runner, *args, **kwargs)
        trainer, trains = self.engine.trainer(self.model), self._trains_the_model()
        if trains and not hasattr(trainer, "train_function"):
            self.recorder.log.untold("which compiled function trains the model: no train_function")
        is_train_function = runner is getattr(trainer, "train_function", None)
        own = trains and is_train_function
        state = self._state(self.engine.state_of, runner)
        if own:
            self._follow_optimizer("assignment")
            if self._undecided:
                self._set_meter()
        if own or self.recorder.iterations is None:
            self._read_initial(state)
        if own and self._who is None and self._leads:
            self._begin_who_trains()
        self._arrive(state)
        metering = self._metering if own else None
        if metering is not None and not self._runs_measured(metering, runner, state):
            metering = None
        if metering is None:
            self._drain()
        with self._unsettled(own):
            with self._stepping(own, state):
                result = proceed(runner, *args, **kwargs)
            self.recorder.recording.train_calls += is_train_function and self._leads
            if metering is not None:
                self._measured(metering)
                stepped = True
            else:
                stepped = self._step(state, returned=self._returned(own)) or self._depth.applied
        if own:
            self._after_first_step()
        if stepped and not own:
            self._note_other_model()
        return result

    @aside
    def _runs_measured(self, metering: Metering, runner: Any, session: Any) -> bool:
        with self._within_step():
            return metering.meter.run(runner, self._targets(metering), session)

    @contextlib.contextmanager
    def _unsettled(self, own: bool) -> Iterator[None]:
        """While a step of its own is made and looked at; another thread may look meanwhile."""
        with self._lock:
            self._own_steps += own
        self._depth.unsettled += own
        try:
            yield
        finally:
            self._depth.unsettled -= own
            with self._lock:
                self._own_steps -= own

    @contextlib.contextmanager
    def _stepping(self, own: bool, state: Any) -> Iterator[None]:
        """While a step runs, the model's ``own`` or perhaps another's."""
        self._depth.own_step, self._depth.applied = own, False
        try:
            with self._within_step():
                yield
        except BaseException:
            # A function that ran out of data made the steps before: Keras 3.0 ends epochs so.
            if own and self._metering is not None:
                self._metering.ran(1)
                self._drain(failed=True)
            else:
                self._step(state, failed=True)
            raise
        finally:
            self._depth.own_step = False
