"""The subject, made otherwise: with other arguments, from its config, in another optimizer."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import cloudpickle

from slotscope.checks.subjects.config_arguments import plain
from slotscope.checks.subjects.requirements import needs_arguments, needs_schedules, takes_schedule
from slotscope.checks.subjects.subject import Subject, config_of
from slotscope.checks.verdict import LeftOut, NotApplicable
from slotscope.engines import Engine

#: Arguments that add to what must be kept, or change what it is used for.
FEATURES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "momentum": {"momentum": 0.5},
    "nesterov": {"momentum": 0.5, "nesterov": True},
    "amsgrad": {"amsgrad": True},
    "centered": {"centered": True},
    "decay": {"decay": 0.5},
    "weight decay": {"weight_decay": 0.125},
    "average": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 2},
    "average and accumulation": {
        "use_ema": True,
        "ema_momentum": 0.5,
        "gradient_accumulation_steps": 2,
    },
}


def made(subject: Subject, create: Callable[[Engine], Any]) -> Subject:
    """``subject``, made otherwise."""
    return dataclasses.replace(subject, create=create, constructor=None)


def with_arguments(subject: Subject, **changes: Any) -> Subject:
    """``subject`` with other arguments to its constructor.

    Raises:
        NotApplicable: it does not take one of them.
    """
    needs_arguments(subject, *changes)
    changed = made(subject, lambda engine: subject.make(engine, **changes))
    if subject.constructor is None:
        return changed
    spelled = subject.spelled(subject.made_class(), changes)
    return dataclasses.replace(
        changed, constructor=functools.partial(subject.constructor, **spelled)
    )


def with_momentum(subject: Subject) -> Subject:
    """The subject; where its momentum is 0, and its slots tell nothing, with one of 0.5."""

    def find() -> Subject:
        config = config_of(subject.make(), subject.engine)
        if config.get("momentum") == 0 and subject.accepts("momentum"):
            return with_arguments(subject, momentum=0.5)
        return subject

    return subject.once("with momentum", find)


def steady_of(subject: Subject) -> dict[str, Any]:
    """The arguments that switch off what an optimizer, by its defaults, does by calls, not steps.

    A schedule looks at the calls of ``apply`` and so, in Keras 3, do the averages: where gradients
    accumulate, neither can be compared with bigger batches.
    """
    with subject.engine.scope():
        optimizer = subject.make()
        rate = config_of(optimizer, subject.engine).get("learning_rate")
    averages = {"use_ema": False} if getattr(optimizer, "use_ema", False) else {}
    changing = isinstance(rate, dict) or callable(rate)
    return {**averages, **({"learning_rate": 0.125} if changing else {})}


def scheduled(subject: Subject) -> dict[str, Any]:
    """A learning rate that is a schedule, as an argument.

    Raises:
        NotApplicable: this generation has none, or its constructor refuses them.
    """
    schedule = needs_schedules(subject).ExponentialDecay(0.125, decay_steps=2, decay_rate=0.5)
    takes_schedule(subject, schedule)
    return {"learning_rate": schedule}


def remade(engine: Engine, optimizer: Any) -> Any:
    """Another optimizer, from the config of ``optimizer``."""
    with engine.scope():
        return type(optimizer).from_config(copy.deepcopy(optimizer.get_config()))


def from_config(subject: Subject) -> Subject:
    """``subject``, every optimizer of which is made from the config of another."""
    return made(subject, lambda engine: remade(engine, subject.create(engine)))


def loss_scaled(subject: Subject) -> Subject:
    """``subject`` in the engine's LossScaleOptimizer, which doubles its scale every two steps.

    Raises:
        NotApplicable: the engine has none.
    """

    def wrapped(engine: Engine) -> Any:
        inner = subject.create(engine)
        if "LossScaleOptimizer" in {cls.__name__ for cls in type(inner).__mro__}:
            raise NotApplicable("it is a LossScaleOptimizer itself")
        optimizer = engine.loss_scaled(inner)
        if optimizer is None:
            raise NotApplicable(f"{engine.name} has no LossScaleOptimizer")
        return optimizer

    return made(subject, wrapped)


def featured(subject: Subject, feature: str) -> Subject:
    """``subject`` with one feature: of :data:`FEATURES`, ``loss scale`` or ``schedule``.

    Raises:
        NotApplicable: it does not take it.
    """
    if feature == "loss scale":
        return loss_scaled(subject)
    if feature == "schedule":
        return with_arguments(subject, **scheduled(subject))
    return with_arguments(subject, **FEATURES.get(feature, {}))


def portable(subject: Subject) -> Subject:
    """``subject`` as another process can have it.

    Raises:
        LeftOut: neither what makes its optimizer nor its class and config can be pickled.
    """
    cls: Any = subject.made_class()
    config = plain(config_of(subject.make(), subject.engine))
    for create in (subject.create, lambda engine: cls.from_config(dict(config))):
        try:
            copied = cloudpickle.loads(cloudpickle.dumps(create))
            if copied(subject.engine).get_config().keys() == config.keys():
                return dataclasses.replace(subject, create=create, rule=None)
        except Exception:
            continue  # Keras objects fail in many ways; what matters is whether one works
    raise LeftOut("neither it nor its config can be sent to another process, by pickling it")
