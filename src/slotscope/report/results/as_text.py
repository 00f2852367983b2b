"""Results as a person reads them: a line of text each, and HTML where there is a table.

In a notebook, floats are as :mod:`slotscope.report.results.portable_floats` states them, so that an
execution on another machine leaves the same. On a page of a sweep, which nothing compares, they
have four digits.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from slotscope.report.results.encoding import FIGURE, RECORDING, SERIES, TABLE, tag_of
from slotscope.report.results.portable_floats import is_float, stated

#: A list of more values is shown in part; it is kept whole.
_SHOWN = 6
#: An array of several axes and more values is described.
_LISTED = 36
_ROWS, _COLUMNS = 6, 8
#: Longer texts are cut where a page says no other length; the notebook has them whole.
LONGEST = 2000

#: What a terminal takes as colours and the like, and what no document of XML may hold.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


#: How a float or a complex number is shown.
Number = Callable[[Any], str]


def text(values: Mapping[str, Any]) -> str:
    """One line a value; below it the start of a table."""
    width = max(map(len, values))
    lines = []
    for name, value in values.items():
        lines.append(f"{name:{width}}  {brief(value, stated)}")
        if tag_of(value) in (TABLE, SERIES):
            rows = _frame(value).to_string(max_rows=_ROWS, max_cols=_COLUMNS).splitlines()
            lines += [f"    {row}".rstrip() for row in rows]
    return "\n".join(lines)


def as_html(values: Mapping[str, Any]) -> str | None:
    """The same with real tables; None if no value is one, and text is as good."""
    tables = {n: v for n, v in values.items() if tag_of(v) in (TABLE, SERIES)}
    if not tables:
        return None
    short = {name: html.escape(brief(value, stated)) for name, value in values.items()}
    parts = []
    rows = [
        f'<tr><th scope="row">{html.escape(name)}</th><td>{short[name]}</td></tr>'
        for name in values
        if name not in tables
    ]
    if rows:
        parts += ["<table>", *rows, "</table>"]
    for name, value in tables.items():
        parts.append(f"<p><b>{html.escape(name)}</b>: {short[name]}</p>")
        parts.append(_frame(value).to_html(max_rows=_ROWS, max_cols=_COLUMNS, border=0))
    return "\n".join(parts)


def four_digits(value: Any) -> str:
    """A float, or a complex number."""
    return f"{value.tolist() if isinstance(value, np.generic) else value:.4g}"


def brief(value: Any, number: Number = four_digits) -> str:
    """``value`` in a few words, and floats as ``number`` shows them."""
    if isinstance(value, np.ndarray):
        return _array(value, number)
    if is_float(value):
        return number(value)
    if isinstance(value, np.generic):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return _listed(value, number)
    if isinstance(value, dict):
        items = (f"{key}: {brief(item, number)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    tag = tag_of(value)
    if tag == TABLE:
        return f"a table of {len(value)} rows and {value.shape[1]} columns"
    if tag == SERIES:
        return f"a series of {len(value)} values"
    if tag == FIGURE:
        return "a figure"
    return repr(value) if tag == RECORDING else str(value)


def printable(text: str) -> str:
    """``text`` without escape codes; a lone surrogate, which no file holds, is ``\\ud800``."""
    plain = _CONTROLS.sub("", _ESCAPES.sub("", text))
    return plain.encode("utf-8", "backslashreplace").decode("utf-8")


def cut(text: str, longest: int = LONGEST) -> str:
    """``text``, or its start where it is longer, and how long it is."""
    return text if len(text) <= longest else f"{text[:longest]} ... ({len(text)} characters)"


def _array(array: np.ndarray, number: Number) -> str:
    if array.ndim == 0:
        return brief(array[()], number)
    if array.ndim == 1 or array.size <= _LISTED:
        return _listed(array, number)
    shape = " x ".join(map(str, array.shape))
    if array.dtype.kind in "iuf":
        least, most = (brief(end, number) for end in (array.min(), array.max()))
        return f"{shape} of {array.dtype}, from {least} to {most}"
    return f"{shape} of {array.dtype}"


def _listed(values: Any, number: Number) -> str:
    """The start of a list, or of an array along its first axis."""
    items = [brief(item, number) for item in values[:_SHOWN]]
    more = f", ... {len(values)} in all" if len(values) > _SHOWN else ""
    return f"[{', '.join(items)}{more}]"


def _frame(value: Any) -> Any:
    """The rows and columns that a table or a series is shown by, with floats as text."""
    import pandas as pd

    frame = value.to_frame() if tag_of(value) == SERIES else value
    frame = frame.iloc[_ends(len(frame), _ROWS), _ends(frame.shape[1], _COLUMNS)].copy()
    for place in range(frame.shape[1]):
        cells = map(_cell, frame.iloc[:, place].array)  # which tells float16 from float64
        frame.isetitem(place, pd.Series(list(cells), frame.index, dtype=object))
    return frame.set_axis(_labels(frame.index)).set_axis(_labels(frame.columns), axis="columns")


def _ends(count: int, most: int) -> list[int]:
    """Places of a start and an end; one too many where there are more, so that pandas says so."""
    half = most // 2
    return [*range(count)] if count <= most else [*range(half + 1), *range(count - half, count)]


def _labels(index: Any) -> Any:
    names = list(map(_cell, index.names))
    return index.map(_cell).set_names(names) if len(index) else index.set_names(names)


def _cell(value: Any) -> Any:
    """A float as text, also where a label or an interval holds it; else what it is."""
    import pandas as pd

    if isinstance(value, tuple):
        return tuple(map(_cell, value))
    if isinstance(value, pd.Interval):
        return f"{_cell(value.left)} to {_cell(value.right)}"
    return stated(value) if is_float(value) else value
