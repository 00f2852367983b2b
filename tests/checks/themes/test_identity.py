"""The checks of identity: each catches the optimizer that breaks its sentence, and no other.

Most run on torch, where nothing is compiled.
"""

import functools

from checked import violated
from engine_cases import on
from heavy_ball import heavy_ball

from slotscope.checking.check_optimizer import check_optimizer

THEME = "identity"


known = functools.partial(violated, verdict="known difference")


@on("keras-torch")
def test_a_correct_custom_optimizer_is_clean(engine):
    """Without a rule."""
    cls = heavy_ball(engine)
    report = check_optimizer(lambda: cls(0.125), engine=engine, themes=[THEME])
    assert report.exit_code == 0, [(o.id, o.reason) for o in report.of("violated")]
    assert len(report.of("holds")) > 8


@on("keras-torch")
def test_a_slot_whose_tensor_changes_is_found(engine):
    class Moving(heavy_ball(engine)):
        def update_step(self, gradient, variable, learning_rate):
            import torch

            super().update_step(gradient, variable, learning_rate)
            slot = self.slot(variable)
            slot._value = torch.nn.Parameter(slot._value.detach().clone(), requires_grad=False)

    check = "check_slots_stay_the_same_variables"
    violated(engine, lambda: Moving(0.125), check, "the handle did not stay the same: momentum/")


@on("keras-torch")
def test_a_slot_that_saving_changes_is_found(engine):
    class Spent(heavy_ball(engine)):
        def save_own_variables(self, store):
            super().save_own_variables(store)
            for slot in self.momentums:
                slot.assign(slot * 0.0)

    check = "check_using_the_model_leaves_the_slots"
    violated(engine, lambda: Spent(0.125), check, "save changed the state: momentum/hidden/kernel")


@on("keras-2.1")
def test_slots_that_recompiling_makes_anew_are_found(engine):
    """Keras 2.1 does so, which is known."""
    make = functools.partial(engine.optimizer, "SGD", learning_rate=0.125)
    known(engine, make, "check_recompiling_keeps_the_slots", "compiled again after four batches")
    check = "check_a_frozen_layer_keeps_its_slots[freeze]"
    known(engine, make, check, "the frozen layer changed: momentum/hidden/bias is gone")


@on("keras-torch")
def test_an_old_optimizer_that_a_new_one_changes_is_found(engine):
    class Jealous(heavy_ball(engine)):
        last = ()

        def build(self, variables):
            for slot in type(self).last:
                slot.assign(slot * 0.0)
            super().build(variables)
            type(self).last = self.momentums

    words = "the training with the new optimizer changed the old one: momentum/hidden/kernel"
    violated(engine, lambda: Jealous(0.125), "check_a_new_optimizer_starts_afresh", words)


@on("keras-torch")
def test_a_parameter_that_does_not_rest_is_found(engine):
    """All slots decay at every step, those of parameters that are left out too."""

    class Restless(heavy_ball(engine)):
        def apply(self, grads, trainable_variables=None):
            super().apply(grads, trainable_variables)
            for slot in self.momentums:
                slot.assign(slot * 0.5)

    words = "the frozen layer changed: momentum/hidden/kernel"
    check = "check_a_frozen_layer_keeps_its_slots[freeze]"
    violated(engine, lambda: Restless(0.125), check, words)
    words = "a step for p0 alone changed p1: momentum/p1"
    violated(engine, lambda: Restless(0.125), "check_a_parameter_left_out_rests", words)


@on("keras-torch")
def test_slots_in_an_attribute_of_the_class_are_found(engine):
    """The second optimizer finds those of the first."""

    class Shared(heavy_ball(engine)):
        slots = {}  # noqa: RUF012 - the mistake that is looked for

        def slot(self, variable):
            at = self._get_variable_index(variable), tuple(variable.shape)
            return self.slots.setdefault(at, super().slot(variable))

    check = "check_two_optimizers_share_nothing"
    words = "the first step of another optimizer of its class changed the state: momentum/p0"
    violated(engine, lambda: Shared(0.125), f"{check}[made anew]", words)


@on("keras-torch")
def test_slots_in_a_default_argument_are_found(engine):
    """A deep copy of an instance has its own list; two calls of the constructor have one."""

    class Default(heavy_ball(engine)):
        def __init__(self, learning_rate, found=[], **options):  # noqa: B006 - the mistake
            super().__init__(learning_rate, **options)
            self.__dict__["found"] = found

        def build(self, variables):
            super().build(variables)
            self.found.extend(self.momentums)

        def slot(self, variable):
            return self.found[self._get_variable_index(variable)]

    check = "check_two_optimizers_share_nothing[made from its config]"
    words = "the first step of another optimizer of its class changed the state: momentum/p0"
    violated(engine, Default(0.125), check, words)


@on("keras-torch")
def test_an_optimizer_that_serves_anyone_is_found(engine):
    """It takes parameters that it was not built for, and gives them another's slots."""

    class Generous(heavy_ball(engine)):
        def _check_variables_are_known(self, variables):
            pass

        def _get_variable_index(self, variable):
            same = [v.shape for v in self._trainable_variables].index(variable.shape)
            return self._trainable_variables_indices.get(id(variable), same)

    check = "check_a_second_model_does_not_take_the_slots[same shapes]"
    words = "trained it with the slots of the first: momentum/hidden/kernel"
    violated(engine, lambda: Generous(0.125), check, words)
    check = "check_a_layer_unfrozen_later_is_refused_or_served"

    class Careless(Generous):
        def _get_variable_index(self, variable):
            return self._trainable_variables_indices.get(id(variable), 0)

        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * gradient)

    violated(engine, lambda: Careless(0.125), check, "the new parameters have 0 slots, not 2")


@on("keras-jax")
def test_a_fit_that_is_refused_loses_the_weights_on_jax(engine):
    """Whatever the optimizer, which is known."""
    cls = heavy_ball(engine)
    check = "check_a_layer_unfrozen_later_is_refused_or_served"
    known(engine, lambda: cls(0.125), check, "not before it changed: iterations is gone")
