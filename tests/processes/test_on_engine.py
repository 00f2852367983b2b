"""Running one function on several engines."""

import os
from unittest import mock

import pytest

import slotscope
from slotscope.engines import ENGINES
from slotscope.processes import on_engine


def test_every_engine_answers_for_itself_in_the_order_asked():
    names = [*reversed(ENGINES)]
    answers = slotscope.on_engines(lambda engine: engine.name, names)
    assert list(answers.items()) == [(name, name) for name in names]


def test_one_backend_of_keras_3_runs_here_and_each_other_one_in_a_process_of_its_own():
    names = ["keras-tensorflow", "keras-jax", "keras-torch"]
    answers = slotscope.on_engines(lambda engine: (engine.keras.backend.backend(), os.getpid()))
    assert [answers[name][0] for name in names] == ["tensorflow", "jax", "torch"]
    assert len({answers[name][1] for name in names}) == 3
    assert os.getpid() in {answers[name][1] for name in names}


def test_an_unknown_engine_is_refused():
    with pytest.raises(slotscope.errors.UnknownEngineError, match="no engine 'keras-2'"):
        slotscope.on_engines(lambda engine: None, ["keras-2"])


def test_a_process_with_two_devices_that_does_not_get_ready_makes_place_for_another():
    engine = slotscope.engine("tf_keras")

    def lost(there):
        raise OSError("no memory")

    with (
        mock.patch.object(on_engine, "_imported", lost),
        pytest.raises(OSError, match="no memory"),
    ):
        on_engine.ready_two_devices(engine)
    assert on_engine._two_devices(engine) not in on_engine._EXECUTORS
    on_engine.ready_two_devices(engine)
    assert on_engine.on_two_devices(engine, os.getpid) != os.getpid()
