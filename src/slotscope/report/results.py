"""Results that an experiment leaves in its notebook, for another program to read.

A notebook that papermill ran is a file of outputs. :func:`result` adds one that holds named values
twice: as text, for who reads the notebook, and as JSON of a mime type of its own, for
:func:`read_results`, which needs no kernel, no framework and no Jupyter.

The JSON travels as one string with its checksum, so that no editor that saves the notebook turns
1.0 into 1 unnoticed. Floats come back exactly as they were; JSON has no NaN and no infinity, so
those are written as ``{"$float": "nan"}``.
"""

from __future__ import annotations

import json
import math
import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from slotscope.errors import DamagedResultsError, NoResultsError, UnfitResultError

#: The mime type of the output.
MIME = "application/vnd.slotscope.result+json"

_FORMAT = 1
_FLOAT = "$float"
#: A list of more values is shown in part; it is kept whole.
_SHOWN = 6


def result(**values: Any) -> None:
    """Show ``values``, and keep them in the notebook that runs this.

    Args:
        **values: None, booleans, integers, floats and strings, as Python's or as NumPy's; arrays;
            and lists, tuples and dictionaries (with strings as keys) of all these. float32 becomes
            the float of the same value; a tuple or an array becomes a list.

    Raises:
        UnfitResultError: a value is something else, or there is none.
    """
    if not values:
        raise UnfitResultError("There is no result to keep. Name one: slotscope.result(loss=0.5).")
    plain = {name: _plain(value, name) for name, value in values.items()}
    text = json.dumps(plain, allow_nan=False)
    kept = {"format": _FORMAT, "values": text, "crc32": zlib.crc32(text.encode())}
    _display({MIME: kept, "text/plain": _shown(values)})


def read_results(notebook: str | PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    """The results that an executed notebook holds.

    Args:
        notebook: path of the file, or what ``nbformat.read`` or papermill's ``execute_notebook``
            returned.

    Returns:
        The values by name, of every call of :func:`result`; the last one where a name comes again.

    Raises:
        FileNotFoundError: there is no such file.
        NoResultsError: the notebook holds no results.
        DamagedResultsError: it is not a notebook, or its results are not as they were written.
    """
    where = "The notebook" if isinstance(notebook, Mapping) else os.fspath(notebook)
    try:
        content = notebook if isinstance(notebook, Mapping) else _parsed(Path(notebook))
        outputs = list(_outputs(content))
        kept = [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]
        results = {name: value for part in kept for name, value in _values(part).items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedResultsError(
            f"{where} is not a notebook whose results are whole ({type(error).__name__}: {error})."
            "\nExpected what slotscope.result left in an executed notebook. Run it again."
        ) from error
    if not results:
        raise NoResultsError(f"{where} holds no results: {_why(outputs)}")
    return results


def _plain(value: Any, place: str) -> Any:
    """``value`` in types that JSON has; ``place`` says where it is, for the message."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {_FLOAT: repr(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, dict) and _FLOAT not in value:
        if all(isinstance(key, str) for key in value):
            return {key: _plain(item, f"{place}[{key!r}]") for key, item in value.items()}
        raise UnfitResultError(f"{place} has keys that are not strings. Convert them: str(key).")
    raise UnfitResultError(
        f"{place} is of type {type(value).__qualname__}, which a result cannot hold.\n"
        "Expected None, a boolean, a number, a string, an array, or a list, tuple or dictionary"
        " of these. Convert it first."
    )


def _values(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The values of one output, if it is as it was written."""
    if kept["format"] != _FORMAT:
        raise ValueError(f"format {kept['format']}, this version reads {_FORMAT}")
    if zlib.crc32(kept["values"].encode()) != kept["crc32"]:
        raise ValueError("the checksum differs")
    values: dict[str, Any] = json.loads(kept["values"], object_hook=_restored)
    return values


def _restored(value: dict[str, Any]) -> Any:
    return float(value[_FLOAT]) if _FLOAT in value else value


def _parsed(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _outputs(notebook: Mapping[str, Any]) -> Iterator[Any]:
    """The outputs of all code cells, in order."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            yield from cell["outputs"]


def _why(outputs: list[Any]) -> str:
    errors = [output["ename"] for output in outputs if output["output_type"] == "error"]
    if errors:
        return f"a cell raised {errors[0]}. Mend that, and run it again."
    if not outputs:
        return "it was not executed. Run it, for instance with papermill."
    return "no cell called slotscope.result. Add one at its end, and run it again."


def _shown(values: Mapping[str, Any]) -> str:
    """One line a value, floats to four digits."""
    width = max(map(len, values))
    return "\n".join(f"{name:{width}}  {_brief(value)}" for name, value in values.items())


def _brief(value: Any) -> str:
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        items = [_brief(item) for item in value[:_SHOWN]]
        more = f", ... {len(value)} in all" if len(value) > _SHOWN else ""
        return f"[{', '.join(items)}{more}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_brief(item)}" for key, item in value.items()) + "}"
    return str(value)


def _display(bundle: dict[str, Any]) -> None:
    """Show in a notebook; in a plain program, print."""
    # Whatever runs a notebook has imported IPython, which the core of this package does without.
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        print(bundle["text/plain"])
    else:
        shell.display_pub.publish(bundle)
