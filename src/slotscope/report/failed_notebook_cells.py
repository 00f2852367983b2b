"""Why cells of notebooks failed under nbval, in a few lines: which output differs, in what, and
what that may mean.

nbval's own report has every line of both outputs, and stands far above the end of a run.
"""

from __future__ import annotations

import importlib.metadata
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

#: A float as it is printed. Integers are none: rounding changes no count.
_FLOAT = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?\d+e[-+]?\d+|\bnan\b|\binf\b")
#: What float32 rounding can come to in a training: of a number's size, and beside the number 0.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5
#: Columns of a line that are shown, and of them those before the first difference.
_COLUMNS, _BEFORE = 72, 24

GUIDE = "docs/notebooks_as_tests.md"


@dataclass(frozen=True)
class FailedCell:
    """A cell that failed.

    Attributes:
        notebook: path of the notebook.
        cell: its number among the code cells, from 1 as Jupyter counts; nbval counts from 0.
        key: the mime type, or the stream, that differs; empty if the cell raised.
        stored: the first line of it that differs, as it is stored; or what nbval said.
        received: the same line, as it came out.
        rounding: whether nothing differs but floats, and these by little.
    """

    notebook: str
    cell: int
    key: str
    stored: str
    received: str = ""
    rounding: bool = False


def failed_cell(item: Any, error: BaseException) -> FailedCell:
    """What is to be said of ``item``, a cell of nbval's, that failed with ``error``."""
    from nbval.plugin import coalesce_streams, transform_streams_for_comparison

    stored, received = (
        _by_key(transform_streams_for_comparison(coalesce_streams(outputs)), item.parent)
        for outputs in (item.cell.outputs, item.test_outputs or [])
    )
    place = str(item.path), item.cell_num + 1
    raised = [output for output in item.test_outputs or [] if "ename" in output]
    if raised and not any("ename" in output for output in item.cell.outputs):
        return FailedCell(*place, "", f"{raised[0]['ename']}: {raised[0]['evalue']}".strip(": "))
    for key in {**stored, **received}:
        if stored.get(key) != received.get(key):
            before, after = "\n".join(stored.get(key, ())), "\n".join(received.get(key, ()))
            return FailedCell(*place, key, *first_difference(before, after), close(before, after))
    return FailedCell(*place, "", str(error))


def _by_key(outputs: Iterable[Mapping[str, Any]], notebook: Any) -> dict[str, list[str]]:
    """What nbval compares: the texts of each mime type, and of each stream."""
    found: dict[str, list[str]] = {}
    for output in outputs:
        for key, value in [*output.items(), *output.get("data", {}).items()]:
            if key not in ("data", *notebook.skip_compare):
                found.setdefault(key, []).append(str(value))
    return found


def first_difference(stored: str, received: str) -> tuple[str, str]:
    """The first line that differs, of both, cut around the place."""
    lines = zip_longest(stored.splitlines(), received.splitlines(), fillvalue="")
    before, after = next((pair for pair in lines if pair[0] != pair[1]), (stored, received))
    same = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    start = max(0, min(same, max(len(before), len(after))) - _BEFORE)
    start = start if max(len(before), len(after)) > _COLUMNS else 0
    return before[start : start + _COLUMNS], after[start : start + _COLUMNS]


def close(stored: str, received: str) -> bool:
    """Whether two texts differ in nothing but floats, each pair of which rounding may explain."""
    if _words(stored) != _words(received):
        return False
    pairs = zip(_FLOAT.findall(stored), _FLOAT.findall(received), strict=True)
    return all(
        a == b or math.isclose(float(a), float(b), rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
        for a, b in pairs
    )


def _words(text: str) -> list[str]:
    """The text without its floats, and without the spaces that align them."""
    return _FLOAT.sub(" # ", text).split()


# ---- what is said of all that failed


def lines(failed: Iterable[FailedCell], root: Path) -> Iterator[str]:
    """What differed, and what it may mean.

    Args:
        failed: at least one cell.
        root: the folder that has ``constraints.txt``, if there is one; paths are shown from it.
    """
    failed = list(failed)
    for cell in failed:
        path = Path(cell.notebook)
        name = path.relative_to(root) if path.is_relative_to(root) else path
        where = f"{name}, In [{cell.cell}] (nbval's Cell {cell.cell - 1})"
        if not cell.key:
            yield f"{where}: {cell.stored}"
            continue
        yield f"{where}, {cell.key}:"
        yield f"    stored    {cell.stored}"
        yield f"    came out  {cell.received}"
    yield ""
    yield "What this may mean:"
    if others := list(other_releases(root / "constraints.txt")):
        yield f"- Installed releases differ from the pinned ones: {', '.join(others)}."
    if any(cell.rounding for cell in failed):
        yield (
            "- Only digits after the point differ: this machine rounds otherwise. An output should"
            f" hold no digit that rounding can reach; {GUIDE} says how to write it."
        )
    if any(cell.key and not cell.rounding for cell in failed):
        yield "- Words or counts differ: the code, or a release, does something else than before."
    if any(not cell.key for cell in failed):
        yield "- A cell raised: what it claims does not hold here, or it could not run."
    yield "nbval's whole report of each cell is above."


def other_releases(constraints: Path) -> Iterator[str]:
    """Each distribution that is installed in another release than ``constraints`` pins."""
    if not constraints.exists():
        return
    from packaging.requirements import InvalidRequirement, Requirement

    for line in constraints.read_text("utf-8").splitlines():
        try:
            pin = Requirement(line.partition("#")[0])
            version = importlib.metadata.version(pin.name)
        except (InvalidRequirement, importlib.metadata.PackageNotFoundError):
            continue
        if not pin.specifier.contains(version, prereleases=True):
            yield f"{pin.name} {version} ({pin.specifier})"
