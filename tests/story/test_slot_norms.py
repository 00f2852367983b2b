"""Slots on real data are the rule's, and are told in short."""

import numpy as np
import pandas as pd
from engine_cases import on

from slotscope.story.slot_norms import in_short, slot_norms


@on("keras-2.1", "tf_keras", "keras-tensorflow")
def test_slots_are_those_of_the_rule(engine):
    norms = slot_norms(engine, ["SGD", "Adagrad"], steps=3, size=8, seed=1)
    assert list(norms["batch"]) == [1, 2, 3, 1, 2, 3]
    assert norms["apart"].max() < 2**-10
    assert np.allclose(norms["norm"], norms["rule"], rtol=2**-10)
    short = in_short(norms)
    assert list(short.index) == [("SGD", "momentum"), ("Adagrad", "accumulator")]
    assert short.loc[("Adagrad", "accumulator"), "never falls"]


@on("keras-tensorflow")
def test_a_slot_that_only_one_parameter_has_is_there(engine):
    norms = slot_norms(engine, ["Muon"], steps=2, size=8, seed=1)
    assert list(norms["slot"]) == ["momentum", "momentum", "velocity", "velocity"]
    assert norms["apart"].max() < 2**-10


def test_in_short_a_slot_falls_or_never_does():
    def rows(slot, values):
        columns = {"optimizer": "A", "slot": slot, "batch": [1, 2, 3], "norm": values}
        return pd.DataFrame({**columns, "rule": values, "apart": [0.0, 0.5, 0.25]})

    short = in_short(pd.concat([rows("up", [1, 2, 2]), rows("down", [1, 2, 1.5])]))
    assert list(short["never falls"]) == [True, False]
    assert list(short["last"]) == [2, 1.5]
    assert list(short["apart"]) == [0.5, 0.5]
