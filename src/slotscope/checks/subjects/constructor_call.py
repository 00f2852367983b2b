"""What a constructor takes, and a call of it written as code."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

#: Good values of arguments whose default is None.
NONE_BY_DEFAULT: dict[str, Any] = {
    "weight_decay": 0.125,
    "clipnorm": 0.5,
    "clipvalue": 0.5,
    "global_clipnorm": 0.5,
    "loss_scale_factor": 2.0,
    "gradient_accumulation_steps": 2,
    "ema_overwrite_frequency": 2,
}


def parameters(cls: type) -> tuple[dict[str, inspect.Parameter], bool]:
    """What the constructor of ``cls`` takes, itself or passed on to its bases, by name.

    And whether the last of them passes on what else there is.
    """
    taken, passed_on = _signatures(cls)
    found: dict[str, inspect.Parameter] = {}
    for own in taken:
        found = {**own, **found}
    return found, passed_on


def _signatures(cls: type) -> tuple[list[Mapping[str, inspect.Parameter]], bool]:
    """What each constructor takes, the class's own first, as far as arguments are passed on."""
    found: list[Mapping[str, inspect.Parameter]] = []
    for base in cls.__mro__[:-1]:
        if "__init__" not in vars(base):
            continue
        found.append(inspect.signature(base).parameters)
        if not any(p.kind is p.VAR_KEYWORD for p in found[-1].values()):
            return found, False
    return found, True


def nearest(cls: type, names: Iterable[str], shared: tuple[str, ...]) -> str:
    """Which of ``names`` for one argument the constructor of ``cls`` takes; empty if none.

    Its own before one that it only passes on, which it may give a value itself.
    """
    for own in _signatures(cls)[0]:
        for name in names:
            if name in own:
                return name
    return next((name for name in names if accepts(cls, name, shared)), "")


def accepts(cls: type, name: str, shared: tuple[str, ...]) -> bool:
    """Whether the constructor of ``cls`` takes ``name``: itself, or passed on to its base."""
    found, passed_on = parameters(cls)
    return name in found or (passed_on and name in shared)


def defaults(cls: type) -> dict[str, Any]:
    """The defaults of the constructor's arguments, those passed on to its bases included."""
    return {n: p.default for n, p in parameters(cls)[0].items() if p.default is not p.empty}


def needed_arguments(
    cls: type, config: Mapping[str, Any], shared: tuple[str, ...]
) -> dict[str, Any]:
    """Those arguments in ``config`` that a call of the constructor needs to say.

    Args:
        cls: the optimizer's class.
        config: what its ``get_config`` returned.
        shared: arguments of every optimizer that no signature shows.
    """
    usual = defaults(cls)
    said = {}
    for name, value in config.items():
        known = name in usual or accepts(cls, name, shared)
        if name == "name" or not known or alike(value, usual.get(name)):
            continue
        if name in usual or value:
            spelled = nearest(cls, (name, "lr"), shared) if name == "learning_rate" else name
            said[spelled] = shortest(_number(value))
    return said


def _number(value: Any) -> Any:
    """The number that a variable of one element holds; anything else as it is."""
    if isinstance(value, (str, bytes)) or not hasattr(value, "shape"):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        return value


def shortest(value: Any) -> Any:
    """``value``, a number that came out of a float32 variable with the fewest digits."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and np.isfinite(value) and float(np.float32(value)) == value:
        return float(str(np.float32(value)))
    return value


def call(name: str, arguments: Mapping[str, Any]) -> str:
    """``name(a=1, b=2)``."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def alike(value: Any, other: Any) -> bool:
    """Whether two values of an argument are the same; numbers, in float32."""
    numbers = all(isinstance(v, (float, np.floating)) for v in (value, other))
    if numbers:
        return bool(np.float32(value) == np.float32(other))
    try:
        return bool(value == other)
    except Exception:  # an array, or an object that compares in its own way
        return False
