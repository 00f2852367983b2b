"""The state of a training: copies of its parameters and of what its optimizer shows, by label.

A state is a dict of float64 arrays. ``momentum/p0`` is the slot of the parameter ``p0``; a variable
of no parameter, such as ``iterations``, stands by its own name. A trajectory is a list of states,
the first of them before any step, the last after the last step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slotscope.engines import Engine, OptimizerVariable

State = dict[str, np.ndarray]
Trajectory = list[State]


@dataclass(frozen=True)
class Trained:
    """What has a state: an optimizer, and the parameters that it trains.

    Attributes:
        engine: in whose scope they are.
        optimizer: whose variables are read.
        parameters: by label, float32 where they are given a state.
        names: what a parameter is called in the label of a slot, by its path.
        model: the model that is trained, if it is one.
    """

    engine: Engine
    optimizer: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    model: Any = None

    @property
    def state(self) -> State:
        """The state as it is now, without what has no value yet."""
        with self.engine.scope():
            found = self._variables()
            refs = [*self.parameters.values(), *(variable.ref for _, variable in found)]
            values = self.engine.read(refs, self.engine.at_rest())
        labels = [*self.parameters, *(label for label, _ in found)]
        return {
            label: np.asarray(value, np.float64)
            for label, value in zip(labels, values, strict=True)
            if value is not None
        }

    def take(self, state: State) -> None:
        """Give every parameter and slot, but not the learning rate, its value in ``state``."""
        with self.engine.scope():
            for label, variable in self._variables():
                if variable.slot != "learning_rate" and label in state:
                    self.engine.assign(variable.ref, state[label].astype(variable.dtype))
            for label, parameter in self.parameters.items():
                self.engine.assign(parameter, state[label].astype("float32"))

    def _variables(self) -> list[tuple[str, OptimizerVariable]]:
        """The optimizer's variables, each with its label."""
        found = self.engine.variables(self.optimizer, self.model)
        owners = [self.names.get(variable.parameter, variable.parameter) for variable in found]
        return [
            (f"{variable.slot}/{owner}" if owner else variable.slot, variable)
            for variable, owner in zip(found, owners, strict=True)
        ]


def state_of(parameters: Collection[str], state: State) -> State:
    """What in ``state`` belongs to ``parameters``: they themselves and their slots."""
    return {label: v for label, v in state.items() if label.rpartition("/")[2] in parameters}


def weights_of(state: State) -> State:
    """The weights of a model, of what a fit has left."""
    return {label: value for label, value in state.items() if label.startswith("weight ")}
