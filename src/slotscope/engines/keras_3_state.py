"""What an optimizer of Keras 3 keeps: which variable is which slot of which parameter."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from slotscope.engines.importing import quiet_import
from slotscope.engines.private_names import lacking
from slotscope.engines.records import OptimizerVariable
from slotscope.engines.slot_names import unique_paths

#: What Keras calls the two variables that an optimizer has before it is built.
OWN = ("iteration", "learning_rate")


@functools.cache
def load() -> ModuleType:
    """The ``keras`` package, on the backend that ``KERAS_BACKEND`` names."""
    with quiet_import():
        import keras
    return keras


def parts(optimizer: Any) -> list[Any]:
    """``optimizer`` and those that it wraps (loss scaling, several optimizers in one)."""
    found = {id(optimizer): optimizer}
    base, pending = load().optimizers.Optimizer, [*vars(optimizer).values()]
    while pending:
        held = pending.pop(0)
        if isinstance(held, base) and id(held) not in found:
            found[id(held)] = held
            pending += vars(held).values()
        elif isinstance(held, (list, tuple)):
            pending += [part for part in held if isinstance(part, base)]
    return list(found.values())


def counting_part(optimizer: Any) -> Any:
    """The part of ``optimizer`` that counts its steps: what loss scaling wraps."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


def learning_rate_of(optimizer: Any) -> Any:
    """The variable or the schedule; None where several optimizers have one each."""
    part = counting_part(optimizer)
    return None if len(parts(part)) > 1 else vars(part).get("_learning_rate")


def all_labelled(optimizer: Any) -> dict[int, OptimizerVariable]:
    """The variables of all parts of ``optimizer``, by the id of each.

    Where several parts have a variable for all parameters, such as ``learning_rate``, each but the
    counting part's has the name of its part.
    """
    own = parts(optimizer)
    names = unique_paths(part.name for part in own)
    of_part, found = {}, {}
    for part, name in zip(own, names, strict=True):
        for variable in labelled(part):  # an inner part, which comes later, knows its own better
            found[id(variable.ref)] = variable
            of_part[id(variable.ref)] = "" if part is counting_part(optimizer) else name
    several = Counter(variable.label for variable in found.values())
    return {
        key: replace(variable, optimizer=of_part[key]) if several[variable.label] > 1 else variable
        for key, variable in found.items()
    }


def labelled(optimizer: Any) -> Iterator[OptimizerVariable]:
    """The variables that one optimizer itself made."""
    parameters = parameters_of(optimizer)
    paths = unique_paths(parameter.path for parameter in parameters)
    shapes = {tuple(parameter.shape) for parameter in parameters}
    count = counter(optimizer)
    places = _places(optimizer, len(parameters))
    for variable in optimizer.variables:
        if variable is count:
            slot, parameter = "iterations", ""
        elif variable.name == OWN[1]:
            slot, parameter = "learning_rate", ""
        else:
            slot, parameter = _label(variable, places.get(id(variable)), parameters, paths)
        shape = tuple(variable.shape)
        # A scalar is one for all parameters, as Nadam's u_product is.
        like_a_slot = bool(shape) and (not parameters or shape in shapes)
        untold = not parameter and like_a_slot and slot not in ("iterations", "learning_rate")
        name = getattr(variable, "path", variable.name)
        yield OptimizerVariable(slot, parameter, name, shape, str(variable.dtype), variable, untold)


def counter(optimizer: Any) -> Any:
    """The variable that every ``apply`` advances.

    Since gradient accumulation came, ``iterations`` is that one divided by the accumulated steps.
    An optimizer that wraps another may have ``iterations`` of its own: the other's.
    """
    base = getattr(load().optimizers.Optimizer, "iterations", None)
    if getattr(type(optimizer), "iterations", None) is not base:
        return optimizer.iterations
    held = optimizer.variables
    private = getattr(optimizer, "_iterations", None)
    if any(private is variable for variable in held):
        return private
    for variable in held:
        if variable.name == OWN[0]:
            return variable
    raise lacking("_iterations", "keras")


def parameters_of(optimizer: Any) -> list[Any]:
    """The parameters that ``build`` was called with, none before that, or where nothing tells."""
    held: Any = getattr(optimizer, "_trainable_variables", None)
    if _are_variables(held):
        return list(held)
    # Another release may call the list otherwise: it is the one of variables not its own.
    own = set(map(id, optimizer.variables))
    lists = [value for value in vars(optimizer).values() if _are_variables(value) and value]
    found = {tuple(map(id, value)): value for value in lists if own.isdisjoint(map(id, value))}
    return list(*found.values()) if len(found) == 1 else []


def _are_variables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(hasattr(v, "path") for v in value)


def _places(optimizer: Any, count: int) -> dict[int, tuple[str, int | None]]:
    """Where an optimizer keeps each variable: the attribute, and the index of its parameter."""
    places: dict[int, tuple[str, int | None]] = {}
    for attribute, value in vars(optimizer).items():
        several = isinstance(value, (list, tuple))
        if several and any(getattr(v, "name", "") in OWN for v in value):
            continue  # the list of all variables
        if several and len(value) == count:
            places |= {id(v): (attribute, i) for i, v in enumerate(value) if v is not None}
        else:
            places.setdefault(id(value), (attribute, None))
    return places


def _label(
    variable: Any,
    place: tuple[str, int | None] | None,
    parameters: Sequence[Any],
    paths: Sequence[str],
) -> tuple[str, str]:
    """Slot and parameter of a variable, which Keras names ``path_of_parameter_slot``."""
    attribute, index = place or ("", None)
    indices = range(len(paths)) if index is None else [index]
    matches = []
    for i in indices:
        prefix = parameters[i].path.replace("/", "_") + "_"
        if variable.name.startswith(prefix):
            matches.append((len(prefix), i, variable.name.removeprefix(prefix)))
    if matches:
        _, i, slot = max(matches, key=lambda match: match[0])
        return slot, paths[i]
    if index is not None:
        # Before Keras 3.10, Adagrad and Ftrl call every one of `_accumulators` "accumulator".
        slot = attribute.strip("_")
        return variable.name if slot == f"{variable.name}s" else slot, paths[index]
    return attribute.strip("_") or variable.name, ""
