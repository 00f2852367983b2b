"""The state of a training: copies of its parameters and of what its optimizer shows, by label.

A state is a dict of float64 arrays. ``momentum/p0`` is the slot of the parameter ``p0``; a variable
of no parameter, such as ``iterations``, stands by its own name. A trajectory is a list of states,
the first of them before any step, the last after the last step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from slotscope.engines import Engine, OptimizerVariable

State = dict[str, np.ndarray]
Trajectory = list[State]

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def state_of(
    engine: Engine,
    optimizer: Any,
    parameters: Mapping[str, Any],
    names: Mapping[str, str] = _NO_NAMES,
    model: Any = None,
) -> State:
    """The state as it is now, without what has no value yet.

    Args:
        engine: in whose scope they are.
        optimizer: whose variables are read.
        parameters: by label.
        names: what a parameter is called in the label of a slot, by its path.
        model: that is trained, if it is one.
    """
    with engine.scope():
        found = engine.variables(optimizer, model)
        refs = [*parameters.values(), *(variable.ref for variable in found)]
        values = engine.read(refs, engine.at_rest())
    labels = [*parameters, *(_label(variable, names) for variable in found)]
    return {
        label: np.asarray(value, np.float64)
        for label, value in zip(labels, values, strict=True)
        if value is not None
    }


def give_state(
    state: State,
    engine: Engine,
    optimizer: Any,
    parameters: Mapping[str, Any],
    names: Mapping[str, str] = _NO_NAMES,
    model: Any = None,
) -> None:
    """Give every parameter and slot, but not the learning rate, its value in ``state``.

    The other arguments are those of :func:`state_of`; parameters are float32.
    """
    with engine.scope():
        for variable in engine.variables(optimizer, model):
            label = _label(variable, names)
            if variable.slot != "learning_rate" and label in state:
                engine.assign(variable.ref, state[label].astype(variable.dtype))
        for label, parameter in parameters.items():
            engine.assign(parameter, state[label].astype("float32"))


def _label(variable: OptimizerVariable, names: Mapping[str, str]) -> str:
    name = names.get(variable.parameter, variable.parameter)
    return f"{variable.slot}/{name}" if name else variable.slot


def of(parameters: Collection[str], state: State) -> State:
    """What in ``state`` belongs to ``parameters``: they themselves and their slots."""
    return {label: v for label, v in state.items() if label.rpartition("/")[2] in parameters}
