"""The rule that an optimizer is held to: what was given as its reference, or a built-in's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from slotscope.checks.subjects.constructor_call import alike, shortest
from slotscope.checks.verdict import NotApplicable
from slotscope.engines import Engine
from slotscope.errors import BadCheckArgumentError
from slotscope.rules import RULES, FunctionRule, Rule, rule


def in_keras_3_words(arguments: dict[str, Any]) -> dict[str, Any]:
    return {{"lr": "learning_rate"}.get(name, name): value for name, value in arguments.items()}


def rule_maker(
    reference: Any, name: str, hyperparameters: dict[str, Any], engine: Engine, mine: bool
) -> Callable[..., Rule] | None:
    if not (reference is None or isinstance(reference, Rule) or callable(reference)):
        raise BadCheckArgumentError(
            f"The reference is {reference!r}. Expected a slotscope.Rule, or a function"
            " (parameter, gradient, slots, iteration) that returns parameter and slots."
        )
    if reference is None and not mine:
        return None
    if reference is None:
        known = {key: value for key, value in hyperparameters.items() if key != "name"}
        if name not in RULES:  # a wrapper: its steps are those of another
            return None
        return lambda **changes: rule(name, engine.generation, **{**known, **changes})
    if isinstance(reference, type) and issubclass(reference, Rule):
        reference = _rule_of_class(reference, hyperparameters)
    fixed = reference if isinstance(reference, Rule) else _function_rule(reference)
    fields = {field.name for field in dataclasses.fields(fixed)} if fixed is reference else set()

    def expected(**changes: Any) -> Rule:
        for name in changes.keys() - fields:
            raise NotApplicable(f"the reference does not know what {name!r} changes")
        return dataclasses.replace(fixed, **changes)

    return expected


def _rule_of_class(cls: type[Rule], hyperparameters: dict[str, Any]) -> Rule:
    """The rule with those of the optimizer's hyperparameters that it knows.

    Raises:
        BadCheckArgumentError: they are not enough, or the class is abstract.
    """
    known = {field.name for field in dataclasses.fields(cls)} & hyperparameters.keys()
    try:
        return cls(**{name: hyperparameters[name] for name in known})
    except TypeError as error:
        raise BadCheckArgumentError(
            f"The reference {cls.__name__} cannot be made from what the optimizer's get_config"
            f" says: {error}. Pass an instance: reference={cls.__name__}(...)."
        ) from None


def contradictions(reference: Any, hyperparameters: dict[str, Any]) -> dict[str, str]:
    if not isinstance(reference, Rule):
        return {}
    own = {field.name: getattr(reference, field.name) for field in dataclasses.fields(reference)}
    return {
        name: f"the reference has {name}={own[name]!r}, the optimizer's config {shortest(value)!r}"
        for name, value in hyperparameters.items()
        if name in own and not callable(own[name]) and not alike(value, own[name])
    }


def _function_rule(function: Callable[..., Any]) -> FunctionRule:
    """A plain function as a rule, after it was tried on a small step.

    Raises:
        BadCheckArgumentError: it raises, or returns something else than parameter and slots.
    """
    fixed = FunctionRule(function=function)
    name = getattr(function, "__name__", repr(function))
    ones = np.ones((2, 2))
    try:
        parameter, slots = fixed.step(ones, ones, {}, 0)
        good = np.shape(parameter) == ones.shape and isinstance(slots, dict)
        said = f"it returned {parameter!r} and {slots!r}"
    except Exception as error:
        good, said = False, f"it raised {type(error).__name__}: {error}"
    if not good:
        raise BadCheckArgumentError(
            f"The reference {name} was tried with a parameter and a gradient of shape (2, 2), no"
            f" slots and iteration 0, and {said}. Expected the parameter and a dict of slots after"
            " the first step, in which slots is empty."
        )
    return fixed
