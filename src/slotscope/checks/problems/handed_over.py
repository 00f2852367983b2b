"""The state of one optimizer, taken out of it and given to another, without a file.

To the engines this is one more format: those that have it list a format that is called
``set_weights`` or ``load_own_variables``, after the method of the optimizer that takes the state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from slotscope.checks.problems.exact_problems import PAIR, chosen_gradients, initial_values
from slotscope.checks.problems.saving import formats
from slotscope.checks.problems.steps import Run
from slotscope.checks.subjects.given import builtin
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import featured
from slotscope.checks.verdict import NotApplicable


def _own_variables(run: Run) -> dict[str, np.ndarray]:
    store: dict[str, np.ndarray] = {}
    run.optimizer.save_own_variables(store)
    return store


#: How a state is taken out of an optimizer, by the name of the format and of the method that
#: takes it.
TAKEN: dict[str, Callable[[Run], Any]] = {
    "set_weights": lambda run: run.engine.get_weights(run.optimizer),
    "load_own_variables": _own_variables,
}


def taken(run: Run, way: str) -> Any:
    """The state of a run's optimizer."""
    with run.engine.scope():
        return TAKEN[way](run)


def give(run: Run, way: str, state: Any) -> None:
    """Give a run's optimizer another state."""
    with run.engine.scope():
        getattr(run.optimizer, way)(state)


def started(subject: Subject, feature: str, steps: int) -> Run:
    """A run of some steps."""
    way = subject.engine.branching_way if feature in ("accumulation", "loss scale") else ""
    return Run(featured(subject, feature), initial_values(PAIR), way=way).steps(
        chosen_gradients(PAIR, steps)
    )


def ways(subject: Subject) -> list[str]:
    """The names in :data:`TAKEN` that are formats of the subject's engine."""
    there = formats(subject)
    return [name for name in TAKEN if name in there]


def another_builtin(subject: Subject, same_shapes: bool) -> Subject:
    """A built-in optimizer of another class.

    Args:
        subject: what it is to be another one than.
        same_shapes: whether it shall have as many variables, of the same shapes, or others.

    Raises:
        NotApplicable: the engine has none.
    """
    engine = subject.engine
    mine = shapes(subject)
    for name in engine.optimizer_names:
        other = builtin(engine, name, learning_rate=0.25)
        if name != subject.name and (shapes(other) == mine) is same_shapes:
            return other
    raise NotApplicable(
        f"{engine.name} has no optimizer with {'such' if same_shapes else 'other'} slots"
    )


def shapes(subject: Subject) -> list[tuple[int, ...]]:
    """The shapes of the variables, in order."""
    run = started(subject, "as it is", 0)
    return [value.shape for value in taken(run, "set_weights")]
