"""The checks of values: an optimizer that breaks the sentence of one is caught by it."""

import heavy_ball
import numpy as np
from engine_cases import on, on_every_engine
from heavy_ball import said, verdicts
from tools.mutants.splice import mutated

from slotscope.checking.check_optimizer import check_optimizer

STEP = "check_every_step_follows_the_rule[matrix]"
SIZE = "check_gradients_of_every_size_follow_the_rule"
TORCH = "keras-torch"


@on_every_engine
def test_sgd_follows_its_rule_on_every_engine(engine):
    """With and without momentum."""
    for momentum in (0.0, 0.5):
        report = check_optimizer(
            lambda momentum=momentum: engine.optimizer(
                "SGD", learning_rate=0.125, momentum=momentum
            ),
            engine=engine,
            only=["check_every_step_follows_the_rule[matrix]"],
        )
        assert report.exit_code == 0, report.of("violated")
        assert report.of("holds")


@on(TORCH, "keras-tensorflow")
def test_a_correct_optimizer_is_clean(engine):
    """With a rule of its own, and without any."""
    for rule in (heavy_ball.HeavyBall, None):
        found = verdicts(engine, rule=rule, themes=["values", "gradients"])
        wrong = {k: v for k, v in found.items() if v[0] not in ("holds", "not applicable")}
        assert not wrong
        assert sum(verdict == "holds" for verdict, _ in found.values()) >= (25 if rule else 4)


@on(TORCH)
def test_a_wrong_step_is_caught_and_shown(engine):
    """The message says which variable, after which step, what was found and what was promised."""
    text = said(engine, STEP, used=lambda self, m, g: self.friction * m - g)
    assert text.startswith("violated: p0[0, 0] after step 1 is -1.171875; its rule gives -1.078125")


@on(TORCH)
def test_a_slot_that_is_not_promised_is_caught(engine):
    """As is one that is missing."""

    def build(self, variables):
        type(self).__bases__[0].build(self, variables)
        self.momentums = self.add_optimizer_variables(variables, "memory")

    text = said(engine, STEP, build=build)
    assert "missing momentum/p0, momentum/p1; not promised memory/p0, memory/p1" in text


@on(TORCH)
def test_a_random_step_is_not_reproducible_and_no_failure(engine):
    """The A/A control comes before the rule."""
    keras = engine.keras

    def noisy(self, m, g):
        return self.friction * m + g + keras.random.normal(g.shape)

    assert said(engine, "check_same_run_twice_ends_the_same", used=noisy).startswith("not repro")
    assert said(engine, STEP, used=noisy).startswith("not reproducible: two runs")


@on(TORCH)
def test_gradients_that_are_cut_off_are_caught(engine):
    """Tiny ones that count as zero, huge ones that overflow, zeros that make a NaN."""
    ops = engine.keras.ops
    cut = {"used": lambda self, m, g: self.friction * m + ops.where(ops.abs(g) < 1e-6, 0.0, g)}
    assert said(engine, f"{SIZE}[2**-24]", **cut).startswith("violated: momentum/p0")
    assert said(engine, f"{SIZE}[2**-10]", **cut) == "holds: "
    normed = {"used": lambda self, m, g: self.friction * m + g * (ops.norm(g) / ops.norm(g))}
    assert "is nan" in said(engine, f"{SIZE}[zeros]", **normed)
    assert said(engine, STEP, **normed) == "holds: "


@on(TORCH)
def test_steps_that_change_in_time_are_caught(engine):
    """A count that stops, a gradient that is used only when it is new, a bound on parameters."""
    ops = engine.keras.ops

    def tiring(self, m, variable):
        return ops.where(self.iterations < 50, 1.0, 0.5) * m

    text = said(engine, "check_many_steps_follow_the_rule[changing]", direction=tiring)
    assert "p0 after step 51 is" in text

    def bounded(self, m, variable):
        return ops.where(ops.abs(variable) < 100.0, m, 0.0)

    far = "check_parameters_far_larger_than_their_steps_follow_the_rule"
    assert said(engine, far, direction=bounded).startswith("violated: p0[0, 0] after step 1")

    def bored(self, m, g):
        seen = self.__dict__.setdefault("seen", {})
        old, seen[g.shape] = seen.get(g.shape), g
        new = True if old is None else bool(ops.any(old != g))
        return self.friction * m + (g if new else 0.0)

    constant = "check_constant_gradient_follows_the_rule"
    assert "after step 2" in said(engine, constant, used=bored)
    assert said(engine, STEP, used=bored) == "holds: "


@on(TORCH)
def test_an_argument_that_does_nothing_is_caught(engine):
    """Each hyperparameter that rule and constructor share is a case of its own."""
    check = "check_every_hyperparameter_does_what_the_rule_says"
    deaf = {"used": lambda self, m, g: 0.5 * m + g}
    assert said(engine, f"{check}[friction]", **deaf).startswith("violated: ")
    assert said(engine, f"{check}[learning_rate]", **deaf) == "holds: "


@on(TORCH)
def test_a_default_that_changed_is_caught(engine):
    """With every argument given, it would not be."""
    sgd = engine.keras.optimizers.SGD
    before = sgd.__init__.__defaults__
    sgd.__init__.__defaults__ = (0.02, *before[1:])
    try:
        report = check_optimizer(
            lambda: sgd(0.125), engine=engine, only=["check_defaults_are_those_of_the_release"]
        )
    finally:
        sgd.__init__.__defaults__ = before
    assert [o.case for o in report.of("violated")] == ["alone", "with use_ema"]
    assert "p0[0, 0] after step 1" in report.of("violated")[0].reason


@on(TORCH)
def test_a_step_in_too_low_a_precision_is_caught(engine):
    """Float64 by way of float32, and bfloat16 that no longer moves."""
    ops = engine.keras.ops

    def through_float32(self, m, g):
        return self.friction * m + ops.cast(ops.cast(g / 3, "float32"), m.dtype) * 3

    exact = "check_float64_follows_the_rule[at hyperparameters exact in float32]"
    assert said(engine, exact, used=through_float32).startswith("violated: ")
    assert said(engine, STEP, used=through_float32) == "holds: "

    def corrected(self, m, variable):
        beta = ops.cast(0.999, variable.dtype)
        return m * ops.minimum((1 - beta) * 1024, 1)

    check = "check_low_precision_still_moves"
    assert "bfloat16, the first step moves p0[0, 0] from -1.125 by 0" in said(
        engine, f"{check}[bfloat16]", direction=corrected
    )
    assert said(engine, f"{check}[float16]", direction=corrected) == "holds: "


@on(TORCH)
def test_a_learning_rate_that_is_read_too_late_or_too_early_is_caught(engine):
    """The first step of a schedule is step 0; a rate that is set counts from the next step."""
    ops = engine.keras.ops

    def behind(self, gradient, variable, learning_rate):
        rates = self.__dict__.setdefault("rates", {})
        now = float(ops.convert_to_numpy(learning_rate))
        rate = rates.get(variable.shape, now)
        rates[variable.shape] = now
        m = self.momentums[self._get_variable_index(variable)]
        m.assign(self.friction * m + gradient)
        variable.assign(variable - rate * m)

    for case in ("ExponentialDecay", "PiecewiseConstantDecay", "from its config"):
        text = said(engine, f"check_schedule_is_asked_at_every_step[{case}]", update_step=behind)
        assert text.startswith("violated: p0[0, 0] after step")
    check = "check_learning_rate_that_is_set_counts_from_the_next_step"
    assert "after step 3" in said(engine, check, update_step=behind)
    assert said(engine, STEP, update_step=behind) == "holds: "


@on(TORCH)
def test_a_missing_gradient_that_moves_something_is_caught(engine):
    """Here the momentum of every parameter fades, whether it has a gradient or not."""

    def fading(self, grads, trainable_variables=None):
        for m, g in zip(self.momentums, grads, strict=True):
            if g is None:
                m.assign(0.5 * m)
        type(self).__bases__[0].apply(self, grads, trainable_variables)

    check = "check_missing_gradient_moves_nothing[at the second step]"
    assert "p1 has no gradient in this step" in said(engine, check, apply=fading)
    assert said(engine, "check_missing_gradient_moves_nothing[always]", apply=fading) == "holds: "


@on(TORCH)
def test_a_nan_that_spreads_is_caught(engine):
    """Where the rule is known; without one, the step may depend on all gradients together."""
    ops = engine.keras.ops

    def together(self, grads, trainable_variables=None):
        peak = ops.max(ops.stack([ops.max(ops.abs(g)) for g in grads]))
        scale = ops.where(peak < 1e6, 1.0, 1e6 / peak)
        scaled = [g * scale for g in grads]
        type(self).__bases__[0].apply(self, scaled, trainable_variables)

    check = "check_nan_stays_in_its_parameter[nan]"
    assert "had one nan, p0 must not notice" in said(engine, check, apply=together)
    alone = said(engine, check, rule=None, apply=lambda self, g, v=None: _by_norm(self, g, v, ops))
    assert alone.startswith("not applicable: its step depends on all gradients together")


def _by_norm(self, grads, variables, ops):
    norm = sum(ops.sum(g * g) for g in grads)
    type(self).__bases__[0].apply(self, [g / norm for g in grads], variables)


@on("keras-tensorflow")
def test_a_row_that_counts_twice_is_caught(engine):
    """A square of each part is not the square of the sum; a row without a part must still fade."""
    check = "check_sparse_gradients_equal_dense_ones"
    report = check_optimizer(
        lambda: engine.optimizer("Adagrad", learning_rate=0.125), engine=engine, only=[check]
    )
    found = {o.case: str(o.verdict) in ("violated", "known difference") for o in report.outcomes}
    assert found["every row, some twice"]
    assert not found["every row"]

    def lazily(self, m, g):
        import tensorflow as tf

        if not isinstance(g, tf.IndexedSlices):
            return self.friction * m + g
        dense = tf.convert_to_tensor(g)
        seen = tf.reduce_any(dense != 0.0, axis=-1, keepdims=True)
        return tf.where(seen, self.friction * m + dense, m)

    text = said(engine, f"{check}[some rows]", used=lazily)
    assert text.startswith("violated: momentum/p0") or text.startswith("violated: p0")
    assert said(engine, f"{check}[every row]", used=lazily) == "holds: "
    assert said(engine, f"{check}[some rows]", rule=None, used=lazily).startswith("violated: ")


@on(TORCH)
def test_what_a_rounding_can_do_is_no_failure(engine):
    """A sign of what cancels, and a difference of what is nearly the same."""
    ops = engine.keras.ops

    class Cancelling(heavy_ball.HeavyBall):
        def step(self, parameter, gradient, slots, iteration):
            m = self.friction * slots["momentum"] + gradient
            rest = (m + 4096.0) - 4096.0
            return parameter - self.rate(iteration) * np.asarray(rest), {"momentum": m}

    def cancelling(self, m, variable):
        return ops.subtract(ops.add(m, 4096.0), 4096.0)

    check = f"{SIZE}[falling]"
    assert said(engine, check, rule=Cancelling, direction=cancelling) == "holds: "
    assert said(engine, check, direction=cancelling).startswith("violated: ")


@on(TORCH)
def test_a_name_that_decides_against_the_rule_is_caught(engine):
    """Muon takes Adam's step for embeddings, unless it is told not to."""
    place = "src.optimizers.muon:Muon._should_use_adamw"
    check = "check_a_name_changes_only_what_the_rule_says"
    with mutated("keras", place, "never", "exclude_embeddings", 1):
        report = check_optimizer(engine.optimizers.Muon, only=[check], verbose=False)
    found = {outcome.case: str(outcome.verdict) for outcome in report.outcomes}
    assert found.pop("an embedding") == "violated"
    assert set(found.values()) == {"holds"}
