"""What a scale of the loss does to a training, against numbers worked out by hand."""

import numpy as np
import pytest

from slotscope.rules import rule
from slotscope.rules.loss_scaling import LossScaling
from slotscope.rules.training import Each, Training

DESCENT = Training(Each(rule("SGD", "keras-3", learning_rate=1.0)))


@pytest.mark.parametrize(
    ("counts_skipped", "label", "expected"),
    [
        (False, "p0", [8, 7, 6, 6, 5]),
        (False, "dynamic_scale", [4, 4, 8, 4, 4]),
        (False, "step_counter", [0, 1, 0, 0, 1]),
        (False, "iterations", [0, 1, 2, 2, 3]),
        (True, "iterations", [0, 1, 2, 3, 4]),  # tf_keras
    ],
)
def test_a_call_that_overflows_is_skipped_and_halves_the_scale(counts_skipped, label, expected):
    """And two good calls in a row double it."""
    scaling = LossScaling(DESCENT, initial=4.0, counts_skipped=counts_skipped)
    gradients = [[np.array(g)] for g in (1.0, 1.0, np.inf, 1.0)]
    states = scaling.states([np.array(8.0)], gradients)
    assert [float(state[label]) for state in states] == expected
