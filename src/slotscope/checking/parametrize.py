"""``parametrize_with_checks``: every check of some optimizers as a test of pytest's own.

    @slotscope.parametrize_with_checks([MyOptimizer(0.01)])
    def test_my_optimizer(optimizer_check):
        optimizer_check()

What is known to fail is an expected failure, and strict; what does not apply is skipped, with its
reason, and so is what is not reproducible. A warning is one of pytest's, too, and its check is
skipped, or, where it is strict, fails. What is undecided fails: it could not be prepared, and
nothing is known of it.
"""

from __future__ import annotations

import functools
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from slotscope import engines
from slotscope.checking.assembling import known, must_occur
from slotscope.checking.check_optimizer import planned
from slotscope.checks.check import Item
from slotscope.checks.data.known_differences import Difference, judged, stale
from slotscope.checks.plan import Plan, plan_of
from slotscope.checks.runner import outcome_of
from slotscope.checks.selection import select
from slotscope.checks.subjects.given import subject_of
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import Outcome, Verdict
from slotscope.engines import Engine
from slotscope.errors import LeftOutWarning
from slotscope.processes.limits import TIME_LIMIT
from slotscope.rules import Rule


def parametrize_with_checks(
    optimizers: Sequence[Any],
    *,
    reference: Rule | Callable[..., Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    engine: Engine | str | None = None,
    only: Sequence[str] = (),
    themes: Sequence[str] = (),
    keyword: str = "",
    quick: bool = False,
    strict: bool = False,
    time_limit: float = TIME_LIMIT,
) -> Any:
    """Run the decorated test once for each check of each optimizer.

    The test takes one argument, ``optimizer_check``, and calls it. Its ids read
    ``MyOptimizer-check_name[case]``.

    Args:
        optimizers: instances that were never used, or callables that make one.
        reference: the rule of all of them.
        expected_failures: {check or check[case]: why it fails}; one that holds fails the test.
        engine: an engine or its name; by default found from each optimizer's class.
        only: names or ids of checks.
        themes: names of themes.
        keyword: text that a check's id must contain.
        quick: whether only the quick set.
        strict: whether a warning fails its test, which is skipped otherwise.
        time_limit: seconds of processor time after which a check is stopped, and fails.

    Returns:
        A decorator, ``pytest.mark.parametrize``.

    Raises:
        UnknownOptimizerError: one of them is no optimizer of any engine, or one that was used.
        BadCheckArgumentError: a check or theme is not known, a reason is missing.
    """
    import pytest

    home = engines.engine(engine) if isinstance(engine, str) else engine
    subjects = [subject_of(optimizer, reference, home) for optimizer in optimizers]
    names = Counter(subject.name for subject in subjects)
    found = []
    for subject in subjects:
        name = subject.name if names[subject.name] == 1 else subject.expression or subject.name
        items = select(subject, only, themes, keyword, quick)
        plan = planned(subject, items)
        checks = [OptimizerCheck(subject, item, time_limit, strict) for item in items]
        found += list(_parameters(pytest, name, checks, plan, expected_failures or {}))
    return pytest.mark.parametrize("optimizer_check", found)


def _parameters(
    pytest: Any,
    name: str,
    checks: Sequence[OptimizerCheck],
    plan: Plan,
    expected_failures: Mapping[str, str],
) -> Iterator[Any]:
    """One parameter for each check, and one for each entry that is about several of them."""
    entries = known(plan, expected_failures)
    needed = must_occur(entries, plan)
    about = {e: [check for check in checks if e.matches(check.item.id)] for e in needed}
    # A violation that is not what its entry says is a failure, not an expected one.
    xfail = functools.partial(pytest.mark.xfail, strict=True, raises=pytest.xfail.Exception)
    for check in checks:
        check.entries = [entry for entry in entries if entry.matches(check.item.id)]
        alone = [entry for entry in check.entries if about.get(entry) == [check]]
        marks = [xfail(reason=entry.reason) for entry in alone[:1]]
        yield pytest.param(check, id=f"{name}-{check.item.id}", marks=marks)
    for entry, found in about.items():
        if len(found) > 1:
            whole = EntryCheck(entry, found)
            yield pytest.param(whole, id=f"{name}-entry_is_needed[{entry.check}]")


class OptimizerCheck:
    """One check of one optimizer, to be called in a test.

    Attributes:
        subject: what is checked.
        item: the check and its case.
        entries: what is known of it.
        outcome: what came of it, None before it ran.
    """

    def __init__(self, subject: Subject, item: Item, time_limit: float, strict: bool) -> None:
        self.subject = subject
        self.item = item
        self.entries: list[Difference] = []
        self.outcome: Outcome | None = None
        self._time_limit = time_limit
        self._strict = strict

    def __repr__(self) -> str:
        return f"<{self.item.id} of {self.subject.name} on {self.subject.engine.name}>"

    def __call__(self) -> None:
        """Pass, fail, or be skipped, as the verdict says."""
        import pytest

        __tracebackhide__ = True
        outcome = outcome_of(self.subject, self.item, self._time_limit)
        outcome = judged(outcome, self.entries, plan_of(self.subject, []))
        self.outcome = outcome
        if outcome.verdict is Verdict.KNOWN:
            pytest.xfail(outcome.reason)
        if outcome.verdict is Verdict.VIOLATED:
            pytest.fail(message(outcome), pytrace=False)
        if outcome.verdict is Verdict.UNDECIDED:
            pytest.fail(f"undecided: {outcome.reason}", pytrace=False)
        if outcome.verdict is Verdict.WARNING:
            said = f"warning: {outcome.reason}"
            if self._strict:
                pytest.fail(said, pytrace=False)
            warnings.warn(f"{outcome.id}: {outcome.reason}", LeftOutWarning, stacklevel=2)
            pytest.skip(said)
        if outcome.verdict is Verdict.NOT_REPRODUCIBLE:
            pytest.skip(f"not reproducible: {outcome.reason}")
        if outcome.verdict is Verdict.NOT_APPLICABLE:
            pytest.skip(f"not applicable: {outcome.reason}")


class EntryCheck:
    """Whether an entry about several checks is still needed: fails if all of them held."""

    def __init__(self, entry: Difference, about: Sequence[OptimizerCheck]) -> None:
        self.entry = entry
        self.about = about

    def __call__(self) -> None:
        """Fail if the entry is out of date; skip where this process did not run all it is about."""
        import pytest

        __tracebackhide__ = True
        outcomes = [check.outcome for check in self.about if check.outcome is not None]
        if len(outcomes) < len(self.about):
            pytest.skip("not every check that the entry is about was run in this process")
        for said in stale([self.entry], outcomes):
            pytest.fail(said, pytrace=False)


def message(outcome: Outcome) -> str:
    """What a failing test says: the claim, what was found, and the code that shows it."""
    parts = [f"violated: {outcome.sentence}", outcome.reason, outcome.crash]
    if outcome.example:
        parts.append(f"To see it:\n{outcome.example}")
    return "\n\n".join(filter(None, parts))
