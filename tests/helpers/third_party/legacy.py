"""Correct custom optimizers for tf_keras and Keras 2.1, each as people wrote them then.

Classes are made by functions of the engine's Keras: what stands in an ``optim.py`` of its time,
with the imports taken from outside.
"""

import numpy as np


def momentum_rule(parameter, gradient, slots, iteration):
    """The rule of ``Momentum`` and of ``Heavy``."""
    m = 0.5 * slots.get("momentum", 0.0) + gradient
    return parameter - 0.01 * m, {"momentum": m}


def modern(tf, keras):
    """tf_keras's own style: ``build`` and ``update_step`` on ``tf.Variable``."""

    class Momentum(keras.optimizers.Optimizer):
        """As the guide of TensorFlow 2.11 has it."""

        def __init__(self, learning_rate=0.01, momentum=0.5, name="Momentum", **kwargs):
            super().__init__(name, **kwargs)
            self._learning_rate = self._build_learning_rate(learning_rate)
            self.momentum = momentum

        def build(self, var_list):
            super().build(var_list)
            if hasattr(self, "_built") and self._built:
                return
            self._built = True
            self.momentums = []
            for var in var_list:
                self.momentums.append(
                    self.add_variable_from_reference(model_variable=var, variable_name="m")
                )

        def update_step(self, gradient, variable):
            lr = tf.cast(self.learning_rate, variable.dtype)
            m = self.momentums[self._index_dict[self._var_key(variable)]]
            if isinstance(gradient, tf.IndexedSlices):
                m.assign(m * self.momentum)
                m.scatter_add(tf.IndexedSlices(gradient.values, gradient.indices))
            else:
                m.assign(m * self.momentum + gradient)
            variable.assign_sub(lr * m)

        def get_config(self):
            config = super().get_config()
            config.update(
                {
                    "learning_rate": self._serialize_hyperparameter(self._learning_rate),
                    "momentum": self.momentum,
                }
            )
            return config

    class Belief(keras.optimizers.Optimizer):
        """AdaBelief (arXiv:2010.07468, algorithm 2), sparse gradients made dense."""

        def __init__(self, learning_rate=0.01, beta_1=0.9, beta_2=0.99, **kwargs):
            super().__init__(name=kwargs.pop("name", "Belief"), **kwargs)
            self._learning_rate = self._build_learning_rate(learning_rate)
            self.beta_1, self.beta_2 = beta_1, beta_2

        def build(self, var_list):
            super().build(var_list)
            if getattr(self, "_built", False):
                return
            self._built = True
            self._m = [self.add_variable_from_reference(v, "m") for v in var_list]
            self._s = [self.add_variable_from_reference(v, "s") for v in var_list]

        def update_step(self, gradient, variable):
            gradient = tf.convert_to_tensor(gradient)
            index = self._index_dict[self._var_key(variable)]
            m, s = self._m[index], self._s[index]
            t = tf.cast(self.iterations + 1, variable.dtype)
            m.assign_add((gradient - m) * (1 - self.beta_1))
            s.assign_add((tf.square(gradient - m) + 1e-5 - s) * (1 - self.beta_2))
            mhat = m / (1 - tf.pow(tf.cast(self.beta_1, variable.dtype), t))
            shat = s / (1 - tf.pow(tf.cast(self.beta_2, variable.dtype), t))
            lr = tf.cast(self.learning_rate, variable.dtype)
            variable.assign_sub(lr * mhat / (tf.sqrt(shat) + 1e-4))

        def get_config(self):
            rate = self._serialize_hyperparameter(self._learning_rate)
            own = {"learning_rate": rate, "beta_1": self.beta_1, "beta_2": self.beta_2}
            return {**super().get_config(), **own}

    class Gentle(keras.optimizers.Adam):
        """A built-in's with another default and half the gradient."""

        def __init__(self, learning_rate=0.002, weight_decay=0.01, **kwargs):
            super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, **kwargs)

        def update_step(self, gradient, variable):
            super().update_step(tf.convert_to_tensor(gradient) * 0.5, variable)

    return {
        "Momentum": (Momentum, momentum_rule),
        "Belief": (Belief, None),
        "Gentle": (Gentle, None),
    }


def legacy(tf, keras):
    """``OptimizerV2``: slots by name, hyperparameters that may be schedules, a sparse half."""

    class Heavy(keras.optimizers.legacy.Optimizer):
        """Momentum as TensorFlow Addons wrote its optimizers."""

        def __init__(self, learning_rate=0.01, momentum=0.5, name="Heavy", **kwargs):
            super().__init__(name, **kwargs)
            self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
            self._set_hyper("decay", self._initial_decay)
            self._set_hyper("momentum", momentum)

        def _create_slots(self, var_list):
            for var in var_list:
                self.add_slot(var, "momentum")

        def _resource_apply_dense(self, grad, var, apply_state=None):
            lr = self._decayed_lr(var.dtype.base_dtype)
            mu = self._get_hyper("momentum", var.dtype.base_dtype)
            m = self.get_slot(var, "momentum")
            m_t = m.assign(mu * m + grad, use_locking=self._use_locking)
            return var.assign_sub(lr * m_t, use_locking=self._use_locking)

        def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
            lr = self._decayed_lr(var.dtype.base_dtype)
            mu = self._get_hyper("momentum", var.dtype.base_dtype)
            m = self.get_slot(var, "momentum")
            m_t = m.assign(mu * m, use_locking=self._use_locking)
            with tf.control_dependencies([m_t]):
                m_t = self._resource_scatter_add(m, indices, grad)
            return var.assign_sub(lr * m_t, use_locking=self._use_locking)

        def get_config(self):
            config = super().get_config()
            config.update(
                {
                    "learning_rate": self._serialize_hyperparameter("learning_rate"),
                    "decay": self._initial_decay,
                    "momentum": self._serialize_hyperparameter("momentum"),
                }
            )
            return config

    class Signs(keras.optimizers.legacy.Optimizer):
        """Without slots; a sparse gradient goes to its rows."""

        def __init__(self, learning_rate=0.01, name="Signs", **kwargs):
            super().__init__(name, **kwargs)
            self._set_hyper("learning_rate", learning_rate)

        def _resource_apply_dense(self, grad, var, apply_state=None):
            return var.assign_sub(self._decayed_lr(var.dtype.base_dtype) * tf.sign(grad))

        def _resource_apply_sparse(self, grad, var, indices, apply_state=None):
            step = -self._decayed_lr(var.dtype.base_dtype) * tf.sign(grad)
            return self._resource_scatter_add(var, indices, step)

        def get_config(self):
            rate = self._serialize_hyperparameter("learning_rate")
            return {**super().get_config(), "learning_rate": rate}

    class Quiet(keras.optimizers.legacy.Adam):
        """A built-in's with another default."""

        def __init__(self, learning_rate=0.002, epsilon=1e-3, name="Quiet", **kwargs):
            super().__init__(learning_rate=learning_rate, epsilon=epsilon, name=name, **kwargs)

    return {"Heavy": (Heavy, momentum_rule), "Signs": (Signs, None), "Quiet": (Quiet, None)}


def updates(K, base):  # noqa: N803 - as everybody called it
    """Keras 2.1's style, which ``optimizer_v1`` kept: ``get_updates`` makes its slots.

    Args:
        K: the backend's module.
        base: the ``Optimizer`` class.
    """

    class Rms(base):
        """As keras-contrib wrote its optimizers, with the old argument names."""

        def __init__(self, lr=0.01, rho=0.75, decay=0.0, **kwargs):
            super().__init__(**kwargs)
            with K.name_scope(self.__class__.__name__):
                self.iterations = K.variable(0, dtype="int64", name="iterations")
                self.lr = K.variable(lr, name="lr")
                self.rho = K.variable(rho, name="rho")
                self.decay = K.variable(decay, name="decay")
            self.initial_decay = decay

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            accumulators = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
            self.weights = [self.iterations, *accumulators]
            self.updates = [K.update_add(self.iterations, 1)]
            lr = self.lr
            if self.initial_decay > 0:
                lr = lr / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay)))
            for p, g, a in zip(params, grads, accumulators, strict=True):
                new_a = self.rho * a + (1.0 - self.rho) * K.square(g)
                self.updates.append(K.update(a, new_a))
                new_p = p - lr * g / (K.sqrt(new_a) + K.epsilon())
                if getattr(p, "constraint", None) is not None:
                    new_p = p.constraint(new_p)
                self.updates.append(K.update(p, new_p))
            return self.updates

        def get_config(self):
            config = {
                "lr": float(K.get_value(self.lr)),
                "rho": float(K.get_value(self.rho)),
                "decay": float(K.get_value(self.decay)),
            }
            return {**super().get_config(), **config}

    class Plain(base):
        """The least that works: no slots but the counter."""

        def __init__(self, lr=0.05, **kwargs):
            super().__init__(**kwargs)
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            self.updates = [K.update_add(self.iterations, 1)]
            self.weights = [self.iterations]
            for p, g in zip(params, grads, strict=True):
                self.updates.append(K.update(p, p - self.lr * g))
            return self.updates

        def get_config(self):
            return {**super().get_config(), "lr": float(K.get_value(self.lr))}

    def reference(parameter, gradient, slots, iteration):
        a = 0.75 * slots.get("slot_0", 0.0) + 0.25 * gradient**2
        return parameter - 0.01 * gradient / (np.sqrt(a) + 1e-7), {"slot_0": a}

    return {"Rms": (Rms, reference), "Plain": (Plain, None)}


def optimizers(engine):
    """The correct optimizers for one of the four older engines: {name: (class, reference)}."""
    import tensorflow as tf

    keras = engine.keras
    if engine.name == "tf_keras":
        return modern(tf, keras)
    if engine.name == "tf_keras-legacy":
        return legacy(tf, keras)
    if engine.name == "tf_keras-graph":
        from tf_keras.src.optimizers import optimizer_v1

        base = {f"V1{k}": v for k, v in updates(engine.backend, optimizer_v1.Optimizer).items()}
        return {**legacy(tf, keras), **base}
    return updates(engine.backend, keras.optimizers.Optimizer)
