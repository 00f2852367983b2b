"""Values of results as text: JSON, with a tag where JSON has no such thing.

A value that JSON lacks is an object of one key, its tag: ``{"$float": "nan"}``. An array is its
dtype, its shape and its bytes in base64; a table of pandas is a file of Arrow in base64. Both come
back bit for bit, with their types. A figure or a recording is too large, and differs from one
execution to the next, so the text has only its place, and the notebook the thing itself
(:mod:`slotscope.report.results.attachments`).
"""

from __future__ import annotations

import base64
import io
import json
import math
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from slotscope.errors import UnfitResultError

FORMAT = 1
FLOAT, ARRAY, TABLE, SERIES = "$float", "$array", "$table", "$series"
FIGURE, RECORDING = "$figure", "$recording"
TAGS = frozenset({FLOAT, ARRAY, TABLE, SERIES, FIGURE, RECORDING})

#: Booleans, integers, floats, complex numbers, strings, bytes, dates and durations of NumPy.
_KINDS = frozenset("biufcSUMm")
_TYPES = {
    TABLE: ("pandas", "DataFrame"),
    SERIES: ("pandas", "Series"),
    FIGURE: ("matplotlib.figure", "Figure"),
    RECORDING: ("slotscope.recording.recording", "Recording"),
}

#: What stands for a figure or a recording when values are read, from its tag and its place.
Attached = Callable[[str, str], Any]


def kept(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is kept of ``values``, and the figures and recordings among them, by their place.

    Raises:
        UnfitResultError: a value is of a type that results cannot hold.
    """
    attached: dict[str, Any] = {}
    plain = {name: _plain(value, name, attached) for name, value in values.items()}
    text = json.dumps(plain, allow_nan=False)
    return {"format": FORMAT, "values": text, "crc32": zlib.crc32(text.encode())}, attached


def restored(kept: Mapping[str, Any], attached: Attached) -> dict[str, Any]:
    """The values of what :func:`kept` returned, if it is as it was written.

    Raises:
        ValueError, LookupError, TypeError: it is not.
    """
    if kept["format"] != FORMAT:
        raise ValueError(f"format {kept['format']}, this version reads {FORMAT}")
    if zlib.crc32(kept["values"].encode()) != kept["crc32"]:
        raise ValueError("the checksum differs")

    def restore(value: dict[str, Any]) -> Any:
        tag = next(iter(value), "")
        if tag in (FIGURE, RECORDING):
            return attached(tag, value[tag])
        return _RESTORE[tag](value[tag]) if tag in _RESTORE else value

    values: dict[str, Any] = json.loads(kept["values"], object_hook=restore)
    return values


def tag_of(value: Any) -> str:
    """The tag of a table, series, figure or recording; empty for anything else."""
    for tag, (module, name) in _TYPES.items():
        # Who has such a value has imported its module; this one needs none of them.
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(value, kind):
            return tag
    return ""


def _plain(value: Any, place: str, attached: dict[str, Any]) -> Any:
    """``value`` in types that JSON has; ``place`` says where it is, also for the message."""
    if isinstance(value, np.ndarray):
        return {ARRAY: _array(value, place, attached)}
    if isinstance(value, np.generic):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {FLOAT: repr(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{place}[{index}]", attached) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return _dictionary(value, place, attached)
    tag = tag_of(value)
    if tag in (FIGURE, RECORDING):
        if place in attached:
            raise UnfitResultError(f"Two results would both be {place}. Rename one of them.")
        attached[place] = value
        return {tag: place}
    if tag:
        return {tag: _table(value, place)}
    raise UnfitResultError(
        f"{place} is of type {type(value).__qualname__}, which a result cannot hold.\n"
        "Expected None, a boolean, a number, a string, an array of NumPy, a table or series of"
        " pandas, a figure of matplotlib, a recording, or a list, tuple or dictionary of these."
        " Convert it first."
    )


def _dictionary(value: dict[Any, Any], place: str, attached: dict[str, Any]) -> dict[str, Any]:
    if not all(isinstance(key, str) for key in value):
        raise UnfitResultError(f"{place} has keys that are not strings. Convert them: str(key).")
    if taken := TAGS & value.keys():
        raise UnfitResultError(
            f"{place} has the key {min(taken)!r}, by which results mark their own. Rename it."
        )
    return {key: _plain(item, f"{place}[{key!r}]", attached) for key, item in value.items()}


def _array(array: np.ndarray, place: str, attached: dict[str, Any]) -> dict[str, Any]:
    if isinstance(array, np.ma.MaskedArray):
        raise UnfitResultError(
            f"{place} is a masked array, whose mask would be lost. Keep the two apart:"
            " values=a.data, mask=a.mask; or a.filled(nan)."
        )
    dtype = array.dtype
    if dtype.kind == "O":  # as pandas makes of words
        items = _plain(array.ravel().tolist(), place, attached)
        return {"dtype": "|O", "shape": list(array.shape), "values": items}
    # bfloat16 and its like tell NumPy no more of themselves than their size; the name is enough.
    extended = dtype.type.__module__.partition(".")[0] == "ml_dtypes"
    if not extended and dtype.kind not in _KINDS:
        raise UnfitResultError(
            f"{place} is an array of dtype {dtype}, which a result cannot hold.\n"
            "Expected numbers, booleans, strings or dates. Convert it: astype(...), or tolist()."
        )
    return {
        "dtype": dtype.name if extended else dtype.str,
        "shape": list(array.shape),
        "base64": as_base64(array.tobytes()),
    }


def _restored_array(kept: Mapping[str, Any]) -> np.ndarray:
    name = kept["dtype"]
    if name == "|O":
        objects = np.empty(len(kept["values"]), dtype=object)
        for index, item in enumerate(kept["values"]):  # at once, NumPy would take lists apart
            objects[index] = item
        return objects.reshape(kept["shape"])
    if name[:1] not in "<>|=":
        import ml_dtypes

        name = getattr(ml_dtypes, name)
    content = np.frombuffer(_bytes(kept["base64"]), dtype=name)
    return content.reshape(kept["shape"]).copy()


def _table(value: Any, place: str) -> dict[str, Any]:
    """A table or a series as a file of Arrow, once it is sure that it comes back the same."""
    import pandas as pd
    import pyarrow as pa

    named = not isinstance(value, pd.Series) or value.name is not None
    frame = value
    if isinstance(value, pd.Series):
        frame = value.to_frame() if named else value.to_frame("values")
    try:
        table = pa.Table.from_pandas(frame)
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
        found = {"arrow": as_base64(sink.getvalue()), "named": named}
        pd.testing.assert_frame_equal(
            _restored_table(found), frame, check_exact=True, check_freq=False
        )
    except (pa.ArrowException, AssertionError, ValueError, TypeError) as error:
        raise UnfitResultError(
            f"{place} would not come back as it is: {' '.join(str(error).split())[:300]}\n"
            "Expected columns of one type each that Arrow has: numbers, strings, dates,"
            " categories. Convert the others first, as by astype(str)."
        ) from error
    return found


def _restored_table(kept: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    return pa.ipc.open_file(pa.py_buffer(_bytes(kept["arrow"]))).read_all().to_pandas()


def _restored_series(kept: Mapping[str, Any]) -> Any:
    series = _restored_table(kept).iloc[:, 0]
    return series if kept["named"] else series.rename(None)


def as_base64(content: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(content).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_RESTORE: dict[str, Callable[[Any], Any]] = {
    FLOAT: float,
    ARRAY: _restored_array,
    TABLE: _restored_table,
    SERIES: _restored_series,
}
