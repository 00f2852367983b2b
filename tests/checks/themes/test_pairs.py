"""The checks of features in pairs: one that is broken is caught, alone or where two meet."""

import functools

import checked
from checked import clean, every_mistake, holds
from engine_cases import on
from heavy_ball import HeavyBall, heavy_ball

from slotscope.checks.problems.features import pairs_of, parts_of
from slotscope.checks.subjects.given import builtin, subject_of

caught = functools.partial(checked.caught, rule=HeavyBall)
passes = functools.partial(checked.passes, rule=HeavyBall)

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
    for rule in (HeavyBall(), None):
        clean(engine, heavy_ball(engine), 81, reference=rule, themes=["pairs"])


@on(JAX, TENSORFLOW)
def test_a_correct_optimizer_is_clean_where_steps_are_traced(engine):
    """A few pairs of each kind."""
    cases = ("accumulation", "LossScaleOptimizer", "clipnorm+use_ema", "schedule+missing")
    for rule in (HeavyBall(), None):
        holds(engine, heavy_ball(engine), *(f"{PAIR}[{c}]" for c in cases), reference=rule)


OWN = "its class has its own _"
unjudged = functools.partial(checked.caught, verdict="not applicable")


@caught(f"{PAIR}[clipvalue]", "")
@unjudged(f"{PAIR}[clipvalue]", OWN)
class ClipsNothing:
    """The constructor takes the argument, and then it is not there."""

    def _clip_gradients(self, grads):
        return grads


@caught(f"{PAIR}[weight_decay]", "")
@unjudged(f"{PAIR}[weight_decay]", OWN)
class DecaysNothing:
    def _apply_weight_decay(self, variables):
        pass


@caught(f"{PAIR}[use_ema]", "")
@unjudged(f"{PAIR}[use_ema]", OWN)
class AveragesNothing:
    def _update_model_variables_moving_average(self, variables):
        pass


@caught(f"{PAIR}[accumulation]", "p0[0, 0] after step 2", rule=None)
class CountsCallsForSteps:
    """Under accumulation the two differ."""

    def direction(self, m, variable):
        return m / (1.0 + self.ops.cast(self._iterations, m.dtype))


@passes(f"{PAIR}[accumulation]", rule=None)
class CountsSteps:
    def direction(self, m, variable):
        return m / (1.0 + self.ops.cast(self.iterations, m.dtype))


@caught(f"{PAIR}[schedule]", "p0[0, 0]", holds=[f"{PAIR}[clipnorm]"])
class ReadsItsRateOnce:
    """It holds with a number, and with everything else."""

    def make_slots(self, variables):
        super().make_slots(variables)
        self.first_rate = float(self.learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, self.first_rate)


@unjudged(f"{PAIR}[clipnorm]", "its class has its own apply, and no rule was given")
class HalvesBeforeOrAfterTheClipping:
    """Which of them is its own affair."""

    def apply(self, grads, trainable_variables=None):
        super().apply([None if g is None else g / 2 for g in grads], trainable_variables)


@unjudged(f"{PAIR}[clipnorm+clipvalue]", "its constructor refuses two clippings: Only one")
class RefusesTwoClippings:
    """As Keras does, which may; nothing else may be refused."""


AVERAGE = "check_average_becomes_the_parameters_in_the_end"
IN_THE_END = "in the end, each parameter is its average: "
STEPS = "check_iterations_are_steps_not_calls"


@passes(AVERAGE)
@passes(STEPS)
class Right:
    pass


@caught(f"{AVERAGE}[fit]", IN_THE_END)
@caught(f"{AVERAGE}[finalize_variable_values]", IN_THE_END)
class KeepsItsAverages:
    def finalize_variable_values(self, variables):
        pass


@caught(STEPS, "iterations is 1 after 1 calls; 0 were steps")
class ShowsCalls:
    iterations = property(lambda self: self._iterations)


SPARSE = "check_sparse_gradient_is_clipped_as_the_dense_one"


@passes(SPARSE, engines=(TENSORFLOW,))
class ClipsTheSum:
    """What tf.clip_by_norm makes of a dense gradient is right."""

    def _clip_gradients(self, grads):
        import tensorflow as tf

        return super()._clip_gradients([tf.convert_to_tensor(g) for g in grads])


@caught(SPARSE, "", engines=(TENSORFLOW,), base="SGD", rule=None, verdict="known difference")
class ClipsTheParts:
    """Keras's own: what it makes of a sparse gradient is known."""


test_every_mistake_is_caught = every_mistake(__name__)


@on("keras-2.1", "tf_keras-legacy", "tf_keras")
def test_generations_clip_as_they_say(engine):
    """By the norm of all gradients together, or of each."""
    make = functools.partial(engine.optimizer, "SGD", learning_rate=0.125)
    holds(engine, make, f"{PAIR}[clipnorm]", f"{PAIR}[clipvalue]")


@on("tf_keras")
def test_an_older_optimizer_without_a_rule_is_its_own(engine):
    """A subclass of tf_keras's SGD that halves its gradients in update_step."""

    class Halving(engine.keras.optimizers.SGD):
        def update_step(self, gradient, variable):
            super().update_step(gradient / 2, variable)

    make = functools.partial(Halving, 0.125)
    assert "use_ema" in parts_of(subject_of(make, engine=engine))
    cases = ("clipnorm", "use_ema", "weight_decay+use_ema")
    holds(engine, make, *(f"{PAIR}[{case}]" for case in cases))


@on("keras-torch", "tf_keras-legacy")
def test_a_weight_decay_that_is_a_number_by_default_is_switched_off_by_zero(engine):
    class Decays(engine.optimizers.SGD):
        def __init__(self, learning_rate=0.125, weight_decay=0.0, **more):
            super().__init__(learning_rate, **more)
            self.wd = weight_decay + 0.0

        def get_config(self):
            return {**super().get_config(), "weight_decay": self.wd}

    found = checked.outcomes(
        engine, Decays, "check_features_together_do_what_each_promises[clipnorm]"
    )
    ((verdict, reason),) = found.values()
    assert verdict == "holds", reason
