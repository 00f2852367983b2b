"""Figures and recordings of a notebook's results, each an output of its own.

A figure is drawn with other pixels on another machine, and a recording holds what differs from one
run to the next: which buffers were used again. Both are where a strict comparison of two executions
does not look. A figure is the PNG that is shown; a recording is the text of its own file, base64,
in the metadata of its output. Which result an output belongs to is in its metadata, too:
``{"slotscope": {"figure": "velocity", "crc32": 123}}``.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slotscope.report.results.encoding import FIGURE, RECORDING, as_base64, tag_of
from slotscope.sweep.executed.stored_results import KEY

_PNG = "image/png"
_KINDS = {FIGURE: "figure", RECORDING: "recording"}


@dataclass(frozen=True, slots=True)
class FigureResult:
    """A figure that was a result, as the notebook shows it.

    Attributes:
        png: the content of a PNG file.
    """

    png: bytes = field(repr=False)

    def _repr_png_(self) -> bytes:
        return self.png


def output(place: str, thing: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and metadata of the output that holds a figure or a recording."""
    tag = tag_of(thing)
    if tag == FIGURE:
        content = _png(thing)
        data = {_PNG: as_base64(content), "text/plain": f"{place}: a figure"}
        about: dict[str, Any] = {}
    else:
        content = _npz(thing)
        data = {"text/plain": f"{place}: {thing!r}"}
        about = {"npz": as_base64(content)}
    about |= {_KINDS[tag]: place, "crc32": zlib.crc32(content)}
    return data, {KEY: about}


def find(outputs: Iterable[Mapping[str, Any]], tag: str, place: str) -> Any:
    """The figure or recording of that place, the last one where there are several.

    Raises:
        ValueError: there is none, or it is not as it was written.
        DamagedRecordingError: what is in it is not a recording.
    """
    kind = _KINDS[tag]
    found = [o for o in outputs if o.get("metadata", {}).get(KEY, {}).get(kind) == place]
    if not found:
        raise ValueError(f"the {kind} {place} is no longer there")
    about = found[-1]["metadata"][KEY]
    text = found[-1]["data"][_PNG] if tag == FIGURE else about["npz"]
    # A notebook on disk may have a text as a list of lines.
    content = base64.b64decode(text if isinstance(text, str) else "".join(text))
    if zlib.crc32(content) != about["crc32"]:
        raise ValueError(f"the checksum of the {kind} {place} differs")
    return FigureResult(content) if tag == FIGURE else _recording(content)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _npz(recording: Any) -> bytes:
    buffer = io.BytesIO()
    recording.write(buffer)
    return buffer.getvalue()


def _recording(content: bytes) -> Any:
    from slotscope.recording.recording import load

    return load(io.BytesIO(content))
