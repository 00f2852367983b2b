"""Running one function on several engines."""

import os

import pytest

import slotscope
from slotscope.engines import ENGINES


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
