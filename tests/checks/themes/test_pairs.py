"""The checks of features in pairs: one that is broken is caught, alone or where two meet."""

import heavy_ball
from engine_cases import on
from heavy_ball import said, verdicts

from slotscope.checking.check_optimizer import check_optimizer
from slotscope.checks.problems.features import pairs_of, parts_of
from slotscope.checks.subjects.subject import builtin, subject_of

TORCH, JAX, TENSORFLOW = "keras-torch", "keras-jax", "keras-tensorflow"
PAIR = "check_features_together_do_what_each_promises"


CLIPPED = ["clipnorm", "clipvalue", "global_clipnorm"]
AROUND = ["weight_decay", "excluded by variable", "excluded by name", "use_ema"]
FOUND = {
    "keras-2.1": ["clipnorm", "clipvalue", "sparse"],
    "tf_keras-graph": [*CLIPPED, "schedule", "sparse", "float16"],
    "tf_keras-legacy": [*CLIPPED, "LossScaleOptimizer", "schedule", "sparse", "missing", "float16"],
    "keras-torch": [
        *(*CLIPPED, *AROUND, "ema_overwrite_frequency", "accumulation", "loss_scale_factor"),
        *("LossScaleOptimizer", "schedule", "missing", "float16"),
    ],
}


@on(*FOUND)
def test_the_pairs_are_those_that_the_constructor_takes(engine):
    """Each feature alone, then with each other that does not say the same."""
    assert parts_of(builtin(engine, "SGD")) == FOUND[engine.name]
    cases = list(pairs_of(builtin(engine, "SGD")))
    assert cases[: len(FOUND[engine.name])] == FOUND[engine.name]
    assert len(set(cases)) == len(cases)
    assert not {"use_ema+ema_overwrite_frequency", "weight_decay+excluded by name"} & set(cases)


@on(TORCH)
def test_a_correct_optimizer_is_clean_by_its_rule_and_by_itself(engine):
    """A rule that it brings, and the optimizer itself without any feature, say the same."""
    for rule in (heavy_ball.HeavyBall, None):
        found = verdicts(engine, rule=rule, themes=["pairs"])
        assert not [id for id, (verdict, _) in found.items() if verdict == "violated"]
        assert sum(verdict == "holds" for verdict, _ in found.values()) > 80


@on(JAX, TENSORFLOW)
def test_a_correct_optimizer_is_clean_where_steps_are_traced(engine):
    """A few pairs of each kind."""
    for case in ("accumulation", "LossScaleOptimizer", "clipnorm+use_ema", "schedule+missing"):
        for rule in (heavy_ball.HeavyBall, None):
            assert said(engine, f"{PAIR}[{case}]", rule=rule) == "holds: "


@on(TORCH)
def test_a_feature_that_does_nothing_is_caught(engine):
    """The constructor takes it, and then it is not there."""
    caught = {
        "clipvalue": {"_clip_gradients": lambda self, grads: grads},
        "weight_decay": {"_apply_weight_decay": lambda self, variables: None},
        "use_ema": {"_update_model_variables_moving_average": lambda self, variables: None},
    }
    for feature, methods in caught.items():
        assert said(engine, f"{PAIR}[{feature}]", **methods).startswith("violated: "), feature
        alone = said(engine, f"{PAIR}[{feature}]", rule=None, **methods)
        assert alone.startswith("not applicable: its class has its own _"), alone


@on(TORCH)
def test_an_optimizer_that_counts_calls_for_steps_is_caught_without_a_rule(engine):
    """Under accumulation the two differ."""
    ops = engine.keras.ops

    def fading(self, m, variable):
        return m / (1.0 + ops.cast(self._iterations, m.dtype))

    def right(self, m, variable):
        return m / (1.0 + ops.cast(self.iterations, m.dtype))

    for rule, methods in ((None, {"direction": fading}), (None, {"direction": right})):
        text = said(engine, f"{PAIR}[accumulation]", rule=rule, **methods)
        assert text.startswith("violated: p0[0, 0] after step 2") == (
            methods["direction"] is fading
        )


@on(TORCH)
def test_a_learning_rate_of_its_own_is_caught_where_a_schedule_is(engine):
    """It holds with a number, and with everything else."""

    def update_step(self, gradient, variable, learning_rate):
        m = self.momentums[self._get_variable_index(variable)]
        m.assign(self.friction * m + gradient)
        variable.assign(variable - self.first_rate * m)

    def build(self, variables):
        if not self.built:
            type(self).__bases__[0].build(self, variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum")
            self.first_rate = float(self.learning_rate)

    methods = {"update_step": update_step, "build": build}
    assert said(engine, f"{PAIR}[clipnorm]", **methods) == "holds: "
    assert said(engine, f"{PAIR}[schedule]", **methods).startswith("violated: p0[0, 0]")


@on(TORCH)
def test_a_step_of_its_own_around_the_base_class_is_not_judged_without_a_rule(engine):
    """Whether it comes before the clipping or after is its own affair."""

    def apply(self, grads, trainable_variables=None):
        halves = [None if g is None else g / 2 for g in grads]
        type(self).__bases__[0].apply(self, halves, trainable_variables)

    text = said(engine, f"{PAIR}[clipnorm]", rule=None, apply=apply)
    assert text == "not applicable: its class has its own apply, and no rule was given"


@on(TORCH)
def test_two_clippings_may_be_refused(engine):
    """Nothing else may."""
    text = said(engine, f"{PAIR}[clipnorm+clipvalue]")
    assert text.startswith("not applicable: its constructor refuses two clippings: Only one")


@on(TORCH)
def test_an_average_that_is_not_written_back_is_caught(engine):
    """At the end of fit, and by finalize_variable_values."""
    check = "check_average_becomes_the_parameters_in_the_end"
    lost = {"finalize_variable_values": lambda self, variables: None}
    for case in ("fit", "finalize_variable_values"):
        assert said(engine, f"{check}[{case}]") == "holds: "
        assert "in the end, each parameter is its average: " in said(
            engine, f"{check}[{case}]", **lost
        )


@on(TORCH)
def test_iterations_that_count_calls_are_caught(engine):
    """Two calls are one step."""
    check = "check_iterations_are_steps_not_calls"
    assert said(engine, check) == "holds: "
    calls = {"iterations": property(lambda self: self._iterations)}
    assert "iterations is 1 after 1 calls; 0 were steps" in said(engine, check, **calls)


@on(TENSORFLOW)
def test_a_norm_of_parts_is_not_the_norm_of_the_sum(engine):
    """What Keras makes of a sparse gradient is known; what tf.clip_by_norm makes of a dense one
    is right."""
    check = "check_sparse_gradient_is_clipped_as_the_dense_one"
    report = check_optimizer(lambda: engine.optimizer("SGD"), engine=engine, only=[check])
    assert {str(o.verdict) for o in report.outcomes} == {"known difference"}

    def clip(self, grads):
        tf = engine.keras.src.backend.tensorflow.core.tf
        whole = [tf.convert_to_tensor(g) for g in grads]
        return type(self).__bases__[0]._clip_gradients(self, whole)

    for case in ("clipnorm", "clipvalue", "global_clipnorm"):
        assert said(engine, f"{check}[{case}]", _clip_gradients=clip) == "holds: "


@on("keras-2.1", "tf_keras-legacy", "tf_keras")
def test_generations_clip_as_they_say(engine):
    """By the norm of all gradients together, or of each."""
    for feature in ("clipnorm", "clipvalue"):
        report = check_optimizer(
            lambda: engine.optimizer("SGD", learning_rate=0.125),
            engine=engine,
            only=[f"{PAIR}[{feature}]"],
        )
        assert report.exit_code == 0, report.of("violated")


@on("tf_keras")
def test_an_older_optimizer_without_a_rule_is_its_own(engine):
    """A subclass of tf_keras's SGD that halves its gradients in update_step."""

    class Halving(engine.keras.optimizers.SGD):
        def update_step(self, gradient, variable):
            super().update_step(gradient / 2, variable)

    subject = subject_of(lambda: Halving(0.125), engine=engine)
    assert "use_ema" in parts_of(subject)
    report = check_optimizer(
        lambda: Halving(0.125),
        engine=engine,
        only=[f"{PAIR}[{case}]" for case in ("clipnorm", "use_ema", "weight_decay+use_ema")],
    )
    assert [str(o.verdict) for o in report.outcomes] == ["holds"] * 3, report.outcomes
