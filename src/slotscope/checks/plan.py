"""What a run of checks is about to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from slotscope.checks.check import Item
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import Planned


@dataclass(frozen=True, slots=True)
class Plan:
    """The checks that one optimizer will be held to.

    Attributes:
        optimizer: its name.
        expression: code that makes it.
        engine: name of the engine.
        versions: version of each framework involved.
        builtin: whether it is one of Keras's own.
        items: what will be run, in order.
        seconds: about how long it will take.
        ordinary: whether it has its defaults, but for the learning rate.
        names: the names of its class, or the classes that it is derived from, among Keras's own.
        lineage: names of the engine, and of those that it is a variant of.
        all_ids: the ids of every check there is, selected or not.
    """

    optimizer: str
    expression: str
    engine: str
    versions: Mapping[str, str]
    builtin: bool
    items: Sequence[Planned]
    seconds: float
    ordinary: bool = False
    names: Sequence[str] = ()
    lineage: Collection[str] = ()
    all_ids: Sequence[str] = ()


def plan_of(subject: Subject, items: Sequence[Item], all_ids: Sequence[str] = ()) -> Plan:
    """The plan to run ``items`` on ``subject``."""
    return Plan(
        optimizer=subject.name,
        expression=subject.expression or subject.name,
        engine=subject.engine.name,
        versions=subject.engine.versions,
        builtin=subject.builtin,
        items=[item.planned for item in items],
        seconds=sum(item.check.seconds for item in items),
        ordinary=subject.ordinary,
        names=subject.names,
        lineage=sorted(subject.engine.lineage()),
        all_ids=all_ids,
    )
