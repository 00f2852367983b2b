"""A recording comes back from its file whole, or not at all."""

import random

import numpy as np
import pytest

import slotscope
from slotscope.errors import DamagedRecordingError
from slotscope.recording.recording import Recording
from slotscope.recording.records import Event, Row, Variable


def example(rows=3, kept=True):
    """A recording of two variables, one of them replaced after the second row."""
    recording = Recording("keras-jax", {"jax": "0.10"}, "SGD", 2, {"build": 1, "steps": rows})
    recording.events.append(Event("stepped", 1, "détail", 1))
    for number in (1, 2):
        recording.seen.append(Variable("momentum", "a/b", number, "m", (2, 2), "float32", -1, 0.0))
    for step in range(rows):
        indices = np.array([0] if step < 2 else [0, 1])
        recording.rows.append(
            Row(
                step,
                step,
                indices,
                np.full((len(indices), 6), step + 1.0),
                np.full((len(indices), 3), step),
                np.array([False] * (len(indices) - 1) + [True]),
                tuple(np.full((2, 2), step, "float32") for _ in indices) if kept else None,
            )
        )
    return recording


@pytest.mark.parametrize("recording", [example(), example(rows=0), example(kept=False)])
def test_it_comes_back_as_it_was(recording, tmp_path):
    recording.save(tmp_path / "run.slotscope")
    loaded = slotscope.load(tmp_path / "run.slotscope")
    for name in ("engine", "versions", "optimizer", "every", "counts", "events", "seen"):
        assert getattr(loaded, name) == getattr(recording, name)
    assert loaded.statistics.equals(recording.statistics)
    assert loaded.variables.equals(recording.variables)
    for ours, theirs in zip(recording.rows, loaded.rows, strict=True):
        assert np.array_equal(ours.indices, theirs.indices)
        assert np.array_equal(ours.identity, theirs.identity)
        assert np.array_equal(ours.live, theirs.live)
        assert (ours.values is None) == (theirs.values is None)
    if recording.rows and recording.rows[0].values is not None:
        assert np.array_equal(recording.values("momentum"), loaded.values("momentum"))


def test_nan_and_infinity_survive(tmp_path):
    recording = example(rows=1)
    recording.rows[0].values[0][0] = [np.nan, -np.inf]
    recording.save(tmp_path / "run.slotscope")
    values = slotscope.load(tmp_path / "run.slotscope").values("momentum")
    assert np.array_equal(values, recording.values("momentum"), equal_nan=True)


def test_no_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        slotscope.load(tmp_path / "none.slotscope")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 torn", b"\x00" * 500])
def test_something_else_is_refused(content, tmp_path):
    path = tmp_path / "run.slotscope"
    path.write_bytes(content)
    with pytest.raises(DamagedRecordingError, match=r"run\.slotscope is not a whole recording"):
        slotscope.load(path)


def test_an_archive_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    with pytest.raises(DamagedRecordingError):
        slotscope.load(tmp_path / "other.npz")


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "run.slotscope"
    example().save(path)
    content = path.read_bytes()
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        with pytest.raises(DamagedRecordingError):
            slotscope.load(path)


def test_a_flipped_bit_is_refused_or_harmless(tmp_path):
    path = tmp_path / "run.slotscope"
    recording = example()
    recording.save(path)
    content = path.read_bytes()
    chance = random.Random(0)
    for _ in range(400):
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            loaded = slotscope.load(path)
        except DamagedRecordingError:
            continue
        # A bit that nothing depends on, such as the archive's time stamps.
        assert loaded.statistics.equals(recording.statistics), (place, bit)
        assert loaded.events == recording.events, (place, bit)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.slotscope"
    example().save(path)
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez_compressed", lambda *a, **k: (_ for _ in ()).throw(OSError(28)))
    with pytest.raises(OSError, match="28"):
        example(rows=1).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
