"""Equivalences: an optimizer that breaks one of their sentences is caught, a correct one is not."""

import dataclasses

import pytest
from checked import caught, clean, every_mistake, holds, passes
from engine_cases import on
from heavy_ball import heavy_ball

from slotscope.checks.problems.linear_model import BATCHES, ROWS, gradients
from slotscope.checks.runner import run
from slotscope.checks.selection import checks
from slotscope.checks.subjects.given import builtin, subject_of
from slotscope.checks.subjects.variants import portable

STEP = "check_every_way_to_ask_for_a_step_ends_the_same"
TRAINING = "check_every_way_of_training_ends_like_single_steps"
ACCUMULATED = "check_accumulated_small_batches_end_like_the_big_ones"
DEVICES = "check_two_devices_end_like_one"


@on("keras-torch")
def test_a_correct_optimizer_is_clean(engine):
    clean(engine, heavy_ball(engine), 20, themes=["equivalences"])


@on("keras-jax", "keras-tensorflow")
def test_a_correct_optimizer_is_clean_where_compilers_come_in(engine):
    holds(engine, heavy_ball(engine), STEP, TRAINING, ACCUMULATED)


@on("keras-jax")
def test_a_correct_optimizer_ends_the_same_on_two_devices(engine):
    holds(engine, heavy_ball(engine), DEVICES)


class Scaled:
    """A correct one, whose steps have a factor."""

    def factor(self, variable):
        return 1.0

    def direction(self, m, variable):
        return self.factor(variable) * m


@caught(
    f"{STEP}[apply_gradients]",
    "4 steps by 'apply_gradients' and by 'apply': p0[0, 0] is ",
    holds=[f"{STEP}[apply without variables]"],
)
class AppliesTwiceTheGradients:
    def apply_gradients(self, grads_and_vars):
        self.apply(*zip(*[(2 * g, v) for g, v in grads_and_vars], strict=True))


@caught(f"{STEP}[jit]", "[0, 0] is", engines=("keras-jax", "keras-tensorflow"))
@caught(f"{TRAINING}[fit]", "[0, 0] is", engines=("keras-jax", "keras-tensorflow"))
@caught(f"{TRAINING}[compiled custom loop]", "[0, 0] is", engines=("keras-jax", "keras-tensorflow"))
class CountsInPython(Scaled):
    """A trace sees the number once."""

    def factor(self, variable):
        self.calls = getattr(self, "calls", 0) + 1
        return float(self.calls)


DIVIDED = "check_fit_ends_the_same_however_it_is_divided[two fits of one epoch]"


@caught(f"{TRAINING}[fit]", "six batches by 'fit'", holds=[f"{TRAINING}[train_on_batch]"])
@caught(DIVIDED, "two epochs")
class ForgetsAtTheEndOfFit:
    def finalize_variable_values(self, variables):
        for slot in self.momentums:
            slot.assign(0 * slot)


ORDER = "check_every_order_of_parameters_ends_the_same"
ALONE = "check_a_parameter_alone_ends_as_in_company"


@caught(ORDER, "in reverse order: p0")
class MovesTheFirstFaster(Scaled):
    def factor(self, variable):
        return 2.0 if self._get_variable_index(variable) == 0 else 1.0


@caught(ALONE, "on p0 alone: p0", holds=[ORDER])
class SharesOneStepAmongAll(Scaled):
    def factor(self, variable):
        return 1.0 / len(self.momentums)


@caught(ALONE, "its own total may tie the parameters together", verdict="not applicable")
class SharesAndSaysSo(SharesOneStepAmongAll):
    """No mistake: it keeps a variable for all of them."""

    def make_slots(self, variables):
        super().make_slots(variables)
        self.total = self.add_variable((), name="total")


BESIDE = "check_a_second_optimizer_leaves_the_first_alone"


@caught(f"{BESIDE}[one after the other]", "two runs of", verdict="not reproducible")
@caught(f"{BESIDE}[in turns]", "two runs of", verdict="not reproducible")
class CountsForAllOfItsClass(Scaled):
    seen = []  # noqa: RUF012 - the mistake

    def factor(self, variable):
        self.seen.append(variable)
        return float(len(self.seen))


@caught(f"{BESIDE}[in turns]", "two runs of", verdict="not reproducible")
class KeepsSlotsInItsClass:
    kept = {}  # noqa: RUF012 - the mistake

    def make_slots(self, variables):
        super().make_slots(variables)
        self.momentums = self.kept.setdefault(len(variables), self.momentums)


@caught(f"{ACCUMULATED}[steps]", "accumulated", engines=("keras-torch", "keras-jax"))
@caught(f"{ACCUMULATED}[fit]", "accumulated", engines=("keras-torch", "keras-jax"))
class DividesTwice(Scaled):
    def factor(self, variable):
        return 1.0 / (self.gradient_accumulation_steps or 1)


RATE = "check_every_spelling_of_the_learning_rate_ends_the_same"


@caught(f"{RATE}[constant schedule]", "learning rate 'constant schedule' and as a number")
@caught(f"{RATE}[function]", "learning rate 'function' and as a number")
@caught(
    f"{RATE}[constant schedule in fit]",
    "learning rate 'constant schedule in fit' and as a number",
    holds=[f"{RATE}[NumPy scalar]"],
)
class KeepsItsRateAsANumber(Scaled):
    def make_slots(self, variables):
        super().make_slots(variables)
        rate = self._learning_rate
        self.rate = 0.0 if callable(rate) else float(rate)

    def factor(self, variable):
        return self.rate


SPELLING = "check_every_spelling_of_the_optimizer_ends_the_same"


@caught(f"{SPELLING}[from_config]", "steps by from_config: p0", arguments={"friction": 0.25})
@caught(f"{SPELLING}[deserialize]", "steps by deserialize: p0", arguments={"friction": 0.25})
@passes(SPELLING)  # the argument that is lost is the default
class ForgetsAnArgument:
    def get_config(self):
        return {k: v for k, v in super().get_config().items() if k != "friction"}


@caught(DEVICES, "on two devices", engines=("keras-jax",))
class CountsDevices(Scaled):
    def factor(self, variable):
        import jax

        return float(len(jax.devices()))


SCALED = "check_a_scaled_loss_ends_like_a_plain_one"
LATER = "learning rate assigned later"


@caught(f"{SCALED}[{LATER}]", f"with a scaled loss ({LATER})", holds=[f"{SCALED}[as it is]"])
class KeepsItsRateAside:
    """It is not the one that a loss scale hands on."""

    def __init__(self, learning_rate=0.125, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.kept = float(learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, self.kept * gradient)


test_every_mistake_is_caught = every_mistake(__name__)


def verdicts(subject, name):
    (check,) = [check for check in checks() if check.name == name]
    return {(str(o.verdict), o.reason) for o in run(subject, check.items(subject))}


@on("keras-torch", "tf_keras")
def test_a_name_that_stands_for_other_defaults_is_caught(engine):
    subject, check = builtin(engine, "SGD"), "check_its_name_stands_for_its_defaults"
    assert verdicts(subject, check) == {("holds", "")}
    engine = type(engine)()
    engine.fresh = lambda: engine
    engine.named = lambda name: engine.optimizer(name.upper(), momentum=0.5)
    other = dataclasses.replace(subject, engine=engine)
    assert {verdict for verdict, _ in verdicts(other, check)} == {"violated"}


@on("keras-torch", "tf_keras-graph")
def test_what_an_engine_cannot_do_is_not_applicable_for_a_reason(engine):
    found = verdicts(builtin(engine, "SGD"), DEVICES)
    assert found == {("not applicable", f"{engine.name} trains on one device")}


@on("keras-torch", "tf_keras")
def test_a_subject_made_of_an_instance_can_be_sent_to_another_process(engine):
    subject = portable(subject_of(engine.optimizers.Adam(0.25, beta_1=0.5), engine=engine))
    assert subject.make().beta_1 == 0.5


@pytest.mark.parametrize("rows", [ROWS, 2 * ROWS])
def test_no_gradient_of_the_linear_model_is_rounded_or_near_zero(rows):
    steps = gradients(rows)
    assert len(steps) == BATCHES * ROWS // rows
    for gradient in (array for step in steps for array in step):
        assert abs(gradient).min() >= 1 / 32
        assert (gradient * 256 == (gradient * 256).round()).all()
