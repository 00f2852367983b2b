"""``slotscope.Report``: all outcomes of one optimizer, as text, in a notebook, and as files."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

from slotscope.checks.verdict import Outcomes
from slotscope.report.checks.files import save
from slotscope.report.checks.page import fragment
from slotscope.report.checks.terminal import text


@dataclass(frozen=True, repr=False)
class Report(Outcomes):
    """What all checks said of one optimizer on one engine.

    Attributes:
        optimizer: its name.
        engine: name of the engine.
        versions: version of each framework involved.
        outcomes: one for each check and case, in order.
        stale: known differences and expected failures that did not occur, each with a message.
        missing: how many checks were not run any more, because the run was interrupted.
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
