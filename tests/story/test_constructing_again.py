"""Constructing once more by hand, and what is shown afterwards."""

import numpy as np
from engine_cases import on_every_engine

from slotscope.recording.recording import Recording
from slotscope.recording.records import Event
from slotscope.story.constructing_again import construct_again, error_of, noticed, shown, weight
from slotscope.story.one_weight import one_weight

X, Y = np.ones((2, 1)), np.full((2, 1), 1024.0)


@on_every_engine
def test_only_keras_2_1_then_shows_something_else_than_it_trains(engine):
    with engine.scope():
        model = one_weight(engine, engine.optimizer("SGD", learning_rate=1.0, momentum=0.5))
        model.fit(X, Y, batch_size=1, verbose=0)
        assert shown(engine, model.optimizer) == [1.5]
        construct_again(engine, model)
        model.fit(X, Y, batch_size=1, verbose=0)
        assert shown(engine, model.optimizer) == [0.0 if engine.name == "keras-2.1" else 1.875]
        assert weight(model) == 1 + 1.5 + 1.75 + 1.875


def test_the_error_of_a_call_is_its_type_and_nothing_where_it_returns():
    assert error_of(int, "1") == ""
    assert error_of(int, "one") == "ValueError"


def test_what_was_noticed_leaves_steps_out():
    events = [Event("constructed", 0, "build made 1 slots"), Event("stepped", 1)]
    recording = Recording("keras-jax", {}, "SGD", events=events)
    assert noticed(recording).to_dict("records") == [
        {"batches": 0, "event": "constructed", "detail": "build made 1 slots"}
    ]
