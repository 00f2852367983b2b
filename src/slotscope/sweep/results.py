"""What an executed notebook leaves in run.json: the results that ``slotscope.result`` kept in it.

They are merged as texts, the last value of a name counting, and not interpreted: what a value may
be is the business of :mod:`slotscope.report.results`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

#: The mime type of what it keeps. It stands here, as this module imports little.
MIME = "application/vnd.slotscope.result+json"


def kept_results(notebook: Mapping[str, Any]) -> dict[str, Any] | None:
    """What all calls of ``slotscope.result`` kept, as one; None where there was no call."""
    parts = [
        output["data"][MIME]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if MIME in output.get("data", {})
    ]
    if len(parts) < 2:
        return dict(parts[0]) if parts else None
    merged: dict[str, Any] = {}
    for part in parts:
        merged |= json.loads(part["values"])
    text = json.dumps(merged, allow_nan=False)
    return {**parts[-1], "values": text, "crc32": zlib.crc32(text.encode())}
