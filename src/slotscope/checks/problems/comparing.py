"""Comparing a run with its rule, at a tolerance that follows from the arithmetic.

One rounding has a relative error of at most ``eps / 2`` of the dtype (IEEE 754). A step makes at
most ``rule.operations`` of them in one element, and where it forms ``1 - beta`` it loses as many
digits as ``rule.conditioning`` says, so after n steps a slot is off by at most

    n * operations * eps * conditioning * (largest magnitude that the element has had),

to first order (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1), and a
parameter by one rounding of itself at each step and the same bound on how far it has moved.

Where a step subtracts numbers that are nearly the same, or takes a sign, that bound is too small.
How much a rounding can grow is then asked of the rule itself: it is run again in the precision of
the parameters on numbers that are each off by one rounding, and ``operations`` times what that
changes is added.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slotscope.checks.problems.steps import State, Trajectory
from slotscope.checks.verdict import Violation
from slotscope.rules import Rule

#: ``eps`` of each dtype that a parameter may have.
EPSILON = {
    "float64": 2.0**-52,
    "float32": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
}

#: Optimizer variables that a rule says nothing of.
UNRULED = {"learning_rate"}


def compare(
    actual: Trajectory,
    expected: Sequence[State],
    rule: Rule,
    dtype: str = "float32",
    ignore: Sequence[str] = (),
    shaken: Sequence[Sequence[State]] = (),
) -> None:
    """Raise unless every label of every state agrees with the rule.

    Args:
        actual: what the optimizer did.
        expected: what the rule says, as :meth:`slotscope.rules.training.Training.states`.
        rule: for the tolerance.
        dtype: of the parameters and slots.
        ignore: slots that are not compared.
        shaken: what the rule says, in low precision, of numbers that are off by one rounding.

    Raises:
        Violation: a variable is missing, was not promised, or is off by more than the tolerance.
    """
    _same_variables(actual[0], expected[-1], set(ignore) | UNRULED)
    relative = rule.operations * EPSILON[dtype] * rule.conditioning
    labels = [label for label in expected[-1] if label.partition("/")[0] not in ignore]
    for number in range(len(expected)):
        for label in labels:
            if label not in expected[number]:
                continue  # a plain function shows its slots after the first step
            seen = [state for state in expected[: number + 1] if label in state]
            history = np.stack([state[label] for state in seen])
            tolerance = _tolerance(label, history, relative, EPSILON[dtype])
            if label.startswith("average/"):
                own = label.partition("/")[2]
                averaged = np.stack([state[own] for state in seen])
                # No more than what it averages, and four roundings of its own.
                tolerance = _tolerance(label, history, 4 * EPSILON[dtype], 0.0)
                tolerance = tolerance + _tolerance(own, averaged, relative, EPSILON[dtype])
            for states in shaken:
                growth = np.abs(states[number][label] - history[-1])
                tolerance = tolerance + rule.operations * np.nan_to_num(growth)
            _agree(label, number, _find(actual[number], label), history[-1], tolerance)


def ends_alike(
    found: State, expected: Trajectory, rule: Rule | None, what: str, dtype: str = "float32"
) -> None:
    """Raise unless a run ended as another one did.

    Args:
        found: the last state of the one.
        expected: all states of the other; variables that only it has are not compared.
        rule: for the tolerance, twice what one run may be off; None: equal to the last bit.
        what: how the two were asked for.
        dtype: of the parameters and slots.

    Raises:
        Violation: they differ by more.
    """
    last = expected[-1]
    missing = sorted((last.keys() - UNRULED) - found.keys())
    if missing:
        raise Violation(f"{what}: the optimizer has no {', '.join(missing)}")
    relative = 0.0 if rule is None else 2 * rule.operations * EPSILON[dtype] * rule.conditioning
    epsilon = 2 * EPSILON[dtype] if relative else 0.0
    for label in sorted(last.keys() & found.keys(), key=lambda label: ("/" in label, label)):
        history = np.stack([state[label] for state in expected if label in state])
        tolerance = _tolerance(label, history, relative, epsilon)
        wrong = _off(found[label], last[label], tolerance)
        if wrong is not None:
            index = f"[{', '.join(map(str, wrong))}]" if last[label].shape else ""
            raise Violation(
                f"{what}: {label}{index} ends as {found[label][wrong]:.9g}, not as"
                f" {last[label][wrong]:.9g}"
            )


def _off(actual: np.ndarray, expected: np.ndarray, tolerance: np.ndarray) -> tuple[int, ...] | None:
    """The first place where they differ by more than ``tolerance``; None if there is none."""
    wrong = ~(np.abs(actual - expected) <= tolerance)
    wrong &= ~((actual == expected) | (np.isnan(actual) & np.isnan(expected)))
    return tuple(int(i) for i in np.argwhere(wrong)[0]) if wrong.any() else None


def off_by_one_rounding(array: np.ndarray, epsilon: float, pattern: int) -> np.ndarray:
    """``array``, each element larger or smaller by the factor ``1 + epsilon / 2``."""
    places = np.arange(array.size).reshape(array.shape)
    signs = np.where((places * (2 * pattern + 1) // 2 + pattern) % 2, 1.0, -1.0)
    return np.asarray(array * (1.0 + signs * epsilon / 2))


def _tolerance(label: str, history: np.ndarray, relative: float, epsilon: float) -> np.ndarray:
    steps = len(history) - 1
    largest = np.abs(history).max(axis=0)
    if "/" in label:
        return np.asarray((1 + steps) * relative * largest)
    moved = np.abs(np.diff(history, axis=0)).sum(axis=0)
    return np.asarray((1 + steps) * (epsilon * largest + relative * moved))


def _find(state: State, label: str) -> np.ndarray:
    """The value of ``label``; a slot that all parameters share stands without one of them."""
    return state[label] if label in state else state[label.partition("/")[0]]


def _same_variables(actual: State, expected: State, ignore: set[str]) -> None:
    shared = {label.partition("/")[0] for label in expected}
    promised = [label for label in expected if label.partition("/")[0] not in ignore]
    missing = [label for label in promised if label not in actual]
    missing = [label for label in missing if label.partition("/")[0] not in actual]
    extra = [label for label in actual if label not in expected and label not in shared]
    extra = [label for label in extra if label.partition("/")[0] not in ignore]
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


def _agree(
    label: str, step: int, actual: np.ndarray, expected: np.ndarray, tolerance: np.ndarray
) -> None:
    place = _off(actual, expected, tolerance)
    if place is None:
        return
    index = f"[{', '.join(map(str, place))}]" if place else ""
    raise Violation(
        f"{label}{index} after step {step} is {actual[place]:.9g}; its rule gives"
        f" {expected[place]:.9g} (tolerance {np.broadcast_to(tolerance, actual.shape)[place]:.1g})"
    )
