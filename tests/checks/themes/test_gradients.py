"""The checks of gradients that are missing, zero or used again: each sees what breaks its sentence.

Here they are tried without a rule; some more in ``test_values.py``, with one.
"""

from checked import caught, clean, every_mistake, outcomes
from engine_cases import on
from heavy_ball import HeavyBall, heavy_ball
from tools.mutants.splice import mutated


@on("keras-torch")
def test_a_correct_optimizer_holds(engine):
    clean(engine, heavy_ball(engine), 1, themes=["gradients"])


@caught("check_missing_gradient_shifts_no_other", "the others must not notice")
class CountsTheGradientsThatAreThere:
    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        for number, (grad, variable) in enumerate(zip(grads, trainable_variables, strict=True)):
            speed = self.momentums[number]  # of the trainable ones that have a gradient
            self.assign(speed, 0.5 * speed + grad)
            self.assign_sub(variable, learning_rate * speed)


@caught("check_parameters_of_one_name_keep_their_own_slots", "beside another parameter of its name")
class KeepsSlotsByName:
    def make_slots(self, variables):
        super().make_slots(variables)
        self.by_name = {v.path: s for v, s in zip(variables, self.momentums, strict=True)}

    def slot(self, variable):
        return self.by_name[variable.path]


@caught("check_gradients_of_zero_give_finite_numbers", "p0 is [[nan")
class DividesByTheGradient:
    def used(self, m, gradient):
        return gradient / abs(gradient)


@caught("check_a_step_leaves_its_gradients_as_they_were", "the gradient of p0")
class WritesIntoItsGradients:
    def update_step(self, gradient, variable, learning_rate):
        gradient.add_(0.5 * variable.value)
        super().update_step(gradient, variable, learning_rate)


@caught("check_missing_gradient_is_told", "p1 had no gradient, and nobody was told")
class LeavesOutInSilence:
    def _filter_empty_gradients(self, grads, vars):
        pairs = [(g, v) for g, v in zip(grads, vars, strict=True) if g is not None]
        return [g for g, _ in pairs], [v for _, v in pairs]


@caught("check_missing_gradient_moves_nothing[always]", "NoneType", base="SGD")
class ForgetsThatAGradientCanBeNone:
    def apply(self, grads, trainable_variables=None):
        super().apply([g * 0.5 for g in grads], trainable_variables)


ABSENT = "check_missing_gradient_moves_nothing"


@caught(
    f"{ABSENT}[at the second step]",
    "p1 has no gradient in this step",
    rule=HeavyBall,
    holds=[f"{ABSENT}[always]"],
)
class FadesWithoutAGradient:
    def apply(self, grads, trainable_variables=None):
        for m, g in zip(self.momentums, grads, strict=True):
            if g is None:
                m.assign(0.5 * m)
        super().apply(grads, trainable_variables)


@caught("check_parameter_to_be_overwritten_becomes_its_gradient", "which is to be overwritten")
class StepsWhatIsToBeOverwritten:
    def _overwrite_variables_directly_with_gradients(self, grads, vars):
        return grads, vars

    def slot(self, variable):
        found = super().slot(variable)
        return variable if found is None else found


NAN = "check_nan_stays_in_its_parameter[nan]"


@caught(NAN, "had one nan, p0 must not notice", rule=HeavyBall)
class ScalesByTheLargest:
    def apply(self, grads, trainable_variables=None):
        peak = self.ops.max(self.ops.stack([self.ops.max(self.ops.abs(g)) for g in grads]))
        scale = self.ops.where(peak < 1e6, 1.0, 1e6 / peak)
        super().apply([g * scale for g in grads], trainable_variables)


@caught(NAN, "its step depends on all gradients together", verdict="not applicable")
class StepsByTheNormOfAll:
    """No mistake, where no rule says otherwise."""

    def apply(self, grads, trainable_variables=None):
        norm = sum(self.ops.sum(g * g) for g in grads)
        super().apply([g / norm for g in grads], trainable_variables)


SPARSE = "check_sparse_gradients_equal_dense_ones"


@caught(
    f"{SPARSE}[some rows]",
    "its rule gives",
    engines=("keras-tensorflow",),
    rule=HeavyBall,
    holds=[f"{SPARSE}[every row]"],
)
@caught(f"{SPARSE}[some rows]", "sparse and dense gradients differ", engines=("keras-tensorflow",))
class MovesTheRowsThatComeAlone:
    def used(self, m, gradient):
        import tensorflow as tf

        if not isinstance(gradient, tf.IndexedSlices):
            return super().used(m, gradient)
        dense = tf.convert_to_tensor(gradient)
        seen = tf.reduce_any(dense != 0.0, axis=-1, keepdims=True)
        return tf.where(seen, self.friction * m + dense, m)


test_every_mistake_is_caught = every_mistake(__name__)


@on("keras-tensorflow")
def test_a_row_that_counts_twice_is_caught(engine):
    """A square of each part is not the square of the sum."""
    found = outcomes(engine, lambda: engine.optimizer("Adagrad", learning_rate=0.125), SPARSE)
    verdicts = {id: verdict for id, (verdict, _) in found.items()}
    assert verdicts[f"{SPARSE}[every row, some twice]"] in ("violated", "known difference")
    assert verdicts[f"{SPARSE}[every row]"] not in ("violated", "known difference")


@on("keras-torch")
def test_a_clipping_that_hides_what_is_not_finite_is_seen(engine):
    """Keras's own optimizers clip with this function of their base class's module."""
    place = "src.optimizers.base_optimizer:clip_by_global_norm"
    check = "check_global_clipping_hides_no_broken_gradient"
    with mutated("keras", place, "only", 1, "+", 1):
        found = outcomes(engine, engine.optimizers.Adam, check)
    assert found[f"{check}[nan]"][0] == "holds"
    assert found[f"{check}[inf]"][0] == "violated"
    assert "p0 looks well after it" in found[f"{check}[inf]"][1]
