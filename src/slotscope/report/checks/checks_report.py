"""``slotscope.Report``: all outcomes of one optimizer, as text, in a notebook, and as files."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

from slotscope.checks.verdict import Outcomes
from slotscope.report.checks.formats import save
from slotscope.report.checks.page import fragment
from slotscope.report.checks.printed import text


@dataclass(frozen=True, repr=False)
class Report(Outcomes):
    """What all checks said of one optimizer on one engine, to be read.

    Its attributes are those of :class:`~slotscope.checks.verdict.Outcomes`.
    """

    def __str__(self) -> str:
        return text(self)

    def _repr_html_(self) -> str:
        return fragment(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write it to a file, in the format that the end of its name says.

        Raises:
            BadCheckArgumentError: the name has another end; the message says which there are.
        """
        save([self], path)
