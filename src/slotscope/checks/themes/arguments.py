"""Bad arguments: what a constructor and a step must refuse, with a clear error.

What must be refused is data: ``constructor_refusals.py`` and ``method_refusals.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from slotscope.checks.check import check
from slotscope.checks.data.constructor_refusals import REFUSALS, Refusal
from slotscope.checks.data.method_refusals import Misuse, misuses
from slotscope.checks.problems.comparing import difference
from slotscope.checks.problems.exact_problems import PAIR, initial_values
from slotscope.checks.problems.steps import Run
from slotscope.checks.subjects.requirements import needs_release
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import scheduled
from slotscope.checks.verdict import NotApplicable, Violation

PLACE, SECONDS = 9, 0.05


def refused(call: Callable[[], Any], error: type[Exception], words: Sequence[str]) -> None:
    """Raise a Violation unless ``call`` raises an ``error`` whose message has all ``words``."""
    try:
        call()
    except error as raised:
        message = str(raised)
        missing = [word for word in words if word.lower() not in message.lower()]
        if missing:
            raise Violation(
                f"its {error.__name__} does not say {missing[0]!r}: {message!r}"
            ) from None
        return
    except Exception as raised:
        raise Violation(
            f"it raised {type(raised).__name__} ({raised}), expected a {error.__name__}"
        ) from None
    raise Violation(f"it was accepted, expected a {error.__name__}")


def refusals(subject: Subject) -> dict[str, Refusal]:
    """What its constructor must refuse, by name."""
    table = REFUSALS[subject.engine.generation]
    return {r.name: r for r in table if r.concerns(subject.name, subject.builtin)}


@check(cases=refusals)
def check_a_bad_argument_is_refused(subject: Subject, case: str) -> None:
    """The constructor refuses what makes no sense, with an error that names it."""
    refusal = refusals(subject)[case]
    engine = subject.engine.fresh()
    optimizer = subject.make(engine)
    inherited = refusal.inherited or subject.wrapped  # of a wrapper, by what it wraps
    names = [name for name in refusal.arguments if inherited]
    if not subject.accepts(*names):
        raise NotApplicable(f"its constructor does not take {' and '.join(names)}")
    with engine.scope():
        config = {**optimizer.get_config(), **refusal.arguments}
        words = refusal.words if subject.builtin else ()
        refused(lambda: type(optimizer).from_config(config), refusal.error, words)


def refused_calls(subject: Subject) -> dict[str, Misuse]:
    """What its methods must refuse, by name."""
    return {misuse.name: misuse for misuse in misuses(subject.engine)}


@check(cases=refused_calls)
def check_a_misuse_is_refused(subject: Subject, case: str) -> None:
    """A method that cannot do what it is asked says so and changes nothing."""
    misuse = refused_calls(subject)[case]
    needs_release(subject, misuse.since, "this guard")
    if not subject.accepts(*misuse.arguments):
        raise NotApplicable(f"its constructor does not take {' and '.join(misuse.arguments)}")
    changes = scheduled(subject) if misuse.scheduled else misuse.arguments
    run = Run(subject, initial_values(PAIR), built=misuse.built, **changes)
    before = run.state
    with run.engine.scope():
        refused(lambda: misuse.act(run), misuse.error, misuse.words)
    changed = difference(before, run.state)
    if changed:
        raise Violation(f"it was refused, and still {changed}")
