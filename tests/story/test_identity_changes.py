"""Changes are counted from one step to the next, and never guessed."""

import numpy as np
import pandas as pd
import pytest

from slotscope import Recording
from slotscope.errors import VariableNotFoundError
from slotscope.recording.records import Row, Variable
from slotscope.story.identity_changes import changes


def recording(identities):
    """A recording of one momentum that had these (object, handle, buffer) after each step."""
    rows = [
        Row(
            step=step,
            iterations=step,
            indices=np.array([0]),
            numbers=np.zeros((1, 6)),
            identity=np.array([identity]),
            live=np.array([True]),
            values=None,
        )
        for step, identity in enumerate(identities, 1)
    ]
    momentum = Variable("momentum", "dense/kernel", 1, "m", (1,), "float32", 0)
    return Recording("tf_keras", {}, "SGD", rows=rows, seen=[momentum])


def test_each_sense_is_counted_by_itself():
    counted = changes(recording([(0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 2, 0)]), "momentum")
    assert counted.to_dict() == {"object": 0, "handle": 2, "buffer": 2}


def test_what_the_engine_does_not_tell_is_missing():
    counted = changes(recording([(0, 0, -1), (0, 0, -1)]), "momentum")
    assert counted["handle"] == 0
    assert counted["buffer"] is pd.NA


def test_one_step_cannot_change():
    assert changes(recording([(0, 0, 0)]), "momentum").tolist() == [0, 0, 0]


def test_an_unknown_slot_is_refused():
    with pytest.raises(VariableNotFoundError, match="velocity"):
        changes(recording([(0, 0, 0)]), "velocity")
