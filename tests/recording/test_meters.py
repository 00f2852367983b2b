"""Rows measured inside of the step are what NumPy finds in the values that a callback copies."""

import warnings

import numpy as np
from engine_cases import (
    KERAS_3,
    TF_FUNCTION,
    data,
    dense_model,
    find,
    fresh,
    functional,
    on,
    on_every_engine,
)
from packaging.version import Version

import slotscope
from slotscope.engines.meters.statistics import STATISTICS

LEVELS = {"norms": 1, "statistics": len(STATISTICS)}


def table(recording):
    """{(iterations, variable): numbers}."""
    found = recording.statistics.set_index(["iterations", "variable"])[list(STATISTICS)]
    return {place: row.to_numpy() for place, row in found.astype("float64").iterrows()}


def metered(engine, build, level, rows=90, **options):
    own = fresh(engine)
    model = build(own)
    x, y = data(rows=rows)
    with own.scope(), slotscope.watch(model, keep=level, **options) as recording:
        model.fit(x, y, epochs=2, batch_size=32, verbose=0, shuffle=False)
    return recording


def expected(engine, build, rows=90):
    """What the same training leaves when its values are kept."""
    return table(metered(engine, build, "values", rows))


def agree(found, wanted, level):
    assert found.keys() == wanted.keys()
    for key, numbers in found.items():
        kept = LEVELS[level]
        np.testing.assert_allclose(numbers[:kept], wanted[key][:kept], rtol=1e-6, atol=1e-30)
        assert np.isnan(numbers[kept:]).all()


@on_every_engine
def test_rows_are_what_numpy_finds(engine):
    for name in ("SGD", "Adam", "RMSprop"):

        def build(own, name=name):
            return dense_model(own, name)

        wanted = expected(engine, build)
        for level in LEVELS:
            agree(table(metered(engine, build, level)), wanted, level)


@on_every_engine
def test_every_third_step_has_a_row(engine):
    wanted = expected(engine, dense_model)
    recording = metered(engine, dense_model, "norms", every=3)
    assert list(recording.iterations) == [3, 6]
    assert recording.counts["steps"] == 6
    agree(table(recording), {k: v for k, v in wanted.items() if k[0] % 3 == 0}, "norms")


@on(*TF_FUNCTION, "keras-jax")
def test_every_step_of_an_execution_has_a_row(engine):
    def several(own):
        return dense_model(own, compiled={"steps_per_execution": 2})

    # Keras 3.0 on TensorFlow makes two steps of an execution that has one batch left.
    fills = engine.name != "keras-tensorflow" or Version(engine.keras.__version__) >= Version("3.1")
    for rows in (128, 90) if fills else (128,):
        recording = metered(engine, several, "norms", rows)
        steps = 2 * -(-rows // 32)
        assert list(recording.iterations) == list(range(1, steps + 1))
        agree(table(recording), expected(engine, dense_model, rows), "norms")


@on("tf_keras", *KERAS_3)
def test_a_model_trained_before_goes_on_with_the_train_function_it_had(engine):
    model = dense_model(engine)
    x, y = data()
    model.fit(x, y, verbose=0)
    before = model.train_function
    with slotscope.watch(model, keep="norms") as recording:
        model.fit(x, y, verbose=0)
    assert model.train_function is before
    assert list(recording.iterations) == [4, 5, 6]
    assert not find(recording, "gap")
    model.fit(x, y, verbose=0)
    assert len(recording.rows) == 3


@on_every_engine
def test_compiled_again_within_the_watch(engine):
    model = dense_model(engine)
    x, y = data()
    with warnings.catch_warnings(), engine.scope():
        warnings.simplefilter("error")
        with slotscope.watch(model, keep="norms") as recording:
            model.fit(x, y, verbose=0)
            model.compile(optimizer=engine.optimizer("SGD", learning_rate=0.01), loss="mae")
            model.fit(x, y, verbose=0)
    assert list(recording.iterations) == [1, 2, 3, 1, 2, 3]
    with engine.scope():
        model.fit(x, y, verbose=0)
    assert len(recording.rows) == 6


@on_every_engine
def test_more_steps_than_a_ring_holds(engine):
    """Batch by batch, so that every engine has more steps than rows of its ring."""
    model = dense_model(engine)
    x, y = data(rows=2100)
    with engine.scope(), slotscope.watch(model, keep="norms", every=2) as recording:
        model.fit(x, y, batch_size=1, verbose=0)
    assert list(recording.iterations) == list(range(2, 2101, 2))
    assert recording.counts["steps"] == 2100
    assert not find(recording, "gap")


@on("tf_keras-graph", *TF_FUNCTION, "keras-jax", "keras-torch")
def test_a_model_that_is_not_built_yet(engine):
    layers = engine.keras.layers
    for options in ({}, {"keep": "norms"}):
        with engine.scope():
            model = engine.keras.models.Sequential([layers.Dense(3), layers.Dense(1)])
            model.compile(optimizer=engine.optimizer("Adam"), loss="mse")
            x, y = data()
            with slotscope.watch(model, **options) as recording:
                model.fit(x, y, verbose=0)
        assert list(recording.iterations) == [1, 2, 3]


@on_every_engine
def test_a_large_model_is_measured_by_default(engine):
    layers = engine.keras.layers
    with engine.scope():
        x = layers.Input(shape=(4,))
        model = functional(engine, x, layers.Dense(1)(layers.Dense(20_000)(x)))
        model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
        inputs, targets = data(rows=32)
        with slotscope.watch(model) as recording:
            model.fit(inputs, targets, verbose=0)
    assert recording.rows[0].values is None
    assert recording.statistics["mean"].isna().all()
    assert (recording.statistics["l2"] > 0).all()


@on("keras-jax")
def test_a_train_step_of_its_own_is_measured_too(engine):
    class Own(engine.keras.Model):
        def train_step(self, state, data):
            logs, new = super().train_step(state, data)
            return logs, new

    layers = engine.keras.layers
    x = layers.Input(shape=(4,))
    model = Own(x, layers.Dense(1)(x))
    model.compile(optimizer="adam", loss="mse")
    inputs, targets = data()
    with slotscope.watch(model, keep="norms") as recording:
        model.fit(inputs, targets, verbose=0)
    assert list(recording.iterations) == [1, 2, 3]
