"""A run watched ends, bit for bit, where the run unwatched ends."""

import io
import tempfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from engine_cases import (
    GRAPH,
    KERAS_3,
    TF_FUNCTION,
    data,
    dense_model,
    fresh,
    functional,
    on,
    on_every_engine,
    same,
    state,
)

import slotscope


def ends_alike(engine, build, train, **options):
    """Whether ``train`` ends alike unwatched, unwatched again (the A/A control), and watched.

    Where one session.run reads the step counter and advances it, a single run may differ from
    any other; what differs each time is not that race.
    """

    def run(watched):
        own = fresh(engine)
        model = build(own)
        with own.scope():
            if watched:
                with slotscope.watch(model, **options) as recording:
                    train(own, model)
                assert recording.counts["steps"] > 0
            else:
                train(own, model)
        return state(own, model)

    for _ in range(1 + engine.controls):
        first, again, watched = (run(watched) for watched in (False, False, True))
        if same(first, again) and same(first, watched):
            return True
    assert same(first, again), "the run is not reproducible in itself"
    return False


def fit(engine, model):
    x, y = data(rows=90)
    model.fit(x, y, epochs=2, batch_size=32, verbose=0)


def train_on_batches(engine, model):
    x, y = data(rows=90)
    for start in range(0, 90, 32):
        model.train_on_batch(x[start : start + 32], y[start : start + 32])


@on_every_engine
def test_fit(engine):
    for name in ("SGD", "Adam", "RMSprop"):
        assert ends_alike(engine, lambda e, name=name: dense_model(e, name), fit), name


@on_every_engine
def test_train_on_batch(engine):
    assert ends_alike(engine, dense_model, train_on_batches)


@on_every_engine
def test_measured_inside_of_the_step(engine):
    for options in ({"keep": "norms"}, {"keep": "statistics", "every": 3}):
        for train in (fit, train_on_batches):
            assert ends_alike(engine, dense_model, train, **options), options


@on_every_engine
def test_dropout_draws_the_same_numbers(engine):
    def build(engine):
        engine.seed(3)
        layers = engine.keras.layers
        with engine.scope():
            x = layers.Input(shape=(4,))
            y = layers.Dense(1)(layers.Dropout(0.5)(layers.Dense(8)(x)))
            model = functional(engine, x, y)
            model.compile(optimizer=engine.optimizer("Adam"), loss="mse")
        return model

    assert ends_alike(engine, build, fit)


@on(*TF_FUNCTION, "keras-jax")
def test_several_steps_an_execution(engine):
    compiled = {"steps_per_execution": 2}
    for keep in ("values", "statistics"):
        assert ends_alike(engine, lambda e: dense_model(e, compiled=compiled), fit, keep=keep)


@on(*TF_FUNCTION, "keras-jax", "keras-torch")
def test_run_eagerly(engine):
    compiled = {"run_eagerly": True}
    for keep in ("values", "statistics"):
        assert ends_alike(engine, lambda e: dense_model(e, compiled=compiled), fit, keep=keep)


@on(*TF_FUNCTION, "keras-jax")
def test_jit_compile(engine):
    compiled = {"jit_compile": True}
    for keep in ("values", "norms", "statistics"):
        assert ends_alike(engine, lambda e: dense_model(e, compiled=compiled), fit, keep=keep)


@on(*KERAS_3)
def test_moving_average_accumulation_and_clipping(engine):
    for config in (
        {"use_ema": True, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2},
        {"clipnorm": 0.5, "weight_decay": 0.01},
    ):
        for keep in ("values", "norms"):
            build = lambda e, c=config: dense_model(e, **c)  # noqa: E731
            assert ends_alike(engine, build, fit, keep=keep), (config, keep)


@on(*GRAPH)
def test_a_watch_adds_nothing_to_the_graph(engine):
    def operations(watched):
        own = fresh(engine)
        model = dense_model(own)
        with own.scope() as session:
            if watched:
                with slotscope.watch(model):
                    fit(own, model)
            else:
                fit(own, model)
            return [(op.name, op.type) for op in session.graph.get_operations()]

    assert operations(watched=True) == operations(watched=False)


def contents(path):
    """Every array and attribute of an HDF5 file, or the members of a .keras archive."""
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as weights:
            found = contents_of_hdf5(io.BytesIO(weights.read()))
            return found | {"config": archive.read("config.json")}
    return contents_of_hdf5(path)


def contents_of_hdf5(file):
    with h5py.File(file, "r") as opened:
        found = {f"@{key}": str(value) for key, value in opened.attrs.items()}

        def visit(name, item):
            found.update({f"{name}@{key}": str(value) for key, value in item.attrs.items()})
            if isinstance(item, h5py.Dataset):
                found[name] = item[()].tobytes()

        opened.visititems(visit)
    return found


@on_every_engine
def test_saving_inside_the_block_writes_what_it_writes_outside(engine):
    x, y = data()
    form = "keras" if engine.name in KERAS_3 else "h5"
    model = dense_model(engine)
    with engine.scope(), tempfile.TemporaryDirectory() as folder:
        inside, outside = (Path(folder) / f"{name}.{form}" for name in ("inside", "outside"))
        with slotscope.watch(model):
            model.fit(x, y, verbose=0)
            model.save(str(inside))
        model.save(str(outside))
        assert contents(inside) == contents(outside)
        assert len(contents(inside)) > 4


@pytest.mark.parametrize("every", [0, -1, 1.5, "2"])
def test_every_must_be_a_whole_number(every):
    with pytest.raises(slotscope.SlotscopeError, match="every="):
        slotscope.watch(None, every=every)


def test_keep_must_be_known():
    with pytest.raises(slotscope.SlotscopeError, match="keep="):
        slotscope.watch(None, keep="everything")


def test_the_comparison_sees_the_last_bit():
    one = [np.float32(1)[None]]
    assert not same(one, [np.nextafter(np.float32(1), np.float32(2))[None]])
