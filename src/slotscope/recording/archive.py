"""Recordings as files: a NumPy ``.npz`` archive that needs no pickle.

Arrays are stored flat, one archive member a kind, beside a JSON text that says how to cut them.
The archive carries a CRC of every member, so a damaged file is noticed, and it is written beside
its final name first, so a torn one never appears.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from slotscope.errors import DamagedRecordingError
from slotscope.files import whole
from slotscope.recording.recording import Event, Recording, Variable
from slotscope.recording.row import Row
from slotscope.recording.row_blocks import ABOUT, SpilledRows

_FORMAT = 1
_SIGNS_OF_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
_PLAIN = ("engine", "versions", "optimizer", "every", "counts")


def save(recording: Recording, path: str | PathLike[str]) -> None:
    """Write ``recording`` to ``path``; the file appears whole or not at all."""
    with whole(Path(path)) as temporary, temporary.open("wb") as file:
        write(recording, file)


def write(recording: Recording, file: BinaryIO) -> None:
    """Write ``recording`` to an open file."""
    np.savez_compressed(file, allow_pickle=False, **_members(recording))


def read(file: BinaryIO) -> Recording:
    """The recording in an open file.

    Raises:
        DamagedRecordingError: it is not a recording, or not all of it is there.
    """
    try:
        return _from_archive(file)
    except _SIGNS_OF_DAMAGE as error:
        raise _damaged("The content", error) from error


def about(recording: Recording) -> str:
    """Everything but the rows, as JSON."""
    found: dict[str, Any] = {name: getattr(recording, name) for name in _PLAIN}
    found["format"] = _FORMAT
    found["events"] = [asdict(event) for event in recording.events]
    found["seen"] = [asdict(variable) for variable in recording.seen]
    return json.dumps(found)


def spill(recording: Recording, folder: Path | None = None) -> SpilledRows:
    """Have ``recording`` keep its rows on disk from now on, those that it has too.

    Args:
        recording: one that keeps no values.
        folder: where to; a temporary one, which goes with the recording, by default.
    """
    rows = SpilledRows(folder, lambda: about(recording), lambda: [v.label for v in recording.seen])
    rows.extend(recording.rows)
    recording.rows = rows
    return rows


def _members(recording: Recording) -> dict[str, np.ndarray]:
    rows = list(recording.rows)
    members = {
        "about": np.frombuffer(about(recording).encode(), dtype=np.uint8),
        "iterations": recording.iterations,
        "sizes": np.array([len(row.indices) for row in rows], dtype=np.int64),
        "kept": np.array([row.values is not None for row in rows], dtype=bool),
        "indices": _joined([row.indices for row in rows], np.int64, ()),
        "statistics": _joined([row.statistics for row in rows], np.float64, (6,)),
        "identity": _joined([row.identity for row in rows], np.int64, (3,)),
        "live": _joined([row.live for row in rows], np.bool_, ()),
    }
    for index in range(len(recording.seen)):
        kept = [
            row.values[place]
            for row in rows
            if row.values is not None
            for place in np.flatnonzero(row.indices == index)
        ]
        if kept:
            members[f"values_{index}"] = np.stack(kept)
    return members


def _joined(parts: list[np.ndarray], dtype: Any, tail: tuple[int, ...]) -> np.ndarray:
    return np.concatenate([np.zeros((0, *tail), dtype), *parts])


def load(path: str | PathLike[str]) -> Recording:
    """Read a recording: a file of :meth:`Recording.save`, or a folder that `watch(to=...)` filled.

    Of a run that was killed, a folder has every block of steps that was complete.

    Raises:
        FileNotFoundError: there is no such file.
        DamagedRecordingError: it is not a recording, or not all of it is there.
    """
    try:
        if os.path.isdir(path):
            return _from_folder(Path(path))
        return _from_archive(path)
    except FileNotFoundError:
        raise
    except _SIGNS_OF_DAMAGE as error:
        raise _damaged(os.fspath(path), error) from error


def _damaged(what: str, error: Exception) -> DamagedRecordingError:
    return DamagedRecordingError(
        f"{what} is not a whole recording ({type(error).__name__}: {error}).\n"
        "Expected what Recording.save or watch(to=...) wrote. Record the run again, or"
        " restore it."
    )


def _from_archive(file: BinaryIO | str | PathLike[str]) -> Recording:
    with np.load(file, allow_pickle=False) as archive:
        return _recording({name: archive[name] for name in archive.files})


def _recording(members: dict[str, np.ndarray]) -> Recording:
    recording = _without_rows(members["about"].tobytes())
    recording.rows = _rows(members)
    return recording


def _from_folder(folder: Path) -> Recording:
    try:
        recording = _without_rows((folder / ABOUT).read_bytes())
    except FileNotFoundError as error:
        raise ValueError(f"a folder without {ABOUT}") from error
    spill(recording, folder).table()  # damage shows now, not in the middle of a figure
    return recording


def _without_rows(text: bytes) -> Recording:
    found = json.loads(text)
    if found["format"] != _FORMAT:
        raise ValueError(f"format {found['format']}, this version reads {_FORMAT}")
    recording = Recording(**{name: found[name] for name in _PLAIN})
    recording.events = [Event(**event) for event in found["events"]]
    recording.seen = [
        Variable(**{**variable, "shape": tuple(variable["shape"])}) for variable in found["seen"]
    ]
    return recording


def _rows(members: dict[str, np.ndarray]) -> list[Row]:
    total = int(members["sizes"].sum())
    parts = ("indices", "statistics", "identity", "live")
    if {len(members[part]) for part in parts} != {total}:
        raise ValueError(f"its parts are not all of {total} entries")
    taken: dict[int, int] = {}
    rows = []
    end = 0
    for iterations, size, kept in zip(
        members["iterations"], members["sizes"], members["kept"], strict=True
    ):
        cut = slice(end, end + size)
        end += size
        indices = members["indices"][cut]
        values = None
        if kept:
            values = tuple(members[f"values_{i}"][taken.get(i, 0)] for i in indices.tolist())
            taken |= {i: taken.get(i, 0) + 1 for i in indices.tolist()}
        rows.append(
            Row(
                int(iterations),
                indices,
                members["statistics"][cut],
                members["identity"][cut],
                members["live"][cut],
                values,
            )
        )
    return rows
