"""Custom optimizers for Keras 3 that are wrong, each in one way that people get wrong.

``test_third_party.py`` says where each is held to the checks, and what a check must say of it.
"""

from dataclasses import dataclass

import numpy as np
from keras import ops
from keras.optimizers import SGD, Optimizer

from slotscope.rules import Rule


class Momentum(Optimizer):
    """Correct; those below change one thing."""

    def __init__(self, learning_rate=0.01, momentum=0.5, name=None, **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def slot(self, variable):
        return self.momentums[self._get_variable_index(variable)]

    def update_step(self, gradient, variable, learning_rate):
        m = self.slot(variable)
        self.assign(m, self.momentum * m + gradient)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * m)

    def get_config(self):
        return {**super().get_config(), "momentum": self.momentum}


class StateInPython(Momentum):
    """Keeps its momentum in a plain attribute: no file will ever have it."""

    def build(self, variables):
        if not self.built:
            Optimizer.build(self, variables)
            self.kept = {}

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        self.kept[index] = self.momentum * self.kept.get(index, 0.0) + gradient
        self.assign_sub(variable, learning_rate * self.kept[index])


class SharedByClass(Momentum):
    """Keeps its slots in an attribute of the class: two models share them."""

    slots = {}  # noqa: RUF012 - this is the mistake

    def build(self, variables):
        if self.built:
            return
        Optimizer.build(self, variables)
        for n, variable in enumerate(variables):
            if (n, variable.shape) not in self.slots:
                slot = self.add_variable_from_reference(variable, "momentum")
                self.slots[n, variable.shape] = slot

    def slot(self, variable):
        return self.slots[self._get_variable_index(variable), variable.shape]


class MutableDefault(Momentum):
    """A list as a default argument, filled in ``build``."""

    def __init__(self, learning_rate=0.01, momentum=0.5, slots=[], **kwargs):  # noqa: B006
        super().__init__(learning_rate, momentum, **kwargs)
        self.__dict__["slots"] = slots

    def build(self, variables):
        if self.built:
            return
        Optimizer.build(self, variables)
        for variable in variables:
            self.slots.append(self.add_variable_from_reference(variable, "momentum"))

    def slot(self, variable):
        return self.slots[self._get_variable_index(variable)]


class BuildsAgain(Momentum):
    """No guard: a second ``build`` makes other slots."""

    def build(self, variables):
        Optimizer.build(self, variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")


class ForgetsArgument(Momentum):
    """``get_config`` without its own argument."""

    def get_config(self):
        return Optimizer.get_config(self)


class ConfigOfTensors(Momentum):
    """``get_config`` with the variable itself where a number belongs."""

    def get_config(self):
        return {**super().get_config(), "learning_rate": self._learning_rate}


class FromConfigPops(Momentum):
    """``from_config`` takes what it needs out of the caller's dict."""

    @classmethod
    def from_config(cls, config, custom_objects=None):
        momentum = config.pop("momentum")
        return cls(momentum=momentum, **config)


class WarmedUp(Optimizer):
    """Correct: Adam's first moment with its bias correction."""

    def __init__(self, learning_rate=0.01, beta=0.75, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta = beta

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.m = self.add_optimizer_variables(variables, "momentum")

    def steps(self):
        return self.iterations + 1

    def update_step(self, gradient, variable, learning_rate):
        m = self.m[self._get_variable_index(variable)]
        self.assign(m, self.beta * m + (1 - self.beta) * gradient)
        power = ops.power(ops.cast(self.beta, "float32"), ops.cast(self.steps(), "float32"))
        rate = ops.cast(learning_rate / (1 - power), variable.dtype)
        self.assign_sub(variable, rate * m)

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


def warmed_up(parameter, gradient, slots, iteration):
    """The rule of ``WarmedUp()``."""
    m = 0.75 * slots.get("momentum", 0.0) + 0.25 * gradient
    return parameter - 0.01 * m / (1 - 0.75 ** (iteration + 1)), {"momentum": m}


class OneStepLate(WarmedUp):
    """Counts from 0, and saves itself from the division by zero."""

    def steps(self):
        return ops.maximum(self.iterations, 1)


class PythonCounter(WarmedUp):
    """Counts in Python: once for each parameter, and once for each trace."""

    def build(self, variables):
        super().build(variables)
        self.count = 0

    def steps(self):
        self.count += 1
        return 1 + (self.count - 1) // len(self.m)


class RateAtBuild(Momentum):
    """Reads the learning rate once."""

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.rate = float(self.learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.rate)


class SlotByName(Momentum):
    """Finds its slot by the variable's name, and every layer has a ``kernel``."""

    def build(self, variables):
        if self.built:
            return
        Optimizer.build(self, variables)
        self.by_name = {}
        for v in variables:
            if (v.name, v.shape) not in self.by_name:
                slot = self.add_variable_from_reference(v, "momentum")
                self.by_name[v.name, v.shape] = slot

    def slot(self, variable):
        return self.by_name[variable.name, variable.shape]


class NextSlot(Momentum):
    """Counts its slots off, so that one missing gradient shifts all that follow."""

    def build(self, variables):
        super().build(variables)
        self.turn = 0

    def slot(self, variable):
        self.turn += 1
        return [m for m in self.momentums if m.shape == variable.shape][
            (self.turn - 1) % sum(m.shape == variable.shape for m in self.momentums)
        ]


class Float32Slots(Momentum):
    """Slots of float32 whatever the parameter is, and TensorFlow mixes no dtypes."""

    def build(self, variables):
        if self.built:
            return
        Optimizer.build(self, variables)
        self.momentums = [
            self.add_variable(v.shape, dtype="float32", name=f"{v.path.replace('/', '_')}_momentum")
            for v in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        m = self.slot(variable).value
        m.assign(self.momentum * m + gradient)
        variable.assign_sub(learning_rate * m)


class RowsOnly(Momentum):
    """With a sparse gradient only its rows lose momentum."""

    def update_step(self, gradient, variable, learning_rate):
        if not hasattr(gradient, "indices"):
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        m = self.slot(variable).value
        rows = self.momentum * tf.gather(m, gradient.indices) + gradient.values
        m.scatter_update(tf.IndexedSlices(rows, gradient.indices))
        step = tf.IndexedSlices(learning_rate * rows, gradient.indices)
        variable.scatter_sub(step)


class NewVariable(Momentum):
    """Makes a variable at every step."""

    def update_step(self, gradient, variable, learning_rate):
        keep = self.add_variable(variable.shape, name="temporary", dtype=variable.dtype)
        self.assign(keep, gradient)
        super().update_step(ops.convert_to_tensor(keep), variable, learning_rate)


class ChangesGradient(Momentum):
    """Works in place on the caller's gradient."""

    def update_step(self, gradient, variable, learning_rate):
        gradient.mul_(0.5)
        super().update_step(gradient, variable, learning_rate)


class MovesAtZero(Optimizer):
    """The sign of a gradient, with a sign for zero too."""

    def __init__(self, learning_rate=0.01, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        sign = ops.where(gradient >= 0, 1.0, -1.0)
        self.assign_sub(variable, ops.cast(learning_rate * sign, variable.dtype))


class OwnApply(Momentum):
    """Writes ``apply`` anew, without the counter, clipping, decay and averages."""

    def apply(self, grads, trainable_variables=None):
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        if not self.built:
            self.build(list(trainable_variables))
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            if gradient is not None:
                self.update_step(gradient, variable, self.learning_rate)


class DropsVariables(SGD):
    """Overrides ``apply`` and does not hand the variables on."""

    def apply(self, grads, trainable_variables=None):
        super().apply([None if g is None else g * 0.5 for g in grads])


class NoneIsNoNumber(SGD):
    """Overrides ``apply`` and forgets that a gradient can be None."""

    def apply(self, grads, trainable_variables=None):
        super().apply([g * 0.5 for g in grads], trainable_variables)


class NoSuperBuild(Momentum):
    """``build`` without the base class's: no averages, no accumulators."""

    def build(self, variables):
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._trainable_variables_indices = {self._var_key(v): n for n, v in enumerate(variables)}
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        self.built = True


class OnlyHighPrecision(Momentum):
    """A constant that float16 rounds to zero."""

    def update_step(self, gradient, variable, learning_rate):
        m = self.slot(variable)
        self.assign(m, self.momentum * m + gradient * gradient)
        below = ops.sqrt(m) + ops.cast(1e-8, variable.dtype)
        step = ops.cast(learning_rate, variable.dtype) * gradient / below
        self.assign_sub(variable, step)


class CountsItself(Momentum):
    """Advances the counter, as the base class does already."""

    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)
        self._iterations.assign_add(1)


class AliasOfParameter(Momentum):
    """A slot that is given the parameter's own array."""

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        for slot, variable in zip(self.momentums, variables, strict=True):
            slot.assign(variable)


class SameNames(Momentum):
    """Every slot has the same name, and so the same path."""

    def build(self, variables):
        if self.built:
            return
        Optimizer.build(self, variables)
        self.momentums = [self.add_variable(v.shape, dtype=v.dtype, name="m") for v in variables]


class ScalesByLargest(Momentum):
    """Divides all gradients by the largest: one NaN reaches every parameter."""

    def apply(self, grads, trainable_variables=None):
        largest = ops.stack([ops.max(ops.abs(g)) for g in grads if g is not None])
        scale = 1.0 / ops.maximum(ops.max(largest), 1e6)
        scaled = [None if g is None else g * ops.cast(scale * 1e6, g.dtype) for g in grads]
        super().apply(scaled, trainable_variables)


@dataclass(frozen=True)
class MomentumRule(Rule):
    """The rule of ``Momentum``, which knows its arguments: more checks apply than to a function."""

    momentum: float = 0.5

    def initial(self, parameter):
        return {"momentum": np.zeros_like(parameter)}

    def step(self, parameter, gradient, slots, iteration):
        m = self.momentum * slots["momentum"] + gradient
        return parameter - self.rate(iteration) * m, {"momentum": m}


def signs(parameter, gradient, slots, iteration):
    """The rule that ``MovesAtZero`` means."""
    return parameter - 0.01 * np.sign(gradient), {}


#: What makes each, and the reference that its author has, if any.
BROKEN = {
    "StateInPython": (StateInPython, None),
    "SharedByClass": (SharedByClass, None),
    "MutableDefault": (MutableDefault, None),
    "BuildsAgain": (BuildsAgain, None),
    "ForgetsArgument": (lambda: ForgetsArgument(0.01, 0.75), None),
    "ConfigOfTensors": (ConfigOfTensors, None),
    "FromConfigPops": (FromConfigPops, None),
    "OneStepLate": (OneStepLate, warmed_up),
    "PythonCounter": (PythonCounter, None),
    "RateAtBuild": (RateAtBuild, None),
    "SlotByName": (SlotByName, None),
    "NextSlot": (NextSlot, None),
    "RowsOnly": (RowsOnly, None),
    "NewVariable": (NewVariable, None),
    "ChangesGradient": (ChangesGradient, None),
    "MovesAtZero": (MovesAtZero, signs),
    "OwnApply": (OwnApply, None),
    "DropsVariables": (DropsVariables, None),
    "NoneIsNoNumber": (NoneIsNoNumber, None),
    "NoSuperBuild": (NoSuperBuild, None),
    "OnlyHighPrecision": (OnlyHighPrecision, None),
    "CountsItself": (CountsItself, None),
    "AliasOfParameter": (AliasOfParameter, None),
    "SameNames": (SameNames, None),
    "ScalesByLargest": (ScalesByLargest, None),
    "Float32Slots": (Float32Slots, MomentumRule()),
    "Momentum": (Momentum, MomentumRule()),
    "WarmedUp": (WarmedUp, warmed_up),
}
