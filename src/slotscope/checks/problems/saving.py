"""A model on its way through a file: train, save, load, and train on.

A training here is a few batches, each of which is one eager step where the engine has those. What
is compared is everything that decides on the next step: weights, optimizer variables and, where a
format holds them, the optimizer's class and arguments.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from slotscope.checks.problems.exact_problems import needs_release, rate_can_be_set
from slotscope.checks.problems.small_models import Fitted, data, model_of
from slotscope.checks.problems.steps import State
from slotscope.checks.subjects import config_arguments
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable, NotReproducible, Violation
from slotscope.engines import Engine
from slotscope.engines.driving.formats import Format

#: Steps before the model is saved, an odd number, and after it was loaded.
BEFORE, AFTER = 3, 2

#: What a callback sets the learning rate to before the model is saved.
RATE = 0.0625

#: Arguments that add to what must be kept, or change what it is used for.
FEATURES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "momentum": {"momentum": 0.5},
    "nesterov": {"momentum": 0.5, "nesterov": True},
    "amsgrad": {"amsgrad": True},
    "centered": {"centered": True},
    "decay": {"decay": 0.5},
    "weight decay": {"weight_decay": 0.125},
    "average": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 2},
    "average and accumulation": {
        "use_ema": True,
        "ema_momentum": 0.5,
        "gradient_accumulation_steps": 2,
    },
}


@dataclasses.dataclass(frozen=True)
class Course:
    """What is trained.

    Attributes:
        of: the subject that is checked.
        name: which of its courses this is.
        subject: what makes the optimizer.
        frozen: whether the first layer is.
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
    """Steps from ``start`` to ``stop``, each on its own batch of four rows."""
    with fitted.engine.scope(), fitted.engine.uncompiled():
        for step in range(start, stop):
            rows = slice(4 * step, 4 * step + 4)
            fitted.model.train_on_batch(fitted.x[rows], fitted.y[rows])


def made_with(subject: Subject, change: Callable[[Engine, Any], Any]) -> Subject:
    """``subject``, whose every fresh optimizer is replaced by ``change(engine, optimizer)``."""

    def create(engine: Engine) -> Any:
        return change(engine, subject.create(engine))

    return dataclasses.replace(subject, create=create)


def with_arguments(subject: Subject, **changes: Any) -> Subject:
    """``subject`` with other arguments to the constructor."""
    return dataclasses.replace(subject, create=lambda engine: subject.make(engine, **changes))


def loss_scaled(subject: Subject) -> Subject:
    """``subject`` in the engine's LossScaleOptimizer, which doubles its scale every two steps.

    Raises:
        NotApplicable: the engine has none.
    """

    def wrap(engine: Engine, optimizer: Any) -> Any:
        wrapped = engine.loss_scaled(optimizer)
        if wrapped is None:
            raise NotApplicable(f"{engine.name} has no LossScaleOptimizer")
        return wrapped

    return made_with(subject, wrap)


def featured(subject: Subject, feature: str) -> Subject:
    """``subject`` with one feature.

    Raises:
        NotApplicable: it does not take it.
    """
    if feature == "loss scale":
        return loss_scaled(subject)
    if feature == "schedule":
        return with_arguments(subject, **config_arguments.scheduled(subject))
    return with_arguments(subject, **FEATURES.get(feature, {}))


def course_of(subject: Subject, feature: str = "as it is") -> Course:
    """The training of ``subject`` with one feature."""
    frozen, rate = feature == "frozen", feature != "schedule" and rate_can_be_set(subject)
    return Course(subject, feature, featured(subject, feature), frozen, rate)


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


def different(expected: State, found: State) -> str:
    """The first difference in words, empty where the two are equal to the last bit."""
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or extra:
        return f"{(missing or extra)[0]} is {'gone' if missing else 'new'}"
    for label, value in expected.items():
        other = found[label]
        if value.shape != other.shape:
            return f"{label} has shape {other.shape}, was {value.shape}"
        wrong = ~((value == other) | (np.isnan(value) & np.isnan(other)))
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            index = f"[{', '.join(map(str, place))}]" if place else ""
            return f"{label}{index} is {other[place]:.9g}, expected {value[place]:.9g}"
    return ""


def differing(expected: dict[str, Any], found: dict[str, Any]) -> str:
    """The first argument in which two configs differ, in words; empty if in none."""
    for name in [*expected, *(found.keys() - expected.keys())]:
        if name not in found or name not in expected:
            return f"{name!r} is {'gone' if name in expected else 'new'}"
        if not _equal(expected[name], found[name]):
            return f"{name!r} is {found[name]!r}, expected {expected[name]!r}"
    return ""


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return not differing(a, b)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b))
    return bool(a == b)


#: The runs that were never interrupted, of the course that was asked for last with each name.
_RUNS: dict[str, tuple[Course, tuple[State, State]]] = {}


def never_interrupted(course: Course) -> tuple[State, State]:
    """The states when others are saved, and at the end; run once for each course."""
    known = _RUNS.get(course.name)
    if known is not None and known[0].of is course.of:
        return known[1]
    fitted = course.begun()
    states = (fitted.state, course.finish(fitted))
    _RUNS[course.name] = (course, states)
    return states


def resumes(course: Course, format: Format) -> None:
    """Raise unless a model goes through ``format`` and trains on as if never interrupted.

    Raises:
        Violation: what was loaded, or what it becomes, differs.
        NotReproducible: two runs that were never interrupted differ.
    """
    saved = course.begun()
    before, end = never_interrupted(course)
    said = different(before, saved.state)
    if said:
        raise NotReproducible.runs(said)
    loaded = through(course, format, saved)
    said = different(before, loaded.state) if course.steps else ""
    if not said and format.whole:
        said = differing(config(saved), config(loaded))
    if said:
        raise Violation(f"right after loading from {format.name}, {said}")
    said = different(end, course.finish(loaded))
    if said:
        again = different(end, course.finish(course.begun()))
        if again:
            raise NotReproducible.runs(again)
        raise Violation(
            f"{AFTER} steps after loading from {format.name}, {said} as in the run that was never"
            " interrupted"
        )
