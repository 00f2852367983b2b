"""``slotscope.Report``: all outcomes of one optimizer, as text, in a notebook, and as files."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

from slotscope.checks.verdict import Outcomes
from slotscope.report.checks.formats import save
from slotscope.report.checks.page import fragment
from slotscope.report.checks.terminal import text


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
        """Write it to a file: ``.html`` a page, ``.json`` all records, ``.xml`` JUnit's form.

        Raises:
            BadCheckArgumentError: the name ends otherwise.
        """
        save([self], path)
