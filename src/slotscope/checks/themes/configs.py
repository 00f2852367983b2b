"""Configs: what ``get_config`` says makes the same optimizer again."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from slotscope.checks.check import check
from slotscope.checks.problems.comparing import config_difference
from slotscope.checks.problems.exact_problems import PAIR, initial_values
from slotscope.checks.problems.saving import RATE, known_of
from slotscope.checks.problems.steps import Run
from slotscope.checks.subjects import config_arguments
from slotscope.checks.subjects.requirements import rate_can_be_set
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import featured, remade, steady_of, with_arguments
from slotscope.checks.verdict import NotApplicable, Violation

PLACE, SECONDS = 8, 0.2


def _arguments(subject: Subject) -> Iterator[str]:
    yield "as it is"
    yield from config_arguments.others(subject)


@check(cases=_arguments)
def check_a_config_keeps_every_argument(subject: Subject, case: str) -> None:
    """An optimizer made from a config has every argument and hyperparameter of the first."""
    name = "" if case == "as it is" else case
    said = _lost(subject, name, config_arguments.others(subject).get(name))
    if said:
        raise Violation(said)


def _lost(subject: Subject, name: str, value: Any) -> str:
    """What a config loses where the argument ``name`` is ``value``; nothing changed if no name."""
    given = {**config_arguments.NEEDS.get(name, {}), name: value} if name else {}
    engine = subject.engine.fresh()
    try:
        first, again = (subject.make(engine, **given) for _ in range(2))
    except (ValueError, TypeError, NotApplicable):
        return ""  # not a value that this one takes
    with engine.scope():
        config = first.get_config()
        said = config.get({"learning_rate": "lr"}.get(name, name), config.get(name, _ABSENT))
        clone = remade(engine, first)
        after = clone.get_config()
    if name and said is _ABSENT and subject.builtin:
        return f"{name}={value!r} is not in the config"
    if name and said is not _ABSENT and not config_arguments.same(value, said):
        return f"{name}={value!r} is {said!r} in the config"
    a, b, c = (
        config_arguments.scalars(first),
        config_arguments.scalars(again),
        config_arguments.scalars(clone),
    )
    steady = {key for key in a if key in b and config_arguments.same(a[key], b[key])}
    for key in sorted(steady):
        if key not in c or not config_arguments.same(a[key], c[key]):
            given_as = f"with {name}={value!r}, " if name else ""
            if isinstance(a[key], dict) and isinstance(c.get(key), dict):
                return f"{given_as}{key} has changed: {config_difference(a[key], c[key])}"
            return f"{given_as}{key} is {a[key]!r} before and {c.get(key)!r} after"
    changed = config_difference(config, after)
    return f"in the config of the second, {changed}" if changed else ""


_ABSENT = object()


@check(cases=("from_config", "from_config with a schedule", "from_config with a loss scale"))
def check_a_config_can_be_used_again(subject: Subject, case: str) -> None:
    """Making an optimizer leaves the config as it was, and a second one can be made from it."""
    feature = {"schedule": "schedule", "scale": "loss scale"}.get(case.rsplit(" ")[-1], "as it is")
    engine = subject.engine.fresh()
    steady = with_arguments(subject, **steady_of(subject)) if case == "from_config" else subject
    optimizer = featured(steady, feature).make(engine)
    known = known_of(subject)
    with engine.scope(), engine.keras.utils.custom_object_scope(known):
        config = optimizer.get_config()
        before = copy.deepcopy(config)
        type(optimizer).from_config(config)
        said = config_difference(before, config)
        if said:
            raise Violation(f"from_config changed the dict it was given: {said}")
        type(optimizer).from_config(config)


@check()
def check_a_config_keeps_the_arguments_of_a_loss_scale(subject: Subject) -> None:
    """A LossScaleOptimizer that is made from its config starts and grows as the first does."""
    engine = subject.engine.fresh()
    wrapper = type(featured(subject, "loss scale").make(engine))
    given = {"initial_scale": 256.0, "dynamic_growth_steps": 3}
    with engine.scope(), engine.keras.utils.custom_object_scope(known_of(subject)):
        first = wrapper(subject.make(engine), **given)
        second = remade(engine, first)
        for name, value in given.items():
            found = getattr(second, name)
            if found != value:
                raise Violation(f"{name} was {value}, and is {found} after its config")


@check()
def check_what_was_serialized_can_be_used_again(subject: Subject) -> None:
    """``deserialize`` makes an optimizer of the same class and leaves what it is given alone."""
    engine = subject.engine.fresh()
    optimizer = subject.make(engine)
    known = known_of(subject)
    with engine.scope(), engine.keras.utils.custom_object_scope(known):
        serialized = engine.keras.optimizers.serialize(optimizer)
        before = copy.deepcopy(serialized)
        made = engine.keras.optimizers.deserialize(serialized)
        # By name: a factory may make the class anew.
        if type(made).__qualname__ != type(optimizer).__qualname__:
            raise Violation(f"it made a {type(made).__name__}, expected a {subject.name}")
        said = config_difference(optimizer.get_config(), made.get_config())
        if said:
            raise Violation(f"in the one that was made, {said}")
        said = config_difference(before, serialized)
    if said:
        raise Violation(f"deserialize changed the dict it was given: {said}")


@check()
def check_a_config_is_the_callers_own(subject: Subject) -> None:
    """Changing the dict that ``get_config`` returned changes no optimizer."""
    engine = subject.engine.fresh()
    optimizer = subject.make(engine)
    with engine.scope():
        config = optimizer.get_config()
        before = copy.deepcopy(config)
        config.clear()
        said = config_difference(before, optimizer.get_config())
    if said:
        raise Violation(f"after its last config was emptied, {said}")


@check(cases=("as it is", "schedule", "loss scale"))
def check_a_config_is_json(subject: Subject, case: str) -> None:
    """A config can be written as JSON, and makes the same optimizer when it is read again."""
    engine = subject.engine.fresh()
    optimizer = featured(subject, case).make(engine)
    with engine.scope(), engine.keras.utils.custom_object_scope(known_of(subject)):
        config = optimizer.get_config()
        try:
            read = config_arguments.through_json(config)
        except (TypeError, ValueError) as error:
            raise Violation(f"its config cannot be written as JSON: {error}") from None
        said = config_difference(config, type(optimizer).from_config(read).get_config())
    if said:
        raise Violation(f"made again from JSON, {said}")


@check(cases=("before its first step", "in use"))
def check_a_config_tells_the_present_learning_rate(subject: Subject, case: str) -> None:
    """A learning rate that was changed is the one in the config."""
    if not rate_can_be_set(subject):
        raise NotApplicable("its learning rate is a schedule or a function")
    run = Run(subject, initial_values(PAIR), built=case == "in use")
    run.engine.set_learning_rate(run.optimizer, RATE)
    with run.engine.scope():
        configs = [part.get_config() for part in run.engine.parts(run.optimizer)]
    rates = [config.get("lr", config.get("learning_rate")) for config in configs]
    said = next((rate for rate in rates if rate is not None), None)
    if said != RATE:
        raise Violation(f"its learning rate was set to {RATE}; its config says {said}")
