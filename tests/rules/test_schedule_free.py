"""ScheduleFreeAdamW: its rule by hand, and beside the optimizer of Keras 3."""

from engine_cases import on
from rule_cases import ADAM, assert_follows, error, stepped


@on("keras-jax")
def test_schedule_free_does_what_its_rule_says(engine):
    """Not on the others: see the test at the end."""
    configs = [ADAM, {**ADAM, "warmup_steps": 4}, {**ADAM, "weight_decay": 0.125}]
    assert_follows(engine, "ScheduleFreeAdamW", configs)


def test_schedule_free_lies_between_the_last_point_and_the_mean_of_all():
    # z: 3, 2, 1; their mean: 3, 2.5, 2; halfway.
    config = {"learning_rate": 1.0, "beta_1": 0.5, "beta_2": 0.5, "epsilon": 0.0}
    after, slots = stepped("ScheduleFreeAdamW", "keras-3", [1.0] * 3, config, start=4.0)
    assert after == [3.0, 2.25, 1.5]
    assert slots == {"momentum": 1.0, "velocity": 0.875}


def test_schedule_free_warms_up_in_equal_parts():
    config = {"learning_rate": 1.0, "beta_2": 0.5, "epsilon": 0.0, "warmup_steps": 4}
    for steps, z in ((1, 3.75), (2, 3.25), (4, 1.5), (5, 0.5)):
        _, slots = stepped("ScheduleFreeAdamW", "keras-3", [1.0] * steps, config, start=4.0)
        assert slots["momentum"] == z


# Where Keras does something else; a test that fails here is good news.


@on("keras-torch", "keras-tensorflow")
def test_schedule_free_takes_the_new_z_for_the_old_where_variables_change_in_place(engine):
    """Keras 3.15: what it keeps of ``z`` is the variable's own buffer. JAX keeps the old value."""
    assert error(engine, "ScheduleFreeAdamW", ADAM) > 0.1
