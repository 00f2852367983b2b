"""A correct custom optimizer for Keras 3, its rule, and a way to break it in one place."""

from __future__ import annotations

import dataclasses
import sys

import cloudpickle
import numpy as np

from slotscope.checking.check_optimizer import check_optimizer
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


def heavy_ball(engine, **methods):
    """The optimizer's class, with ``methods`` in the place of its own."""
    keras = engine.keras
    ops = keras.ops

    class Mine(keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.125, friction=0.5, **kwargs):
            super().__init__(learning_rate, **kwargs)
            self.friction = friction

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum")

        def slot(self, variable):
            return self.momentums[self._get_variable_index(variable)]

        def update_step(self, gradient, variable, learning_rate):
            m = self.slot(variable)
            self.assign(m, self.used(m, gradient))
            rate = ops.cast(learning_rate, variable.dtype)
            self.assign_sub(variable, rate * self.direction(m, variable))

        def used(self, m, gradient):
            return ops.add(self.friction * m, gradient)

        def direction(self, m, variable):
            return m

        def get_config(self):
            return {**super().get_config(), "friction": self.friction}

    for name, method in methods.items():
        setattr(Mine, name, method)
    return Mine


def verdicts(engine, id="", rule=HeavyBall, themes=(), **methods):
    """What the checks say of the optimizer with ``methods``: {id: (verdict, reason)}."""
    cls = heavy_ball(engine, **methods)
    only = [id] if id else []
    reference = rule() if rule else None
    report = check_optimizer(
        lambda: cls(), reference=reference, engine=engine, only=only, themes=list(themes)
    )
    return {outcome.id: (str(outcome.verdict), outcome.reason) for outcome in report.outcomes}


def said(engine, id, rule=HeavyBall, **methods):
    """Verdict and reason of the check ``id``, as one text."""
    ((verdict, reason),) = verdicts(engine, id, rule, **methods).values()
    return f"{verdict}: {reason}"
