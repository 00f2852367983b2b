"""Rows go to disk in blocks, each whole or not there, and read as if they had stayed."""

import gc
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from engine_cases import data, dense_model, fresh
from waiting import until

import slotscope
from slotscope.errors import DamagedRecordingError, FolderInUseError, RowsNotWrittenWarning
from slotscope.recording import row_taker
from slotscope.recording.recording import Recording
from slotscope.recording.records import Row, Variable
from slotscope.recording.row_blocks import SpilledRows


@pytest.fixture(scope="module")
def engine():
    return slotscope.engine("tf_keras")


def example(rows):
    recording = Recording("keras-jax", {"jax": "0.10"}, "SGD", 1, {"steps": rows})
    recording.seen += [
        Variable("momentum", f"{name}/kernel", 1, "m", (2,), "float32", -1) for name in "ab"
    ]
    for step in range(rows):
        numbers = np.arange(12.0).reshape(2, 6) + step
        identity = np.full((2, 3), -1)
        live = np.array([True, False])
        recording.rows.append(
            Row(step + 1, step + 1, np.array([0, 1]), numbers, identity, live, None)
        )
    return recording


def alike(ours, theirs):
    return all(
        np.array_equal(getattr(ours, name), getattr(theirs, name))
        for name in ("iterations", "indices", "statistics", "identity", "live")
    )


@pytest.mark.parametrize("count", [0, 5, 1024, 2500])
def test_rows_on_disk_are_the_rows_that_were_there(tmp_path, count):
    plain, spilled = example(count), example(count)
    rows = spilled.spill(tmp_path)
    assert len(rows) == count
    assert len(list(tmp_path.glob("*.parquet"))) == count // 1024
    assert all(alike(*pair) for pair in zip(plain.rows, rows, strict=True))
    assert spilled.statistics.equals(plain.statistics)
    assert np.array_equal(spilled.iterations, plain.iterations)


def test_pandas_and_load_read_the_folder(tmp_path):
    recording = example(1500)
    recording.spill(tmp_path).write()
    table = pd.read_parquet(tmp_path)
    assert len(table) == 3000
    assert table["l2"].iloc[-1] == 6 + 1499
    loaded = slotscope.load(tmp_path)
    assert loaded.statistics.equals(recording.statistics)
    assert loaded.counts == recording.counts
    loaded.save(tmp_path / "one")
    assert slotscope.load(tmp_path / "one").statistics.equals(recording.statistics)


def test_a_folder_loads_before_its_first_block(tmp_path, engine):
    model = dense_model(fresh(engine))
    x, y = data()
    with slotscope.watch(model, keep="norms", to=tmp_path):
        assert not len(slotscope.load(tmp_path).rows)
        model.fit(x, y, verbose=0)
    assert list(slotscope.load(tmp_path).iterations) == [1, 2, 3]


def test_a_folder_of_something_else_is_no_recording(tmp_path):
    with pytest.raises(DamagedRecordingError, match=r"_about\.json"):
        slotscope.load(tmp_path)
    example(1100).spill(tmp_path).write()
    part = next(tmp_path.glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-40])
    with pytest.raises(DamagedRecordingError):
        slotscope.load(tmp_path)


def test_a_full_disk_keeps_the_rows_in_memory(tmp_path, monkeypatch):
    recording = example(0)
    rows = recording.spill(tmp_path)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.warns(RowsNotWrittenWarning, match="No space left"):
        rows.extend(example(3000).rows)
    assert len(list(rows)) == 3000
    assert not list(tmp_path.glob("*.parquet"))


def test_a_folder_in_use_is_refused(tmp_path, engine):
    (tmp_path / "notes.txt").write_text("mine")
    model = dense_model(fresh(engine))
    with pytest.raises(FolderInUseError, match="holds something"):
        slotscope.watch(model, keep="norms", to=tmp_path)
    with pytest.raises(slotscope.SlotscopeError, match="without values"):
        slotscope.watch(model, to=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_long_run_keeps_few_rows_in_memory(engine, monkeypatch):
    monkeypatch.setattr(row_taker, "ROWS_IN_MEMORY", 1000)
    recording = _long_recording(fresh(engine))
    assert isinstance(recording.rows, SpilledRows)
    assert len(recording.rows._latest) < 1024
    assert list(recording.iterations) == list(range(1, 3001))
    folder = recording.rows.folder
    assert folder.exists()
    del recording
    gc.collect()
    assert not folder.exists()


def _long_recording(engine):
    # A function of its own: TensorFlow 2.16 keeps what the locals of its caller were.
    model = dense_model(engine)
    x, y = data(rows=3000)
    with slotscope.watch(model, keep="norms") as recording:
        model.fit(x, y, batch_size=1, verbose=0)
    return recording


KILLED = textwrap.dedent(
    """
    import sys
    import numpy as np, slotscope
    engine = slotscope.engine("tf_keras")
    layers = engine.keras.layers
    model = engine.keras.Sequential([layers.Input((1,)), layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.ones((100_000, 1), "float32")
    with slotscope.watch(model, keep="norms", to=sys.argv[1]):
        model.fit(x, x, batch_size=1, verbose=0)
    """
)


def test_a_run_that_is_killed_leaves_its_complete_blocks(tmp_path):
    folder = tmp_path / "rows"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)])
    try:
        until(lambda: len(list(folder.glob("*.parquet"))) >= 3 or process.poll() is not None)
    finally:
        process.kill()
        process.wait()
    recording = slotscope.load(folder)
    iterations = recording.iterations
    assert len(iterations) >= 3000
    assert np.array_equal(iterations, np.arange(1, len(iterations) + 1))
    assert np.isfinite(recording.statistics["l2"]).all()
