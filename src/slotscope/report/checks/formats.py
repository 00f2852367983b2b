"""The formats of the checks' report, all made from the same records."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from slotscope.errors import BadCheckArgumentError
from slotscope.report.formats import Format

if TYPE_CHECKING:
    from slotscope.checks.verdict import Outcomes

#: Each is written by a function of the reports, one an optimizer, that returns the file's text.
FORMATS = (
    Format("html", ".html", "slotscope.report.checks.page:page", "Write the report as a page."),
    Format("json", ".json", "slotscope.report.checks.as_json:as_json", "Write every record."),
    Format(
        "junit", ".xml", "slotscope.report.checks.as_junit:as_junit", "Write JUnit's XML, for CI."
    ),
)


def save(reports: Sequence[Outcomes], path: str | PathLike[str]) -> None:
    """Write ``reports`` to a file, in the format that its name ends with.

    Args:
        reports: one an optimizer.
        path: ends in the suffix of one of :data:`FORMATS`.

    Raises:
        BadCheckArgumentError: it ends otherwise.
    """
    for format in FORMATS:
        if Path(path).suffix == format.suffix:
            return write(reports, format, path)
    raise BadCheckArgumentError(
        f"{str(path)!r} does not say in which form to write. End the name in one of"
        f" {', '.join(format.suffix for format in FORMATS)}."
    )


def write(reports: Sequence[Outcomes], format: Format, path: str | PathLike[str]) -> None:
    """Write ``reports`` to a file, in a folder that is made if it is not there."""
    content = format.writer()(reports)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content, encoding="utf-8")
