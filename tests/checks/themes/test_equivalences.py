"""Equivalences: an optimizer that breaks one of their sentences is caught, a correct one is not."""

import dataclasses

import pytest
from engine_cases import on
from heavy_ball import heavy_ball

from slotscope.checking.check_optimizer import check_optimizer
from slotscope.checks.problems.linear_model import BATCHES, ROWS, gradients
from slotscope.checks.runner import run
from slotscope.checks.selection import checks
from slotscope.checks.subjects.subject import builtin, subject_of
from slotscope.checks.subjects.variants import portable


def momentum(engine, **methods):
    """A correct optimizer whose steps have a factor, and ``methods`` in its place."""
    scaled = {
        "factor": lambda self, variable: 1.0,
        "direction": lambda self, m, variable: self.factor(variable) * m,
    }
    return heavy_ball(engine, **{**scaled, **methods})


def broken(engine, check, case="", **methods):
    """The reasons of what is violated, where a correct optimizer is held to be clean."""
    only = [f"{check}[{case}]" if case else check]
    cls = momentum(engine, **methods)
    report = check_optimizer(lambda: cls(), engine=engine, only=only)
    (outcome,) = report.outcomes
    return outcome.reason if outcome.verdict == "violated" else f"{outcome.verdict}"


STEP = "check_every_way_to_ask_for_a_step_ends_the_same"
TRAINING = "check_every_way_of_training_ends_like_single_steps"
RATE = "check_every_spelling_of_the_learning_rate_ends_the_same"
SPELLING = "check_every_spelling_of_the_optimizer_ends_the_same"
ACCUMULATED = "check_accumulated_small_batches_end_like_the_big_ones"


@on("keras-torch")
def test_a_correct_optimizer_is_clean(engine):
    cls = momentum(engine)
    report = check_optimizer(lambda: cls(), engine=engine, themes=["equivalences"])
    assert not report.of("violated"), report.of("violated")
    assert not report.of("not reproducible")
    assert all(outcome.reason for outcome in report.of("not applicable"))
    assert len(report.of("holds")) >= 20


@on("keras-jax", "keras-tensorflow")
def test_a_correct_optimizer_is_clean_where_compilers_come_in(engine):
    cls = momentum(engine)
    report = check_optimizer(lambda: cls(), engine=engine, only=[STEP, TRAINING, ACCUMULATED])
    assert {outcome.verdict for outcome in report.outcomes} == {"holds"}, report.of("violated")


@on("keras-torch")
def test_an_entry_point_that_does_something_else_is_caught(engine):
    def apply_gradients(self, grads_and_vars):
        self.apply(*zip(*[(2 * g, v) for g, v in grads_and_vars], strict=True))

    reason = broken(engine, STEP, "apply_gradients", apply_gradients=apply_gradients)
    assert reason.startswith("4 steps by 'apply_gradients' and by 'apply': p0[0, 0] is ")
    assert broken(engine, STEP, "apply without variables") == "holds"


def counted(self, variable):
    """A Python number, which a trace sees once."""
    self.calls = getattr(self, "calls", 0) + 1
    return float(self.calls)


@on("keras-jax", "keras-tensorflow")
def test_a_python_number_that_should_be_a_variable_is_caught(engine):
    for check, case in ((STEP, "jit"), (TRAINING, "fit"), (TRAINING, "compiled custom loop")):
        assert "[0, 0] is" in broken(engine, check, case, factor=counted)


@on("keras-torch")
def test_a_fit_that_ends_otherwise_than_its_steps_is_caught(engine):
    def finalize_variable_values(self, variables):
        for slot in self.momentums:
            slot.assign(0 * slot)

    methods = {"finalize_variable_values": finalize_variable_values}
    assert broken(engine, TRAINING, "fit", **methods).startswith("six batches by 'fit'")
    assert broken(engine, TRAINING, "train_on_batch", **methods) == "holds"
    check = "check_fit_ends_the_same_however_it_is_divided"
    assert "two epochs" in broken(engine, check, "two fits of one epoch", **methods)


@on("keras-torch")
def test_what_depends_on_the_place_or_the_company_of_a_parameter_is_caught(engine):
    def first_is_faster(self, variable):
        return 2.0 if self._get_variable_index(variable) == 0 else 1.0

    def shared(self, variable):
        return 1.0 / len(self.momentums)

    order = "check_every_order_of_parameters_ends_the_same"
    alone = "check_a_parameter_alone_ends_as_in_company"
    assert "in reverse order: p0" in broken(engine, order, factor=first_is_faster)
    assert broken(engine, order, factor=shared) == "holds"
    assert "on p0 alone: p0" in broken(engine, alone, factor=shared)


@on("keras-torch")
def test_parameters_may_be_tied_where_the_optimizer_says_so(engine):
    def build(self, variables):
        if not self.built:
            super(type(self), self).build(variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum")
            self.total = self.add_variable((), name="total")

    def factor(self, variable):
        return 1.0 / len(self.momentums)

    alone = "check_a_parameter_alone_ends_as_in_company"
    assert broken(engine, alone, build=build, factor=factor) == "not applicable"


@on("keras-torch")
def test_state_that_two_optimizers_share_is_caught(engine):
    seen = []

    def factor(self, variable):
        seen.append(variable)
        return float(len(seen))

    check = "check_a_second_optimizer_leaves_the_first_alone"
    for case in ("one after the other", "in turns"):
        assert broken(engine, check, case, factor=factor)[:9] in (
            "two runs ",
            "4 steps b",
            "not repro",
        )
    kept = {}

    def build(self, variables):
        if not self.built:
            super(type(self), self).build(variables)
            self.momentums = kept.setdefault(
                len(variables), self.add_optimizer_variables(variables, "momentum")
            )

    assert broken(engine, check, "in turns", build=build) != "holds"


@on("keras-torch", "keras-jax")
def test_accumulation_that_divides_twice_is_caught(engine):
    def factor(self, variable):
        return 1.0 / (self.gradient_accumulation_steps or 1)

    for case in ("steps", "fit"):
        assert "accumulated" in broken(engine, ACCUMULATED, case, factor=factor)
        assert broken(engine, ACCUMULATED, case) == "holds"


@on("keras-torch")
def test_a_learning_rate_kept_as_a_number_is_caught(engine):
    def build(self, variables):
        if not self.built:
            super(type(self), self).build(variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum")
            rate = self._learning_rate
            self.rate = 0.0 if callable(rate) else float(rate)

    def factor(self, variable):
        return self.rate

    for case in ("constant schedule", "function", "constant schedule in fit"):
        assert f"learning rate {case!r} and as a number" in broken(
            engine, RATE, case, build=build, factor=factor
        )
    assert broken(engine, RATE, "NumPy scalar", build=build, factor=factor) == "holds"


@on("keras-torch")
def test_a_config_that_loses_an_argument_is_caught(engine):
    base = engine.keras.optimizers.Optimizer

    def get_config(self):
        return {**base.get_config(self), "name": self.name}

    cls = momentum(engine, get_config=get_config)
    for case in ("from_config", "deserialize"):
        only = [f"{SPELLING}[{case}]"]
        report = check_optimizer(lambda: cls(friction=0.25), engine=engine, only=only)
        assert f"steps by {case}: p0" in report.of("violated")[0].reason
        report = check_optimizer(lambda: cls(), engine=engine, only=only)
        assert not report.of("violated"), "the argument that is lost is the default"


@on("keras-torch", "tf_keras")
def test_a_name_that_stands_for_other_defaults_is_caught(engine):
    check = next(c for c in checks() if c.name == "check_its_name_stands_for_its_defaults")
    subject = builtin(engine, "SGD")
    assert {o.verdict for o in run(subject, check.items(subject))} == {"holds"}
    engine = type(engine)()
    engine.fresh = lambda: engine
    engine.named = lambda name: engine.optimizer(name.upper(), momentum=0.5)
    subject = dataclasses.replace(subject, engine=engine)
    assert {o.verdict for o in run(subject, check.items(subject))} == {"violated"}


@on("keras-jax")
def test_an_optimizer_that_counts_devices_is_caught(engine):
    def factor(self, variable):
        import jax

        return float(len(jax.devices()))

    check = "check_two_devices_end_like_one"
    assert "on two devices" in broken(engine, check, factor=factor)
    assert broken(engine, check) == "holds"


@on("keras-torch", "tf_keras-graph")
def test_what_an_engine_cannot_do_is_not_applicable_for_a_reason(engine):
    check = next(c for c in checks() if c.name == "check_two_devices_end_like_one")
    subject = builtin(engine, "SGD")
    (outcome,) = run(subject, check.items(subject))
    assert outcome.verdict == "not applicable"
    assert outcome.reason == f"{engine.name} trains on one device"


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


@on("keras-torch")
def test_a_rate_that_is_kept_aside_is_not_the_one_that_a_loss_scale_hands_on(engine):
    def init(self, learning_rate=0.125, friction=0.5, **kwargs):
        engine.keras.optimizers.Optimizer.__init__(self, learning_rate, **kwargs)
        self.friction, self.kept = friction, float(learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, self.kept * gradient)

    check = "check_a_scaled_loss_ends_like_a_plain_one"
    methods = {"__init__": init, "update_step": update_step}
    assert broken(engine, check, "as it is", **methods) == "holds"
    reason = broken(engine, check, "learning rate assigned later", **methods)
    assert "with a scaled loss (learning rate assigned later)" in reason
