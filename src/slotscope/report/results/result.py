"""Results that an experiment leaves in its notebook, for another program to read.

A notebook that papermill ran is a file of outputs. :func:`result` adds one that holds named values
twice: as text, for who reads the notebook, and as JSON in the output's metadata, for
:mod:`slotscope.report.results.reading`. The text is what a strict comparison of two executions
looks at, so it says nothing that another processor rounds otherwise
(:mod:`slotscope.report.results.portable_floats`). The metadata, where no comparison looks, has
every bit: ``{"slotscope": {"result": {"format": 1, "values": "...", "crc32": 123}}}``.

The JSON travels as one string with its checksum, so that no editor that saves the notebook turns
1.0 into 1 unnoticed. :mod:`slotscope.report.results.encoding` says how each type of value is
written, and :mod:`slotscope.report.results.attachments` where figures and recordings are.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from slotscope.errors import UnfitResultError
from slotscope.report.results import as_text, attachments, encoding
from slotscope.sweep.executed.stored_results import KEY, RESULT


def result(**results: Any) -> None:
    """Show ``results``, and keep them in the notebook that runs this.

    They are kept bit for bit, in the metadata of the output. What is shown comes out again on
    another processor: floats near 0 as a bound, others with three digits.

    Args:
        **results: None, booleans, integers, floats and strings, as Python's or as NumPy's (float32
            becomes the float of the same value, a tuple a list); arrays of NumPy, tables and series
            of pandas, which come back with their types, bit for bit; figures of matplotlib, which
            are shown, closed, and come back as PNG; recordings; and lists, tuples and dictionaries
            (with strings as keys) of all these.

    Raises:
        UnfitResultError: a value is something else, or there is none.
    """
    if not results:
        raise UnfitResultError("There is no result to keep. Name one: slotscope.result(loss=0.5).")
    kept, things = encoding.kept(results)
    outputs = [attachments.output(place, thing) for place, thing in things.items()]
    data = {"text/plain": as_text.text(results)}
    if (page := as_text.as_html(results)) is not None:
        data["text/html"] = page
    _display(data, {KEY: {RESULT: kept}})
    for data, metadata in outputs:
        _display(data, metadata)
    _close(things)


def _display(data: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Show in a notebook; in a plain program, print."""
    if (shell := _shell()) is None:
        print(data["text/plain"])
    else:
        shell.display_pub.publish(data, metadata)


def _close(things: Mapping[str, Any]) -> None:
    """Figures that a notebook showed; it would show those that pyplot holds once more."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and _shell() is not None:
        for thing in things.values():
            if encoding.tag_of(thing) == encoding.FIGURE:
                pyplot.close(thing)


def _shell() -> Any:
    # Whatever runs a notebook has imported IPython, which the core of this package does without.
    return sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
