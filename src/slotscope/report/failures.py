"""What went wrong in a sweep, told once for all runs to which the same happened."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from slotscope.report.runs import FAILED, Run, RunError
from slotscope.report.shown import brief

#: Longer texts are cut; the notebook has them whole.
LONGEST = 2000

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Failure:
    """One error, and the runs that ended with it.

    Attributes:
        error: what happened.
        runs: to which.
        shared: the parameters that these runs have in common and not all others: a first hint.
        source: the code of the failing cell of the first of them; empty where it is not known.
        traceback: what that cell printed, without colours.
    """

    error: RunError
    runs: tuple[Run, ...]
    shared: tuple[tuple[str, str], ...]
    source: str
    traceback: str


def failures(runs: Sequence[Run], varying: Sequence[str]) -> list[Failure]:
    """Each different error, that of most runs first; ``varying`` names the parameters that vary."""
    groups: dict[RunError, list[Run]] = {}
    for run in runs:
        if run.status == FAILED:
            error = run.error or RunError("unknown", None, "", "The run says no more.")
            groups.setdefault(error, []).append(run)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [_failure(error, found, varying) for error, found in ordered]


def cut(text: str, longest: int = LONGEST) -> str:
    """``text``, or its start where it is longer."""
    return text if len(text) <= longest else f"{text[:longest]} ... ({len(text)} characters)"


def _failure(error: RunError, runs: list[Run], varying: Sequence[str]) -> Failure:
    shared = []
    for name in varying if len(runs) > 1 else ():
        values = {json.dumps(run.parameters.get(name), sort_keys=True) for run in runs}
        if len(values) == 1:
            shared.append((name, cut(brief(runs[0].parameters.get(name)), 80)))
    source, traceback = _failing_cell(runs[0])
    return Failure(error, tuple(runs), tuple(shared), source, traceback)


def _failing_cell(run: Run) -> tuple[str, str]:
    """Source and traceback of the first cell with an error; empty where there is none to read."""
    try:
        cells = json.loads(run.notebook.read_text(encoding="utf-8"))["cells"]
        for cell in cells:
            for output in cell.get("outputs", []):
                if output["output_type"] == "error":
                    source = "".join(cell["source"])
                    trace = _ANSI.sub("", "\n".join(output["traceback"]))
                    return cut(source), cut(trace, 3 * LONGEST)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # the notebook of a run whose worker died may be missing, or anything
    return "", ""
