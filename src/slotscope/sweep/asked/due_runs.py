"""What a sweep has to run, and why: what is missing, failed, or was made by something else."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slotscope.sweep.declared.notebook_file import Notebook
from slotscope.sweep.dependencies import change, dependencies
from slotscope.sweep.environment import Environment
from slotscope.sweep.store import Store, identity

NEW = "new"
FAILED = "failed before"


@dataclass(frozen=True)
class Planned:
    """One combination of a sweep.

    Attributes:
        number: its place in the order of the sweep, from 0.
        id: the name of its folder.
        parameters: its values.
        reason: why it is to be run; empty where it is done.
        moved: whether it is done, and had another place in the sweep that did it.
    """

    number: int
    id: str
    parameters: dict[str, Any]
    reason: str
    moved: bool = False


@dataclass(frozen=True)
class Plan:
    """All combinations of a sweep.

    Attributes:
        runs: in order.
        dependencies: all that a run that is made now may depend on.
    """

    runs: tuple[Planned, ...]
    dependencies: dict[str, Any]

    @property
    def waiting(self) -> list[Planned]:
        """Those to be run."""
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
) -> Plan:
    """Decide for each combination whether it is to be run."""
    now, runs = dependencies(notebook, environment), []
    for number, parameters in enumerate(combinations):
        id, run = identity(parameters), None
        try:
            run = store.read(id)
            reason = _reason(run, now)
        except ValueError as error:
            reason = f"its run.json is damaged ({error})"
        moved = run is not None and not reason and run["number"] != number
        runs.append(Planned(number, id, parameters, reason, moved))
    return Plan(tuple(runs), now)


def _reason(run: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    if run is None:
        return NEW
    return FAILED if run["status"] == "failed" else change(run, now)
