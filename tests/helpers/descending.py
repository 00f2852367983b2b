"""Gradient descent as somebody writes it, its rule and a wrong one, and checks of it."""

from __future__ import annotations

import sys

import cloudpickle

from slotscope.checking.check_optimizer import check_optimizer

cloudpickle.register_pickle_by_value(sys.modules[__name__])

ONE = "check_every_step_follows_the_rule[matrix]"
TWICE = "check_same_run_twice_ends_the_same"


def descent(parameter, gradient, slots, iteration):
    """The rule of gradient descent at a learning rate of 0.125."""
    return parameter - 0.125 * gradient, {}


def ascent(parameter, gradient, slots, iteration):
    return parameter + 0.125 * gradient, {}


def descending(engine, during=None):
    """A class of one's own: gradient descent that does something else in its step."""

    class Mine(engine.keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.125, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)

        def update_step(self, gradient, variable, learning_rate):
            if during is not None:
                during()
            self.assign_sub(variable, learning_rate * gradient)

    return Mine


def check(optimizer, **options):
    """The report of an optimizer, and nothing printed."""
    return check_optimizer(optimizer, **{"verbose": False, **options})
