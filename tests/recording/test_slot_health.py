"""What the norms of a slot say of it, and that a recording tells it."""

import numpy as np
import pytest
from engine_cases import KERAS_3, data, dense_model, find, fresh, on, on_every_engine

import slotscope
from slotscope.recording.slot_health import SlotHealth

X, Y = data()
KEPT = ("values", "norms")


def verdict(*parts):
    health = SlotHealth()
    for part in parts:
        health.update([7], np.array(part, dtype=float)[:, None])
    (told,) = health.verdicts() or [None]
    return told


@pytest.mark.parametrize(
    ("norms", "kind"),
    [
        ([0, 0, 0, 0], "zero slot"),
        ([2, 2, 2, 2, 2], "still slot"),
        ([8, 4, 2, 1, 0.5], "decaying slot"),
        ([8, 4, 2, 1, 0.75], None),
        ([1, 2, 4, 8], None),
        ([1, 2, 1, 2], None),
        ([0, 0, 0, 1], None),
        ([1, np.nan, 1, 1], None),
        ([0, 0, 0], None),
    ],
)
def test_of_all_rows_at_once_and_of_one_after_the_other(norms, kind):
    assert verdict(norms) == kind
    assert verdict(*([norm] for norm in norms)) == kind


def test_the_first_row_that_is_not_finite_is_told_once():
    health = SlotHealth()
    assert health.update([3, 4], np.array([[1, 1], [np.inf, 1]])) == {3: 1}
    assert health.update([3, 4], np.array([[np.nan, 1], [1, np.nan]])) == {4: 1}
    assert health.update([3, 4], np.array([[np.nan, np.nan]])) == {}


@on_every_engine
def test_slots_that_become_nan(engine):
    for keep in KEPT:
        home = fresh(engine)
        model = dense_model(home, "SGD", momentum=0.5)
        targets = Y.copy()
        targets[40] = np.inf  # in the second batch
        with home.scope(), slotscope.watch(model, keep=keep) as recording:
            model.fit(X, targets, batch_size=32, shuffle=False, verbose=0)
        (event,) = find(recording, "not finite")
        assert (event.step, event.iterations, event.count) == (2, 2, 4)
        assert "momentum/hidden/kernel" in event.detail
        assert "Not finite after step 2" in recording.summary()


@on_every_engine
def test_slots_of_a_layer_that_gets_no_gradient_stay_zero_or_decay(engine):
    for keep in KEPT:
        home = fresh(engine)
        layers = home.keras.layers
        home.seed(1)
        with home.scope():
            x = layers.Input(shape=(4,))
            dead = layers.Dense(3, activation="relu", name="dead", bias_initializer="ones")(x)
            model = home.keras.models.Model(x, layers.Dense(1, name="out")(dead))
            model.compile(optimizer=home.optimizer("SGD", momentum=0.5), loss="mse")
            kernel, bias = model.get_layer("dead").get_weights()
            with slotscope.watch(model, keep=keep) as recording:
                model.fit(X, Y, batch_size=32, verbose=0)
                model.get_layer("dead").set_weights([kernel * 0, bias * 0 - 9])
                model.fit(X, Y, batch_size=32, epochs=2, verbose=0)
            with slotscope.watch(model, keep=keep) as later:
                model.fit(X, Y, batch_size=32, epochs=2, verbose=0)
        assert not find(recording, "decaying slot")
        (event,) = find(later, "decaying slot")
        assert {"momentum/dead/kernel", "momentum/dead/bias"} <= set(event.detail.split(", "))


@on(*KERAS_3)
def test_a_velocity_that_is_too_small_for_float16(engine):
    layers = engine.keras.layers
    engine.seed(1)
    x = layers.Input(shape=(4,), dtype="float16")
    model = engine.keras.Model(x, layers.Dense(1, name="out", dtype="float16")(x))
    model.compile(optimizer=engine.keras.optimizers.Adam(0.001), loss="mse")
    with slotscope.watch(model) as recording:
        small = np.float16(1e-3)
        model.fit(X.astype("float16") * small, Y.astype("float16") * small, verbose=0, epochs=2)
    (event,) = find(recording, "zero slot")
    assert "velocity/out/kernel" in event.detail
    assert "momentum" not in event.detail
