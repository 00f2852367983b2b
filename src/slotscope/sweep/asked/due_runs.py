"""What a sweep has to run, and why: what is missing, failed, or was made by something else."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slotscope.sweep.declared.notebook_file import Notebook
from slotscope.sweep.environment import Environment, digest
from slotscope.sweep.store import Store, identity

NEW = "new"
FAILED = "failed before"
CODE = "the notebook's code changed"
SOURCE = "slotscope's own source changed"


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
        fingerprint: what a run that is made now depends on.
        environment: where it is made.
    """

    runs: tuple[Planned, ...]
    fingerprint: dict[str, str]
    environment: Environment

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
    fingerprint = {
        "code": notebook.code,
        "package": environment.package,
        "versions": digest(environment.versions),
    }
    runs = []
    for number, parameters in enumerate(combinations):
        id, run = identity(parameters), None
        try:
            run = store.read(id)
            reason = _reason(run, fingerprint, environment.versions)
        except ValueError as error:
            reason = f"its run.json is damaged ({error})"
        moved = run is not None and not reason and run["number"] != number
        runs.append(Planned(number, id, parameters, reason, moved))
    return Plan(tuple(runs), fingerprint, environment)


def _reason(
    run: Mapping[str, Any] | None, fingerprint: Mapping[str, str], versions: Mapping[str, str]
) -> str:
    if run is None:
        return NEW
    if run["status"] == "failed":
        return FAILED
    before = run["fingerprint"]
    if before["code"] != fingerprint["code"]:
        return CODE
    if before["package"] != fingerprint["package"]:
        return SOURCE
    if before["versions"] != fingerprint["versions"]:
        return ", ".join(_changes(run["versions"], versions)) or "versions changed"
    return ""


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """A few words for each version that is another one."""
    changes = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old is None:
            changes.append(f"{name} {new} was not installed")
        elif new is None:
            changes.append(f"{name} {old} is no longer installed")
        elif old != new:
            changes.append(f"{name} {old} is now {new}")
    return changes
