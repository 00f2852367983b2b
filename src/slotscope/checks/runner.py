"""Running checks: one after the other, each with its own verdict, none stopping the others."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from slotscope.checks.check import Item
from slotscope.checks.example import example_of
from slotscope.checks.excuses import shown_by
from slotscope.checks.no_output import quiet
from slotscope.checks.short_traceback import shortened
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import (
    CRASHED,
    LeftOut,
    NotApplicable,
    NotReproducible,
    Outcome,
    Planned,
    Verdict,
    Violation,
)
from slotscope.processes.limits import (
    STOPPED_LIMIT,
    TIME_LIMIT,
    NotReadyError,
    Stopped,
    limited,
)

_VERDICTS = {
    LeftOut: Verdict.WARNING,
    NotApplicable: Verdict.NOT_APPLICABLE,
    NotReproducible: Verdict.NOT_REPRODUCIBLE,
    NotReadyError: Verdict.UNDECIDED,
}


def run(
    subject: Subject, items: Iterable[Item], time_limit: float = TIME_LIMIT
) -> Iterator[Outcome]:
    """The outcome of every item, as they come.

    Args:
        subject: what is checked.
        items: what to run.
        time_limit: seconds of processor time after which one of them is stopped; after a few that
            had to be, the rest is not run.
    """
    stopped = 0
    for item in items:
        if stopped >= STOPPED_LIMIT:
            yield given_up(item.planned)
            continue
        outcome = outcome_of(subject, item, time_limit)
        stopped += outcome.stopped
        yield outcome


def outcome_of(subject: Subject, item: Item, time_limit: float = TIME_LIMIT) -> Outcome:
    """Run one check, again where the engine's runs differ, and make an example of what it finds.

    A known difference is not tried again, and made no smaller: its page has an example.
    """
    start = time.perf_counter()
    said, fields = attempt(subject, item, time_limit)
    also_of = shown_by(subject, item, _recorded(item, said, fields), _alone)
    known = also_of is not None
    if said is Verdict.VIOLATED and not fields["stopped"] and not known:
        for _ in range(subject.engine.controls):
            again, why = attempt(subject, item, time_limit)
            if again is Verdict.UNDECIDED:
                said, fields = again, why
                break
            if again is not Verdict.VIOLATED:
                said = Verdict.NOT_REPRODUCIBLE
                fields = {"reason": f"violated in one run of several: {fields['reason']}"}
                break
    violation = fields.pop("violation", None)
    if said is Verdict.VIOLATED:
        fields["example"] = example_of(subject, item.id, None if known else violation)
        fields["also_of"] = also_of or ""
    seconds = time.perf_counter() - start
    return record(item.planned, said, **fields, seconds=seconds)


def _alone(subject: Subject, item: Item) -> Outcome:
    """The outcome of one attempt, without an example."""
    return _recorded(item, *attempt(subject, item))


def _recorded(item: Item, said: Verdict, fields: dict[str, Any]) -> Outcome:
    kept = {name: value for name, value in fields.items() if name != "violation"}
    return record(item.planned, said, **kept)


def attempt(
    subject: Subject, item: Item, time_limit: float = TIME_LIMIT
) -> tuple[Verdict, dict[str, Any]]:
    """What one run of the check says, and the fields of the outcome that say why."""
    try:
        with quiet(), limited(time_limit):
            item.check.run(subject, item.case)
    except (NotApplicable, NotReproducible, NotReadyError) as said:
        return _VERDICTS[type(said)], {"reason": str(said)}
    except Violation as found:
        return Verdict.VIOLATED, {"reason": str(found), "violation": found, "stopped": False}
    except Stopped as stop:
        return Verdict.VIOLATED, {"reason": str(stop), "crash": shortened(stop), "stopped": True}
    except (Exception, SystemExit) as error:
        reason = f"{CRASHED}{type(error).__name__}: {error}"
        return Verdict.VIOLATED, {"reason": reason, "crash": shortened(error), "stopped": False}
    return Verdict.HOLDS, {}


def record(planned: Planned, verdict: Verdict, reason: str = "", **more: Any) -> Outcome:
    """The outcome of what was planned; ``more`` are further fields of :class:`Outcome`."""
    said = (planned.check, planned.case, planned.theme, planned.sentence)
    return Outcome(*said, verdict, reason, **more)


def given_up(planned: Planned) -> Outcome:
    """The outcome of what is not run any more."""
    reason = f"not run: {STOPPED_LIMIT} checks before it had to be stopped"
    return record(planned, Verdict.UNDECIDED, reason)
