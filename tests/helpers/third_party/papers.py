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


class NovoGrad(Optimizer):
    """Ginsburg et al. 2019 (arXiv:1905.11286), algorithm 1: one scalar for each parameter."""

    def __init__(self, learning_rate=0.01, beta_1=0.95, beta_2=0.98, epsilon=1e-8, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.m = self.add_optimizer_variables(variables, "m")
        self.v = [
            self.add_variable(shape=(), dtype=p.dtype, name=f"v_{n}")
            for n, p in enumerate(variables)
        ]

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        m, v = self.m[index], self.v[index]
        gradient = ops.cast(gradient, variable.dtype)
        square = ops.sum(ops.square(gradient))
        first = ops.equal(self.iterations, 0)
        self.assign(v, ops.where(first, square, self.beta_2 * v + (1 - self.beta_2) * square))
        step = gradient / (ops.sqrt(v) + self.epsilon)
        self.assign(m, ops.where(first, step, self.beta_1 * m + step))
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * m)

    def get_config(self):
        own = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


class LARS(Optimizer):
    """You et al. 2017 (arXiv:1708.03888), algorithm 1: a trust ratio for each layer."""

    def __init__(self, learning_rate=0.1, momentum=0.5, trust=0.01, l2=0.01, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum, self.trust, self.l2 = momentum, trust, l2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._v = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient, variable, learning_rate):
        v = self._v[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        p, g = ops.norm(ops.reshape(variable, (-1,))), ops.norm(ops.reshape(gradient, (-1,)))
        below = g + self.l2 * p
        ratio = ops.where(ops.logical_and(p > 0, g > 0), self.trust * p / (below + 1e-12), 1.0)
        local = ops.cast(learning_rate, variable.dtype) * ops.cast(ratio, variable.dtype)
        self.assign(v, self.momentum * v + local * (gradient + self.l2 * variable))
        self.assign_sub(variable, v)

    def get_config(self):
        own = {"momentum": self.momentum, "trust": self.trust, "l2": self.l2}
        return {**super().get_config(), **own}


class Lookahead(Optimizer):
    """Zhang et al. 2019 (arXiv:1907.08610), algorithm 1, around SGD: slow weights are copies."""

    def __init__(self, learning_rate=0.1, sync_period=3, slow_step=0.5, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.sync_period, self.slow_step = sync_period, slow_step

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.slow = self.add_optimizer_variables(variables, "slow")

    def update_step(self, gradient, variable, learning_rate):
        slow = self.slow[self._get_variable_index(variable)]
        now, before = ops.convert_to_tensor(variable), ops.convert_to_tensor(slow)
        start = ops.where(ops.equal(self.iterations, 0), now, before)
        fast = now - ops.cast(learning_rate, variable.dtype) * gradient
        sync = ops.equal((self.iterations + 1) % self.sync_period, 0)
        slow_now = ops.where(sync, start + self.slow_step * (fast - start), start)
        self.assign(slow, slow_now)
        self.assign(variable, ops.where(sync, slow_now, fast))

    def get_config(self):
        own = {"sync_period": self.sync_period, "slow_step": self.slow_step}
        return {**super().get_config(), **own}


class Anchored(Optimizer):
    """Pulls towards where it was built: a slot that ``build`` makes a copy of the parameter."""

    def __init__(self, learning_rate=0.1, pull=0.125, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.pull = pull

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.anchors = []
        for variable in variables:
            anchor = self.add_variable_from_reference(variable, "anchor")
            anchor.assign(ops.copy(variable))
            self.anchors.append(anchor)

    def update_step(self, gradient, variable, learning_rate):
        anchor = self.anchors[self._get_variable_index(variable)]
        pulled = gradient + self.pull * (variable - anchor)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * pulled)

    def get_config(self):
        return {**super().get_config(), "pull": self.pull}


class Factored(Optimizer):
    """Rows and columns of a matrix's squares apart (Shazeer & Stern 2018, algorithm 2)."""

    def __init__(self, learning_rate=0.01, beta=0.75, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.beta = beta

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.rows, self.columns, self.wholes = [], [], []
        for n, v in enumerate(variables):
            shape = v.shape
            if len(shape) < 2:
                row, column, whole = None, None, self.add_variable(shape, name=f"whole_{n}")
            else:
                row = self.add_variable(shape[:-1], name=f"row_{n}")
                column = self.add_variable((*shape[:-2], shape[-1]), name=f"column_{n}")
                whole = None
            self.rows.append(row)
            self.columns.append(column)
            self.wholes.append(whole)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        g = ops.cast(gradient, "float32")
        square = ops.square(g) + 1e-12
        if self.wholes[index] is not None:
            whole = self.wholes[index]
            self.assign(whole, self.beta * whole + (1 - self.beta) * square)
            scale = ops.sqrt(ops.convert_to_tensor(whole))
        else:
            row, column = self.rows[index], self.columns[index]
            self.assign(row, self.beta * row + (1 - self.beta) * ops.mean(square, axis=-1))
            self.assign(column, self.beta * column + (1 - self.beta) * ops.mean(square, axis=-2))
            mean = ops.mean(row, axis=-1, keepdims=True)
            below = ops.expand_dims(row / mean, -1) * ops.expand_dims(column, -2)
            scale = ops.sqrt(below)
        step = ops.cast(learning_rate, "float32") * g / scale
        self.assign_sub(variable, ops.cast(step, variable.dtype))

    def get_config(self):
        return {**super().get_config(), "beta": self.beta}


PAPERS = {
    cls.__name__: (cls, None)
    for cls in (
        *(Yogi, AdaBelief, RAdam, Adan, Tiger, PID, NovoGrad),
        *(LARS, Lookahead, Anchored, Factored),
    )
}
