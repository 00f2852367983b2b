"""A statistic is one entry: its NumPy form is exact, and every backend finds the same."""

import importlib
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from engine_cases import KERAS_3, data, dense_model, functional, on

import slotscope
from slotscope.engines.meters.statistics import MEASURES, STATISTICS, Statistic, describe

#: The levels of which numbers are measured.
MEASURED = [(level, names) for level, names in MEASURES.items() if names]
#: What the cases below say a number of, in their order.
NAMES = ("l2", "mean", "min", "max", "zero_fraction", "nonfinite")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 4.0], (5, 3.5, 3, 4, 0, 0)),
        ([0.0, -2.0], (2, -1, -2, 0, 0.5, 0)),
        ([np.inf, 0.0], (np.inf, np.inf, 0, np.inf, 0.5, 1)),
        ([np.nan, 0.0], (np.nan, np.nan, np.nan, np.nan, 0.5, 1)),
        ([], (0, np.nan, np.nan, np.nan, np.nan, 0)),
        (7, (7, 7, 7, 7, 0, 0)),
    ],
)
def test_each_statistic_is_what_its_name_says(values, expected):
    described = describe(np.array(values, dtype="float32"))
    found = dict(zip(STATISTICS, described, strict=True))
    assert [found[name] for name in NAMES] == pytest.approx(expected, nan_ok=True)


def test_a_square_beyond_float32_does_not_overflow():
    assert describe(np.full(4, 1e30, dtype="float32"))[0] == pytest.approx(2e30)


@pytest.mark.parametrize("dtype", ["float16", "int64", "bool"])
def test_every_dtype_is_described(dtype):
    assert describe(np.ones(3, dtype=dtype))[1] == 1


def measured(engine, arrays, level="statistics"):
    """What the backend of ``engine`` finds in tensors that it has: array (tensors, numbers)."""
    module = importlib.import_module(f"slotscope.engines.meters.{engine.backend_name}_numbers")
    tensors = [engine.keras.ops.convert_to_tensor(array) for array in arrays]
    return np.asarray(engine.keras.ops.convert_to_numpy(module.numbers(tensors, level)), float)


#: Numbers whose squares float32 lacks, or that are none; and the shapes that slots have.
ODD = {
    "tiny": [1e-25, -3e-26, 2e-25],
    "huge": [1e25, -3e24, 2e25],
    "with a zero": [0.0, 2.0, -1.0],
    "zeros": [0.0, 0.0, 0.0],
    "not a number": [np.nan, 1.0, -2.0],
    "infinite": [np.inf, 1.0, 0.0],
    "both infinities": [np.inf, -np.inf, 0.0],
    "no element": [],
    "a scalar": 0.25,
    "rank 3": np.arange(24.0).reshape(2, 3, 4) - 7,
    "many": np.random.default_rng(0).standard_normal(300_000) + 3,
    "many, all of them tiny": np.full(300_000, -2e-25),
    "many, all of them huge": np.full(300_000, 3e25),
    "many, some of them zero": np.arange(300_000.0) % 7,
    "many, one of them none": np.append(np.ones(300_000), np.nan),
    "many, one of them infinite": np.append(-np.inf, np.ones(300_000)),
}


@on(*KERAS_3)
def test_odd_numbers_are_described_as_numpy_does(engine):
    convert = engine.keras.ops.convert_to_tensor
    for dtype in ("float32", "float16", "bfloat16"):
        for name, numbers in ODD.items():
            tensor = convert(np.array(numbers, "float32"), dtype)
            exact = np.asarray(engine.keras.ops.convert_to_numpy(convert(tensor, "float32")))
            for level, names in MEASURED:
                (found,) = measured(engine, [tensor], level)
                wanted = describe(exact)[: len(names)]
                message = f"{name} {dtype} {level}"
                np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=message)


@on("keras-torch")
def test_what_an_accelerator_does_finds_the_same(engine):
    from slotscope.engines.meters import torch_numbers

    torch = importlib.import_module("torch")
    for name, numbers in ODD.items():
        if not np.size(numbers):
            continue  # only a large tensor is described alone
        exact = np.array(numbers, "float32")
        for level, names in MEASURED:
            found = torch_numbers._queued(torch.tensor(exact), level)
            wanted = describe(exact)[: len(names)]
            np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=f"{name} {level}")


@on(*KERAS_3)
def test_long_sums_do_not_drift(engine):
    """Rounding one way at each addition, or a mean that is nothing beside its numbers."""
    random = np.random.default_rng(0)
    cases = {
        "all the same": np.full(5_000_000, 0.1, "float32"),
        "all positive": random.random(3_000_001, "float32") * 1e-3 + 0.1,
        "cancelling": random.standard_normal(2_000_000).astype("float32"),
        "a matrix": random.random((70_000, 30), "float32"),
    }
    for name, array in cases.items():
        (found,) = measured(engine, [array])
        message = f"{name} on {engine.name}"
        np.testing.assert_allclose(found, describe(array), rtol=1e-6, err_msg=message)


@on(*KERAS_3)
def test_variables_of_several_dtypes_and_sizes_keep_their_order(engine):
    arrays = [
        np.array(3.0, "float32"),
        np.arange(20_000, dtype="float32"),
        np.array([1e25, -1.0], "float64"),
        np.zeros((0, 2), "float32"),
        np.full(30_000, 0.5, "float64"),
        np.array([2.0, 4.0], "float16"),
    ]
    wanted = [describe(a) for a in arrays]
    np.testing.assert_allclose(measured(engine, arrays), wanted, rtol=1e-6)


#: Two statistics more, as somebody would add them.
MORE = {
    "l1": Statistic(
        "l1", of_values=lambda flat: np.abs(flat).sum(), of_reading=lambda r: r.sums(abs)
    ),
    "positive": Statistic(
        "positive",
        of_values=lambda flat: np.count_nonzero(flat > 0) / flat.size,
        of_reading=lambda reading: reading.sums(lambda x: x > 0) / reading.size,
    ),
}


@on("keras-2.1", "tf_keras-graph", "tf_keras", *KERAS_3)
def test_one_entry_more_is_one_column_more(engine):
    """Of small variables, measured together, and of large ones, each measured by itself."""
    layers = engine.keras.layers
    x, y = data(rows=64)
    tables = {}
    with mock.patch.dict("slotscope.engines.meters.statistics.STATISTICS", MORE):
        for keep in ("values", "statistics"):
            own = engine.fresh()
            with own.scope():
                own.seed(1)
                inputs = layers.Input(shape=(4,))
                outputs = layers.Dense(1)(layers.Dense(70_000)(layers.Dense(4)(inputs)))
                model = functional(own, inputs, outputs)
                model.compile(optimizer=own.optimizer("SGD", momentum=0.5), loss="mse")
                with slotscope.watch(model, keep=keep) as recording:
                    model.fit(x, y, batch_size=32, shuffle=False, verbose=0)
            tables[keep] = recording.statistics
    assert list(tables["statistics"])[4:] == [*STATISTICS, *MORE]
    assert (tables["statistics"]["l1"] > 0).any()
    for name in MORE:
        np.testing.assert_allclose(tables["statistics"][name], tables["values"][name], rtol=1e-5)


@on("keras-torch")
def test_a_recording_that_was_saved_before_an_entry_lacks_it_alone(engine):
    model = dense_model(engine)
    x, y = data()
    with tempfile.TemporaryDirectory() as folder:
        saved = [Path(folder, "rows"), Path(folder, "rows.npz")]
        with slotscope.watch(model, keep="statistics", to=saved[0]) as recording:
            model.fit(x, y, batch_size=32, verbose=0)
        recording.save(saved[1])
        wanted = recording.statistics
        with mock.patch.dict("slotscope.engines.meters.statistics.STATISTICS", MORE):
            for path in saved:
                found = slotscope.load(path).statistics
                assert list(found)[4:] == [*STATISTICS, *MORE]
                assert found[list(MORE)].isna().all(axis=None)
                pd.testing.assert_frame_equal(found.drop(columns=list(MORE)), wanted)


@on("keras-torch")
def test_one_entry_more_is_read_on_an_accelerator_too(engine):
    from slotscope.engines.meters import torch_numbers

    exact = np.random.default_rng(0).standard_normal(20_000).astype("float32")
    with mock.patch.dict("slotscope.engines.meters.statistics.STATISTICS", MORE):
        found = torch_numbers._queued(importlib.import_module("torch").tensor(exact), "statistics")
        np.testing.assert_allclose(found, describe(exact), rtol=1e-6)
