"""Relations that need no rule: an optimizer that breaks one is caught, a correct one is not."""

import pytest
from checked import caught, clean, every_mistake, outcomes, passes
from engine_cases import on
from heavy_ball import heavy_ball

from slotscope import on_engine
from slotscope.checks.subjects.given import builtin, subject_of
from slotscope.checks.themes.relations import arguments

READ = "check_every_argument_changes_something"
RATE = "check_the_learning_rate_moves_the_parameters"
ZERO = "check_a_gradient_of_zero_moves_nothing"
OWN = "check_parameters_of_one_shape_use_their_own_slots"
SMALL = "check_small_gradients_move_low_precision_alike"


@on("keras-torch", "keras-jax", "keras-tensorflow")
def test_a_correct_optimizer_is_clean_without_a_rule(engine):
    clean(engine, heavy_ball(engine), 20, themes=["relations"])


@on("keras-torch")
def test_every_number_and_switch_of_a_constructor_is_asked(engine):
    own = {"learning_rate", "friction"}
    assert own <= set(arguments(subject_of(heavy_ball(engine), None, engine)))
    of_adam = set(arguments(builtin(engine, "Adam")))
    assert {"beta_1", "beta_2", "epsilon", "amsgrad", "clipnorm", "use_ema"} <= of_adam
    assert "name" not in of_adam


@caught(f"{RATE}[at construction]", "0.25 and 0.0625, at construction, end the same")
@caught(f"{RATE}[set later]", "it is not used")
@caught(f"{RATE}[a schedule]", "it is not used")
@caught(f"{RATE}[a function]", "it is not used")
@caught(f"{READ}[learning_rate]", "does what its default does: nothing reads it")
class IgnoresItsRate:
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, 0.125)


@caught(f"{RATE}[set later]", "it is not used", holds=[f"{RATE}[at construction]"])
class KeepsTheFirstRate:
    def build(self, variables):
        super().build(variables)
        self.first = float(self.learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.first)


@caught(
    f"{RATE}[set later, compiled]",
    "it is not used",
    engines=("keras-tensorflow",),
    holds=[f"{RATE}[at construction]"],
)
class ReadsItsRateAtTheTrace:
    def update_step(self, gradient, variable, learning_rate):
        if not hasattr(self, "first"):
            self.first = float(self.initial)
        super().update_step(gradient, variable, self.first)

    def __init__(self, learning_rate=0.125, **more):
        super().__init__(learning_rate, **more)
        self.initial = learning_rate


@caught(
    f"{READ}[friction]", "friction=0.25 does what its default does", holds=[f"{READ}[clipnorm]"]
)
class ForgetsItsFriction:
    def used(self, m, gradient):
        return 0.5 * m + gradient


@caught(f"{READ}[clipnorm]", "nothing reads it", holds=[f"{READ}[friction]"])
class AppliesWithoutKeras:
    def apply(self, grads, trainable_variables=None):
        variables = trainable_variables or self._trainable_variables
        self.build(variables)
        for gradient, variable in zip(grads, variables, strict=True):
            self.update_step(gradient, variable, self.learning_rate)
        self._iterations.assign_add(1)


@caught(ZERO, "with a gradient of zero, p0 is")
class PullsTowardsZero:
    def update_step(self, gradient, variable, learning_rate):
        pull = self.ops.sign(variable)
        super().update_step(gradient + 0.25 * pull, variable, learning_rate)


@passes(ZERO)
class PullsTowardsWhereItBegan:
    def make_slots(self, variables):
        super().make_slots(variables)
        self.anchors = self.add_optimizer_variables(variables, "anchor")
        for anchor, variable in zip(self.anchors, variables, strict=True):
            anchor.assign(variable)

    def update_step(self, gradient, variable, learning_rate):
        anchor = self.anchors[self._get_variable_index(variable)]
        super().update_step(gradient + variable - anchor, variable, learning_rate)


@caught(ZERO, "weight decay", verdict="not applicable")
class DecaysUnderAnotherName:
    def update_step(self, gradient, variable, learning_rate):
        self.assign(variable, 0.875 * variable)
        super().update_step(gradient, variable, learning_rate)


@caught(OWN, "p0 alone, and beside one of its shape")
class SwapsSlotsOfOneShape:
    def slot(self, variable):
        number = self._get_variable_index(variable)
        others = [m for n, m in enumerate(self.momentums) if n != number]
        return next((m for m in others if m.shape == variable.shape), self.momentums[number])


@caught(OWN, "p0 alone, and beside one of its shape")
class KeepsSlotsByShape:
    def slot(self, variable):
        return next(m for m in self.momentums if m.shape == variable.shape)


@caught(
    f"{SMALL}[float16: 2**-17]", "in three steps in float16", holds=[f"{SMALL}[float16: 2**-4]"]
)
class SquaresInHalfPrecision:
    def used(self, m, gradient):
        return gradient / (self.ops.sqrt(gradient * gradient) + 1e-7)


test_every_mistake_is_caught = every_mistake(__name__)


@on("keras-torch")
def test_ftrl_moves_without_a_gradient_as_its_rule_says(engine):
    found = outcomes(engine, lambda: engine.optimizer("Ftrl"), ZERO)
    ((verdict, reason),) = found.values()
    assert (verdict, reason) == (
        "not applicable",
        "its rule moves a parameter without a gradient",
    )


@pytest.mark.parametrize("name", ["Adam", "SGD", "Muon", "Adafactor", "ScheduleFreeAdamW"])
def test_keras_itself_is_clean_but_for_what_is_known(name):
    on_engine("keras-torch", _clean, name)


def _clean(engine, name):
    clean(engine, lambda: engine.optimizer(name), 15, themes=["relations"])
