"""A watch that opens before the model is compiled, and steps that a loop hands over."""

import importlib

import numpy as np
import pytest
from engine_cases import data, dense_model, find, kinds, on, on_every_engine

import slotscope
from slotscope.errors import HandedOverError, NotCompiledError
from slotscope.recording.patches import Patch

X, Y = data()


def fit(model):
    model.fit(X, Y, batch_size=32, verbose=0)


@on_every_engine
def test_the_first_model_that_is_compiled_is_watched(engine):
    assert engine.keras
    for keep in ("values", "norms"):
        with engine.scope(), slotscope.watch(keep=keep) as recording:
            model = dense_model(engine)
            other = dense_model(engine)
            fit(other)
            fit(model)
            fit(model)
        (second,) = find(recording, "other model")
        assert f"the model {other.name!r} was compiled too" in second.detail
        assert (recording.engine, recording.optimizer) == (engine.name, "Adam")
        assert recording.versions == engine.versions
        assert recording.counts["steps"] == 6
        assert kinds(recording)[0] == "compiled"
        slots = recording.variables.query("parameter != '' and slot == 'momentum'")
        assert len(slots) == 4
    assert not Patch._places


@on_every_engine
def test_a_sequential_model_that_is_compiled_twice(engine):
    layers = engine.keras.layers
    with engine.scope(), slotscope.watch() as recording:
        model = engine.keras.models.Sequential([layers.Dense(1, input_shape=(4,), name="only")])
        for _ in range(2):
            model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
            fit(model)
    assert recording.counts["steps"] == 6
    assert len(find(recording, "compiled")) == 2
    assert not find(recording, "other model")
    assert recording.steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert not Patch._places


@on("keras-torch")
def test_a_block_without_a_compile_is_refused_at_its_end_and_not_over_an_error(engine):
    assert engine.keras
    refused = pytest.raises(NotCompiledError, match="No model was compiled in the block")
    with refused, slotscope.watch():
        pass
    with pytest.raises(KeyError, match="of its own"), slotscope.watch():
        raise KeyError("of its own")
    assert not Patch._places


@on("keras-jax")
def test_steps_that_a_loop_hands_over(engine):
    jax, ops = importlib.import_module("jax"), engine.keras.ops
    for assigned in (False, True):
        model = dense_model(engine)
        optimizer = engine.keras.optimizers.SGD(0.125, momentum=0.5)
        optimizer.build(model.trainable_variables)
        step = jax.jit(optimizer.stateless_apply)
        weights = [v.value for v in model.trainable_variables]
        slots = [v.value for v in optimizer.variables]
        ones = [ops.ones(v.shape) for v in model.trainable_variables]
        with slotscope.watch(model, optimizer=optimizer) as recording:
            for _ in range(5):
                weights, slots = step(slots, ones, weights)
                recording.step(slots)
            with pytest.raises(HandedOverError, match="its second"):
                recording.step(weights)
            if assigned:
                for variable, value in zip(optimizer.variables, slots, strict=True):
                    variable.assign(value)
        assert recording.counts["steps"] == 5
        assert recording.steps.tolist() == recording.iterations.tolist() == [1, 2, 3, 4, 5]
        assert set(kinds(recording)) <= {"stepped", "traced"}
        assert recording.learning_rates.tolist() == [0.125] * 5
        values = recording.values("momentum", "out/bias").ravel()
        assert np.array_equal(values[:3], [-0.125, -0.1875, -0.21875])
        with pytest.raises(HandedOverError, match="outside of a watch"):
            recording.step(slots)


@on("keras-torch", "tf_keras")
def test_elsewhere_nothing_is_handed_over(engine):
    model = dense_model(engine)
    refused = pytest.raises(HandedOverError, match="for loops over stateless_apply on JAX")
    with slotscope.watch(model) as recording, refused:
        recording.step([])
