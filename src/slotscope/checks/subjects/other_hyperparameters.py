"""The hyperparameters of a rule, each with another value than the subject's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from slotscope.checks.subjects.subject import Subject
from slotscope.rules import Rule


def changed_values(subject: Subject) -> dict[str, dict[str, Any]]:
    """For each hyperparameter that rule and constructor know, it alone with another value.

    The new value is exact in binary, and large where it is an epsilon, so that its place shows. A
    switch is flipped beside those numbers that are 0 by default, beside faster rates of decay,
    beside large epsilons and at a learning rate of 1: without momentum, Nesterov's has nothing to
    do, where no velocity falls, amsgrad has not, a factor of 1e-7 would not show, and no rate that
    is small is cut down.
    """
    if subject.rule is None:
        return {}
    rule = subject.expected()
    found = {name: value for name, value in _fields(rule) if subject.accepts(name)}
    numbers = {name: _other(value) for name, value in found.items() if _is_number(value)}
    cases: dict[str, dict[str, Any]] = {name: {name: value} for name, value in numbers.items()}
    waking = {
        name: value
        for name, value in numbers.items()
        if 0.5 < found[name] < 1.0 or name.startswith("epsilon")
    }
    if "learning_rate" in numbers:
        waking["learning_rate"] = 1.0
    zeros = {n: value for n, value in numbers.items() if found[n] == 0.0 and n != "decay"}
    for name, value in found.items():
        if isinstance(value, bool):
            cases[name] = {**waking, **zeros, name: not value}
            if zeros:  # another branch, where there is one for each
                cases[f"{name} without {' and '.join(zeros)}"] = {**waking, name: not value}
    if len(numbers) > 2:
        cases["all of them"] = numbers
    return cases


def _fields(rule: Rule) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(rule):
        yield field.name, getattr(rule, field.name)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _other(value: float) -> float:
    """Another number of the same kind: a count, a rate of decay, a negative power, a constant."""
    if isinstance(value, int):
        return 3 if value != 3 else 4
    if 0.5 < value < 1.0:
        return 0.75 if value != 0.75 else 0.875
    if value == 0.0:
        return 0.5
    if abs(value) > 1.0:
        return round(value * 4) / 4 if value * 4 % 1 else value + 0.25
    if value < 0.0:
        return -0.75 if value != -0.75 else -0.5
    return 0.25 if value != 0.25 else 0.5
