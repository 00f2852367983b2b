"""Correct custom optimizers for Keras 3, written from papers: more state, more of its kinds.

As ``keras3.py``: nothing here leans on slotscope.
"""

from types import MappingProxyType

from keras import ops
from keras.optimizers import Optimizer


class Simple(Optimizer):
    """What a lab's base class looks like: slots by name, hyperparameters by name."""

    slot_names = ()
    defaults = MappingProxyType({})

    def __init__(self, learning_rate=0.01, name=None, **kwargs):
        own = {key: kwargs.pop(key, value) for key, value in self.defaults.items()}
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.own = own

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        for name in self.slot_names:
            setattr(self, f"_{name}", self.add_optimizer_variables(variables, name))

    def slots(self, variable):
        index = self._get_variable_index(variable)
        return [getattr(self, f"_{name}")[index] for name in self.slot_names]

    def update_step(self, gradient, variable, learning_rate):
        rate = ops.cast(learning_rate, variable.dtype)
        t = ops.cast(self.iterations + 1, variable.dtype)
        self.move(ops.cast(gradient, variable.dtype), variable, rate, t)

    def get_config(self):
        return {**super().get_config(), **self.own}


class Yogi(Simple):
    """Zaheer et al. 2018, algorithm 2."""

    slot_names = ("m", "v")
    defaults = MappingProxyType({"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-3})

    def move(self, g, p, rate, t):
        b1, b2, epsilon = self.own.values()
        m, v = self.slots(p)
        square = ops.square(g)
        self.assign(m, b1 * m + (1 - b1) * g)
        self.assign(v, v - (1 - b2) * ops.sign(v - square) * square)
        self.assign_sub(p, rate * m / (ops.sqrt(v) + epsilon))


class AdaBelief(Simple):
    """Zhuang et al. 2020 (arXiv:2010.07468), algorithm 2."""

    slot_names = ("m", "s")
    defaults = MappingProxyType({"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-5})

    def move(self, g, p, rate, t):
        b1, b2, epsilon = self.own.values()
        m, s = self.slots(p)
        self.assign(m, b1 * m + (1 - b1) * g)
        self.assign(s, b2 * s + (1 - b2) * ops.square(g - m) + epsilon)
        mhat = m / (1 - ops.power(ops.cast(b1, p.dtype), t))
        shat = s / (1 - ops.power(ops.cast(b2, p.dtype), t))
        self.assign_sub(p, rate * mhat / (ops.sqrt(shat) + epsilon))


class RAdam(Simple):
    """Liu et al. 2020 (arXiv:1908.03265), algorithm 2: a branch on the number of steps."""

    slot_names = ("m", "v")
    defaults = MappingProxyType({"beta_1": 0.9, "beta_2": 0.75, "epsilon": 1e-6})

    def move(self, g, p, rate, t):
        b1, b2, epsilon = self.own.values()
        m, v = self.slots(p)
        self.assign(m, b1 * m + (1 - b1) * g)
        self.assign(v, b2 * v + (1 - b2) * g * g)
        t = ops.cast(self.iterations + 1, "float32")
        power = ops.power(ops.cast(b2, "float32"), t)
        most = 2.0 / (1.0 - b2) - 1.0
        rho = most - 2.0 * t * power / (1.0 - power)
        safe = ops.maximum(rho, 4.5)
        r = (safe - 4) * (safe - 2) * most / ((most - 4) * (most - 2) * safe)
        mhat = m / ops.cast(1 - ops.power(ops.cast(b1, "float32"), t), p.dtype)
        vhat = ops.sqrt(v / ops.cast(1 - power, p.dtype)) + epsilon
        adaptive = ops.cast(ops.sqrt(r), p.dtype) * mhat / vhat
        self.assign_sub(p, rate * ops.where(rho > 4, adaptive, mhat))


class Adan(Simple):
    """Xie et al. 2022 (arXiv:2208.06677), algorithm 1: keeps the last gradient."""

    slot_names = ("m", "v", "n", "last")
    defaults = MappingProxyType({"beta_1": 0.02, "beta_2": 0.08, "beta_3": 0.01, "epsilon": 1e-6})

    def move(self, g, p, rate, t):
        b1, b2, b3, epsilon = self.own.values()
        m, v, n, last = self.slots(p)
        change = ops.where(t > 1, g - last, ops.zeros_like(g))
        self.assign(m, (1 - b1) * m + b1 * g)
        self.assign(v, (1 - b2) * v + b2 * change)
        self.assign(n, (1 - b3) * n + b3 * ops.square(g + (1 - b2) * change))
        self.assign_sub(p, rate / (ops.sqrt(n) + epsilon) * (m + (1 - b2) * v))
        self.assign(last, g)


class Tiger(Simple):
    """Su 2023: the sign of a momentum, one slot, the weight decay inside of the step."""

    slot_names = ("m",)
    defaults = MappingProxyType({"beta": 0.965, "shrink": 0.01})

    def move(self, g, p, rate, t):
        beta, shrink = self.own.values()
        (m,) = self.slots(p)
        self.assign(m, beta * m + (1 - beta) * g)
        self.assign_sub(p, rate * (ops.sign(m) + shrink * p))


class PID(Simple):
    """An et al. 2018, eq. 12: proportional, integral and derivative of the gradient."""

    slot_names = ("integral", "derivative", "last")
    defaults = MappingProxyType({"alpha": 0.75, "kd": 0.5})

    def move(self, g, p, rate, t):
        alpha, kd = self.own.values()
        integral, derivative, last = self.slots(p)
        self.assign(integral, alpha * integral - rate * g)
        self.assign(derivative, alpha * derivative + (1 - alpha) * (last - g))
        self.assign(last, g)
        self.assign_add(p, integral + kd * derivative)


class NovoGrad(Simple):
    """Ginsburg et al. 2019 (arXiv:1905.11286), algorithm 1: one scalar for each parameter."""

    slot_names = ("m",)
    defaults = MappingProxyType({"beta_1": 0.95, "beta_2": 0.98, "epsilon": 1e-8})

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.v = [
            self.add_variable(shape=(), dtype=p.dtype, name=f"v_{n}")
            for n, p in enumerate(variables)
        ]

    def move(self, g, p, rate, t):
        b1, b2, epsilon = self.own.values()
        (m,), v = self.slots(p), self.v[self._get_variable_index(p)]
        square = ops.sum(ops.square(g))
        self.assign(v, ops.where(t > 1, b2 * v + (1 - b2) * square, square))
        step = g / (ops.sqrt(v) + epsilon)
        self.assign(m, ops.where(t > 1, b1 * m + step, step))
        self.assign_sub(p, rate * m)


class LARS(Simple):
    """You et al. 2017 (arXiv:1708.03888), algorithm 1: a trust ratio for each layer."""

    slot_names = ("velocity",)
    defaults = MappingProxyType({"momentum": 0.5, "trust": 0.01, "l2": 0.01})

    def move(self, g, p, rate, t):
        momentum, trust, l2 = self.own.values()
        (v,) = self.slots(p)
        lengths = [ops.norm(ops.reshape(array, (-1,))) for array in (p, g)]
        ratio = trust * lengths[0] / (lengths[1] + l2 * lengths[0] + 1e-12)
        both = ops.logical_and(lengths[0] > 0, lengths[1] > 0)
        local = rate * ops.cast(ops.where(both, ratio, 1.0), p.dtype)
        self.assign(v, momentum * v + local * (g + l2 * p))
        self.assign_sub(p, v)


class Lookahead(Simple):
    """Zhang et al. 2019 (arXiv:1907.08610), algorithm 1, around SGD: slow weights are copies."""

    slot_names = ("slow",)
    defaults = MappingProxyType({"sync_period": 3, "slow_step": 0.5})

    def move(self, g, p, rate, t):
        period, part = self.own.values()
        (slow,) = self.slots(p)
        now, before = ops.convert_to_tensor(p), ops.convert_to_tensor(slow)
        start = ops.where(t > 1, before, now)
        fast = now - rate * g
        sync = ops.equal((self.iterations + 1) % period, 0)
        slow_now = ops.where(sync, start + part * (fast - start), start)
        self.assign(slow, slow_now)
        self.assign(p, ops.where(sync, slow_now, fast))


class Anchored(Simple):
    """Pulls towards where it was built: a slot that ``build`` makes a copy of the parameter."""

    slot_names = ("anchor",)
    defaults = MappingProxyType({"pull": 0.125})

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        for anchor, variable in zip(self._anchor, variables, strict=True):
            if anchor is not None:  # nothing steps a parameter that is overwritten
                anchor.assign(ops.copy(variable))

    def move(self, g, p, rate, t):
        (anchor,) = self.slots(p)
        self.assign_sub(p, rate * (g + self.own["pull"] * (p - anchor)))


class Factored(Simple):
    """Rows and columns of a matrix's squares apart (Shazeer & Stern 2018, algorithm 2)."""

    defaults = MappingProxyType({"beta": 0.75})

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.factors = [list(self._factors(n, v.shape)) for n, v in enumerate(variables)]

    def _factors(self, n, shape):
        if len(shape) < 2:
            yield self.add_variable(shape, name=f"whole_{n}")
        else:
            yield self.add_variable(shape[:-1], name=f"row_{n}")
            yield self.add_variable((*shape[:-2], shape[-1]), name=f"column_{n}")

    def move(self, g, p, rate, t):
        beta, g = self.own["beta"], ops.cast(g, "float32")
        square = ops.square(g) + 1e-12
        found = self.factors[self._get_variable_index(p)]
        if len(found) == 1:
            self.assign(found[0], beta * found[0] + (1 - beta) * square)
            scale = ops.sqrt(ops.convert_to_tensor(found[0]))
        else:
            for axis, factor in zip((-1, -2), found, strict=True):
                mean = ops.mean(square, axis=axis)
                self.assign(factor, beta * factor + (1 - beta) * mean)
            row, column = found
            mean = ops.mean(row, axis=-1, keepdims=True)
            scale = ops.sqrt(ops.expand_dims(row / mean, -1) * ops.expand_dims(column, -2))
        self.assign_sub(p, ops.cast(ops.cast(rate, "float32") * g / scale, p.dtype))


PAPERS = {
    cls.__name__: (cls, None)
    for cls in (
        *(Yogi, AdaBelief, RAdam, Adan, Tiger, PID, NovoGrad),
        *(LARS, Lookahead, Anchored, Factored),
    )
}
