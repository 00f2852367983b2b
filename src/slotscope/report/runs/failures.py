"""What went wrong in a sweep, told once for all runs to which the same happened."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from slotscope.report.results.as_text import LONGEST, brief, cut, printable
from slotscope.report.runs.finished_run import FinishedRun
from slotscope.report.runs.kinds_of_values import key
from slotscope.sweep.run_records import RunError

#: A message may name a step, a loss or an address: it is the same message.
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Failure:
    """One error, and the runs that ended with it.

    Attributes:
        error: what happened to the first of them.
        alike: whether the messages of the others differ from it in numbers.
        runs: to which.
        shared: the parameters that these runs have in common and not all others: a first hint.
        source: the code of the failing cell of the first of them; empty if it is not known.
        traceback: what that cell printed, without colours.
    """

    error: RunError
    alike: bool
    runs: tuple[FinishedRun, ...]
    shared: tuple[tuple[str, str], ...]
    source: str
    traceback: str


def failures(runs: Sequence[FinishedRun], varying: Sequence[str]) -> list[Failure]:
    """Each different error, that of most runs first; ``varying`` names the parameters that vary.

    Errors whose messages differ in numbers only are one.
    """
    groups: dict[RunError, list[FinishedRun]] = {}
    for run in runs:
        if run.error:
            alike = replace(run.error, message=_NUMBER.sub("0", run.error.message))
            groups.setdefault(alike, []).append(run)
    return [_failure(found, varying) for found in sorted(groups.values(), key=len, reverse=True)]


def _failure(runs: list[FinishedRun], varying: Sequence[str]) -> Failure:
    shared = []
    errors = [run.error for run in runs if run.error]
    alike = len({error.message for error in errors}) > 1
    for name in varying if len(runs) > 1 else ():
        values = {key(run.setting(name)) for run in runs}
        if len(values) == 1:
            shared.append((name, cut(brief(runs[0].setting(name)), 80)))
    source, traceback = _failing_cell(runs[0])
    return Failure(errors[0], alike, tuple(runs), tuple(shared), source, traceback)


def _failing_cell(run: FinishedRun) -> tuple[str, str]:
    """Source and traceback of the first cell with an error; empty if there is none to read."""
    try:
        for cell in json.loads(run.notebook.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                if output["output_type"] == "error":
                    trace = printable("\n".join(output["traceback"]))
                    return cut("".join(cell["source"])), cut(trace, 3 * LONGEST)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        pass  # the notebook of a run whose worker died may be missing, or anything
    return "", ""
