"""What a recording shows: tables, arrays, identity, and what it says when asked for too much."""

import numpy as np
import pandas as pd
import pytest
from engine_cases import GRAPH, data, dense_model, on, on_every_engine

import slotscope

X, Y = data()


def watched(engine, optimizer="SGD", **options):
    model = dense_model(engine, optimizer, **({"momentum": 0.5} if optimizer == "SGD" else {}))
    with engine.scope(), slotscope.watch(model, **options) as recording:
        model.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    return recording


@on_every_engine
def test_variables_have_one_row_each(engine):
    table = watched(engine, "Adam").variables
    slots = table[table["parameter"] != ""]
    assert (slots["initial"] == 0).all()
    assert (slots["created"] == 0).all()
    assert table["object"].all()
    assert set(slots["slot"]) >= {"momentum", "velocity"}
    kernel = slots[slots["parameter"].str.endswith("hidden/kernel")]
    assert set(kernel.query("slot == 'momentum'")["shape"]) == {(4, 3)}
    assert set(slots["dtype"]) == {"float32"}


@on_every_engine
def test_what_stays_the_same(engine):
    row = watched(engine, buffers=True).variables.query("slot == 'momentum'").iloc[0]
    assert row["object"]
    assert row["handle"] == (engine.name != "keras-jax")
    if engine.name in GRAPH:
        assert row["buffer"] is pd.NA
    elif engine.name in ("tf_keras-legacy", "keras-jax", "keras-torch"):
        # Updated in place, or donated; `assign` on TensorFlow takes the new tensor's buffer.
        assert row["buffer"]


@on_every_engine
def test_statistics_are_numpys(engine):
    recording = watched(engine)
    table = recording.statistics.set_index(["variable", "iterations"])
    velocity = recording.values("momentum", "hidden/kernel")
    label = next(v.label for v in recording.seen if v.label.endswith("hidden/kernel"))
    for step, value in zip(recording.iterations, velocity, strict=True):
        row = table.loc[(label, step)]
        value = value.astype("float64")
        assert row["l2"] == pytest.approx(np.linalg.norm(value), rel=1e-12)
        assert row["mean"] == pytest.approx(value.mean(), rel=1e-12)
        assert (row["min"], row["max"]) == (value.min(), value.max())
        assert (row["zero_fraction"], row["nonfinite"]) == ((value == 0).mean(), 0)


@on_every_engine
def test_values_follow_the_rule_step_by_step(engine):
    """``v = 0.5 v - 0.25 g`` with ``g`` 2 at every step: powers of two, exact in every float."""
    layers = engine.keras.layers
    with engine.scope():
        x = layers.Input(shape=(1,))
        dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="line")
        model = engine.keras.models.Model(x, dense(x))
        optimizer = engine.optimizer("SGD", learning_rate=0.25, momentum=0.5)
        model.compile(optimizer=optimizer, loss=lambda y, p: p)
        ones = np.full((4, 1), 2, dtype="float32")
        with slotscope.watch(model) as recording:
            model.fit(ones, ones, batch_size=1, verbose=0)
    assert recording.values("momentum", "line/kernel").ravel().tolist() == [
        -0.5,
        -0.75,
        -0.875,
        -0.9375,
    ]


@on_every_engine
def test_identity_numbers_what_was_seen(engine):
    identity = watched(engine).identity("momentum", "hidden/kernel")
    assert identity["iterations"].tolist() == [1, 2, 3, 4, 5, 6]
    assert set(identity["object"]) == {0}
    handles = list(range(6)) if engine.name == "keras-jax" else [0] * 6
    assert identity["handle"].tolist() == handles


@on_every_engine
def test_a_replaced_slot_is_another_object(engine):
    model = dense_model(engine, "SGD", momentum=0.5)
    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(X, Y, batch_size=32, verbose=0)
        optimizer = engine.optimizer("SGD", learning_rate=0.01, momentum=0.5)
        model.compile(optimizer=optimizer, loss="mse")
        model.fit(X, Y, batch_size=32, verbose=0)
    identity = recording.identity("momentum", "hidden/kernel")
    assert identity["object"].tolist() == [0, 0, 0, 1, 1, 1]
    assert set(identity["handle"][:3]).isdisjoint(identity["handle"][3:])


@on("tf_keras")
def test_the_end_of_a_path_is_enough(engine):
    recording = watched(engine)
    whole = next(v.parameter for v in recording.seen if v.parameter.endswith("hidden/kernel"))
    assert np.array_equal(
        recording.values("momentum", whole), recording.values("momentum", "hidden/kernel")
    )
    assert recording.values("iterations").tolist() == [1, 2, 3, 4, 5, 6]


@on("tf_keras")
def test_a_variable_that_is_not_there(engine):
    recording = watched(engine)
    for asked, message in [
        (("momentun", "hidden/kernel"), r"Did you mean 'momentum/hidden/kernel'\?"),
        (("momentum", "hidden/kernel", 2), "holds no optimizer variable .*It holds"),
        (("momentum",), "More than one optimizer variable fits"),
        (("momentum", "nel"), "It holds"),
    ]:
        with pytest.raises(slotscope.errors.VariableNotFoundError, match=f"(?s){message}"):
            recording.values(*asked)


@on("tf_keras")
def test_values_that_were_not_kept(engine):
    recording = watched(engine, keep="statistics")
    assert len(recording.statistics) == 6 * 4
    with pytest.raises(slotscope.errors.ValuesNotKeptError, match='keep="values"'):
        recording.values("momentum", "hidden/kernel")


@on("tf_keras")
def test_values_of_a_large_state_are_kept_on_request_alone(engine):
    layers = engine.keras.layers
    x = layers.Input(shape=(4,))
    model = engine.keras.models.Model(x, layers.Dense(1)(layers.Dense(20_001)(x)))
    model.compile(optimizer=engine.optimizer("SGD", momentum=0.5), loss="mse")
    for keep, kept in ((None, False), ("values", True)):
        with slotscope.watch(model, keep=keep) as recording:
            model.fit(X, Y, batch_size=96, verbose=0)
        assert (recording.rows[0].values is not None) is kept
        assert len(recording.statistics) == 4


@on("tf_keras")
def test_a_recording_of_nothing_is_readable(engine):
    with slotscope.watch(dense_model(engine)) as recording:
        pass
    assert recording.counts["steps"] == 0
    assert recording.statistics.empty
    assert recording.rows == []
    with pytest.raises(
        slotscope.errors.VariableNotFoundError, match=r"no step was recorded|It holds"
    ):
        recording.values("momentum", "hidden/kernel")
    recording.plot()
