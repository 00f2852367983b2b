"""The update rule of one optimizer, as its paper or its release states it, in NumPy float64.

A rule is data and one function. The data are the optimizer's hyperparameters and, where
generations of Keras differ, a *dialect*: fields such as ``epsilon_inside`` that no constructor
takes. The function, :meth:`Rule.step`, takes one parameter, its gradient, its slots and the number
of steps done, and returns the parameter and the slots after the step. A slot has Keras 3's name
(``momentum``, ``velocity``) in every generation.

What is common to all optimizers (clipping, weight decay, averaging, accumulation, loss scaling)
is in none of the rules but around them, in :mod:`slotscope.rules.training`.

To add one of Keras's optimizers, write a subclass of :class:`Rule` whose ``generations`` says what
each generation of Keras has as defaults and dialect, and add one line to ``rules/__init__.py``. The
rule of any other optimizer needs no ``generations`` and no line there: it is passed to
:func:`slotscope.check_optimizer` as ``reference=``.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

#: Of float64, as everything here.
Array = np.ndarray

#: Arrays by the name of the slot.
Slots = dict[str, Array]

#: A parameter and its slots, after a step.
Stepped = tuple[Array, Slots]

#: A learning rate, or a schedule: a function of the number of steps done.
Rate = float | Callable[[int], float]


def zeros(parameter: Array, *names: str) -> Slots:
    """Slots of the shape of ``parameter`` that start at zero."""
    return {name: np.zeros_like(parameter) for name in names}


def averaged(average: Array, value: Array, beta: float) -> Array:
    """The running average ``beta * average + (1 - beta) * value``."""
    return beta * average + (1.0 - beta) * value


@dataclass(frozen=True, slots=True)
class Generation:
    """What one generation of Keras has of one optimizer.

    Attributes:
        defaults: what its constructor takes when nothing is said, in Keras 3's argument names.
        source: release and file that states it, or the page of its documentation.
        dialect: fields of the rule that no constructor takes, where they are not the default.
    """

    defaults: Mapping[str, Any]
    source: str
    dialect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule(ABC):
    """The update rule of one optimizer; a subclass adds its hyperparameters as fields.

    Attributes:
        learning_rate: a number, or a function of the number of steps done.
        decay: the learning rate is divided by ``1 + decay * steps done`` (Keras 2.1, legacy).
    """

    #: By name of the generation: ``keras-2.1``, ``tf_keras-legacy``, ``tf_keras``, ``keras-3``.
    generations: ClassVar[dict[str, Generation]] = {}
    #: Where the rule is published.
    paper: ClassVar[str] = ""
    #: Roundings that one step makes at most in one element, for the tolerance.
    operations: ClassVar[int] = 16

    learning_rate: Rate = 0.01
    decay: float = 0.0

    def rate(self, iteration: int) -> float:
        """The learning rate of the step after ``iteration`` steps."""
        rate = self.learning_rate
        value = float(rate(iteration) if callable(rate) else rate)
        return value / (1.0 + self.decay * iteration)

    @property
    def conditioning(self) -> float:
        """How much larger than one rounding the relative error of a step may be.

        ``1 - beta`` and ``1 - beta ** t`` in the optimizer's own precision lose as many digits as
        beta is close to 1: for all fields that are rates of decay, the largest ``1 / (1 - beta)``.
        """
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        rates = [v for v in values if isinstance(v, float) and 0.5 < v < 1.0]
        return 1.0 / (1.0 - max(rates, default=0.0))

    @property
    def shared(self) -> tuple[str, ...]:
        """Names of the slots of which there is one for all parameters."""
        return ()

    def named(self, path: str) -> Rule:
        """The rule of a parameter with this path: itself, unless the optimizer looks at paths."""
        return self

    def weight_decay_of(self, parameter: Array, weight_decay: float | None) -> float | None:
        """The weight decay of ``parameter``, of an optimizer whose own is ``weight_decay``."""
        return weight_decay

    @abstractmethod
    def initial(self, parameter: Array) -> Slots:
        """The slots of ``parameter`` before the first step; {} for a rule without slots."""

    @abstractmethod
    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        """Parameter and slots after one more step.

        Args:
            parameter: float64 array of any shape.
            gradient: of the same shape.
            slots: as :meth:`initial` or the step before returned them; not changed.
            iteration: how many steps were done before this one; the ``t`` of most papers is
                ``iteration + 1``.
        """


@dataclass(frozen=True)
class FunctionRule(Rule):
    """A plain function as a rule, for an optimizer that is not Keras's own.

    Attributes:
        function: ``function(parameter, gradient, slots, iteration)`` returns the parameter and the
            slots after the step; at the first step ``slots`` is empty.
        decays: the rates of decay that it uses, for :attr:`Rule.conditioning`.
    """

    function: Callable[..., Stepped] | None = None
    decays: tuple[float, ...] = (0.999,)

    @property
    def conditioning(self) -> float:
        return 1.0 / (1.0 - max(self.decays, default=0.0))

    def initial(self, parameter: Array) -> Slots:
        return {}

    def step(self, parameter: Array, gradient: Array, slots: Slots, iteration: int) -> Stepped:
        assert self.function is not None
        return self.function(parameter, gradient, slots, iteration)
