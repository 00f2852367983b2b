"""The checks of construction: each catches the optimizer that breaks its sentence, and no other."""

import functools

from checked import caught, clean, every_mistake, violated
from engine_cases import on, on_every_engine
from heavy_ball import heavy_ball
from tools.mutants.splice import mutated

THEME = "construction"


@on("keras-torch", "keras-jax")
def test_a_correct_custom_optimizer_is_clean(engine):
    """Without a rule."""
    clean(engine, heavy_ball(engine), 11, themes=[THEME], quick=True)


def of_velocities(parameter, gradient, slots, iteration):
    return parameter, {"velocity": gradient}


def without_slots(parameter, gradient, slots, iteration):
    return parameter, {}


PROMISED = "check_slots_are_as_promised"


@caught(PROMISED, "there is no slot velocity for p0", rule=of_velocities)
@caught(PROMISED, "p0 has slots that its rule has not: ['momentum']", rule=without_slots)
class HeldToTheRuleOfAnother:
    """Correct in itself."""


@caught("check_parameters_of_one_shape_have_slots_alike", "p0 and p2, both of shape (4, 3)")
class LacksTheLastSlots:
    def build(self, variables):
        super().build(variables[:-2])
        self._trainable_variables = variables


@caught("check_every_variable_is_listed_once", "momentum/p3 stands in the list")
class ListsOneTwice:
    @property
    def variables(self):
        return [*super().variables, *super().variables[-1:]]


@caught("check_every_variable_has_a_name_of_its_own", "4 are called nameless")
class Nameless:
    def make_slots(self, variables):
        self.momentums = [self.add_variable(v.shape, name="m") for v in variables]


@caught("check_the_order_of_variables_is_fixed", "files keep slots by their order")
class Unordered:
    made = 0

    def build(self, variables):
        type(self).made += 1
        super().build(variables if type(self).made % 2 else variables[::-1])


@caught("check_compiling_makes_nothing", "compile changed")
class MakesOneWhenAsked:
    @property
    def variables(self):
        self.add_variable((), name=f"v{len(self._variables)}")
        return super().variables


@caught("check_steps_make_no_variables[apply]", "after step 1, there are 2 more (temporary")
class MakesOneInAStep:
    def update_step(self, gradient, variable, learning_rate):
        self.add_variable((), name=f"temporary_{len(self._variables)}")
        super().update_step(gradient, variable, learning_rate)


@caught("check_slots_are_made_once[train_on_batch]", "slots were made more than once")
class ReplacesASlotInAStep:
    def update_step(self, gradient, variable, learning_rate):
        at = self._get_variable_index(variable)
        fresh = self.add_variable_from_reference(variable, "momentum")
        del self._variables[-1]
        place = [slot is self.momentums[at] for slot in self._variables].index(True)
        self._variables[place] = self.momentums[at] = fresh
        super().update_step(gradient, variable, learning_rate)


COUNTED = "check_iterations_count_the_steps"


@caught(COUNTED, "after 1 steps the step counter is 2")
class CountsTwice:
    """It advances the counter, as the base class does already."""

    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)
        self._iterations.assign_add(1)


@caught(COUNTED, "after 1 steps the step counter is 0.0")
class ShowsAnotherCounter:
    @property
    def iterations(self):
        import keras

        return keras.Variable(0.0)


@caught(f"{COUNTED}[apply]", "the step counter is 0")
class WritesApplyAnew:
    """Without the counter, clipping, decay and averages."""

    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(list(trainable_variables))
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, self.learning_rate)


BUILT = "check_the_first_step_builds_as_build_does"


@caught(BUILT, "built by its first step, not before: p0")
class StartsAtItsFirstGradient:
    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(list(trainable_variables))
            for slot, gradient in zip(self.momentums, grads, strict=True):
                slot.assign(gradient)
        super().apply(grads, trainable_variables)


@caught(f"{BUILT}[apply]", "must already", base="SGD")
class DropsTheVariables:
    """It overrides ``apply`` and does not hand them on."""

    def apply(self, grads, trainable_variables=None):
        super().apply([None if g is None else g * 0.5 for g in grads])


@caught(
    f"{BUILT}[compiled]",
    "built by its first step, not before",
    engines=("keras-tensorflow",),
    base="ScheduleFreeAdamW",
    verdict="known difference",
)
class FillsItsSlotsInATrace:
    """Keras's own: it copies its weights in an op that the trace throws away."""


@caught("check_fit_builds_as_build_does", "donate the same buffer twice", engines=("keras-jax",))
class KeepsTheParametersOwnArray:
    def make_slots(self, variables):
        super().make_slots(variables)
        for slot, variable in zip(self.momentums, variables, strict=True):
            slot.assign(variable)


@caught(
    "check_steps_are_not_traced_again",
    "a second fit, of the same shapes, called",
    engines=("keras-jax",),
)
class MakesOneAtTheEnd:
    def finalize_variable_values(self, var_list):
        self.add_variable((), name=f"v{len(self._variables)}")


AGAIN = "check_building_again_keeps_the_slots"
TWO_MORE = "after a second build, there are 2 more (momentum/p0, momentum/p1)"


@caught(AGAIN, TWO_MORE, base="SGD", arguments={"momentum": 0.5})
@caught(
    AGAIN,
    "Let its build return at once if self.built",
    engines=("keras-torch", "keras-jax", "keras-tensorflow"),
)
class BuildsAgain:
    """As the example in Keras's documentation does."""

    def build(self, variables):
        self.built = False
        super().build(variables)


@on("keras-torch")
def test_a_base_class_that_builds_again_is_no_fault_of_the_author(engine):
    """The averages are Keras's, and so is the build that makes them anew."""

    class Plain(engine.keras.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * gradient)

    make = functools.partial(Plain, 0.125, use_ema=True)
    violated(engine, make, AGAIN, "its build is that of Keras's base class", "not applicable")


@caught(
    "check_unknown_parameters_are_refused_or_served[others]",
    "made 0 slots for it; one of this shape has 1",
)
class ServesAnyone:
    def _check_variables_are_known(self, variables):
        pass

    def _get_variable_index(self, variable):
        return self._trainable_variables_indices.get(id(variable), 0)


RATE = "check_a_new_learning_rate_reaches_the_next_step"


@caught(f"{RATE}[number]", "after the number was set, p0")
class ReadsItsRateOnce:
    def make_slots(self, variables):
        super().make_slots(variables)
        self.first = float(self.learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.first)


@caught(f"{RATE}[schedule]", "1 more (learning_rate)")
class KeepsTheVariableOfItsRate:
    def _untrack_variable(self, variable):
        pass


@caught("check_the_list_of_variables_is_the_callers_own", "emptied, and so was the optimizer")
class GivesAwayItsOwnList:
    variables = property(lambda self: self._variables)


test_every_mistake_is_caught = every_mistake(__name__)

BASE = "src.optimizers.base_optimizer:BaseOptimizer."


@on("keras-torch")
def test_what_only_keras_own_optimizers_promise_is_found(engine):
    """Slots in the dtype of their parameter, and the counter from ``apply_gradients``."""
    adam = engine.optimizers.Adam
    with mutated("keras", f"{BASE}add_variable_from_reference", "lose", "dtype", 1):
        check = "check_slots_have_the_dtype_of_their_parameter"
        violated(engine, adam, check, "momentum/p0 is float32, its parameter is float16")
    with mutated("keras", f"{BASE}apply_gradients", "answer", 0, 1):
        check = "check_apply_gradients_returns_the_step_counter"
        violated(engine, adam, check, "it returns 0, expected iterations, 1")


@on_every_engine
def test_sgd_is_clean_on_every_engine(engine):
    """But for what is known of it."""
    clean(
        engine, lambda: engine.optimizer("SGD", learning_rate=0.125), 1, themes=[THEME], quick=True
    )
