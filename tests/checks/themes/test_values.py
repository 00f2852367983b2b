"""The checks of values: an optimizer that breaks the sentence of one is caught by it."""

import functools

import checked
import numpy as np
from checked import clean, every_mistake, holds, outcomes, passes, violated
from engine_cases import on, on_every_engine
from heavy_ball import HeavyBall, heavy_ball
from tools.mutants.splice import mutated

caught = functools.partial(checked.caught, rule=HeavyBall)

STEP = "check_every_step_follows_the_rule[matrix]"
SIZE = "check_gradients_of_every_size_follow_the_rule"
TORCH = "keras-torch"


@on_every_engine
def test_sgd_follows_its_rule_on_every_engine(engine):
    """With and without momentum."""
    for momentum in (0.0, 0.5):
        make = functools.partial(engine.optimizer, "SGD", learning_rate=0.125, momentum=momentum)
        holds(engine, make, STEP)


@on(TORCH, "keras-tensorflow")
def test_a_correct_optimizer_is_clean(engine):
    """With a rule of its own, and without any."""
    for rule, least in ((HeavyBall(), 25), (None, 4)):
        clean(engine, heavy_ball(engine), least, reference=rule, themes=["values", "gradients"])


@caught(STEP, "p0[0, 0] after step 1 is -1.171875; its rule gives -1.078125")
class GoesUpAgain:
    """The message says which variable, after which step, what was found and what was promised."""

    def used(self, m, gradient):
        return self.friction * m - gradient


@caught(STEP, "missing momentum/p0, momentum/p1; not promised memory/p0, memory/p1")
class CallsItsSlotsOtherwise:
    def make_slots(self, variables):
        self.momentums = self.add_optimizer_variables(variables, "memory")


TWICE = "check_same_run_twice_ends_the_same"


@caught(TWICE, "two runs of the same program differ", verdict="not reproducible")
@caught(STEP, "two runs of the same program differ", verdict="not reproducible")
class Noisy:
    """No failure: the A/A control comes before the rule."""

    def used(self, m, gradient):
        import keras

        return super().used(m, gradient) + keras.random.normal(gradient.shape)


@caught(f"{SIZE}[2**-24]", "momentum/p0", holds=[f"{SIZE}[2**-10]"])
class TakesTinyOnesForZero:
    def used(self, m, gradient):
        return super().used(m, self.ops.where(self.ops.abs(gradient) < 1e-6, 0.0, gradient))


@caught(f"{SIZE}[zeros]", "is nan", holds=[STEP])
class DividesByTheNorm:
    def used(self, m, gradient):
        norm = self.ops.norm(gradient)
        return super().used(m, gradient * (norm / norm))


@caught(f"{SIZE}[zeros]", "its rule")
class MovesAtZero:
    """A sign of the gradient, with one for zero too."""

    def used(self, m, gradient):
        return super().used(m, self.ops.where(gradient == 0, 1.0, gradient))


@caught("check_many_steps_follow_the_rule[changing]", "p0 after step 51 is")
class TiresAfterFifty:
    def direction(self, m, variable):
        return self.ops.where(self.iterations < 50, 1.0, 0.5) * m


@caught("check_parameters_far_larger_than_their_steps_follow_the_rule", "p0[0, 0] after step 1")
class StopsFarOut:
    def direction(self, m, variable):
        return self.ops.where(self.ops.abs(variable) < 100.0, m, 0.0)


@caught("check_constant_gradient_follows_the_rule", "after step 2", holds=[STEP])
class UsesAGradientOnlyWhenItIsNew:
    def used(self, m, gradient):
        seen = self.__dict__.setdefault("seen", {})
        old, seen[gradient.shape] = seen.get(gradient.shape), gradient
        new = True if old is None else bool(self.ops.any(old != gradient))
        return self.friction * m + (gradient if new else 0.0)


ARGUMENT = "check_every_hyperparameter_does_what_the_rule_says"


@caught(f"{ARGUMENT}[friction]", "", holds=[f"{ARGUMENT}[learning_rate]"])
class DeafToItsFriction:
    def used(self, m, gradient):
        return 0.5 * m + gradient


EXACT = "check_float64_follows_the_rule[at hyperparameters exact in float32]"


@caught(EXACT, "", holds=[STEP])
class GoesThroughFloat32:
    def used(self, m, gradient):
        third = self.ops.cast(gradient / 3, "float32")
        return self.friction * m + self.ops.cast(third, m.dtype) * 3


LOW = "check_low_precision_still_moves"


@caught(
    f"{LOW}[bfloat16]",
    "bfloat16, the first step moves p0[0, 0] from -1.125 by 0",
    holds=[f"{LOW}[float16]"],
)
class CorrectsByWhatIsRoundedAway:
    def direction(self, m, variable):
        beta = self.ops.cast(0.999, variable.dtype)
        return m * self.ops.minimum((1 - beta) * 1024, 1)


@caught(f"{LOW}[float16]", "crashed", engines=("keras-tensorflow",))
class KeepsSlotsInFloat32:
    """TensorFlow mixes no dtypes."""

    def make_slots(self, variables):
        self.momentums = [
            self.add_variable(v.shape, dtype="float32", name=f"{v.path.replace('/', '_')}_momentum")
            for v in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        m = self.slot(variable).value
        m.assign(self.friction * m + gradient)
        variable.assign_sub(learning_rate * m)


SCHEDULE = "check_schedule_is_asked_at_every_step"


@caught(f"{SCHEDULE}[ExponentialDecay]", "p0[0, 0] after step")
@caught(f"{SCHEDULE}[PiecewiseConstantDecay]", "p0[0, 0] after step")
@caught(f"{SCHEDULE}[from its config]", "p0[0, 0] after step")
@caught("check_learning_rate_that_is_set_counts_from_the_next_step", "after step 3", holds=[STEP])
class UsesTheRateOfTheStepBefore:
    """The first step of a schedule is step 0; a rate that is set counts from the next step."""

    def update_step(self, gradient, variable, learning_rate):
        rates = self.__dict__.setdefault("rates", {})
        now = float(self.ops.convert_to_numpy(learning_rate))
        rate = rates.get(variable.shape, now)
        rates[variable.shape] = now
        super().update_step(gradient, variable, rate)


def corrected(parameter, gradient, slots, iteration):
    """The rule of a momentum with the correction of its bias."""
    m = 0.5 * slots.get("momentum", 0.0) + gradient
    return parameter - 0.125 * m / (1 - 0.5 ** (iteration + 1)), {"momentum": m}


@caught(STEP, "after step 2 is", rule=corrected)
class CorrectsOneStepLate:
    """It counts from 0, and saves itself from the division by zero."""

    def direction(self, m, variable):
        steps = self.ops.cast(self.ops.maximum(self.iterations, 1), variable.dtype)
        return m / (1 - self.ops.power(self.ops.cast(0.5, variable.dtype), steps))


class Cancelling(HeavyBall):
    """The rule of what follows."""

    def step(self, parameter, gradient, slots, iteration):
        m = self.friction * slots["momentum"] + gradient
        rest = (m + 4096.0) - 4096.0
        return parameter - self.rate(iteration) * np.asarray(rest), {"momentum": m}


@passes(f"{SIZE}[falling]", rule=Cancelling)
@caught(f"{SIZE}[falling]", "")
class SubtractsWhatIsNearlyTheSame:
    """What a rounding can do there is no failure, where the rule does it, too."""

    def direction(self, m, variable):
        return self.ops.subtract(self.ops.add(m, 4096.0), 4096.0)


test_every_mistake_is_caught = every_mistake(__name__)


@on(TORCH)
def test_a_default_that_changed_is_caught(engine):
    """With every argument given, it would not be."""
    sgd, check = engine.keras.optimizers.SGD, "check_defaults_are_those_of_the_release"
    before = sgd.__init__.__defaults__
    sgd.__init__.__defaults__ = (0.02, *before[1:])
    try:
        for case in ("alone", "with use_ema"):
            violated(engine, lambda: sgd(0.125), f"{check}[{case}]", "p0[0, 0] after step 1")
    finally:
        sgd.__init__.__defaults__ = before


@on(TORCH)
def test_a_name_that_decides_against_the_rule_is_caught(engine):
    """Muon takes Adam's step for embeddings, unless it is told not to."""
    place = "src.optimizers.muon:Muon._should_use_adamw"
    check = "check_a_name_changes_only_what_the_rule_says"
    with mutated("keras", place, "never", "exclude_embeddings", 1):
        found = outcomes(engine, engine.optimizers.Muon, check)
    verdicts = {id: verdict for id, (verdict, _) in found.items()}
    assert verdicts.pop(f"{check}[an embedding]") == "violated"
    assert set(verdicts.values()) == {"holds"}
