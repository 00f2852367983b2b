"""Recordings as files: a NumPy ``.npz`` archive that needs no pickle.

Arrays are stored flat, one archive member a kind, beside a JSON text that says how to cut them.
The archive carries a CRC of every member, so a damaged file is noticed, and it is written beside
its final name first, so a torn one never appears.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from slotscope.engines.meters.statistics import STATISTICS
from slotscope.errors import DamagedRecordingError
from slotscope.recording.records import Event, Row, Variable
from slotscope.recording.row_blocks import ABOUT

_FORMAT = 2
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
_PLAIN = (
    "engine",
    "versions",
    "optimizer",
    "every",
    "counts",
    "train_calls",
    "keep",
    "others",
    "steps_of",
)


def write(fields: Mapping[str, Any], file: BinaryIO) -> None:
    """Write a recording's fields to an open file."""
    np.savez_compressed(file, allow_pickle=False, **_members(fields))


def read(file: BinaryIO | str | PathLike[str]) -> dict[str, Any]:
    """A recording's fields, from a file."""
    with np.load(file, allow_pickle=False) as archive:
        members = {name: archive[name] for name in archive.files}
    return {**_without_rows(members["about"].tobytes()), "rows": _rows(members)}


def read_folder(folder: Path) -> dict[str, Any]:
    """A recording's fields but for its rows, from a folder of blocks of them."""
    try:
        return _without_rows((folder / ABOUT).read_bytes())
    except FileNotFoundError as error:
        raise ValueError(f"a folder without {ABOUT}") from error


def about(fields: Mapping[str, Any]) -> str:
    """Everything but the rows, as JSON."""
    found: dict[str, Any] = {name: fields[name] for name in _PLAIN}
    found["format"] = _FORMAT
    for name in ("events", "seen"):
        found[name] = [asdict(record) for record in fields[name]]
    return json.dumps(found)


@contextlib.contextmanager
def damage_is_told(path: str | PathLike[str] | BinaryIO) -> Iterator[None]:
    """While a recording is read.

    Raises:
        DamagedRecordingError: in the place of whatever a damaged file made of the reading.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except _SIGNS_OF_DAMAGE as error:
        what = os.fspath(path) if isinstance(path, str | PathLike) else "The content"
        raise DamagedRecordingError(
            f"{what} is not a whole recording ({type(error).__name__}: {error}).\n"
            "Expected what Recording.save or watch(to=...) wrote. Record the run again, or"
            " restore it."
        ) from error


def _members(fields: Mapping[str, Any]) -> dict[str, Any]:
    rows: list[Row] = list(fields["rows"])
    members: dict[str, Any] = {
        "about": np.frombuffer(about(fields).encode(), dtype=np.uint8),
        "steps": np.array([row.step for row in rows], dtype=np.int64),
        "iterations": np.array([row.iterations for row in rows], dtype=np.int64),
        "learning_rates": np.array([row.learning_rate for row in rows], dtype=np.float64),
        "sizes": np.array([len(row.indices) for row in rows], dtype=np.int64),
        "kept": np.array([row.values is not None for row in rows], dtype=bool),
        "indices": _joined([row.indices for row in rows], np.int64, ()),
        "statistics": _joined([row.statistics for row in rows], np.float64, (len(STATISTICS),)),
        "identity": _joined([row.identity for row in rows], np.int64, (3,)),
        "live": _joined([row.live for row in rows], np.bool_, ()),
    }
    for index in range(len(fields["seen"])):
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


def _without_rows(text: bytes) -> dict[str, Any]:
    found = json.loads(text)
    if found["format"] != _FORMAT:
        raise ValueError(f"format {found['format']}, this version reads {_FORMAT}")
    return {
        **{name: found[name] for name in _PLAIN},
        "events": [Event(**event) for event in found["events"]],
        "seen": [Variable(**{**v, "shape": tuple(v["shape"])}) for v in found["seen"]],
    }


def _rows(members: dict[str, np.ndarray]) -> list[Row]:
    total = int(members["sizes"].sum())
    parts = ("indices", "statistics", "identity", "live")
    if {len(members[part]) for part in parts} != {total}:
        raise ValueError(f"its parts are not all of {total} entries")
    lacking = len(STATISTICS) - members["statistics"].shape[1]  # those added since it was saved
    statistics = np.pad(members["statistics"], ((0, 0), (0, lacking)), constant_values=np.nan)
    taken: dict[int, int] = {}
    rows = []
    end = 0
    of_rows = ("steps", "iterations", "learning_rates", "sizes", "kept")
    for step, iterations, rate, size, kept in zip(*map(members.get, of_rows), strict=True):
        cut = slice(end, end + size)
        end += size
        indices = members["indices"][cut]
        values = None
        if kept:
            values = tuple(members[f"values_{i}"][taken.get(i, 0)] for i in indices.tolist())
            taken |= {i: taken.get(i, 0) + 1 for i in indices.tolist()}
        rows.append(
            Row(
                int(step),
                int(iterations),
                indices,
                statistics[cut],
                members["identity"][cut],
                members["live"][cut],
                values,
                float(rate),
            )
        )
    return rows
