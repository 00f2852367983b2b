"""What a format of a report is: its name, its files, what writes them, and what that needs.

Reports on checks and on runs have a table each, :mod:`slotscope.report.checks.formats` and
:mod:`slotscope.report.runs.formats`. A new format is a file in the room and a line in its table:
the options of the commands are made from there.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slotscope.errors import ReportUnavailableError


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write a report.

    Attributes:
        name: in one word.
        suffix: how the names of its files end.
        written_by: the function that writes it, as ``module:name``, imported when somebody asks
            for it. What it is given, and returns, is the same for all formats of a table.
        help: the help of the command's option; empty if there is none.
        option: the name of that option, where it is not the format's own.
        file: the name of its file, where one is written also if nobody asks for it.
        needs: what it takes from a package that the extra ``notebooks`` brings, ``module:name``.
        use: the beginning of the sentence that says what the report uses of that package.
    """

    name: str
    suffix: str
    written_by: str
    help: str = ""
    option: str = ""
    file: str = ""
    needs: str = ""
    use: str = ""

    @property
    def parameter(self) -> str:
        """The name of the command's option, without its dashes."""
        return self.option or self.name

    def writer(self) -> Callable[..., Any]:
        """What writes it.

        Raises:
            ReportUnavailableError: the package that it needs is not installed, or is too old.
        """
        try:
            if self.needs:
                pkgutil.resolve_name(self.needs)
        except (ImportError, AttributeError) as error:
            package = self.needs.partition(":")[0].partition(".")[0]
            raise ReportUnavailableError(
                f"{self.use}, which the package {package} brings, and that isn't installed."
                "\nTo mend it: python -m pip install slotscope[notebooks]"
            ) from error
        found: Callable[..., Any] = pkgutil.resolve_name(self.written_by)
        return found
