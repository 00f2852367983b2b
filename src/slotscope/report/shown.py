"""Results as a person reads them: a line of text each, and HTML where there is a table.

Nothing here depends on when or where it runs, so that two executions of a notebook leave the same.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from slotscope.report.values import FIGURE, RECORDING, SERIES, TABLE, tag_of

#: A list of more values is shown in part; it is kept whole.
_SHOWN = 6
#: An array of several axes and more values is described.
_LISTED = 36
_ROWS, _COLUMNS = 6, 8

#: What a terminal takes as colours and the like, and what no document of XML may hold.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def text(values: Mapping[str, Any]) -> str:
    """One line a value, floats to four digits; below it the start of a table."""
    width = max(map(len, values))
    lines = []
    for name, value in values.items():
        lines.append(f"{name:{width}}  {brief(value)}")
        if tag_of(value) in (TABLE, SERIES):
            rows = _frame(value).to_string(max_rows=_ROWS, max_cols=_COLUMNS).splitlines()
            lines += [f"    {row}".rstrip() for row in rows]
    return "\n".join(lines)


def as_html(values: Mapping[str, Any]) -> str | None:
    """The same with real tables; None where no value is one, and text is as good."""
    tables = {n: v for n, v in values.items() if tag_of(v) in (TABLE, SERIES)}
    if not tables:
        return None
    parts = []
    rows = [
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(brief(value))}</td></tr>'
        for name, value in values.items()
        if name not in tables
    ]
    if rows:
        parts += ["<table>", *rows, "</table>"]
    for name, value in tables.items():
        parts.append(f"<p><b>{html.escape(name)}</b>: {html.escape(brief(value))}</p>")
        parts.append(_frame(value).to_html(max_rows=_ROWS, max_cols=_COLUMNS, border=0))
    return "\n".join(parts)


def brief(value: Any) -> str:
    """``value`` in a few words."""
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        items = [brief(item) for item in value[:_SHOWN]]
        return f"[{', '.join(items)}{_more(len(value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {brief(item)}" for key, item in value.items()) + "}"
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


def _array(array: np.ndarray) -> str:
    if array.ndim == 1:
        items = [brief(item) for item in array[:_SHOWN]]
        return f"[{', '.join(items)}{_more(len(array))}]"
    if array.size <= _LISTED:
        return brief(array.tolist())
    shape = " x ".join(map(str, array.shape))
    if array.dtype.kind in "iuf":
        return f"{shape} of {array.dtype}, from {brief(array.min())} to {brief(array.max())}"
    return f"{shape} of {array.dtype}"


def _more(count: int) -> str:
    return f", ... {count} in all" if count > _SHOWN else ""


def _frame(value: Any) -> Any:
    return value.to_frame() if tag_of(value) == SERIES else value
