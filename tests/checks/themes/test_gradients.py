"""The checks of gradients that are missing, zero or used again: each sees what breaks its sentence.

On torch, where nothing is compiled.
"""

from engine_cases import on
from heavy_ball import heavy_ball
from tools.mutants.splice import mutated

from slotscope.checking.check_optimizer import check_optimizer


def said(cls, check):
    """{case: verdict} of one check, and all reasons."""
    report = check_optimizer(cls, only=[check], verbose=False)
    reasons = " ".join(outcome.reason for outcome in report.outcomes)
    return {outcome.case: str(outcome.verdict) for outcome in report.outcomes}, reasons


@on("keras-torch")
def test_a_correct_optimizer_holds(engine):
    report = check_optimizer(heavy_ball(engine), themes=["gradients"], verbose=False)
    assert report.exit_code == 0, report.of("violated")


@on("keras-torch")
def test_slots_that_follow_the_gradients_that_are_there_are_shifted(engine):
    class Shifted(heavy_ball(engine)):
        def _backend_update_step(self, grads, trainable_variables, learning_rate):
            for number, (grad, variable) in enumerate(zip(grads, trainable_variables, strict=True)):
                speed = self.momentums[number]  # of the trainable ones that have a gradient
                self.assign(speed, 0.5 * speed + grad)
                self.assign_sub(variable, learning_rate * speed)

    verdicts, reasons = said(Shifted, "check_missing_gradient_shifts_no_other")
    assert set(verdicts.values()) == {"violated"}
    assert "the others must not notice" in reasons


@on("keras-torch")
def test_slots_by_name_are_shared_by_namesakes(engine):
    class ByName(heavy_ball(engine)):
        def build(self, variables):
            if not self.built:
                super().build(variables)
                self.by_name = {v.path: s for v, s in zip(variables, self.momentums, strict=True)}

        def slot(self, variable):
            return self.by_name[variable.path]

    verdicts, reasons = said(ByName, "check_parameters_of_one_name_keep_their_own_slots")
    assert set(verdicts.values()) == {"violated"}
    assert "beside another parameter of its name" in reasons


@on("keras-torch")
def test_a_division_without_epsilon_is_seen(engine):
    class Sign(heavy_ball(engine)):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * gradient / abs(gradient))

    verdicts, reasons = said(Sign, "check_gradients_of_zero_give_finite_numbers")
    assert verdicts == {"float32": "violated"}
    assert "p0 is [[nan" in reasons


@on("keras-torch")
def test_a_step_that_writes_into_its_gradients_is_seen(engine):
    class Decays(heavy_ball(engine)):
        def update_step(self, gradient, variable, learning_rate):
            gradient.add_(0.5 * variable.value)
            super().update_step(gradient, variable, learning_rate)

    verdicts, reasons = said(Decays, "check_a_step_leaves_its_gradients_as_they_were")
    assert set(verdicts.values()) == {"violated"}
    assert "the gradient of p0" in reasons


@on("keras-torch")
def test_a_base_class_that_leaves_out_gradients_in_silence_is_seen(engine):
    class Silent(heavy_ball(engine)):
        def _filter_empty_gradients(self, grads, vars):
            pairs = [(g, v) for g, v in zip(grads, vars, strict=True) if g is not None]
            return [g for g, _ in pairs], [v for _, v in pairs]

    verdicts, reasons = said(Silent, "check_missing_gradient_is_told")
    assert set(verdicts.values()) == {"violated"}
    assert "p1 had no gradient, and nobody was told" in reasons


@on("keras-torch")
def test_a_parameter_that_is_stepped_and_not_overwritten_is_seen(engine):
    class Steps(heavy_ball(engine)):
        def _overwrite_variables_directly_with_gradients(self, grads, vars):
            return grads, vars

        def slot(self, variable):
            found = super().slot(variable)
            return variable if found is None else found

    verdicts, reasons = said(Steps, "check_parameter_to_be_overwritten_becomes_its_gradient")
    assert set(verdicts.values()) == {"violated"}
    assert "which is to be overwritten" in reasons


@on("keras-torch")
def test_a_clipping_that_hides_what_is_not_finite_is_seen(engine):
    """Keras's own optimizers clip with this function of their base class's module."""
    place = "src.optimizers.base_optimizer:clip_by_global_norm"
    check = "check_global_clipping_hides_no_broken_gradient"
    with mutated("keras", place, "only", 1, "+", 1):
        verdicts, reasons = said(engine.optimizers.Adam, check)
    assert verdicts == {"nan": "holds", "inf": "violated"}
    assert "p0 looks well after it" in reasons
