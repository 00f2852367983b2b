"""Slots that are geometric series, by the formula and in Keras."""

import numpy as np
import pytest
from engine_cases import on_every_engine

from slotscope.engines import engine as engine_called
from slotscope.errors import SlotscopeError, UnknownOptimizerError
from slotscope.story.geometric_slots import AVERAGES, constant_gradient


@pytest.mark.parametrize("name", AVERAGES)
def test_the_closed_form_is_the_sum(name):
    average, mu, eta, g = AVERAGES[name], 0.5, 0.25, -4.0
    c = average.added(g, mu, eta)
    s, sums = 0.0, []
    for _ in range(8):
        s = mu * s + c
        sums.append(s)
    assert average.closed_form(np.arange(1, 9), g, mu, eta).tolist() == sums
    assert average.closed_form(np.array(0), g, mu, eta) == 0


@on_every_engine
def test_every_optimizer_in_the_table_follows_it(engine):
    k = np.arange(1, 7)
    for name in set(AVERAGES) & set(engine.optimizer_names):
        recording = constant_gradient(engine, name, eta=0.25, mu=0.5, batches=6, g=-4.0)
        slot = recording.values(AVERAGES[name].slot).ravel()
        assert (slot == AVERAGES[name].closed_form(k, -4.0, 0.5, 0.25)).all(), name


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"optimizer": "Sgd"}, UnknownOptimizerError, "Did you mean 'SGD'"),
        ({"optimizer": "Lion"}, UnknownOptimizerError, "has no optimizer 'Lion'"),
        ({"optimizer": "Adagrad"}, SlotscopeError, "No slot of 'Adagrad'"),
        ({"mu": 1.0}, SlotscopeError, "a momentum of 1.0"),
        ({"eta": -1.0}, SlotscopeError, "A learning rate of -1.0"),
        ({"batches": 0}, SlotscopeError, "0 batches"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(settings, error, said):
    good = {"optimizer": "SGD", "eta": 0.25, "mu": 0.5, "batches": 2, "g": -4.0}
    with pytest.raises(error, match=said):
        constant_gradient(engine_called("keras-2.1"), **good | settings)
