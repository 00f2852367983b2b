"""``check_optimizer``: hold one optimizer to every check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slotscope.checks import differences as known_differences
from slotscope.checks import select
from slotscope.checks.runner import run
from slotscope.checks.subject import Subject, subject_of
from slotscope.checks.verdict import Outcome, Report
from slotscope.engines import Engine
from slotscope.rules import Rule


def check_optimizer(
    optimizer: Any,
    *,
    reference: Rule | Callable[..., Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    engine: Engine | None = None,
    only: Sequence[str] = (),
    themes: Sequence[str] = (),
    keyword: str = "",
    quick: bool = False,
) -> Report:
    """Hold an optimizer to every check.

    Args:
        optimizer: an instance that was never used, or a callable that makes one.
        reference: its rule; by default a built-in optimizer's own.
        expected_failures: {check or check[case]: why it fails}; one that holds is reported.
        engine: by default found from the optimizer's class.
        only: names or ids of checks.
        themes: names of themes.
        keyword: text that a check's id must contain.
        quick: whether only the quick set.

    Raises:
        UnknownOptimizerError: this is no optimizer of any engine, or one that was used.
        BadCheckArgumentError: a check or theme is not known, a reason is missing.
    """
    subject = subject_of(optimizer, reference, engine)
    items = select(subject, only, themes, keyword, quick)
    return report(subject, run(subject, items), expected_failures or {})


def report(subject: Subject, outcomes: Any, expected_failures: Mapping[str, str]) -> Report:
    """The outcomes of a subject, judged by what is known of it."""
    versions = subject.engine.versions
    known = known_differences.expected(expected_failures)
    if subject.builtin:
        known += [
            entry
            for entry in known_differences.differences()
            if entry.applies(subject.name, subject.engine.name, versions)
        ]
    judged: list[Outcome] = [known_differences.judged(outcome, known) for outcome in outcomes]
    return Report(
        optimizer=subject.name,
        engine=subject.engine.name,
        versions=versions,
        outcomes=judged,
        stale=known_differences.stale(known, judged),
    )
