"""Comparing states: with another state, with another run, and with what a rule says.

Two that do the same operations in the same order are equal to the last bit. A rule is followed at a
tolerance that comes from the arithmetic. One rounding has a relative error of at most ``eps / 2``
of the dtype (IEEE 754). A step makes at most ``rule.operations`` of them in one element, and where
it forms ``1 - beta`` it loses as many digits as ``rule.conditioning`` says, so after n steps a slot
is off by at most

    n * operations * eps * conditioning * (largest magnitude that the element has had),

to first order (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1), and a
parameter by one rounding of itself at each step and the same bound on how far it has moved.

Where a step subtracts numbers that are nearly the same, or takes a sign, that bound is too small.
How much a rounding can grow is then asked of the rule itself: it is run again in the precision of
the parameters on numbers that are each off by one rounding, and ``operations`` times what that
changes is added.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from slotscope.checks.problems.rounding import EPSILON, shaken_states
from slotscope.checks.problems.state import State, Trajectory
from slotscope.checks.problems.warnings_and_logs import unwarned
from slotscope.checks.verdict import NotReproducible, Violation
from slotscope.rules import Rule
from slotscope.rules.loss_scaling import LossScaling
from slotscope.rules.training import Training

#: Optimizer variables that a rule says nothing of.
UNRULED = {"learning_rate"}

#: How far each element of a label's value may be off.
Tolerance = Callable[[str], Any]


def exactly(label: str) -> float:
    """The tolerance of what is equal to the last bit."""
    return 0.0


def difference(expected: State, found: State, tolerance: Tolerance = exactly) -> str:
    """The first difference between two states, in words; empty if there is none."""
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or extra:
        return f"{(missing or extra)[0]} is {'gone' if missing else 'new'}"
    for label, value in expected.items():
        other = found[label]
        if value.shape != other.shape:
            return f"{label} has shape {other.shape}, expected {value.shape}"
        place = _off(other, value, tolerance(label))
        if place is not None:
            return f"{label}{_index(place)} is {other[place]:.9g}, expected {value[place]:.9g}"
    return ""


def same_state(expected: State, found: State, what: str, tolerance: Tolerance = exactly) -> None:
    """Raise unless two states have the same labels and values.

    Args:
        expected: what is right.
        found: what is compared with it.
        what: the sentence that is broken if they differ.
        tolerance: by default none.

    Raises:
        Violation: they differ.
    """
    said = difference(expected, found, tolerance)
    if said:
        raise Violation(f"{what}: {said}")


def nearly_same_states(expected: Trajectory, found: Trajectory, what: str) -> None:
    """Raise unless two runs have the same states, but for some roundings of the largest element.

    Raises:
        Violation: they differ; ``what`` is the sentence that is broken.
    """
    for step, (promised, actual) in enumerate(zip(expected, found, strict=True)):
        tolerance = functools.partial(_of_the_largest, promised)
        same_state(promised, actual, f"{what} after step {step}", tolerance)


def _of_the_largest(state: State, label: str) -> Any:
    return 64 * EPSILON["float32"] * np.max(np.abs(state[label]), initial=0.0)


def as_they_are(expected: State, found: State) -> tuple[State, State]:
    """Two states as they are."""
    return expected, found


def in_both(expected: State, found: State) -> tuple[State, State]:
    """Two states without what only ``found`` has; without a learning rate that only one has."""
    kept = {k: v for k, v in expected.items() if k in found or k not in UNRULED}
    return kept, {k: v for k, v in found.items() if k in expected}


def same_end(
    plain: Callable[[], Trajectory],
    other: Callable[[], State],
    what: str,
    *,
    rule: Rule | None = None,
    known: Trajectory | None = None,
    compared: Callable[[State, State], tuple[State, State]] = as_they_are,
) -> None:
    """Raise unless two programs end in the same state.

    Args:
        plain: does what is known to be right; returns all states, or the last alone.
        other: does what is compared with it; returns the last state.
        what: says in words how ``other`` goes about it.
        rule: for the tolerance, twice what one run may be off; None: equal to the last bit.
        known: what ``plain`` gave before, where it was done before.
        compared: picks from the two last states the parts that have to be equal.

    Raises:
        Violation: they end differently.
        NotReproducible: so does one of them, done again.
    """
    expected = plain() if known is None else known
    found = other()
    tolerance = exactly if rule is None else _twice(rule, expected)
    said = difference(*compared(expected[-1], found), tolerance)
    if not said:
        return
    for again in (difference(expected[-1], plain()[-1]), difference(found, other())):
        if again:
            raise NotReproducible.runs(again)
    raise Violation(f"{what}: {said}")


def follows_rule(
    actual: Trajectory,
    training: Training | LossScaling,
    rule: Rule,
    parameters: Sequence[np.ndarray],
    gradients: Sequence[Sequence[np.ndarray | None]],
    dtype: str = "float32",
) -> None:
    """Raise unless a run is what ``training`` says.

    Args:
        actual: the run's states.
        training: the rule, with what surrounds it.
        rule: for the tolerance.
        parameters: initial values.
        gradients: the gradients of every step, dense.
        dtype: the dtype of the parameters and slots.

    Raises:
        Violation: a variable is missing, was not promised, or is off by more than the tolerance.
    """
    with np.errstate(all="ignore"), unwarned():
        expected = training.states(parameters, gradients)
        with contextlib.suppress(Violation):
            return _agree(actual, expected, rule, dtype)
        # Unless a rounding can grow as much. Parameters and gradients are off the same way, then in
        # opposite ways: where the one cancels, the other doesn't.
        with contextlib.suppress(Violation):
            shaken = shaken_states(training, parameters, gradients, dtype, 0)
            return _agree(actual, expected, rule, dtype, shaken)
        shaken = shaken_states(training, parameters, gradients, dtype, 1)
        _agree(actual, expected, rule, dtype, shaken)


def config_difference(expected: dict[str, Any], found: dict[str, Any]) -> str:
    """The first argument in which two configs differ, in words; empty if in none."""
    for name in [*expected, *(found.keys() - expected.keys())]:
        if name not in found or name not in expected:
            return f"{name!r} is {'gone' if name in expected else 'new'}"
        if not _equal(expected[name], found[name]):
            return f"{name!r} is {found[name]!r}, expected {expected[name]!r}"
    return ""


# ---- values


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return not config_difference(a, b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return bool(a == b)


def _off(actual: np.ndarray, expected: np.ndarray, tolerance: Any) -> tuple[int, ...] | None:
    """The first place where they differ by more than ``tolerance``; None if there is none."""
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(actual - expected) <= tolerance)
    wrong &= ~((actual == expected) | (np.isnan(actual) & np.isnan(expected)))
    return tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.any() else None


def _index(place: tuple[int, ...]) -> str:
    return str(list(place)) if place else ""


# ---- tolerances


def _twice(rule: Rule, states: Trajectory) -> Tolerance:
    """Twice what a run in float32 with these states may be off."""
    epsilon = 2 * EPSILON["float32"]
    relative = epsilon * rule.operations * rule.conditioning
    return lambda label: _tolerance(label, _history(label, states), relative, epsilon)


def _history(label: str, states: Sequence[State]) -> np.ndarray:
    """The values of ``label`` in order; a plain function shows its slots after the first step."""
    return np.stack([state[label] for state in states if label in state])


def _tolerance(label: str, history: np.ndarray, relative: float, epsilon: float) -> np.ndarray:
    steps = len(history) - 1
    largest: np.ndarray = np.abs(history).max(axis=0)
    if "/" in label:
        return np.asarray((1 + steps) * relative * largest)
    moved: np.ndarray = np.abs(np.diff(history, axis=0)).sum(axis=0)
    return np.asarray((1 + steps) * (epsilon * largest + relative * moved))


# ---- what a rule says


def _agree(
    actual: Trajectory,
    expected: Sequence[State],
    rule: Rule,
    dtype: str,
    shaken: Sequence[Sequence[State]] = (),
) -> None:
    """Raise unless every label of every state agrees with the rule.

    Args:
        actual: what the optimizer did.
        expected: what the rule says, as :meth:`slotscope.rules.training.Training.states`.
        rule: for the tolerance.
        dtype: the dtype of the parameters and slots.
        shaken: what the rule says, in low precision, of numbers that are off by one rounding.
    """
    _same_variables(actual[0], expected[-1])
    epsilon = EPSILON[dtype]
    relative = rule.operations * epsilon * rule.conditioning
    for number, promised in enumerate(expected):
        for label in filter(promised.__contains__, expected[-1]):
            seen = [state for state in expected[: number + 1] if label in state]
            history = _history(label, seen)
            tolerance = _tolerance(label, history, relative, epsilon)
            if label.startswith("average/"):
                own = label.partition("/")[2]
                # No more than what it averages, and four roundings of its own.
                averaged = _history(own, seen)
                tolerance = _tolerance(label, history, 4 * epsilon, 0.0)
                tolerance = tolerance + _tolerance(own, averaged, relative, epsilon)
            for states in shaken:
                growth = np.abs(states[number][label] - promised[label])
                tolerance = tolerance + rule.operations * np.nan_to_num(growth)
            found = _find(actual[number], label)
            place = _off(found, promised[label], tolerance)
            if place is not None:
                off = np.broadcast_to(tolerance, found.shape)[place]
                raise Violation(
                    f"{label}{_index(place)} after step {number} is {found[place]:.9g}; its rule"
                    f" gives {promised[label][place]:.9g} (tolerance {off:.1g})"
                )


def _find(state: State, label: str) -> np.ndarray:
    """The value of ``label``; a slot that all parameters share stands without one of them."""
    return state[label] if label in state else state[label.partition("/")[0]]


def _same_variables(actual: State, expected: State) -> None:
    shared = {label.partition("/")[0] for label in expected}
    promised = [label for label in expected if label.partition("/")[0] not in UNRULED]
    missing = [label for label in promised if label not in actual]
    missing = [label for label in missing if label.partition("/")[0] not in actual]
    extra = [label for label in actual if label not in expected and label not in shared]
    extra = [label for label in extra if label.partition("/")[0] not in UNRULED]
    if missing or extra:
        raise Violation(
            "the optimizer's variables are not those of its rule:"
            f" {_listed('missing', missing)}{_listed('not promised', extra)}".rstrip("; ")
        )
    for label in promised:
        found = _find(actual, label)
        if found.shape != expected[label].shape:
            raise Violation(f"{label} has shape {found.shape}, promised is {expected[label].shape}")


def _listed(word: str, labels: list[str]) -> str:
    return f"{word} {', '.join(labels)}; " if labels else ""
