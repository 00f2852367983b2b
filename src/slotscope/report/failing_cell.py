"""The cell at which a run failed, as its executed notebook has it.

Most errors are an output of their cell. An exception group is none: IPython prints its trace, as
Python does, and only papermill's record of the execution says that the cell failed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotscope.report.shown import printable

#: A frame's line in a trace of IPython, and in one of Python, where a bar marks a group's.
_IPYTHON = re.compile(r"^-+> *\d+ (?P<line>.*)$", re.MULTILINE)
_PYTHON = re.compile(r'^(?P<bar>[ |]*)  File ".*", line \d+.*\n[ |]*(?P<line>.*)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FailingCell:
    """The cell of a notebook that failed.

    Attributes:
        source: its code.
        trace: what it printed of the error, without colours.
    """

    source: str = ""
    trace: str = ""

    @property
    def line(self) -> str:
        """The line that raised the error, by its trace; empty where that says none."""
        if found := _IPYTHON.findall(self.trace):
            return str(found[-1]).strip()
        frames = list(_PYTHON.finditer(self.trace))
        # Traces of the exceptions within a group are further to the right.
        own = [frame["line"] for frame in frames if frame["bar"] == frames[0]["bar"]]
        return own[-1].strip() if own else ""


def read_failing_cell(notebook: Path) -> FailingCell:
    """The first cell that failed; one without code where there is none to read."""
    try:
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            outputs = cell.get("outputs", [])
            errors = [o["traceback"] for o in outputs if o["output_type"] == "error"]
            if errors or _recorded(cell):
                trace = "\n".join(errors[0]) if errors else _stderr(outputs)
                return FailingCell("".join(cell["source"]), printable(trace))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # the notebook of a run whose worker died may be missing, or anything
    return FailingCell()


def _recorded(cell: Mapping[str, Any]) -> bool:
    return cell["metadata"].get("papermill", {}).get("exception") is True


def _stderr(outputs: list[Mapping[str, Any]]) -> str:
    return "".join("".join(o["text"]) for o in outputs if o.get("name") == "stderr")
