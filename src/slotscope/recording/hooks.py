"""What a watch wraps, and when: set as it begins, followed as the model changes, and taken off.

What is done when one of these is called is in :mod:`slotscope.recording.hooked_calls`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from slotscope.engines import engine_of, private_names
from slotscope.engines.watched import steps_per_execution
from slotscope.errors import UnsupportedReleaseError
from slotscope.recording.found_optimizers import kept_optimizers
from slotscope.recording.hooked_calls import HookedCalls
from slotscope.recording.observer import aside, failed
from slotscope.recording.patches import listen, original_of
from slotscope.recording.recorder import Recorder
from slotscope.recording.records import EventKind
from slotscope.recording.who_trains import WhoTrains


class Hooks(HookedCalls):
    """The hooks of one watch; they tell its recorder when to look.

    Args:
        model: the model that is watched.
        optimizer: the optimizer, where it is not the one that the model is compiled with.
        recorder: what is told.
        leads: as of :class:`~slotscope.recording.hooked_calls.HookedCalls`.
    """

    def __init__(
        self, model: Any, optimizer: Any, recorder: Recorder, *, leads: bool = True
    ) -> None:
        super().__init__(model, optimizer, recorder, leads=leads)
        self._others: dict[int, Hooks] = {}
        self._stops: list[Callable[[], None]] = []
        self._stop_train: Callable[[], None] | None = None
        self._train_function: Any = None
        self._hooked: list[Any] = []

    def attach(self) -> None:
        """Hook everything.

        Raises:
            UnsupportedReleaseError: something is not there to be hooked or read.
        """
        try:
            self._attach()
        except (AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError) as error:
            versions = ", ".join(f"{of} {v}" for of, v in self.engine.versions.items())
            raise UnsupportedReleaseError(
                f"The engine {self.engine.name!r} cannot watch this model: {failed(error)}."
                f" Expected Keras as slotscope knows it; here are {versions}. Install releases"
                " that slotscope supports, or a newer slotscope, or train without a watch."
            ) from error
        self.attached = True
        self.watch_others()

    def _attach(self) -> None:
        optimizer = self._given if self._given is not None else self.model.optimizer
        private_names.ask(self.engine.lineage(), self.engine.asked(optimizer, self.model))
        self._listen(self.model, "compile", self._compiled)
        self._set_meter()
        if self.engine.maker:
            self._listen(self.engine.trainer(self.model), self.engine.maker, self._made)
            self._hook_train_function()
        self._follow_optimizer(cause=None)
        for total in ("slots created", "traces", "steps"):
            self.recorder.counts.setdefault(total, 0)
        for owner, name in self.engine.runners():
            self._listen(owner, name, self._ran)
        if self.engine.reads_before_steps and self._leads:
            self._begin_who_trains()

    @aside
    def watch_others(self) -> None:
        """Watch the other optimizers that the model keeps, in the same recording."""
        if not self._leads or self._given is not None:
            return
        recording = self.recorder.recording
        for name, optimizer in kept_optimizers(self.engine, self.model):
            if id(optimizer) in self._others or self._is_hooked(optimizer):
                continue
            own = self.recorder
            recorder = Recorder(recording, own.keep, name, buffers=own.buffers, beside=own.log)
            self._beside_others = True
            if self._metering is not None and self._metering.meter.measures == "values":
                self._measure_anew()
            hooks = Hooks(self.model, optimizer, recorder, leads=False)
            self._others[id(optimizer)] = hooks
            hooks.attach()

    def detach(self) -> None:
        try:
            for other in self._others.values():
                other.detach()
                self.recorder.log.take_over(other.recorder.log)
                if self._who is not None:
                    self._who.follow(other.optimizer)
            self._drain()
            if self.attached:
                self._catch_up()
                self.recorder.rows.end()
                self._ask_who_trains(self._end_who_trains)
            if self._leads:
                self.recorder.log.warn()
        finally:
            if self._who is not None:
                self._who.stop()
            self._unhook_train_function()
            while self._stops:
                self._stops.pop()()
            if self._metering is not None:
                self._metering.remove()

    @aside
    def settle(self) -> None:
        """Bring the recording up to date; while something runs, that is done when it returns."""
        if self._depth.step or self._depth.names or self._depth.building:
            return
        self._drain()
        with self._lock, self._within_step():
            self.recorder.rows.finish()
        for other in self._others.values():
            other.settle()

    # ---- what is wrapped

    def _listen(self, owner: Any, name: str, listener: Any, **options: Any) -> None:
        self._stops.append(listen(owner, name, listener, **options))

    @aside
    def _follow_optimizer(self, cause: str | None) -> None:
        """Watch the optimizer that the model has now."""
        optimizer = self._given if self._given is not None else self.model.optimizer
        if optimizer is self.optimizer or optimizer is None:
            return
        if cause == "assignment" and not self.engine.takes_assigned(self.model):
            return
        self._drain()
        self.optimizer = optimizer
        if self._who is not None:
            self._who.follow(optimizer)
        self.recorder.follow(optimizer)
        self.engine = engine_of(self.model, optimizer)
        for part in self.engine.parts(optimizer):
            if not self._is_hooked(part):
                self._hooked.append(part)
                self._hook_optimizer(part)
        self._look(cause)
        self._read_initial(None)

    def _is_hooked(self, optimizer: Any) -> bool:
        return any(optimizer is hooked for hooked in self._hooked)

    def _hook_optimizer(self, optimizer: Any) -> None:
        engine = self.engine
        if missing := engine.uncounted(optimizer):
            kind = type(optimizer).__name__
            names = ", ".join(missing)
            self.recorder.log.untold(f"how often {names} is called: {kind} has no such method")
        listen_to = functools.partial(self._listen, convert=engine.convert, mark=engine.mark)
        for name in engine.counted:
            if hasattr(optimizer, name):
                self.recorder.counts.setdefault(name, 0)
                listen_to(optimizer, name, functools.partial(self._called, name))
        for name in (*engine.building, *engine.adding):
            if hasattr(optimizer, name):
                listen_to(optimizer, name, self._builds)

    @aside
    def _hook_train_function(self) -> None:
        trainer = self.engine.trainer(self.model)
        function = original_of(trainer, "train_function")
        if function is not None and function is not self._train_function:
            self._unhook_train_function()
            self._train_function = function
            self._longest = steps_per_execution(self.model)
            self._stop_train = listen(trainer, "train_function", self._train)

    def _unhook_train_function(self) -> None:
        if self._stop_train is not None:
            self._stop_train()
            self._stop_train = self._train_function = None

    # ---- the model is compiled, or makes its train function

    def _compiled(self, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        self._drain()
        if self._metering is not None:
            self._metering.compiling()
        self._ask_who_trains(WhoTrains.note_parameters)
        result = proceed(*args, **kwargs)
        self._measure_anew()
        self._ask_who_trains(WhoTrains.look_anew)
        if self._leads:
            self.recorder.log.note(EventKind.COMPILED)
        self._follow_optimizer("compile")
        self.watch_others()
        return result

    def _made(self, proceed: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The model was asked to make its train function, or for the one that it has."""
        if self._undecided:
            self._set_meter()
        self._ask_who_trains(WhoTrains.about_to_train)
        self._note_assigned()
        held = vars(self.engine.trainer(self.model))
        if held.get("train_function") is None:
            # Of an earlier compile: while it lives, JAX runs its trace for the new one.
            self._unhook_train_function()
            if self._metering is not None:
                self._metering.making()
        result = proceed(*args, **kwargs)
        if result is not None and self.engine.takes_what_is_made:
            held["train_function"] = result
        self._hook_train_function()
        made = held.get("train_function")
        if made is None:
            name = self.engine.maker
            self.recorder.log.untold(f"when steps are made: {name} left no train_function behind")
        return result if result is None or made is None else made
