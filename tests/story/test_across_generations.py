"""The same optimizer in every generation: what differs is what the rules' data say."""

import numpy as np
import pytest

import slotscope
from slotscope.story import across_generations
from slotscope.story.batches import apart


@pytest.mark.parametrize(
    ("optimizer", "generation", "own", "equal"),
    [
        ("Adadelta", "keras-2.1", {"learning_rate": 1.0}, {"learning_rate": 0.001}),
        ("Lion", "tf_keras", {"learning_rate": 1e-4}, {"learning_rate": 1e-3}),
        ("Nadam", "tf_keras-legacy", {"schedule_decay": 0.004}, {"schedule_decay": 1.0}),
        ("AdamW", "tf_keras", {"weight_decay": 0.004}, {"weight_decay": 0.004}),
    ],
)
def test_equal_defaults_are_those_of_keras_3(optimizer, generation, own, equal):
    assert own.items() <= across_generations.defaults(optimizer, generation).items()
    made = across_generations.equal_defaults(optimizer, generation)
    assert equal.items() <= made.items()
    assert made.keys() == across_generations.defaults(optimizer, generation).keys()


def test_engines_come_in_order_of_time_and_only_with_the_optimizer():
    assert across_generations.engines_with("Adam") == ["keras-2.1", "tf_keras-legacy", "tf_keras"]
    assert across_generations.engines_with("Ftrl") == ["tf_keras-legacy", "tf_keras"]
    assert across_generations.engines_with("Muon") == []


def test_a_rule_with_equal_defaults_tells_arithmetic_from_defaults():
    def ends(optimizer):
        config = across_generations.equal_defaults(optimizer, "keras-2.1")
        old = across_generations.ruled(optimizer, "keras-2.1", config, 4, 8, 0)
        return apart(old, across_generations.ruled(optimizer, "keras-3", {}, 4, 8, 0))

    assert ends("Adadelta") == 0
    assert ends("RMSprop") > 0.01


def test_a_default_is_seen_and_goes_away_with_equal_ones():
    def train(engine):
        return across_generations.trained(engine, "Adamax", 4, 8, 0)

    found = slotscope.on_engines(train, ["keras-2.1", "tf_keras", "keras-tensorflow"])
    table = across_generations.compared(found, "Adamax", 4, 8, 0)
    assert list(table.index) == ["keras-2.1", "tf_keras"]
    assert table["own defaults"]["keras-2.1"] > 0.1
    assert table.drop(columns="own defaults").to_numpy().max() < 2**-10
    assert table["own defaults"]["tf_keras"] < 2**-10
    old, new = found["keras-2.1"]["own"], found["keras-tensorflow"]["own"]
    assert set(old.slots) == set(new.slots) == {"momentum", "norm"}
    assert np.isclose(old.moved, 2 * new.moved, rtol=0.1)
