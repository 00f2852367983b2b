"""What an executed notebook leaves in run.json: the results that ``slotscope.result`` kept in it.

They are merged as texts, the last value of a name counting, and not interpreted: what a value may
be is the business of :mod:`slotscope.report.results.result`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

#: ``output["metadata"][KEY][RESULT]`` has them. It stands here, as this module imports little.
KEY, RESULT = "slotscope", "result"


def parts(outputs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each call of ``slotscope.result`` kept, in order."""
    found = [output.get("metadata", {}).get(KEY, {}) for output in outputs]
    return [about[RESULT] for about in found if RESULT in about]


def kept_results(notebook: Mapping[str, Any]) -> dict[str, Any] | None:
    """What all calls of ``slotscope.result`` kept, as one; None if there was no call."""
    outputs = (o for cell in notebook["cells"] for o in cell.get("outputs", []))
    kept = parts(outputs)
    if len(kept) < 2:
        return dict(kept[0]) if kept else None
    merged: dict[str, Any] = {}
    for part in kept:
        merged |= json.loads(part["values"])
    text = json.dumps(merged, allow_nan=False)
    return {**kept[-1], "values": text, "crc32": zlib.crc32(text.encode())}
