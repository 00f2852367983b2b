"""Small exact problems: gradients that were chosen, and what a rule makes of them.

All numbers are small odd integers over powers of two, exact in every dtype that is checked, so that
the first rounding of a run is the optimizer's own.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from packaging.version import Version

from slotscope.checks.problems.comparing import EPSILON, compare, off_by_one_rounding
from slotscope.checks.problems.failing_run import BrokenRule, FailingRun
from slotscope.checks.problems.steps import Gradients, Run, Trajectory, reproducible, trajectory
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable, Violation
from slotscope.engines import SparseGradient
from slotscope.rules import Rule, Slots
from slotscope.rules.training import DIALECTS, FEATURES, Each, LossScaling, State, Steps, Training

#: Of the problems that say nothing else: a matrix, a vector.
PAIR: tuple[tuple[int, ...], ...] = ((4, 3), (3,))


def exact(shape: tuple[int, ...], scale: float = 1.0, shift: int = 0) -> np.ndarray:
    """Different numbers of both signs, none of them zero, each an odd multiple of scale / 8."""
    size = int(np.prod(shape))
    numbers = (np.arange(size) * 5 + shift * 3) % 11 - 5
    return np.asarray((2 * numbers.reshape(shape) + 1) * scale / 8, np.float32)


def values(shapes: Sequence[tuple[int, ...]], scale: float = 1.0) -> list[np.ndarray]:
    """Initial values of parameters."""
    return [exact(shape, scale) for shape in shapes]


def chosen(
    shapes: Sequence[tuple[int, ...]], steps: int, scale: float = 1.0
) -> list[list[np.ndarray]]:
    """Gradients for ``steps`` steps."""
    return [
        [exact(shape, scale, 1 + step + n) for n, shape in enumerate(shapes)]
        for step in range(steps)
    ]


def features_of(subject: Subject, changes: dict[str, Any]) -> dict[str, Any]:
    """What surrounds the steps of the subject with ``changes``: arguments of ``Training``."""
    if "features" not in subject.memo:
        with subject.engine.scope():
            optimizer = subject.make()
            own = {name: getattr(optimizer, name, None) for name in FEATURES}
        subject.memo["features"] = own
    known = {**subject.memo["features"], **subject.settings, **changes}
    return {name: known[name] for name in FEATURES if known.get(name) is not None}


def steady_of(subject: Subject) -> dict[str, Any]:
    """The arguments that switch off what an optimizer, by its defaults, does by calls, not steps.

    A schedule looks at the calls of ``apply`` and so, in Keras 3, do the averages: where gradients
    accumulate, neither can be compared with bigger batches.
    """
    with subject.engine.scope():
        optimizer = subject.make()
        rate = optimizer.get_config().get("learning_rate")
    averages = {"use_ema": False} if getattr(optimizer, "use_ema", False) else {}
    changing = isinstance(rate, dict) or callable(rate)
    return {**averages, **({"learning_rate": 0.125} if changing else {})}


def training_of(subject: Subject, steps: Steps | None = None, **changes: Any) -> Training:
    """The subject's rule, or ``steps``, with what surrounds it.

    Args:
        subject: what is checked.
        steps: what stands for the rule; by default the rule itself.
        **changes: arguments of the constructor, and fields of ``Training`` that it does not take.

    Raises:
        NotApplicable: there is no rule, or it does not know one of the changes.
    """
    fields = Training.__dataclass_fields__.keys()
    around = {name: value for name, value in changes.items() if name in fields}
    if steps is None:
        own = {name: value for name, value in changes.items() if name not in around}
        steps = Each(subject.expected(**own))
    dialect = DIALECTS.get(subject.engine.generation, {})
    return Training(steps, **{**dialect, **features_of(subject, changes), **around})


def dense(gradients: Gradients) -> list[list[np.ndarray | None]]:
    """``gradients``, where sparse ones are arrays of their parameter's shape."""
    return [[g.dense if isinstance(g, SparseGradient) else g for g in step] for step in gradients]


def against_rule(
    subject: Subject,
    parameters: Sequence[np.ndarray],
    gradients: Gradients,
    *,
    way: str = "",
    dtype: str = "float32",
    **changes: Any,
) -> Trajectory:
    """Hold a run to the subject's rule, with what surrounds it; return the run.

    That the run is reproducible is a check of its own, and is asked here only where it differs.

    Raises:
        BrokenRule: they differ.
        NotReproducible: two runs differ.
        NotApplicable: there is no rule, or the constructor takes not all of ``changes``.
    """
    training = training_of(subject, **changes)
    options = {"way": way, "dtype": dtype, **changes}
    actual = trajectory(subject, parameters, gradients, **options)
    rule = subject.expected(**{k: v for k, v in changes.items() if k not in FEATURES})
    try:
        hold(actual, training, rule, parameters, gradients, dtype)
    except Violation as violation:
        reproducible(subject, parameters, gradients, **options)
        run = FailingRun(subject, parameters, gradients, way, dtype, changes)
        raise BrokenRule(str(violation), run) from None
    return actual


def hold(
    actual: Trajectory,
    training: Training | LossScaling,
    rule: Rule,
    parameters: Sequence[np.ndarray],
    gradients: Gradients,
    dtype: str = "float32",
) -> None:
    """Raise unless a run with ``parameters`` and ``gradients`` is what ``training`` says.

    Raises:
        Violation: it is not.
    """
    given = dense(gradients)
    with np.errstate(all="ignore"), unwarned():
        expected = training.states(parameters, given)
        with contextlib.suppress(Violation):
            return compare(actual, expected, rule, dtype)
        # Unless a rounding can grow as much. Parameters and gradients are off the same way, then in
        # opposite ways: where the one cancels, the other doesn't.
        with contextlib.suppress(Violation):
            shaken = _shaken_states(training, parameters, given, dtype, 0)
            return compare(actual, expected, rule, dtype, shaken=shaken)
        shaken = _shaken_states(training, parameters, given, dtype, 1)
        compare(actual, expected, rule, dtype, shaken=shaken)


@dataclass(frozen=True)
class Rounded:
    """Steps whose arithmetic is done in the precision of the parameters, as far as NumPy has it."""

    steps: Steps
    dtype: str

    def initial(self, parameters: Sequence[np.ndarray]) -> list[Slots]:
        return self.steps.initial(parameters)

    def step(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray | None],
        slots: Sequence[Slots],
        iteration: int,
        call: int,
    ) -> tuple[list[np.ndarray], list[Slots]]:
        dtype = "float16" if self.dtype == "bfloat16" else self.dtype
        after, kept = self.steps.step(
            [parameter.astype(dtype) for parameter in parameters],
            [None if g is None else g.astype(dtype) for g in gradients],
            [{name: value.astype(dtype) for name, value in own.items()} for own in slots],
            iteration,
            call,
        )
        wide = [{name: np.asarray(v, np.float64) for name, v in own.items()} for own in kept]
        return [np.asarray(parameter, np.float64) for parameter in after], wide

    def decay(self, parameter: np.ndarray, weight_decay: float | None, call: int) -> float:
        return self.steps.decay(parameter, weight_decay, call)


def _shaken_states(
    training: Training | LossScaling,
    parameters: Sequence[np.ndarray],
    gradients: Sequence[Sequence[np.ndarray | None]],
    dtype: str,
    other: int,
) -> list[list[State]]:
    """The rule's states, rounded, of numbers that are off by one rounding; and by the opposite."""
    rounded = training.with_steps(lambda steps: Rounded(steps, dtype))
    return [
        rounded.states(
            [_shaken(parameter, dtype, pattern) for parameter in parameters],
            [
                [_shaken(gradient, dtype, pattern + other + number) for gradient in step]
                for number, step in enumerate(gradients)
            ],
        )
        for pattern in (0, 1)
    ]


def _shaken(array: np.ndarray | None, dtype: str, pattern: int) -> Any:
    return None if array is None else off_by_one_rounding(array, EPSILON[dtype], pattern)


def same_as(
    actual: State, expected: State, labels: Callable[[str], bool], what: str, tolerance: float = 0.0
) -> None:
    """Raise unless two states agree in every label for which ``labels`` is true.

    Args:
        actual: what was found.
        expected: what it should equal, bit for bit where ``tolerance`` is 0.
        labels: which of them are compared.
        what: the sentence that is broken if they differ.
        tolerance: relative to the largest element.

    Raises:
        Violation: they differ.
    """
    for label in filter(labels, expected):
        if label not in actual:
            raise Violation(f"{what}: {label} is missing")
        a, b = actual[label], expected[label]
        limit = tolerance * np.max(np.abs(b), initial=0.0)
        wrong = ~((np.abs(a - b) <= limit) | (a == b) | (np.isnan(a) & np.isnan(b)))
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise Violation(
                f"{what}: {label}{list(place) if place else ''} is {a[place]:.9g},"
                f" expected {b[place]:.9g}"
            )


def takes_schedule(subject: Subject, schedule: Any) -> None:
    """Raise unless the constructor takes ``schedule`` as its learning rate.

    Raises:
        NotApplicable: it refuses schedules, and says so.
    """
    try:
        subject.make(learning_rate=schedule)
    except (TypeError, ValueError) as refusal:
        if "schedule" not in str(refusal).lower():
            raise
        raise NotApplicable(f"its constructor refuses schedules: {refusal}") from None


def rate_can_be_set(subject: Subject) -> bool:
    """Whether a number can be set for the learning rate, which may be a schedule or a function."""
    engine = subject.engine.fresh()
    optimizer = subject.make(engine)
    try:
        engine.set_learning_rate(optimizer, 0.0625)
    except TypeError:
        return False
    return True


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Without the warnings about gradients that are missing on purpose."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def needs_dtype(subject: Subject, dtype: str) -> None:
    """Raise unless the engine has parameters of ``dtype``.

    Raises:
        NotApplicable: it has not.
    """
    if dtype not in subject.engine.dtypes:
        raise NotApplicable(f"{subject.engine.name} has no parameters of {dtype}")


def needs_release(subject: Subject, since: str, what: str) -> None:
    """Raise unless the engine's Keras is ``since`` or newer; empty: any.

    Raises:
        NotApplicable: it is older; ``what`` came with a later one.
    """
    release = str(subject.engine.keras.__version__)
    if since and Version(release) < Version(since):
        raise NotApplicable(f"{what} came with Keras {since}; this is {release}")


def last(subject: Subject, parameters: Any, gradients: Gradients, **options: Any) -> State:
    """The state after the last of ``gradients``; options as in :class:`Run`."""
    run = Run(subject, parameters, gradients[0], **options)
    for step in gradients:
        run.step(step)
    return run.state
