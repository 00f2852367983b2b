"""The code that shows a violation: a program of the engine's own Keras, as small as it still fails.

Where a run with chosen gradients was found to break its rule, the run is made smaller as long as it
still breaks it: fewer steps, fewer arguments, one parameter, one element. Any other violation is
shown by running its check again, alone.
"""

from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from slotscope.checks.no_output import quiet
from slotscope.checks.problems.comparing import follows_rule
from slotscope.checks.problems.exact_problems import dense, training_of
from slotscope.checks.problems.failing_run import BrokenRule, FailingRun
from slotscope.checks.problems.steps import trajectory
from slotscope.checks.subjects.as_code import Code, given, imported_thing, made
from slotscope.checks.subjects.constructor_call import call
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import Violation
from slotscope.engines import SparseGradient
from slotscope.engines.driving.programs import Program
from slotscope.processes.limits import TIME_LIMIT, Stopped, limited
from slotscope.rules import Rule
from slotscope.rules.training import FEATURES

#: How many smaller runs are tried: a number, as what is shown must not depend on a clock.
TRIES = 60


def example_of(subject: Subject, id: str, violation: Violation | None) -> str:
    """Code that can be pasted and shows why the check ``id`` is violated.

    Args:
        subject: what was checked.
        id: the id of the check, ``check_name[case]``.
        violation: what it raised; None if it crashed or was stopped.
    """
    if isinstance(violation, BrokenRule):
        try:
            with quiet(), limited(TIME_LIMIT):
                return shown(violation.run) or again(subject, id)
        except (Exception, Stopped):  # an example is no reason for another failure
            pass
    return again(subject, id)


def again(subject: Subject, id: str) -> str:
    """Code that runs one check again."""
    engine, code = subject.engine, given(subject)
    reference = _reference(subject.reference)
    lines = [
        *engine.preamble,
        *code.imports,
        *reference.imports,
        "import slotscope",
        "slotscope.check_optimizer(",
        f"    {code.text},",
        f"    engine={engine.name!r}{reference.text}, only=[{id!r}],",
        ")",
    ]
    return "\n".join(dict.fromkeys(lines))


def shown(run: FailingRun) -> str:
    """The program of the smallest run like ``run`` that still breaks the rule."""
    broken = failure(run)
    if broken is None:  # what was found does not show without the rest of its check
        return ""
    run, (step, message) = smaller(run, broken)
    code = made(run.subject, run.changes)
    program = Program(
        make=code.text,
        imports=code.imports,
        parameters=run.parameters,
        steps=run.gradients[:step],
        way=run.way or run.subject.engine.ways[0],
        dtype=run.dtype,
    )
    return f"{run.subject.engine.program(program)}\n# {message}"


# ---- making it smaller


def failure(run: FailingRun) -> tuple[int, str] | None:
    """The first step that breaks the rule, and how; None if none does."""
    subject, changes = run.subject, dict(run.changes)
    parameters, gradients = run.parameters, run.gradients
    training = training_of(subject, **changes)
    rule = subject.expected(**{k: v for k, v in changes.items() if k not in FEATURES})
    options = {"way": run.way, "dtype": run.dtype, **changes}
    actual = trajectory(subject, parameters, gradients, **options)

    def said(steps: int) -> str:
        try:
            given = dense(gradients[:steps])
            follows_rule(actual[: steps + 1], training, rule, parameters, given, run.dtype)
        except Violation as violation:
            return str(violation)
        return ""

    if not said(len(gradients)):
        return None
    # A plain function as a rule shows its slots after the first step.
    numbers = range(1, len(gradients) + 1)
    first = numbers[bisect.bisect_left(numbers, True, key=lambda steps: bool(said(steps)))]
    return first, said(first)


def smaller(
    run: FailingRun, broken: tuple[int, str], tries: int = TRIES
) -> tuple[FailingRun, tuple[int, str]]:
    """The smallest failing run that is found in ``tries`` tries, and how it fails."""
    left = iter(range(tries))
    found = True
    while found:
        run = dataclasses.replace(run, gradients=run.gradients[: broken[0]])
        found = False
        for candidate in _candidates(run):
            if next(left, None) is None:
                break
            try:
                failed = failure(candidate)
            except Exception:  # another failure than the one to be shown
                continue
            if failed is not None:
                run, broken, found = candidate, failed, True
                break
    return run, broken


def _candidates(run: FailingRun) -> Iterator[FailingRun]:
    """Runs that are smaller by one thing."""
    for name in run.changes:
        kept = {key: value for key, value in run.changes.items() if key != name}
        yield dataclasses.replace(run, changes=kept)
    if run.way:
        yield dataclasses.replace(run, way="")
    if any(isinstance(g, SparseGradient) for step in run.gradients for g in step):
        yield dataclasses.replace(run, gradients=dense(run.gradients))
    if len(run.parameters) > 1:
        for number in range(len(run.parameters)):
            yield _of_each(run, itemgetter(number))
    elif run.parameters[0].size > 1:
        yield from _elements(run)


def _elements(run: FailingRun) -> Iterator[FailingRun]:
    """The same with one element of its only parameter: the first that fails is taken."""
    shape = run.parameters[0].shape
    if any(isinstance(step[0], SparseGradient) for step in run.gradients):
        return
    for place in itertools.islice(np.ndindex(shape), 6):
        yield _of_each(run, functools.partial(_element, place))


def _element(place: tuple[int, ...], arrays: Sequence[Any]) -> Any:
    """One element of the only array, as an array of one; None if there is no gradient."""
    return None if arrays[0] is None else arrays[0][place][None]


def _of_each(run: FailingRun, chosen: Callable[[Sequence[Any]], Any]) -> FailingRun:
    """The run with only the one parameter, and gradient of each step, that ``chosen`` picks."""
    return dataclasses.replace(
        run,
        parameters=[chosen(run.parameters)],
        gradients=[[chosen(step)] for step in run.gradients],
    )


# ---- writing it down


def _reference(reference: Any) -> Code:
    """The argument for a reference, and the lines that import it."""
    if reference is None:
        return Code("")
    if isinstance(reference, Rule):
        fields = {f.name: getattr(reference, f.name) for f in dataclasses.fields(reference)}
        cls = imported_thing(type(reference))
        return Code(f", reference={call(cls.text, fields)}", cls.imports)
    found = imported_thing(reference)
    return Code(f", reference={found.text}", found.imports)
