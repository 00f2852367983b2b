"""Optimizers made of optimizers: without a rule, they are held to whatever needs none."""

import pytest
from checked import violated

from slotscope import on_engine
from slotscope.checking.check_optimizer import check_optimizer

ENGINES = ("keras-torch", "keras-tensorflow", "keras-jax")
#: Those that ask what differs where one optimizer is in another.
ONLY = (
    "check_the_order_of_variables_is_fixed",
    "check_iterations_count_the_steps",
    "check_building_again_keeps_the_slots",
    "check_parameter_to_be_overwritten_becomes_its_gradient",
    "check_every_way_of_training_ends_like_single_steps",
    "check_every_argument_changes_something",
    "check_features_together_do_what_each_promises",
    "check_training_resumes_from_a_file",
    "check_a_config_tells_the_present_learning_rate",
    "check_a_config_can_be_used_again",
    "check_a_bad_argument_is_refused",
)


def scaled(engine):
    optimizers = engine.keras.optimizers
    return optimizers.LossScaleOptimizer(optimizers.Adam(0.0625))


def several(engine):
    optimizers = engine.keras.optimizers
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.Adam(0.0625)))


def judged(engine, make):
    """What is violated, and how many hold; without a rule, as a rule is optional."""
    report = check_optimizer(lambda: make(engine), engine=engine, only=ONLY, verbose=False)
    bad = {o.id: o.reason for o in report.outcomes if o.verdict in ("violated", "warning")}
    return bad, len(report.with_verdict("holds"))


@pytest.mark.parametrize("make", [scaled, several])
@pytest.mark.parametrize("name", ENGINES)
def test_a_wrapper_of_keras_is_clean_but_for_what_is_known(name, make):
    bad, holding = on_engine(name, judged, make)
    assert bad == {}
    assert holding >= 15


def forgetful(engine):
    optimizers = engine.keras.optimizers

    class Forgets(optimizers.LossScaleOptimizer):
        def get_config(self):
            return {k: v for k, v in super().get_config().items() if k != "initial_scale"}

    def make():
        return Forgets(optimizers.SGD(0.125), initial_scale=256.0)

    lost = "initial_scale is 256.0 before and 32768.0 after"
    violated(engine, make, "check_a_config_keeps_every_argument[as it is]", lost)


def test_a_wrapper_that_forgets_an_argument_is_violated():
    on_engine("keras-torch", forgetful)
