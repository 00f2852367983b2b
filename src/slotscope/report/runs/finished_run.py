"""A finished run as the report has it: its record, with the results as values.

Figures and recordings stay in the run's notebook until they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from slotscope.report.results.encoding import restored
from slotscope.report.results.reading import StoredResult
from slotscope.sweep.run_records import NOTEBOOK, RunRecord, read_run
from slotscope.sweep.unreadable_json import problem

#: What a run has for a parameter that it was not given, and another run was.
DEFAULT = "(default)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun(RunRecord):
    """One finished run.

    Attributes:
        results: what it gave to :func:`slotscope.result`; those before the failure, if it failed.
        notebook: path of the executed notebook.
    """

    results: Mapping[str, Any]
    notebook: Path

    def setting(self, name: str) -> Any:
        """What it was given for a parameter."""
        return self.parameters.get(name, DEFAULT)


def read_finished(path: Path) -> FinishedRun:
    """The run of a ``run.json``; raises as :func:`~slotscope.sweep.run_records.read_run`."""
    record, notebook = read_run(path), path.with_name(NOTEBOOK)

    def stored(tag: str, place: str) -> StoredResult:
        return StoredResult(notebook, tag.lstrip("$"), place)

    try:
        results = {} if record.results is None else restored(record.results, stored)
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(problem(error)) from error
    kept = {field.name: getattr(record, field.name) for field in fields(record)}
    return FinishedRun(**{**kept, "results": results, "notebook": notebook})
