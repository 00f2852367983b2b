"""One name for each slot, in every generation: the name that Keras 3 gives it.

Keras 2.1 gives its slots no names at all, only an order; the table of orders is read off each
``get_updates`` of ``keras/optimizers.py`` in the 2.1 releases. tf_keras uses short names.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable

#: Keras 2.1 and optimizer_v1: the groups in ``optimizer.weights`` after ``iterations``.
ORDER = {
    "SGD": ("momentum",),
    "RMSprop": ("velocity",),
    "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
    "Adam": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"),
    "Nadam": ("momentum", "velocity"),
}

#: tf_keras, legacy and new: own name to Keras 3's.
SHORT = {
    "m": "momentum",
    "v": "velocity",
    "vhat": "velocity_hat",
    "u": "norm",
    "rms": "velocity",
    "mg": "average_gradient",
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
}

#: Short names that mean something else in one optimizer.
EXCEPTIONS = {
    ("Adamax", "v"): "norm",
    ("Adafactor", "r"): "r",
    ("Adafactor", "c"): "c",
}


def slot_name(optimizer: object, own: str) -> str:
    """Keras 3's name for the slot that ``optimizer`` itself calls ``own``."""
    for cls in _names(optimizer):
        if (cls, own) in EXCEPTIONS:
            return EXCEPTIONS[cls, own]
    return SHORT.get(own, own)


def slot_order(optimizer: object, groups: int) -> list[str]:
    """Names for ``groups`` slots a parameter of a Keras 2.1 optimizer, in the order of weights."""
    known = next((ORDER[cls] for cls in _names(optimizer) if cls in ORDER), ())
    if len(known) >= groups:
        return list(known[:groups])
    return [f"slot_{number}" for number in range(groups)]


def unique_paths(paths: Iterable[str]) -> list[str]:
    """``paths``, where one that comes again is numbered from its second appearance on."""
    seen: collections.Counter[str] = collections.Counter()
    unique = []
    for path in paths:
        seen[path] += 1
        unique.append(path if seen[path] == 1 else f"{path}#{seen[path]}")
    return unique


def _names(optimizer: object) -> Iterable[str]:
    return (cls.__name__ for cls in type(optimizer).__mro__)
