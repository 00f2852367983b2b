"""Who trains a watched model: this optimizer, another one, or one that nothing here can watch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from slotscope.engines.watched import Watched
from slotscope.recording.event_log import EventLog
from slotscope.recording.found_optimizers import FoundOptimizers
from slotscope.recording.moved_parameters import MovedParameters
from slotscope.recording.recording import Recording
from slotscope.recording.records import EventKind
from slotscope.recording.summary import listed, times

#: The events that tell of a step, whoever made it.
_STEPS = (EventKind.STEPPED, EventKind.NO_STEP, EventKind.OTHER_OPTIMIZER)


class WhoTrains:
    """Looks at a model when a watch begins and when it ends, and notes what its owner may not know.

    Each knows what the others follow, so that of two watches neither advises to open the other.

    Args:
        engine: the model's.
        model: the model.
        recording: tells how often the watched optimizer stepped.
        log: gets the events.
        changes: of each parameter with slots, how many rows there are of them, and in how many the
            slots were not as in the row before: by this training has moved a parameter, and not
            somebody who assigned to it.
    """

    _active: ClassVar[list[WhoTrains]] = []

    def __init__(
        self,
        engine: Watched,
        model: Any,
        recording: Recording,
        log: EventLog,
        changes: Callable[[], dict[str, tuple[int, int]]],
    ) -> None:
        self._engine = engine
        self._model = model
        self._recording = recording
        self._log = log
        self._changes = changes
        self._changes_before: dict[str, tuple[int, int]] = {}
        self._moved_first: set[str] | None = None  # by the first step since the last look
        self._layers = flattened(model)
        self._flags = self._trainable_flags()
        self._optimizers = FoundOptimizers(engine, model)
        self._parameters = MovedParameters(engine, model)
        #: The ids of the optimizers that this watch follows, and of those of other watches.
        self.followed: set[int] = set()
        self.followed_elsewhere: set[int] = set()
        self._steps_before = 0  # events, when the parameters were seen last
        self._foreign: Counter[str] = Counter()
        self._stop: Callable[[], None] | None = None

    def begin(self) -> None:
        """Look for other watches, and hear of steps that no optimizer of Keras makes."""
        for other in self._active:
            self.followed_elsewhere |= other.followed
            other.followed_elsewhere |= self.followed
        self._active.append(self)
        self._stop = self._engine.hear_of_steps(self._model, self._hear)

    def _hear(self, name: str) -> None:
        self._foreign[name] += 1

    def about_to_train(self) -> None:
        """Look anew at the parameters, where others are trainable than when they were seen last."""
        changed = not self._engine.trains_as_compiled and self._parameters.other_trainable()
        if changed or not self._parameters.known:
            seen = self.note_parameters()
            self.note_trainable()
            self.look_anew(seen)

    def _trainable_flags(self) -> list[bool]:
        return [bool(getattr(layer, "trainable", True)) for layer in self._layers]

    def flags_changed(self) -> bool:
        """Whether layers are frozen, or not any more, since this was asked, as it is at each step.

        Where ``fit`` shows what was compiled there is nothing to see.
        """
        if self._engine.trains_as_compiled:
            return False
        before, self._flags = self._flags, self._trainable_flags()
        return self._flags != before

    def look_anew(self, seen: MovedParameters | None = None) -> None:
        """Compare with the parameters of now from now on: with ``seen``, if they were just read."""
        self._parameters = seen or MovedParameters(self._engine, self._model)
        self._changes_before = self._changes()
        self._moved_first = None
        self._layers = flattened(self._model)
        self._flags = self._trainable_flags()
        self._steps_before = len(self._recording.events)

    def follow(self, optimizer: Any) -> None:
        """An optimizer is watched from now on."""
        followed = {id(part) for part in self._engine.parts(optimizer)}
        self.followed |= followed
        for other in self._active:
            if other is not self:
                other.followed_elsewhere |= followed

    def stop(self) -> None:
        if self in self._active:
            self._active.remove(self)
        if self._stop is not None:
            self._stop()

    def end(self, optimizer: Any, *, given: bool) -> None:
        """Note what is to be said.

        Args:
            optimizer: the one that is watched.
            given: whether it was chosen, not found in ``model.optimizer``.
        """
        others = self._others()
        calls, steps = self._recording.train_calls, self._recording.counts["steps"]
        name = type(optimizer).__name__
        if (calls or others) and not steps:
            ran = f"the train function ran {times(calls)}, and " if calls else ""
            detail = f"{ran}{name} made no step: {self._instead(others)}"
            self._log.note(EventKind.NO_STEP, detail)
        assigned = getattr(self._model, "optimizer", optimizer)
        if steps and not given and assigned is not optimizer and assigned not in others:
            self._note_assigned(name, type(assigned).__name__)

    def _others(self) -> list[Any]:
        """The other optimizers that stepped; each that nothing watches is an event."""
        others = []
        for found, steps in self._optimizers.steps():
            if not steps or id(found.optimizer) in self.followed:
                continue
            others.append(found.optimizer)
            if id(found.optimizer) not in self.followed_elsewhere:
                name = type(found.optimizer).__name__
                self._log.note(
                    EventKind.OTHER_OPTIMIZER,
                    f"{found.expression} ({name}) stepped {times(steps)}; to watch it:"
                    f" slotscope.watch(model, optimizer={found.expression})",
                    steps,
                )
        for name, steps in self._foreign.items():
            others.append(name)
            self._log.note(
                EventKind.OTHER_OPTIMIZER,
                f"{name} stepped {times(steps)}; it is not Keras's, and cannot be watched",
                steps,
            )
        return others

    def _instead(self, others: list[Any]) -> str:
        """Who trained instead, and what to do."""
        if others:
            names = [o if isinstance(o, str) else type(o).__name__ for o in others]
            noted = any(e.kind is EventKind.OTHER_OPTIMIZER for e in self._recording.events)
            where = "see the events of kind 'other optimizer'" if noted else "another watch is on"
            return f"these did: {', '.join(names)}; {where}"
        if not list(self._engine.trainer(self._model).trainable_weights):
            return (
                "the model has no trainable parameter. If `trainable` was set to False for another"
                " model's sake, set it to True and compile before this one trains"
            )
        return (
            "no other optimizer that can be found on the model did either. Its train step may"
            " use one that is kept elsewhere, or one that the model had when its train function"
            " was made: pass it as optimizer=..., or compile the model again"
        )

    def _note_assigned(self, trains: str, assigned: str) -> None:
        self._log.note(
            EventKind.NO_STEP,
            f"model.optimizer is {assigned}, which was assigned after compile and made no step:"
            f" the train function goes on with {trains}; compile the model with it",
        )

    def note_parameters(self) -> MovedParameters | None:
        """Note parameters that moved and should not have, and the other way round.

        Returns:
            The parameters of now, None where no step was made and none was read.
        """
        if not any(event.kind in _STEPS for event in self._recording.events[self._steps_before :]):
            return None
        now = MovedParameters(self._engine, self._model)
        frozen, still = self._moved_by_training(now)
        if frozen:
            self._log.note(
                EventKind.FROZEN_MOVED, f"{listed(frozen)}: {self._goes_on()}", len(frozen)
            )
        if still:
            self._log.note(
                EventKind.NOT_MOVED,
                f"{listed(still)}: trainable, and the same at the end as at the beginning. If"
                " `trainable` was set after compile, compile the model again",
                len(still),
            )
        return now

    def _moved_by_training(self, now: MovedParameters) -> tuple[list[str], list[str]]:
        """The frozen parameters that training has moved, and the others that it has not."""
        changes = self._changes()
        rows = {p: n for p, (n, _) in changes.items() if n > self._changes_before.get(p, (0, 0))[0]}
        trained = {p for p, (_, n) in changes.items() if n > self._changes_before.get(p, (0, 0))[1]}
        frozen, still = self._parameters.differences(now, set(changes))
        if changes:  # of a parameter with slots the rows tell, one without is not trained
            still = [path for path in still if path in rows or path not in changes]
        else:  # plain SGD has no slots
            known = self._moved_first
            still = [] if known is None else [path for path in still if path not in known]
        return [p for p in frozen if p in trained], [p for p in still if p not in trained]

    def _goes_on(self) -> str:
        if self._engine.trains_as_compiled:
            return (
                "frozen after compile, and trained on: the model trains as it was compiled. To stop"
                " that, compile it again. Where they are frozen for another model's sake, as in a"
                " GAN, all is well"
            )
        return (
            "frozen after the train function was made, which goes on training them; compile the"
            " model again"
        )

    @property
    def wants_first_step(self) -> bool:
        """Whether a look is due when a step was made: there are no slots that would tell."""
        if self._moved_first is not None:
            return False
        return not any(variable.parameter for variable in self._recording.seen)

    def first_step(self) -> None:
        """A step was made, the first since the parameters were looked at."""
        self._moved_first = self._parameters.moved_since()

    def note_trainable(self) -> None:
        """Note parameters that were frozen, or made trainable, since they were looked at."""
        changed = zip(("frozen", "trainable"), self._parameters.changed(), strict=True)
        said = [
            f"{listed(paths)} {'is' if len(paths) == 1 else 'are'} {how} now"
            for how, paths in changed
            if paths
        ]
        if said:
            detail = f"{', '.join(said)}; {self._takes_up()}"
            self._log.note(EventKind.TRAINABLE_CHANGED, detail)

    def _takes_up(self) -> str:
        """When training goes by what is trainable."""
        if self._engine.trains_as_compiled:
            return (
                "the model's training takes that up when it is compiled again. When that was set"
                " cannot be told"
            )
        if self._engine.follows_trainable or getattr(self._model, "run_eagerly", False):
            return "the model's training takes that up at once"
        return "the model's training takes that up when it is traced or compiled again"


def flattened(model: Any) -> list[Any]:
    """The layers of ``model``, and those in them."""
    layers, pending = [], list(getattr(model, "layers", []))
    while pending:
        layers.append(pending.pop())
        pending += getattr(layers[-1], "layers", [])
    return layers
