"""What a sweep has to run, and why: what is missing, failed, or was made by something else."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slotscope.sweep.declared.notebook_file import Notebook
from slotscope.sweep.dependencies import Dependencies
from slotscope.sweep.environment import Environment
from slotscope.sweep.run_records import FAILED, RunRecord, identity
from slotscope.sweep.store import Store

NEW = "new"
AGAIN = "failed before"


@dataclass(frozen=True)
class PlannedRun:
    """One combination of a sweep.

    Attributes:
        number: its place in the order of the sweep, from 0.
        id: the name of its folder.
        parameters: its values.
        reason: why it is to be run; empty if it is done.
        moved: what is done, if it had another place in the sweep that did it.
    """

    number: int
    id: str
    parameters: dict[str, Any]
    reason: str
    moved: RunRecord | None = None


@dataclass(frozen=True)
class SweepPlan:
    """All combinations of a sweep.

    Attributes:
        runs: in order.
        dependencies: all that a run that is made now may depend on.
    """

    runs: tuple[PlannedRun, ...]
    dependencies: Dependencies

    @property
    def waiting(self) -> list[PlannedRun]:
        """The runs that are still to be run."""
        return [run for run in self.runs if run.reason]

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why runs are to be run, and how many for each reason; the most frequent first."""
        return collections.Counter(run.reason for run in self.waiting).most_common()


def make_plan(
    store: Store,
    notebook: Notebook,
    combinations: Sequence[dict[str, Any]],
    environment: Environment,
) -> SweepPlan:
    """Decide for each combination whether it is to be run."""
    now, runs = Dependencies(notebook.code, environment.versions, environment.modules), []
    for number, parameters in enumerate(combinations):
        id, run = identity(parameters), None
        try:
            run = store.read(id)
            reason = _reason(run, now)
        except ValueError as error:
            reason = f"its run.json is damaged ({error})"
        moved = run if run and not reason and run.number != number else None
        runs.append(PlannedRun(number, id, parameters, reason, moved))
    return SweepPlan(tuple(runs), now)


def _reason(run: RunRecord | None, now: Dependencies) -> str:
    if run is None:
        return NEW
    return AGAIN if run.status == FAILED else run.dependencies.change(now)
