"""``check_optimizer``: hold one optimizer to every check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slotscope import engines
from slotscope.checking.assembling import collect
from slotscope.checks.check import Item
from slotscope.checks.plan import Plan, plan_of
from slotscope.checks.runner import run
from slotscope.checks.selection import checks, select
from slotscope.checks.subjects.given import subject_of
from slotscope.checks.subjects.subject import Subject
from slotscope.engines import Engine
from slotscope.processes.limits import TIME_LIMIT
from slotscope.report.checks.checks_report import Report
from slotscope.report.checks.terminal import display
from slotscope.rules import Rule


def check_optimizer(
    optimizer: Any,
    *,
    reference: Rule | Callable[..., Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    engine: Engine | str | None = None,
    only: Sequence[str] = (),
    themes: Sequence[str] = (),
    keyword: str = "",
    quick: bool = False,
    strict: bool = False,
    verbose: bool | None = None,
    time_limit: float = TIME_LIMIT,
) -> Report:
    """Hold an optimizer to every check.

    Args:
        optimizer: an instance that was never used, or a callable that makes one.
        reference: its rule; by default a built-in optimizer's own. A
            :class:`~slotscope.rules.rule.Rule`; or its class, which gets the optimizer's
            hyperparameters; or a function that takes (parameter, gradient, slots, iteration) and
            returns the parameter and the slots.
        expected_failures: {check or check[case]: why it fails}; one that holds is reported.
        engine: an engine or its name; by default found from the optimizer's class.
        only: names or ids of checks.
        themes: names of themes.
        keyword: text that a check's id must contain.
        quick: whether only the quick set.
        strict: whether a warning is as bad as a violation.
        verbose: whether to say what is run, to show progress, and to print the report; by default
            not in a notebook, where the report shows itself, nor in a worker process.
        time_limit: seconds of processor time after which a check is stopped, and counts as
            violated; so does one that waits for as long with nothing to wait for.

    Returns:
        The report; its ``exit_code`` is 0 if nothing is violated or undecided, nor, where it is
        ``strict``, a warning.

    Raises:
        UnknownOptimizerError: this is no optimizer of any engine, or one that was used.
        EngineUnavailableError: the engine that was asked for cannot run here.
        BadCheckArgumentError: a check or theme is not known, a reason is missing, the reference
            is no rule.
    """
    home = engines.engine(engine) if isinstance(engine, str) else engine
    subject = subject_of(optimizer, reference, home)
    items = select(subject, only, themes, keyword, quick)
    outcomes = run(subject, items, time_limit)
    plan = planned(subject, items)
    return collect(plan, outcomes, expected_failures or {}, display(verbose), strict)


def planned(subject: Subject, items: Sequence[Item]) -> Plan:
    """The plan to run ``items``, of all that there are."""
    every = [item.id for check in checks() for item in check.items(subject)]
    return plan_of(subject, items, every)
