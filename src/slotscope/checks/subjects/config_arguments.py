"""What a config says: an optimizer's arguments, each with a value other than its default."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np

from slotscope.checks.subjects.constructor_call import NONE_BY_DEFAULT, parameters
from slotscope.checks.subjects.subject import Subject, config_of

Config = dict[str, Any]

#: Values for arguments whose default is None, or that a config which lost them does not tell.
VALUES: Config = {"name": "another_name", "decay": 0.125, **NONE_BY_DEFAULT}

#: How it is computed, which the machine has a say in, not what.
COMPUTING = {"jit_compile"}

#: What an argument means nothing without.
NEEDS: dict[str, Config] = {
    "ema_momentum": {"use_ema": True},
    "ema_overwrite_frequency": {"use_ema": True},
}


def arguments(cls: type, shared: tuple[str, ...]) -> dict[str, Any]:
    """What the constructor takes, passed on to its base or not, with the defaults."""
    found, passed_on = parameters(cls)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    own = {name: p.default for name, p in found.items() if p.kind in named}
    return {**own, **{name: None for name in shared if passed_on and name not in own}}


def others(subject: Subject) -> Config:
    """For each argument that has a simple default, a value that is another one."""
    return subject.once("other arguments", lambda: _others(subject))


def _others(subject: Subject) -> Config:
    with subject.engine.scope():
        optimizer = subject.make()
        present = config_of(optimizer, subject.engine)
    taken = arguments(type(optimizer), subject.engine.shared_arguments)
    found = {name: other(name, present.get(name, default)) for name, default in taken.items()}
    return {n: value for n, value in found.items() if value is not None and n not in COMPUTING}


def other(name: str, value: Any) -> Any:
    """A value unlike ``value`` that the argument may have; None if none is known."""
    if isinstance(value, (list, tuple)) and value:
        found = [other("", own) for own in value]
        return None if None in found else found
    if isinstance(value, (bool, np.bool_)):
        return not value
    if isinstance(value, (int, np.integer)):
        return int(value) + 1
    if isinstance(value, (float, np.floating)):
        # Single precision: as an optimizer's own variable holds it.
        return float(np.float32(value / 2)) if value else 0.125
    return VALUES.get(name) if value is None or name == "name" else None


def scalars(optimizer: Any) -> Config:
    """The attributes that are numbers, texts, flags or None, or lists and dicts of such."""
    return {name: plain(value) for name, value in vars(optimizer).items() if _simple(value)}


def _simple(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_simple, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _simple(own) for key, own in value.items())
    return isinstance(value, (bool, int, float, str, type(None), np.generic))


def same(given: Any, said: Any) -> bool:
    """Whether two values are equal in single precision, as a variable holds them."""
    numbers = (bool, int, float, np.generic)
    if isinstance(given, numbers) and isinstance(said, numbers):
        return bool(np.float32(given) == np.float32(said))
    return bool(given == said)


def plain(value: Any) -> Any:
    """``value`` with Python's own lists and dicts: those of an optimizer are Keras's."""
    if isinstance(value, dict):
        return {key: plain(own) for key, own in value.items()}
    if isinstance(value, list):
        return [plain(own) for own in value]
    return tuple(map(plain, value)) if type(value) is tuple else value


def through_json(config: Config) -> Config:
    """``config``, written as JSON and read again; NumPy's numbers count as numbers."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.generic):
            return value.item()
        raise TypeError(f"{type(value).__name__} is not a value of JSON")

    text = json.dumps(config, default=plain, allow_nan=False)
    return dict(json.loads(text))
