"""Correct custom optimizers for Keras 3, each in another style that people write.

Nothing here leans on slotscope: this is what stands in somebody's ``optim.py``. Keras must already
run on its backend when this module is imported. ``papers.py`` has more, from the literature.
"""

import keras
import numpy as np
from keras import ops
from keras.optimizers import SGD, Adam, Optimizer


class Docstring(Optimizer):
    """The example of Keras's documentation: a list filled in ``build``, and ``get_config``."""

    def __init__(self, learning_rate=0.01, momentum=0.5, name="docstring", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = []
        for variable in variables:
            self.momentums.append(
                self.add_variable_from_reference(reference_variable=variable, name="momentum")
            )

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        m = self.momentums[self._get_variable_index(variable)]
        momentum = ops.cast(self.momentum, variable.dtype)
        self.assign(
            m,
            ops.subtract(ops.multiply(m, momentum), ops.multiply(gradient, learning_rate)),
        )
        self.assign_add(variable, m)

    def get_config(self):
        config = super().get_config()
        config.update({"momentum": self.momentum})
        return config


class NoConfig(Optimizer):
    """Nothing of its own to keep, so no ``get_config``."""

    def __init__(self, learning_rate=0.01, **kwargs):
        super().__init__(learning_rate, **kwargs)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, 0.5 * m + gradient)
        self.assign_sub(variable, learning_rate * m)


class NoInit(Optimizer):
    """No constructor and no slots: the base class's, whose learning rate has no default."""

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, learning_rate * ops.cast(gradient, variable.dtype))


class SignSGD(Optimizer):
    """Stateless; signSGD (Bernstein et al. 2018, arXiv:1802.04434, algorithm 1)."""

    def __init__(self, learning_rate=0.001, *, name="sign_sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        step = ops.sign(ops.cast(gradient, variable.dtype))
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)


class PositionalOnly(Optimizer):
    """A learning rate that can't be given by name, with the config to match."""

    def __init__(self, learning_rate=0.125, /, **kwargs):
        super().__init__(learning_rate, **kwargs)

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * gradient)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        learning_rate = config.pop("learning_rate")
        if isinstance(learning_rate, dict):
            learning_rate = keras.saving.deserialize_keras_object(
                learning_rate, custom_objects=custom_objects
            )
        return cls(learning_rate, **config)


class HeavierAdam(Adam):
    """A built-in's slots with another step: Adam without bias correction."""

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))
        self.assign_sub(variable, lr * m / (ops.sqrt(v) + self.epsilon))


class Halving(SGD):
    """A built-in's step with another gradient."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient / 2, variable, learning_rate)


class Centralized(SGD):
    """``apply`` overridden: gradient centralization (Yong et al. 2020, arXiv:2004.01461, eq. 1)."""

    def apply(self, grads, trainable_variables=None):
        return super().apply([self._centralized(g) for g in grads], trainable_variables)

    def _centralized(self, gradient):
        if gradient is None or len(gradient.shape) < 2:
            return gradient
        gradient = ops.convert_to_tensor(gradient)
        axes = tuple(range(len(gradient.shape) - 1))
        return gradient - ops.mean(gradient, axis=axes, keepdims=True)


class Normalized(Optimizer):
    """All gradients together, of length 1: in ``_backend_update_step``, as Nadam does."""

    def __init__(self, learning_rate=0.01, epsilon=1e-6, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.epsilon = epsilon

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        grads = [ops.convert_to_tensor(g) for g in grads]
        squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads]
        norm = ops.sqrt(sum(squares)) + self.epsilon
        grads = [g / ops.cast(norm, g.dtype) for g in grads]
        for grad, variable in zip(grads, trainable_variables, strict=True):
            self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * grad)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


class Passthrough(Optimizer):
    """Everything by ``**kwargs``, its own argument included."""

    def __init__(self, **kwargs):
        beta = kwargs.pop("beta", 0.75)
        kwargs.setdefault("learning_rate", 0.05)
        super().__init__(**kwargs)
        self.beta = beta

    def build(self, variables):
        if not self.built:
            super().build(variables)
            self.averages = [self.add_variable_from_reference(v, "mean") for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        mean = self.averages[self._get_variable_index(variable)]
        self.assign(mean, self.beta * mean + (1 - self.beta) * gradient)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * mean)

    def get_config(self):
        config = super().get_config()
        config["beta"] = self.beta
        return config


class StartsAtOne(Optimizer):
    """Slots with an initializer object that is not zero; Adagrad's sum from 0.5."""

    def __init__(self, learning_rate=0.1, initial=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.initial = initial

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        start = keras.initializers.Constant(self.initial)
        self.sums = [
            self.add_variable_from_reference(v, name="sum", initializer=start) for v in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        total = self.sums[self._get_variable_index(variable)]
        self.assign(total, total + ops.square(gradient))
        lr = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, lr * gradient / ops.sqrt(total))

    def get_config(self):
        return super().get_config() | {"initial": self.initial}


class SharedScalar(Optimizer):
    """One variable for the whole optimizer, which every step advances once."""

    def __init__(self, learning_rate=0.01, beta=0.875, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta = beta

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._m = self.add_optimizer_variables(variables, "m")
        self._power = self.add_variable(shape=(), initializer="ones", name="power")

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        self.assign(self._power, self._power * self.beta)
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        lr = ops.cast(learning_rate, variable.dtype)
        m = self._m[self._get_variable_index(variable)]
        self.assign(m, self.beta * m + (1 - self.beta) * gradient)
        self.assign_sub(variable, lr * m / ops.cast(1 - self._power, variable.dtype))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


class ByKey(Optimizer):
    """Slots in a dict, by the key that the base class has for a variable."""

    def __init__(self, learning_rate=0.01, name="by_key", **kwargs):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.slots = {}

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        for v in variables:
            self.slots[self._var_key(v)] = self.add_variable_from_reference(v, name="velocity")

    def update_step(self, gradient, variable, learning_rate):
        slot = self.slots[self._var_key(variable)]
        self.assign(slot, slot * 0.75 + gradient)
        self.assign_sub(variable, slot * ops.cast(learning_rate, variable.dtype))


class AveragedByDefault(Optimizer):
    """Another default of an argument that all optimizers share."""

    def __init__(self, learning_rate=0.01, use_ema=True, ema_momentum=0.5, **kwargs):
        super().__init__(
            learning_rate=learning_rate, use_ema=use_ema, ema_momentum=ema_momentum, **kwargs
        )

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * gradient)


class DecayedByDefault(Docstring):
    """Weight decay, if nothing else is said."""

    def __init__(self, learning_rate=0.01, weight_decay=0.004, **kwargs):
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, **kwargs)


@keras.saving.register_keras_serializable(package="wild")
class Registered(Docstring):
    """Registered by a decorator; its config has a number that NumPy made."""

    def __init__(self, learning_rate=0.01, momentum=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, momentum=momentum, **kwargs)

    def get_config(self):
        return {**super().get_config(), "momentum": np.float32(self.momentum)}


class Scheduled(Docstring):
    """A schedule, if nothing else is said."""

    def __init__(self, learning_rate=None, momentum=0.5, **kwargs):
        if learning_rate is None:
            learning_rate = keras.optimizers.schedules.ExponentialDecay(0.25, 2, 0.5)
        super().__init__(learning_rate, momentum, **kwargs)


class ClipsItself(Optimizer):
    """Clips each gradient by its norm inside the step, as a float32 computation."""

    def __init__(self, learning_rate=0.01, max_norm=1.0, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.max_norm = float(max_norm)

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.cast(gradient, "float32")
        norm = ops.sqrt(ops.sum(gradient * gradient))
        gradient = gradient * ops.minimum(1.0, self.max_norm / ops.maximum(norm, 1e-12))
        step = ops.cast(learning_rate, "float32") * gradient
        self.assign_sub(variable, ops.cast(step, variable.dtype))

    def get_config(self):
        return {**super().get_config(), "max_norm": self.max_norm}


@keras.saving.register_keras_serializable(package="wild")
def called_rate():
    """What ``Called`` asks for its learning rate: a function without arguments."""
    return 0.0625


class Called(Docstring):
    """A learning rate that is a function."""

    def __init__(self, learning_rate=called_rate, **kwargs):
        super().__init__(learning_rate, **kwargs)


def local():
    """A class that no import finds, as in a notebook cell's function."""

    class Local(Docstring):
        """Defined inside a function."""

    return Local(0.01)


def momentum_reference(rate, momentum):
    """The rule of ``Docstring``."""

    def step(parameter, gradient, slots, iteration):
        m = momentum * slots.get("momentum", 0.0) - rate * gradient
        return parameter + m, {"momentum": m}

    return step


#: What makes each, and the reference that its author has, if any.
STYLES = {
    "Docstring": (Docstring, momentum_reference(0.01, 0.5)),
    "NoConfig": (lambda: NoConfig(0.05), None),
    "NoInit": (lambda: NoInit(learning_rate=0.05), lambda p, g, slots, _: (p - 0.05 * g, {})),
    "SignSGD": (SignSGD, lambda p, g, slots, _: (p - 0.001 * np.sign(g), {})),
    "PositionalOnly": (lambda: PositionalOnly(0.25), None),
    "HeavierAdam": (lambda: HeavierAdam(0.01, epsilon=1e-3), None),
    "Halving": (lambda: Halving(0.05, momentum=0.5, nesterov=True), None),
    "Centralized": (lambda: Centralized(0.05, momentum=0.5), None),
    "Normalized": (Normalized, None),
    "Passthrough": (lambda: Passthrough(beta=0.5), None),
    "StartsAtOne": (StartsAtOne, None),
    "SharedScalar": (SharedScalar, None),
    "ByKey": (ByKey, None),
    "AveragedByDefault": (AveragedByDefault, None),
    "DecayedByDefault": (DecayedByDefault, None),
    "Registered": (Registered, momentum_reference(0.01, 0.5)),
    "Scheduled": (Scheduled, None),
    "ClipsItself": (ClipsItself, None),
    "Called": (Called, None),
    "Local": (local, None),
}
