"""What a format of a report is: its name, its files, what writes them, and what that needs.

The rooms below have a table each, :mod:`slotscope.report.checks.formats` and
:mod:`slotscope.report.runs.formats`. A new format is a file in the room and a line in its table:
the options of the commands are made from there.
"""

from __future__ import annotations

import importlib.util
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
        needs: a package beyond slotscope's own dependencies, which its extra ``notebooks`` has.
        use: what the report does with something that the package brings, a sentence without end.
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
            ReportUnavailableError: the package that it needs is not installed.
        """
        if self.needs and importlib.util.find_spec(self.needs) is None:
            raise ReportUnavailableError(
                f"{self.use}, which the package {self.needs} brings, and that isn't installed."
                "\nTo mend it: python -m pip install slotscope[notebooks]"
            )
        found: Callable[..., Any] = pkgutil.resolve_name(self.written_by)
        return found
