"""Persistence: what is saved, loaded or copied goes on as if nothing had happened."""

from __future__ import annotations

import contextlib
import copy
import functools
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.problems import saving
from slotscope.checks.problems.comparing import config_difference, difference, same_end, same_state
from slotscope.checks.problems.exact_problems import PAIR, chosen_gradients
from slotscope.checks.problems.handed_over import TAKEN, another_builtin, give, started, taken, ways
from slotscope.checks.problems.killed_training import train_and_die
from slotscope.checks.problems.saving import Course, course_of, formats
from slotscope.checks.problems.steps import Run
from slotscope.checks.problems.warnings_and_logs import listening
from slotscope.checks.subjects.given import builtin
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import FEATURES
from slotscope.checks.verdict import LeftOut, NotApplicable, NotReproducible, Violation

PLACE, SECONDS = 7, 0.5


def distinct_formats(subject: Subject) -> list[str]:
    """The names of the formats that read and write in their own way."""
    return [format.name for format in subject.engine.formats if not format.like]


def formats_with_arguments(subject: Subject) -> list[str]:
    """The names of those formats that hold the optimizer's class and arguments too."""
    return [f.name for f in subject.engine.formats if f.whole and not f.like]


def values_only_format(subject: Subject) -> list[str]:
    """The plainest file that holds values only, if there is one."""
    found = (f.name for f in subject.engine.formats if not f.whole and not f.lacks)
    return [name for name in found if name not in TAKEN][:1]


def filed(subject: Subject) -> Iterator[str]:
    """What is checked of features in files: ``format: feature``."""
    first = subject.engine.formats[0].name
    for feature in ("average and accumulation", "loss scale", "schedule", "frozen"):
        yield f"{first}: {feature}"
    for name in (".weights.h5", ".h5", "set_weights"):
        if name in distinct_formats(subject) and name != first:
            yield f"{name}: loss scale"


@check(cases=formats)
def check_training_resumes_from_a_file(subject: Subject, case: str) -> None:
    """A model that is loaded is as it was saved, and trains on as if never interrupted.

    Before it is saved its learning rate is changed, as a callback does.
    """
    saving.resumes(course_of(subject), saving.format_of(subject, case))


@check(cases=filed)
def check_features_resume_from_a_file(subject: Subject, case: str) -> None:
    """What a feature adds to the state is in the file: averages, sums, scales, schedules."""
    name, _, feature = case.partition(": ")
    saving.resumes(course_of(subject, feature), saving.format_of(subject, name))


@check(cases=lambda subject: formats_with_arguments(subject) or [formats(subject)[0]])
def check_an_unused_optimizer_is_saved_as_one(subject: Subject, case: str) -> None:
    """A model saved before its first step trains, once it is loaded, as if it never was."""
    format = saving.format_of(subject, case)
    if not format.whole:
        raise NotApplicable("its files hold values only, and an unused optimizer has none")
    saving.resumes(course_of(subject).unused(), format)


@check(cases=lambda subject: [formats(subject)[0]])
def check_training_resumes_after_a_kill(subject: Subject, case: str) -> None:
    """What a process saved after its last step resumes in another, though it was killed."""
    course = Course(subject, "killed", subject, rate=False)
    format = saving.format_of(subject, case)
    with tempfile.TemporaryDirectory() as name:
        died = train_and_die(course, case, Path(name))
        before, end = saving.never_interrupted(course)
        said = difference(before, died)
        if said:
            raise NotReproducible(f"another process computes otherwise: {said}")
        loaded = saving.load(course, format, Path(name) / str(saving.BEFORE - 1))
    said = difference(before, loaded.state) or difference(end, course.finish(loaded))
    if said:
        raise Violation(f"resumed from the {case} file of a process that was killed, {said}")


@check(cases=lambda subject: [*formats_with_arguments(subject), *values_only_format(subject)])
def check_saving_changes_nothing(subject: Subject, case: str) -> None:
    """Saving leaves the optimizer as it was, and whatever is saved next is whole."""
    course, format = course_of(subject), saving.format_of(subject, case)
    plainest = saving.format_of(subject, subject.engine.formats[0].name)
    saved = course.begun()
    before, arguments = saved.state, saving.config(saved)
    saving.through(course, format, saved)
    said = difference(before, saved.state) or config_difference(arguments, saving.config(saved))
    if said:
        raise Violation(f"after saving as {format.name}, {said} in the model that was saved")
    second = saving.through(course, plainest, saved)
    said = difference(before, second.state)
    if not said and plainest.whole:
        said = config_difference(arguments, saving.config(second))
    # By name: a factory may make the class anew.
    names = [type(fitted.model.optimizer).__qualname__ for fitted in (second, saved)]
    if plainest.whole and names[0] != names[1]:
        said = f"the optimizer is {names[0]}, expected {names[1]}"
    if said:
        raise Violation(
            f"saved as {format.name} and then as {plainest.name}: in the second file, {said}"
        )
    saving.goes_on(course, saved, f"training on after saving as {format.name}")


# ---- values, without a file


def moved(subject: Subject) -> Iterator[str]:
    """What is checked of states that are handed over: ``way: feature``."""
    for feature in (*FEATURES, "loss scale", "schedule"):
        yield f"set_weights: {feature}"
    for way in ways(subject)[1:]:
        for feature in ("as it is", "average and accumulation", "loss scale"):
            yield f"{way}: {feature}"


@check(cases=moved)
def check_state_moves_to_another_optimizer(subject: Subject, case: str) -> None:
    """An optimizer that is given another's state goes on in its place."""
    way, _, feature = case.partition(": ")
    old, new = started(subject, feature, 3), started(subject, feature, 0)
    give(new, way, taken(old, way))
    before = old.state
    for number, parameter in enumerate(new.parameters):
        new.engine.assign(parameter, before[f"p{number}"].astype("float32"))
    same_state(before, new.state, f"right after {way}")
    last = chosen_gradients(PAIR, 5)[3:]
    known, found = [old.steps(last).state], new.steps(last).state
    straight = functools.partial(started, subject, feature, 5)
    same_end(lambda: [straight().state], lambda: found, f"two steps after {way}", known=known)


#: States that fit no more, made from one whose numbers are all new.
UNFIT: dict[str, Callable[[list[np.ndarray]], list[np.ndarray]]] = {
    "too short": lambda arrays: arrays[:-1],
    "too long": lambda arrays: [*arrays, np.zeros(3, "float32")],
    "of a wrong shape": lambda arrays: [*arrays[:-1], np.zeros((7, 2), "float32")],
}


def unfit(subject: Subject) -> Iterator[str]:
    """Which states that do not fit are given in which way: ``way: kind``."""
    return (f"{way}: {kind}" for way in ways(subject) for kind in UNFIT)


def offered(subject: Subject, case: str) -> tuple[Run, Exception | None, list[str], str]:
    """Give an optimizer a state that does not fit.

    Returns:
        The run, what was raised, the warnings, and what changed in its state.
    """
    way, _, kind = case.partition(": ")
    run = started(subject, "as it is", 2)
    state, before = taken(run, way), run.state
    arrays: list[np.ndarray] = list(state.values()) if isinstance(state, dict) else state
    bad: Any = UNFIT[kind]([np.full_like(array, array + 1) for array in arrays])
    if isinstance(state, dict):
        bad = {str(number): array for number, array in enumerate(bad)}
    raised = None
    with listening() as warned:
        try:
            give(run, way, bad)
        except Exception as error:
            raised = error
    return run, raised, warned, difference(before, run.state)


@check(cases=unfit)
def check_a_state_that_does_not_fit_is_refused(subject: Subject, case: str) -> None:
    """A state that is too short, too long or of a wrong shape is refused with a ValueError.

    ``load_own_variables`` may also skip it with a warning, as a loader of files does.
    """
    _, raised, warned, _ = offered(subject, case)
    if isinstance(raised, ValueError) or (warned and case.startswith("load_own_variables")):
        return
    if raised is not None:
        raise Violation(f"it raised {type(raised).__name__} ({raised}), expected a ValueError")
    raise Violation("it was taken without a word, expected a ValueError")


@check(cases=unfit)
def check_a_refused_state_sets_nothing(subject: Subject, case: str) -> None:
    """Where a state is refused, no variable has taken its part of it."""
    _, raised, warned, changed = offered(subject, case)
    if raised is None and not warned:
        raise NotApplicable("the state that does not fit was taken, not refused")
    if changed:
        raise Violation(f"it was refused, and still {changed}")


@check(cases=("deepcopy", "pickle"))
def check_a_copy_has_the_state_or_says_that_it_has_not(subject: Subject, case: str) -> None:
    """A copied optimizer has the state of the first, or whoever copies it is told."""
    run = started(subject, "as it is", 2)
    named = run.engine.keras.utils.custom_object_scope(saving.known_of(subject))
    with run.engine.scope(), named:
        with listening() as told:  # to the copying alone: who reads values may be warned, too
            try:
                made = pickle.dumps(run.optimizer) if case == "pickle" else None
                copied = pickle.loads(made) if made else copy.deepcopy(run.optimizer)
            except Exception as error:
                raise _refused(subject, case, error) from None
        weights = run.engine.get_weights(run.optimizer)
        found = run.engine.get_weights(copied)
    if not told and config_difference({"values": weights}, {"values": found}):
        raise Violation(f"{case} lost the state without a word")


def _refused(subject: Subject, case: str, error: Exception) -> NotApplicable:
    """What it is that an optimizer cannot be copied: its own doing, unless no other can be."""
    said = f"{case} refuses: {type(error).__name__}: {error}"
    if subject.builtin:
        return NotApplicable(said)
    if case == "pickle" and not _importable(subject):
        return NotApplicable(f"{said}; its class is not one that can be imported")

    def refuses() -> str:
        plain = builtin(subject.engine, "SGD")
        try:
            check_a_copy_has_the_state_or_says_that_it_has_not(plain, case)
        except NotApplicable as refusal:
            return f"; Keras's own: {refusal}"
        return ""

    of_keras = subject.once(f"{case} of Keras's own", refuses)
    return NotApplicable(said + of_keras) if of_keras else LeftOut(said)


def _importable(subject: Subject) -> bool:
    """Whether pickle finds the class by its name, as it does one of a module."""
    with subject.engine.scope(), contextlib.suppress(Exception):
        return bool(pickle.dumps(type(subject.make())))
    return False


@check(cases=("as many variables", "another number of variables"))
def check_a_file_of_another_optimizer_is_not_taken_silently(subject: Subject, case: str) -> None:
    """Weights that were saved with another optimizer are refused, or warned about."""
    format = saving.format_of(subject, values_only_format(subject)[0])
    course = course_of(subject).unused()
    other = another_builtin(subject, same_shapes=case == "as many variables")
    with listening() as warned:
        try:
            loaded = saving.through(course, format, course_of(other).begun())
        except Exception:
            return
    fresh = course.begun()
    with fresh.engine.scope():
        fresh.engine.build_for(fresh.model)
    slots = [label for label in fresh.state if "weight" not in label]
    found, state = loaded.state, fresh.state
    taken_over = [label for label in slots if not np.array_equal(found[label], state[label])]
    told = any("optimizer" in message.lower() for message in warned)
    if taken_over and not told:
        raise Violation(
            f"{subject.name} took {taken_over[-1]} from a {format.name} file of {other.name}"
        )
