"""A model on its way through a file: train, save, load, and train on.

A training here is a few batches, each of which is one eager step where the engine has those. What
is compared is everything that decides on the next step: weights, optimizer variables and, where a
format holds them, the optimizer's class and arguments.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from slotscope.checks.problems.comparing import config_difference, difference, same_end
from slotscope.checks.problems.small_models import Fitted, data, model_of
from slotscope.checks.problems.state import State
from slotscope.checks.subjects.requirements import needs_release, rate_can_be_set
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import featured
from slotscope.checks.verdict import NotApplicable, NotReproducible, Violation
from slotscope.engines import Engine
from slotscope.engines.driving.formats import Format

#: Steps before the model is saved, an odd number, and after it was loaded.
BEFORE, AFTER = 3, 2

#: What a callback sets the learning rate to before the model is saved.
RATE = 0.0625


@dataclasses.dataclass(frozen=True)
class Course:
    """What is trained.

    Attributes:
        of: the subject that is checked.
        name: the name of this course among those of the subject.
        subject: what makes the optimizer.
        frozen: whether the first layer is frozen.
        rate: whether the learning rate is changed before the model is saved.
        steps: how many are done before that.
    """

    of: Subject
    name: str
    subject: Subject
    frozen: bool = False
    rate: bool = True
    steps: int = BEFORE

    def unused(self) -> Course:
        """The same, saved before anything is done."""
        return dataclasses.replace(self, name=f"unused, {self.name}", rate=False, steps=0)

    def start(self, engine: Engine | None = None) -> Fitted:
        """A new model, compiled."""
        cheaply = self.subject.engine.cheaply
        return model_of(self.subject, frozen=self.frozen, compiled=cheaply, engine=engine)

    def begun(self) -> Fitted:
        """A model as it is when it is saved."""
        fitted = self.start()
        train(fitted, 0, self.steps)
        self.change(fitted)
        return fitted

    def change(self, fitted: Fitted) -> None:
        """What a callback does before the model is saved."""
        if self.rate:
            fitted.engine.set_learning_rate(fitted.model.optimizer, RATE)

    def finish(self, fitted: Fitted) -> State:
        """Train on; the state after that."""
        train(fitted, self.steps, self.steps + AFTER)
        return fitted.state


def train(fitted: Fitted, start: int, stop: int) -> None:
    """Steps from ``start`` to ``stop``, each on its own batch."""
    with fitted.engine.scope(), fitted.engine.uncompiled():
        rows = (fitted.batch * start, fitted.batch * stop)
        fitted.each_batch(fitted.model.train_on_batch, *rows)


def course_of(subject: Subject, feature: str = "as it is") -> Course:
    """The training of ``subject`` with one feature."""
    frozen, rate = feature == "frozen", feature != "schedule" and rate_can_be_set(subject)
    return Course(subject, feature, featured(subject, feature), frozen, rate)


def formats(subject: Subject) -> list[str]:
    """The names of the engine's formats, the plainest first."""
    return [format.name for format in subject.engine.formats]


def format_of(subject: Subject, name: str) -> Format:
    """The format of the engine that has this name.

    Raises:
        NotApplicable: it cannot be used here.
    """
    found = next(format for format in subject.engine.formats if format.name == name)
    if found.lacks:
        raise NotApplicable(found.lacks)
    needs_release(subject, found.since, f"saving as {name}")
    return found


def save(fitted: Fitted, format: Format, folder: Path) -> None:
    """Write a model into an empty folder."""
    with fitted.engine.scope():
        format.save(fitted.engine, fitted.model, folder)


def load(course: Course, format: Format, folder: Path) -> Fitted:
    """Read the model in ``folder``, in an engine of its own."""
    engine = course.subject.engine.fresh()
    fresh = course.start(engine) if not format.whole else None
    with engine.scope():
        model = format.load(
            engine, folder, lambda: fresh.model if fresh else None, known_of(course.subject)
        )
        for name, value in engine.cheaply.items():
            setattr(model, name, value)
    loaded = Fitted(engine, model, *data(embedding=False))
    if not format.whole and not format.keeps_rate:
        course.change(loaded)
    return loaded


def through(course: Course, format: Format, fitted: Fitted) -> Fitted:
    """What comes back when ``fitted`` is saved and loaded."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(fitted, format, folder)
        return load(course, format, folder)


def known_of(subject: Subject) -> dict[str, type]:
    """The custom objects that a file of the subject names."""
    engine = subject.engine.fresh()
    optimizer = subject.make(engine)
    classes = [type(part) for part in engine.parts(optimizer)]
    return {} if subject.builtin else {cls.__name__: cls for cls in classes}


def config(fitted: Fitted) -> dict[str, Any]:
    """What the optimizer says its arguments are."""
    with fitted.engine.scope():
        return dict(fitted.model.optimizer.get_config())


def never_interrupted(course: Course) -> tuple[State, State]:
    """The states when others are saved, and at the end; run once for each course."""

    def find() -> tuple[State, State]:
        fitted = course.begun()
        return fitted.state, course.finish(fitted)

    return course.of.once(f"never interrupted, {course.name}", find)


def goes_on(course: Course, fitted: Fitted, what: str) -> None:
    """Raise unless a model trains on as if never interrupted.

    Raises:
        Violation: it ends otherwise; ``what`` says in words what was done to it.
        NotReproducible: two runs that were never interrupted differ.
    """
    found = course.finish(fitted)
    same_end(
        lambda: [course.finish(course.begun())],
        lambda: found,
        f"{what}, against a run that was never interrupted",
        known=[never_interrupted(course)[1]],
    )


def resumes(course: Course, format: Format) -> None:
    """Raise unless a model goes through ``format`` and trains on as if never interrupted.

    Raises:
        Violation: what was loaded, or what it becomes, differs.
        NotReproducible: two runs that were never interrupted differ.
    """
    saved = course.begun()
    before, _ = never_interrupted(course)
    said = difference(before, saved.state)
    if said:
        raise NotReproducible.runs(said)
    loaded = through(course, format, saved)
    said = difference(before, loaded.state) if course.steps else ""
    if not said and format.whole:
        said = config_difference(config(saved), config(loaded))
    if said:
        raise Violation(f"right after loading from {format.name}, {said}")
    goes_on(course, loaded, f"{AFTER} steps after loading from {format.name}")
