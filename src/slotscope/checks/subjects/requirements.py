"""What a check needs of an optimizer or of its engine, without which it is not applicable."""

from __future__ import annotations

import itertools
from types import ModuleType
from typing import Any

from packaging.version import Version

from slotscope.checks.subjects.subject import Subject, is_keras_own
from slotscope.checks.verdict import NotApplicable


def needs_arguments(subject: Subject, *names: str) -> None:
    """Raise unless the constructor takes these arguments.

    Raises:
        NotApplicable: it does not take one of them.
    """
    if not subject.accepts(*names):
        lacking = [repr(name) for name in names if not subject.accepts(name)]
        raise NotApplicable(f"its constructor takes no {' and no '.join(lacking)}")


def needs_dtype(subject: Subject, dtype: str) -> None:
    """Raise unless the engine has parameters of ``dtype``.

    Raises:
        NotApplicable: it has not.
    """
    if dtype not in subject.engine.dtypes:
        raise NotApplicable(f"{subject.engine.name} has no parameters of {dtype}")


def needs_missing(subject: Subject) -> None:
    """Raise unless the engine takes a gradient of None.

    Raises:
        NotApplicable: it does not.
    """
    if not subject.engine.takes_missing:
        raise NotApplicable(f"{subject.engine.name} refuses a gradient of None")


def needs_sparse(subject: Subject) -> None:
    """Raise unless the engine has sparse gradients.

    Raises:
        NotApplicable: it has not.
    """
    if not subject.engine.takes_sparse:
        raise NotApplicable(f"{subject.engine.name} has no sparse gradients")


def needs_release(subject: Subject, since: str, what: str) -> None:
    """Raise unless the engine's Keras is ``since`` or newer; empty: any.

    Raises:
        NotApplicable: it is older; ``what`` came with a later one.
    """
    release = str(subject.engine.keras.__version__)
    if since and Version(release) < Version(since):
        raise NotApplicable(f"{what} came with Keras {since}; this is {release}")


def needs_schedules(subject: Subject) -> ModuleType:
    """The engine's module of learning rate schedules.

    Raises:
        NotApplicable: it has none.
    """
    schedules = subject.engine.schedules
    if schedules is None:
        raise NotApplicable(f"{subject.engine.name} has no learning rate schedules")
    return schedules


def takes_schedule(subject: Subject, schedule: Any) -> None:
    """Raise unless the constructor takes ``schedule`` as its learning rate.

    Raises:
        NotApplicable: it takes no learning rate, or refuses schedules and says so.
    """
    needs_arguments(subject, "learning_rate")
    try:
        subject.make(learning_rate=schedule)
    except (TypeError, ValueError) as refusal:
        if "schedule" not in str(refusal).lower():
            raise
        raise NotApplicable(f"its constructor refuses schedules: {refusal}") from None


def averages_by_itself(subject: Subject) -> bool:
    """Whether it keeps averages of the parameters, which they become at the end of ``fit``."""
    with subject.engine.scope():
        return bool(getattr(subject.make(), "use_ema", False))


def needs_no_averages(subject: Subject) -> None:
    """Raise where the parameters become their averages at the end of ``fit``.

    Raises:
        NotApplicable: they do.
    """
    if averages_by_itself(subject):
        raise NotApplicable("at the end of fit the parameters become their averages")


def rate_can_be_set(subject: Subject) -> bool:
    """Whether a number can be set for the learning rate, which may be a schedule or a function."""
    engine = subject.engine.fresh()
    optimizer = subject.make(engine)
    try:
        engine.set_learning_rate(optimizer, 0.0625)
    except (TypeError, AttributeError):
        return False
    return True


def own_classes(subject: Subject, cls: type) -> list[type]:
    """The classes that ``cls`` is derived from below Keras's own, itself the first."""
    engine = subject.engine
    return list(itertools.takewhile(lambda base: not is_keras_own(engine, base), cls.__mro__))


def compiled_way(subject: Subject) -> str:
    """The way of compiled steps.

    Raises:
        NotApplicable: there is none, or it is the only one.
    """
    for way in ("compiled", "jit"):
        if way in subject.engine.ways:
            return way
    raise NotApplicable(f"{subject.engine.name} has no other way to compile a step")
