"""What the methods of an optimizer must refuse: data, one table for each generation.

An entry is here only where that release has a guard, or says in its documentation that it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slotscope.checks.problems.exact_problems import PAIR, chosen_gradients
from slotscope.checks.problems.steps import Run
from slotscope.engines.driven import Driven

Act = Callable[[Run], Any]


@dataclass(frozen=True, slots=True)
class Misuse:
    """A call that must be refused.

    Attributes:
        name: the name of the case.
        act: makes the call.
        error: what it must raise.
        words: what its message must contain, in any case of letters.
        built: whether the optimizer was built, for a matrix and a vector.
        scheduled: whether its learning rate is a schedule.
        arguments: the arguments of the constructor, without which the call means nothing.
        since: the first release that has the guard; empty for every one.
    """

    name: str
    act: Act
    error: type[Exception] = ValueError
    words: Sequence[str] = field(default_factory=tuple)
    built: bool = True
    scheduled: bool = False
    arguments: dict[str, Any] = field(default_factory=dict)
    since: str = ""


def _gradients(run: Run) -> list[Any]:
    engine: Any = run.engine
    return [engine.tensor(array, "float32") for array in chosen_gradients(PAIR, 1)[0]]


def _stranger(run: Run) -> list[Any]:
    return run.engine.parameters([np.zeros(2, "float32")], "float32")


def _strange_gradient(run: Run) -> Any:
    engine: Any = run.engine
    return engine.tensor(np.ones(2, "float32"), "float32")


def _stateless(run: Run, variables: int, parameters: int) -> Any:
    """``stateless_apply`` without the last ``variables`` and the last ``parameters``."""
    state = [v.value for v in run.optimizer.variables]
    values = [p.value for p in run.parameters]
    return run.optimizer.stateless_apply(
        state[: len(state) - variables], _gradients(run), values[: len(values) - parameters]
    )


def _set_rate(run: Run) -> None:
    run.optimizer.learning_rate = 0.5


def _set_iterations(run: Run) -> None:
    run.optimizer.iterations = run.engine.parameters([np.asarray(3)], "int64")[0]


def _exclude(run: Run) -> None:
    run.optimizer.exclude_from_weight_decay(var_names=["bias"])


_UNKNOWN_NAME = Misuse(
    "an optimizer that does not exist",
    lambda run: run.engine.keras.optimizers.get("no such optimizer"),
    words=("no such optimizer",),
    built=False,
)

_EXCLUDE = Misuse("exclude_from_weight_decay after build", _exclude, words=("before", "built"))

_SCHEDULE = Misuse(
    "a number in place of a schedule",
    _set_rate,
    TypeError,
    ("LearningRateSchedule", "not settable"),
    scheduled=True,
)

_SET_WEIGHTS = Misuse(
    "set_weights before build",
    lambda run: run.optimizer.set_weights([]),
    words=("not yet been built",),
    built=False,
)

_KERAS_3 = [
    Misuse(
        "apply before build, without variables",
        lambda run: run.optimizer.apply(_gradients(run)),
        words=("built",),
        built=False,
    ),
    Misuse(
        "apply with a gradient too few",
        lambda run: run.optimizer.apply(_gradients(run)[:1]),
        words=("gradients", "match"),
    ),
    Misuse(
        "no gradient at all",
        lambda run: run.optimizer.apply([None, None], run.parameters),
        words=("No gradients",),
    ),
    Misuse(
        "a variable that it was not built for",
        lambda run: run.optimizer.apply([_strange_gradient(run)], _stranger(run)),
        words=("Unknown variable",),
    ),
    Misuse(
        "loss scaling with an argument of the inner optimizer",
        lambda run: run.engine.keras.optimizers.LossScaleOptimizer(run.optimizer, clipnorm=1.0),
        words=("clipnorm", "inner_optimizer"),
        built=False,
        since="3.12",
    ),
    Misuse(
        "loss scaling that is not dynamic",
        lambda run: run.engine.keras.optimizers.LossScaleOptimizer(run.optimizer, dynamic=False),
        words=("dynamic", "loss_scale_factor"),
        built=False,
    ),
    _EXCLUDE,
    _SCHEDULE,
    _SET_WEIGHTS,
    _UNKNOWN_NAME,
]

#: Where there is stateless_apply; Keras 3 on TensorFlow has none, and averages in its own way.
_STATELESS = [
    Misuse(
        "averages for another number of parameters",
        lambda run: run.optimizer.finalize_variable_values(list(run.parameters)[:1]),
        words=("length", "model variables"),
        arguments={"use_ema": True},
    ),
    Misuse(
        "stateless_apply before build",
        lambda run: _stateless(run, 0, 0),
        words=("must be built",),
        built=False,
    ),
    Misuse(
        "stateless_apply with a state too short",
        lambda run: _stateless(run, 1, 0),
        words=("optimizer_variables", "length"),
    ),
    Misuse(
        "stateless_apply with a parameter too few",
        lambda run: _stateless(run, 0, 1),
        words=("trainable_variables",),
    ),
]

_NO_GRADIENT = Misuse(
    "no gradient at all",
    lambda run: run.optimizer.apply_gradients([(None, p) for p in run.parameters]),
    words=("No gradients",),
)

_NO_TAPE = Misuse(
    "minimize a tensor without its tape",
    lambda run: run.optimizer.minimize(_gradients(run)[0], run.parameters),
    words=("tape",),
)

_ITERATIONS = Misuse(
    "other iterations once it is built", _set_iterations, RuntimeError, ("iterations",)
)

_LOSS_SCALED = [
    Misuse(
        "loss scaling of what is no optimizer",
        lambda run: run.engine.loss_scaled("sgd"),
        TypeError,
        ("inner_optimizer",),
        built=False,
    ),
    Misuse(
        "loss scaling twice",
        lambda run: run.engine.loss_scaled(run.engine.loss_scaled(run.optimizer)),
        TypeError,
        ("LossScaleOptimizer",),
        built=False,
    ),
]

_TF_KERAS = [
    _NO_GRADIENT,
    Misuse(
        "a variable that it was not built for",
        lambda run: run.optimizer.apply_gradients([(_strange_gradient(run), _stranger(run)[0])]),
        KeyError,
        ("cannot recognize variable",),
    ),
    _NO_TAPE,
    _ITERATIONS,
    _EXCLUDE,
    _SCHEDULE,
    _SET_WEIGHTS,
    *_LOSS_SCALED,
    _UNKNOWN_NAME,
]

_LEGACY = [_NO_GRADIENT, _NO_TAPE, _ITERATIONS, *_LOSS_SCALED, _UNKNOWN_NAME]


def _without_a_gradient(run: Run) -> None:
    """Updates for two parameters, one of which has no part in the loss."""
    engine: Any = run.engine
    loss = engine.backend.sum(run.parameters[0])
    run.optimizer.get_updates(loss=loss, params=list(run.parameters))


_GRAPH = [
    Misuse(
        "a parameter without a gradient",
        _without_a_gradient,
        words=("None", "gradient"),
    ),
    _UNKNOWN_NAME,
]

#: By generation, for steps that are made eagerly or in a function.
_EAGER = {"tf_keras-legacy": _LEGACY, "tf_keras": _TF_KERAS, "keras-3": _KERAS_3}


def misuses(engine: Driven) -> list[Misuse]:
    """What the methods of an optimizer of ``engine`` must refuse; each has a name of its own."""
    if "get_updates" in engine.ways:  # the same classes, used in another way
        return _GRAPH
    stateless = _STATELESS if "stateless_apply" in engine.ways else []
    return [*_EAGER[engine.generation], *stateless]
