"""Comparing a run with its rule, at a tolerance that follows from the arithmetic.

One rounding has a relative error of at most ``eps / 2`` of the dtype (IEEE 754). A step makes at
most ``rule.operations`` of them in one element, and where it forms ``1 - beta`` it loses as many
digits as ``rule.conditioning`` says, so after n steps a slot is off by at most

    n * operations * eps * conditioning * (largest magnitude that the element has had),

to first order (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1), and a
parameter by one rounding of itself at each step and the same bound on how far it has moved.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slotscope.checks.run import State, Trajectory
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
) -> None:
    """Raise unless every label of every state agrees with the rule.

    Args:
        actual: what the optimizer did.
        expected: what the rule says, as :meth:`slotscope.rules.training.Training.states`.
        rule: for the tolerance.
        dtype: of the parameters and slots.
        ignore: slots that are not compared.

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
            history = np.stack([s[label] for s in expected[: number + 1] if label in s])
            tolerance = _tolerance(label, history, relative, EPSILON[dtype])
            _agree(label, number, _find(actual[number], label), history[-1], tolerance)


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
    wrong = ~(np.abs(actual - expected) <= tolerance)
    wrong &= ~((actual == expected) | (np.isnan(actual) & np.isnan(expected)))
    if not wrong.any():
        return
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    index = f"[{', '.join(map(str, place))}]" if place else ""
    raise Violation(
        f"{label}{index} after step {step} is {actual[place]:.9g}; its rule gives"
        f" {expected[place]:.9g} (tolerance {np.broadcast_to(tolerance, actual.shape)[place]:.1g})"
    )
