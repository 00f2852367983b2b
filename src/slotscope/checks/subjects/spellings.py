"""The same optimizer, spelled otherwise: its learning rate, its config, its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import made, remade
from slotscope.checks.verdict import NotApplicable, Violation
from slotscope.engines import Engine

RATE = 0.125


def _schedule(engine: Engine) -> Any:
    if engine.schedules is None:
        raise NotApplicable(f"{engine.name} has no learning rate schedules")
    return engine.schedules.PiecewiseConstantDecay([2], [RATE, RATE])


#: The learning rate that a constructor gets, for the same number in the end.
RATES: dict[str, Callable[[Engine], Any]] = {
    "constant schedule": _schedule,
    "constant schedule in fit": _schedule,
    "function": lambda engine: lambda *step: RATE,
    "variable": lambda engine: engine.parameters([np.full((), RATE)], "float32")[0],
    "NumPy scalar": lambda engine: np.float64(RATE),
    "assigned later": lambda engine: 4 * RATE,
}


def with_rate(subject: Subject, case: str) -> Subject:
    """The subject with the learning rate :data:`RATE`, spelled as in :data:`RATES`."""

    def create(engine: Engine) -> Any:
        try:
            optimizer = subject.make(engine, learning_rate=RATES[case](engine))
        except (TypeError, ValueError) as error:
            raise NotApplicable(f"its constructor refuses a {case}: {error}") from None
        if case == "assigned later":
            engine.set_learning_rate(optimizer, RATE)
        return optimizer

    return made(subject, create)


#: An optimizer like another one, by what it says of itself.
SPELLINGS: dict[str, Callable[[Subject, Engine, Any], Any]] = {
    "from_config": lambda _, engine, optimizer: remade(engine, optimizer),
    "deserialize": lambda subject, engine, optimizer: engine.keras.optimizers.deserialize(
        engine.keras.optimizers.serialize(optimizer),
        custom_objects=None if subject.builtin else {subject.name: type(optimizer)},
    ),
}


def spelled(subject: Subject, case: str) -> Subject:
    """The subject, each optimizer of which is made from another as in :data:`SPELLINGS`."""
    return made(subject, lambda engine: SPELLINGS[case](subject, engine, subject.make(engine)))


def named(subject: Subject, name: str) -> Subject:
    """What ``name`` stands for on the subject's engine."""

    def create(engine: Engine) -> Any:
        try:
            return engine.named(name)
        except ValueError as error:
            raise Violation(f"{name!r} stands for no optimizer: {error}") from None

    return made(subject, create)
