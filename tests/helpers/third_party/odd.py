"""Correct optimizers for Keras 3 that do what few do: look at names, keep lists, wrap another one.

As in ``keras3.py``, nothing here leans on slotscope, and Keras must already run on its
backend when this module is imported.
"""

import keras
from keras import ops
from keras.optimizers import Optimizer


class ByPath(Optimizer):
    """Another rate for each kind of parameter, told by its path: a dict is an argument."""

    def __init__(self, learning_rate=0.125, factors=None, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.factors = {"bias": 2.0} if factors is None else dict(factors)

    def factor(self, path):
        return next((value for text, value in self.factors.items() if text in path), 1.0)

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype) * self.factor(variable.path)
        self.assign_sub(variable, rate * ops.cast(gradient, variable.dtype))

    def get_config(self):
        return {**super().get_config(), "factors": self.factors}


class Quasi(Optimizer):
    """A sum of momenta of several horizons: a list is an argument, and a slot belongs to each."""

    def __init__(self, learning_rate=0.125, horizons=(0.5, 0.75), **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.horizons = list(horizons)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        names = [f"horizon_{place}" for place in "abcd"[: len(self.horizons)]]
        self.momenta = self.add_optimizer_variables(variables, names)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        gradient = ops.cast(gradient, variable.dtype)
        step = ops.zeros_like(gradient)
        for horizon, momenta in zip(self.horizons, self.momenta, strict=True):
            self.assign(momenta[index], horizon * momenta[index] + (1 - horizon) * gradient)
            step = step + momenta[index]
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)

    def get_config(self):
        return {**super().get_config(), "horizons": self.horizons}


class Halved(Optimizer):
    """Another optimizer with half of every gradient: it steps, counts and keeps everything."""

    def __init__(self, base=None, name="halved"):
        super().__init__(learning_rate=0.0, name=name)
        self.base = keras.optimizers.SGD(0.125, momentum=0.5) if base is None else base

    @property
    def iterations(self):
        return self.base.iterations

    @property
    def variables(self):
        return self.base.variables

    @property
    def learning_rate(self):
        return self.base.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate):
        self.base.learning_rate = rate

    def build(self, variables):
        super().build(variables)
        if not self.base.built:
            self.base.build(variables)

    def apply(self, grads, trainable_variables=None):
        halves = [None if gradient is None else gradient / 2 for gradient in grads]
        self.base.apply(halves, trainable_variables)


ODD = {"ByPath": (ByPath, None), "Quasi": (Quasi, None), "Halved": (Halved, None)}
