"""The checks of identity: each catches the optimizer that breaks its sentence, and no other."""

import functools

from checked import caught, clean, every_mistake, violated
from engine_cases import on
from heavy_ball import heavy_ball

from slotscope.checks.runner import attempt
from slotscope.checks.selection import select
from slotscope.checks.subjects.given import builtin

known = functools.partial(violated, verdict="known difference")


@on("keras-torch")
def test_a_correct_custom_optimizer_is_clean(engine):
    """Without a rule."""
    clean(engine, heavy_ball(engine), 9, themes=["identity"])


@caught("check_slots_stay_the_same_variables", "the handle did not stay the same: momentum/")
class MovesASlotToANewTensor:
    def update_step(self, gradient, variable, learning_rate):
        import torch

        super().update_step(gradient, variable, learning_rate)
        slot = self.slot(variable)
        slot._value = torch.nn.Parameter(slot._value.detach().clone(), requires_grad=False)


@caught("check_using_the_model_leaves_the_slots", "save changed the state: momentum/hidden/kernel")
class ForgetsWhatItSaved:
    def save_own_variables(self, store):
        super().save_own_variables(store)
        for slot in self.momentums:
            slot.assign(slot * 0.0)


@caught(
    "check_a_new_optimizer_starts_afresh",
    "the training with the new optimizer changed the old one: momentum/hidden/kernel",
)
class EndsTheLastOne:
    last = ()

    def make_slots(self, variables):
        for slot in type(self).last:
            slot.assign(slot * 0.0)
        super().make_slots(variables)
        type(self).last = self.momentums


FROZEN = "check_a_frozen_layer_keeps_its_slots[freeze]"


@caught(FROZEN, "the frozen layer changed: momentum/hidden/kernel")
@caught("check_a_parameter_left_out_rests", "a step for p0 alone changed p1: momentum/p1")
class LetsAllSlotsDecay:
    """At every step, those of parameters that are left out too."""

    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)
        for slot in self.momentums:
            slot.assign(slot * 0.5)


SHARED = "check_two_optimizers_share_nothing"
CHANGED = "the first step of another optimizer of its class changed the state: momentum/p0"


@caught(f"{SHARED}[made anew]", CHANGED)
class KeepsSlotsInItsClass:
    """The second optimizer finds those of the first."""

    slots = {}  # noqa: RUF012 - the mistake that is looked for

    def slot(self, variable):
        at = self._get_variable_index(variable), tuple(variable.shape)
        return self.slots.setdefault(at, super().slot(variable))


@caught(f"{SHARED}[made anew]", CHANGED)
@caught(f"{SHARED}[made from its config]", CHANGED, instance=True)
class KeepsSlotsInADefaultArgument:
    """A deep copy of an instance has its own list; two calls of the constructor have one."""

    def __init__(self, learning_rate=0.125, found=[], **options):  # noqa: B006 - the mistake
        super().__init__(learning_rate, **options)
        self.__dict__["found"] = found

    def make_slots(self, variables):
        super().make_slots(variables)
        self.found.extend(self.momentums)

    def slot(self, variable):
        return self.found[self._get_variable_index(variable)]


@caught(
    "check_a_second_model_does_not_take_the_slots[same shapes]",
    "trained it with the slots of the first: momentum/hidden/kernel",
)
class ServesAnyone:
    """It takes parameters that it was not built for, and gives them another's slots."""

    def _check_variables_are_known(self, variables):
        pass

    def _get_variable_index(self, variable):
        same = [v.shape for v in self._trainable_variables].index(variable.shape)
        return self._trainable_variables_indices.get(id(variable), same)


UNFROZEN = "check_a_layer_unfrozen_later_is_refused_or_served"


@caught(UNFROZEN, "the new parameters have 0 slots, not 2")
class ServesAnyoneWithoutSlots(ServesAnyone):
    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, learning_rate * gradient)

    def _get_variable_index(self, variable):
        return self._trainable_variables_indices.get(id(variable), 0)


@caught(
    UNFROZEN,
    "not before it changed: iterations is gone",
    engines=("keras-jax",),
    verdict="known difference",
)
class Right:
    """A fit that is refused loses the weights on JAX, whatever the optimizer."""


test_every_mistake_is_caught = every_mistake(__name__)


@on("keras-2.1")
def test_slots_that_recompiling_makes_anew_are_found(engine):
    """Keras 2.1 does so, which is known."""
    make = functools.partial(engine.optimizer, "SGD", learning_rate=0.125)
    known(engine, make, "check_recompiling_keeps_the_slots", "compiled again after four batches")
    known(engine, make, FROZEN, "the frozen layer changed: momentum/hidden/bias is gone")


@on("tf_keras", "tf_keras-legacy", "keras-2.1", "keras-torch", "keras-jax", "keras-tensorflow")
def test_freezing_waits_for_compile_in_keras_2_alone(engine):
    subject = builtin(engine, "SGD")
    items = select(subject, only=["check_freezing_counts_from_the_next_compile"])
    found = {item.case: str(attempt(subject, item)[0]) for item in items}
    waits = engine.generation != "keras-3"
    assert found["before the first"] == ("holds" if waits else "violated")
    after = waits or engine.name == "keras-tensorflow"
    assert found["after a fit"] == ("holds" if after else "violated")
