"""An optimizer as its own rule: what it does alone says what it must do with a feature.

A custom optimizer rarely comes with a rule. But clipping, averaging, accumulation and the like are
around its steps, not in them: so a second optimizer of the same kind, without any of them, is given
the gradients that :class:`~slotscope.rules.training.Training` has prepared, one step at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slotscope.checks.problems.steps import Run
from slotscope.checks.subjects.constructor_call import defaults
from slotscope.checks.subjects.subject import Subject, is_keras_own
from slotscope.checks.verdict import NotApplicable
from slotscope.rules import FunctionRule, Slots
from slotscope.rules.training import FEATURES

#: What each feature is where it is switched off.
NEUTRAL = {"use_ema": False, "ema_momentum": 0.99}


@dataclass
class Itself:
    """An optimizer without features, one step at a time; implements ``training.Steps``.

    Attributes:
        subject: what is checked.
        changes: arguments of its constructor; the features among them are switched off.
        rate: a schedule's learning rate, by the number of calls.
        dtype: the dtype of the parameters.
    """

    subject: Subject
    changes: dict[str, Any] = field(default_factory=dict)
    rate: Callable[[int], float] | None = None
    dtype: str = "float32"
    _run: Run | None = None

    def initial(self, parameters: Sequence[np.ndarray]) -> list[Slots]:
        arrays = [np.asarray(parameter, np.float32) for parameter in parameters]
        self._run = Run(self.subject, arrays, dtype=self.dtype, **self._plain())
        return self._slots(len(parameters))

    def step(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray | None],
        slots: Sequence[Slots],
        iteration: int,
        call: int,
    ) -> tuple[list[np.ndarray], list[Slots]]:
        run = self._running()
        if self.rate is not None:
            run.engine.set_learning_rate(run.optimizer, self.rate(call))
        for ref, parameter in zip(run.parameters, parameters, strict=True):
            run.engine.assign(ref, parameter.astype(np.float32))
        run.step([None if g is None else np.asarray(g, np.float32) for g in gradients])
        state = run.state
        return [state[f"p{n}"] for n in range(len(parameters))], self._slots(len(parameters))

    def decay(self, parameter: np.ndarray, weight_decay: float | None, call: int) -> float:
        if not weight_decay:
            return 0.0
        if self.rate is not None:
            return weight_decay * self.rate(call)
        run = self._running()
        return weight_decay * run.engine.learning_rate(run.optimizer)

    def _running(self) -> Run:
        assert self._run is not None, "a training begins with its initial slots"
        return self._run

    def _plain(self) -> dict[str, Any]:
        """The changes, with every feature that the constructor takes switched off."""
        usual = defaults(self.subject.made_class())
        # Where a feature is a number by default, as some classes have it, None is not taken.
        none = {name: 0.0 for name, value in usual.items() if isinstance(value, (int, float))}
        accepted = [name for name in FEATURES if self.subject.accepts(name)]
        off = {name: NEUTRAL.get(name, none.get(name)) for name in accepted}
        own = {name: value for name, value in self.changes.items() if name not in FEATURES}
        return {**own, **off}

    def _slots(self, count: int) -> list[Slots]:
        """What the optimizer holds, by parameter; a slot of none of them goes to each."""
        state = self._running().state
        shared = {"iterations", "learning_rate", *(f"p{n}" for n in range(count))}
        found: list[Slots] = [{} for _ in range(count)]
        for label, value in state.items():
            slot, _, owner = label.partition("/")
            if label not in shared:
                for number in range(count):
                    if owner in ("", f"p{number}"):
                        found[number][slot] = value
        return found


def itself_of(subject: Subject, changes: dict[str, Any], dtype: str = "float32") -> Itself | None:
    """The optimizer as its own rule, None if it has a better one.

    Raises:
        NotApplicable: its class itself does what surrounds a step, in an order that only it knows.
    """
    if subject.rule is not None and not isinstance(subject.expected(), FunctionRule):
        return None
    with subject.engine.scope():
        cls = type(subject.create(subject.engine))
    for name in subject.engine.surrounding:
        definer = next((base for base in cls.__mro__ if name in vars(base)), None)
        if definer is not None and not is_keras_own(subject.engine, definer):
            raise NotApplicable(f"its class has its own {name}, and no rule was given")
    plain = dict(changes)
    rate = plain.get("learning_rate")
    if callable(rate):
        plain["learning_rate"] = float(rate(0))
    return Itself(subject, plain, rate if callable(rate) else None, dtype)
