"""Values are those of each step, to the bit, wherever and whenever they were taken."""

import contextlib
import pickle
import tempfile
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from engine_cases import KERAS_3, TF_FUNCTION, data, dense_model, on, on_every_engine

import slotscope
from slotscope.engines.meters.host_numbers import row_norms
from slotscope.engines.meters.layout import Layout
from slotscope.engines.meters.statistics import describe

X, Y = data()


def copied_after_each_batch(engine, model, *, epochs=4):
    """What a watch saw, and a copy of each optimizer variable that a callback made at each batch.

    The callback brings the variables up to date, as one without a watch must.
    """
    copies = []
    base = engine.keras.callbacks.Callback

    class Copying(base):
        def on_batch_end(self, batch, logs=None):
            session = engine.at_rest()
            found = engine.variables(self.model.optimizer, model)
            values = engine.read([variable.ref for variable in found], session)
            copies.append(dict(zip((v.label for v in found), values, strict=True)))

    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=[Copying()])
    return recording, copies


def compare(recording, copies):
    assert len(recording.rows) == len(copies)
    for row, copied in zip(recording.rows, copies, strict=True):
        labels = [recording.seen[index].label for index in row.indices]
        assert set(labels) == set(copied)
        for label, values in zip(labels, row.values, strict=True):
            wanted = np.asarray(copied[label], values.dtype)
            assert values.shape == wanted.shape
            assert values.tobytes() == wanted.tobytes(), label


@on_every_engine
def test_every_step_is_what_a_copy_of_it_is(engine):
    recording, copies = copied_after_each_batch(engine, dense_model(engine))
    assert len(copies) == 48
    compare(recording, copies)


@on(*KERAS_3)
def test_other_dtypes_than_float32(engine):
    before = engine.keras.config.dtype_policy()
    for policy in ("bfloat16", "float16", "mixed_bfloat16"):
        engine.keras.config.set_dtype_policy(policy)
        try:
            model = dense_model(engine)
        finally:
            engine.keras.config.set_dtype_policy(before)
        recording, copies = copied_after_each_batch(engine, model, epochs=1)
        assert len(recording.rows) == 12
        compare(recording, copies)


@on_every_engine
def test_more_steps_than_are_held_at_once(engine):
    def recorded(room):
        patch = pytest.MonkeyPatch()
        patch.setattr("slotscope.engines.meters.meter.ROOM", room)
        patch.setattr("slotscope.recording.row_taker.MOST_ROWS", 5)
        own = engine.fresh()
        model = dense_model(own)
        with own.scope(), slotscope.watch(model) as recording:
            model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, verbose=0)
        patch.undo()
        return recording

    few, many = recorded(1000), recorded(1 << 22)
    assert few.iterations.tolist() == many.iterations.tolist() == list(range(1, 37))
    for label in ("momentum", "velocity"):
        one, other = (r.values(label, "hidden/kernel") for r in (few, many))
        assert one.tobytes() == other.tobytes()


@on(*TF_FUNCTION, "keras-jax")
def test_steps_within_one_call_are_those_of_as_many_calls(engine):
    def values(**compiled):
        model = dense_model(engine, compiled=compiled)
        with slotscope.watch(model) as recording:
            model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
        assert recording.iterations.tolist() == list(range(1, 13))
        return recording.values("velocity", "hidden/kernel")

    np.testing.assert_allclose(values(steps_per_execution=5), values(), rtol=1e-5)


@on_every_engine
def test_a_look_within_the_block_sees_every_step_so_far(engine):
    seen = []
    model = dense_model(engine)

    class Looking(engine.keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append((len(recording.rows), recording.counts["steps"], recording.steps_of))

    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(X, Y, batch_size=32, verbose=0)
        assert recording.iterations.tolist() == [1, 2, 3]
        assert len(recording.values("momentum", "hidden/kernel")) == 3
        assert [event.kind for event in recording.events].count("stepped") == 3
        assert "made 3 steps" in repr(recording)
        model.fit(X, Y, batch_size=32, verbose=0, callbacks=[Looking()])
    assert seen[-1][:2] == (6, 6)
    assert {rows for rows, steps, _ in seen} == {steps for _, steps, _ in seen} == {4, 5, 6}


@on_every_engine
def test_every_other_step_alone(engine):
    model = dense_model(engine)
    with engine.scope(), slotscope.watch(model, every=5, keep="values") as recording:
        model.fit(X, Y, batch_size=8, verbose=0)
    assert recording.iterations.tolist() == [5, 10]
    assert recording.counts["steps"] == 12


@on(*TF_FUNCTION)
def test_buffers_are_told_where_they_are_asked_for(engine):
    def told(**asked):
        model = dense_model(engine)
        with slotscope.watch(model, **asked) as recording:
            model.fit(X, Y, batch_size=32, verbose=0)
        return recording.identity("momentum", "hidden/kernel")["buffer"].tolist()

    assert told() == [-1, -1, -1]
    assert told(buffers=True)[0] == 0


@on_every_engine
def test_a_recording_that_is_saved_within_the_block_has_every_step_so_far(engine):
    model = dense_model(engine)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "so_far.npz")
        with engine.scope(), slotscope.watch(model) as recording:
            model.fit(X, Y, batch_size=32, verbose=0)
            recording.save(path)
            pickled, copied = pickle.dumps(recording), deepcopy(recording)
            model.fit(X, Y, batch_size=32, verbose=0)
        loaded = slotscope.load(path)
    for saved in (loaded, pickle.loads(pickled), copied):
        assert (saved.iterations.tolist(), saved.counts["steps"]) == ([1, 2, 3], 3)
        assert saved.values("momentum", "hidden/kernel").shape == (3, 4, 3)
        assert repr(saved) == repr(loaded)


@on(*KERAS_3)
def test_slots_that_are_built_between_fits_say_when(engine):
    model = dense_model(engine)
    with slotscope.watch(model) as recording:
        model.fit(X, Y, batch_size=32, verbose=0)
        optimizer = model.optimizer
        optimizer.built = False
        optimizer.build(model.trainable_variables)
        model.compile(optimizer=optimizer, loss="mse")
        model.fit(X, Y, batch_size=32, verbose=0)
    replaced = [event for event in recording.events if event.kind == "replaced"]
    assert [(event.step, event.iterations) for event in replaced] == [(3, 3)] * len(replaced)
    assert {v.created for v in recording.seen if v.number == 2} == {3}


@on("keras-tensorflow", "keras-torch")
def test_rows_of_two_optimizers_are_in_the_order_of_their_steps(engine):
    model = dense_model(engine, "SGD", momentum=0.5)
    other = engine.optimizer("Adam", learning_rate=0.01)
    model.second = other
    gradients = [np.ones(tuple(v.shape), "float32") for v in model.trainable_variables]
    tensors = [engine.keras.ops.convert_to_tensor(g) for g in gradients]

    class Second(engine.keras.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            other.apply(tensors, model.trainable_variables)

    for keep in ("values", "norms"):
        made = int(model.optimizer.iterations)
        with slotscope.watch(model, keep=keep) as recording:
            model.fit(X, Y, batch_size=32, verbose=0, callbacks=[Second()])
        assert recording.steps.tolist() == [1, 2, 3, 4, 5, 6]
        assert (recording.iterations - made).tolist() == [1, 1, 2, 2, 3, 3]
        assert recording.steps_of == {"": 3, "second": 3}


@on("keras-torch")
def test_a_step_that_fails_and_is_caught_counts_nothing(engine):
    class Catching(engine.keras.Sequential):
        def train_step(self, batch):
            if int(self.optimizer.iterations) == 1:
                with contextlib.suppress(ValueError):
                    self.optimizer.apply([], self.trainable_variables)
            return super().train_step(batch)

    for keep in ("values", "norms"):
        layers = engine.keras.layers
        model = Catching([layers.Input((4,)), layers.Dense(1)])
        model.compile(optimizer=engine.optimizer("Adam"), loss="mse")
        with slotscope.watch(model, keep=keep) as recording:
            model.fit(X, Y, batch_size=32, epochs=2, verbose=0)
        assert recording.counts["steps"] == 6
        assert recording.iterations.tolist() == [1, 2, 3, 4, 5, 6]
        kinds = {str(event.kind) for event in recording.events}
        assert not kinds & {"counter set back", "gap", "restored"}


@on(*KERAS_3)
def test_rows_that_go_to_disk_in_the_middle_keep_their_rates(engine):
    rates = engine.keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    model = dense_model(engine, learning_rate=rates)
    with slotscope.watch(model) as recording:
        model.fit(X, Y, batch_size=32, verbose=0)
        recording.spill()
        model.fit(X, Y, batch_size=32, verbose=0)
    np.testing.assert_allclose(recording.learning_rates, 0.5 ** np.arange(1, 7), rtol=1e-6)
    assert recording.statistics["mean"].notna().all()


@on_every_engine
def test_what_is_not_finite_is_told_where_it_was(engine):
    model = dense_model(engine)
    broken = X.copy()
    broken[40] = np.nan
    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(broken, Y, batch_size=32, shuffle=False, verbose=0)
        model.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
    (event,) = [event for event in recording.events if event.kind == "not finite"]
    assert (event.step, event.iterations) == (2, 2)
    ended = [e for e in recording.events if e.kind in ("stepped", "not finite")]
    assert [e.step for e in ended] == sorted(e.step for e in ended)


@on("keras-2.1")
def test_slots_that_nobody_shows_any_more_are_a_frozen_mirror(engine):
    """Those of a second `get_updates`, for another parameter, are shown; the first train on."""
    model = dense_model(engine)
    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(X, Y, batch_size=32, verbose=0)
        backend = engine.keras.backend
        alone = backend.variable(np.ones((2, 2), "float32"), name="alone")
        model.optimizer.get_updates(loss=backend.sum(alone * alone), params=[alone])
        model.fit(X, Y, batch_size=32, verbose=0)
    (event,) = [event for event in recording.events if event.kind == "frozen mirror"]
    assert (event.step, event.count) == (4, 8)


@on("tf_keras", "tf_keras-legacy")
def test_eager_steps_within_one_call_are_steps_alone(engine):
    compiled = {"run_eagerly": True, "steps_per_execution": 5}
    for keep in ("values", "norms"):
        model = dense_model(engine, compiled=compiled)
        with slotscope.watch(model, keep=keep) as recording:
            model.fit(X, Y, batch_size=8, verbose=0)
        assert recording.counts["steps"] == 12
        kinds = {str(event.kind) for event in recording.events}
        assert not kinds & {"restored", "counter set back"}


@on(*TF_FUNCTION, "keras-jax")
def test_compiled_anew_with_several_steps_a_call(engine):
    model = dense_model(engine)
    with slotscope.watch(model) as recording:
        model.fit(X, Y, batch_size=8, verbose=0)
        optimizer = engine.optimizer("Adam", learning_rate=0.01)
        model.compile(optimizer=optimizer, loss="mse", steps_per_execution=4)
        model.fit(X, Y, batch_size=8, verbose=0)
        model.compile(optimizer=optimizer, loss="mse")
        model.fit(X, Y, batch_size=8, verbose=0)
    assert recording.counts["steps"] == 36
    assert recording.iterations.tolist() == [*range(1, 13), *range(1, 13), *range(13, 25)]
    assert recording.steps.tolist() == list(range(1, 37))
    assert model.train_function is not None
    assert not [event for event in recording.events if event.kind == "gap"]


def test_arrays_come_back_from_a_row_of_each_dtype():
    shapes = [(2, 3), (), (0,), (4,), (1, 1)]
    dtypes = ["float32", "int64", "float32", "float16", "float32"]
    layout = Layout(shapes, dtypes)
    assert layout.widths == {"float32": 7, "int64": 1, "float16": 4}
    assert layout.bytes == 7 * 4 + 8 + 8
    kinds = list(zip(shapes, dtypes, strict=True))
    steps = [
        [np.full(kind[0], n + step, kind[1]) for n, kind in enumerate(kinds)] for step in range(3)
    ]
    tables = {
        dtype: np.stack([np.concatenate([a.ravel() for a in row[place]]) for row in rows])
        for place, dtype in enumerate(layout.widths)
        for rows in ([list(layout.sorted(step)) for step in steps],)
    }
    for place, block in enumerate(layout.parted(tables)):
        wanted = np.stack([step[place] for step in steps])
        assert block.dtype == wanted.dtype
        assert np.array_equal(block, wanted)


def test_norms_of_rows_lose_no_square():
    rows = {
        "tiny": [1e-25, 2e-25],
        "huge": [3e25, -4e25],
        "zero": [0, 0],
        "infinite": [np.inf, 1],
        "not a number": [np.nan, 1],
    }
    for dtype in ("float32", "float64"):
        block = np.array(list(rows.values()), dtype)
        wanted = [describe(row)[0] for row in block]
        np.testing.assert_allclose(row_norms(block), wanted, rtol=1e-6)
    half = np.array([[6e4, 6e4], [6e-8, 0]], "float16")
    np.testing.assert_allclose(row_norms(half), [describe(row)[0] for row in half], rtol=1e-6)
    assert row_norms(np.zeros((2, 0), "float32")).tolist() == [0, 0]
