"""A correct custom optimizer for Keras 3, and its rule."""

from __future__ import annotations

import dataclasses
import sys

import cloudpickle
import numpy as np

from slotscope.rules import Rule

cloudpickle.register_pickle_by_value(sys.modules[__name__])


@dataclasses.dataclass(frozen=True)
class HeavyBall(Rule):
    """``m' = friction * m + g``; ``p' = p - lr * m'``."""

    learning_rate: float = 0.125
    friction: float = 0.5

    def initial(self, parameter):
        return {"momentum": np.zeros_like(parameter)}

    def step(self, parameter, gradient, slots, iteration):
        m = self.friction * slots["momentum"] + gradient
        return parameter - self.rate(iteration) * m, {"momentum": m}


def heavy_ball(engine, wrong=None):
    """The optimizer's class; with a class ``wrong`` before it, one that does as that class says.

    What such a class may say otherwise is a method each: ``make_slots``, which ``slot`` belongs to
    a variable, what of the gradient is ``used`` in it, and in which ``direction`` the step goes.
    """
    keras = engine.keras

    class Right(keras.optimizers.Optimizer):
        ops = keras.ops

        def __init__(self, learning_rate=0.125, friction=0.5, **kwargs):
            super().__init__(learning_rate, **kwargs)
            self.friction = friction

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.make_slots(variables)

        def make_slots(self, variables):
            self.momentums = self.add_optimizer_variables(variables, "momentum")

        def slot(self, variable):
            return self.momentums[self._get_variable_index(variable)]

        def update_step(self, gradient, variable, learning_rate):
            m = self.slot(variable)
            self.assign(m, self.used(m, gradient))
            rate = self.ops.cast(learning_rate, variable.dtype)
            self.assign_sub(variable, rate * self.direction(m, variable))

        def used(self, m, gradient):
            return self.ops.add(self.friction * m, gradient)

        def direction(self, m, variable):
            return m

        def get_config(self):
            return {**super().get_config(), "friction": self.friction}

    return Right if wrong is None else type(wrong.__name__, (wrong, Right), {})
