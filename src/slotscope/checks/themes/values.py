"""Values: every slot and parameter after every step, against the rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.problems.comparing import follows_rule
from slotscope.checks.problems.exact_problems import (
    PAIR,
    against_rule,
    chosen_gradients,
    exact_numbers,
    initial_values,
    training_of,
)
from slotscope.checks.problems.rounding import EPSILON
from slotscope.checks.problems.steps import Run, multiplied, reproducible, trajectory
from slotscope.checks.subjects.given import builtin
from slotscope.checks.subjects.other_hyperparameters import changed_values
from slotscope.checks.subjects.requirements import (
    needs_arguments,
    needs_dtype,
    needs_schedules,
    takes_schedule,
)
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import from_config, with_arguments
from slotscope.checks.verdict import NotApplicable, Violation
from slotscope.rules.training import DIALECTS, FEATURES, Each, Training

PLACE, SECONDS = 3, 0.1

SHAPES = {
    "scalar": (),
    "vector": (3,),
    "matrix": (4, 3),
    "wide matrix": (2, 5),
    "rank 3": (2, 3, 2),
    "rank 4": (2, 1, 3, 2),
    "size one": (1, 1),
    "empty": (0,),
}


@check()
def check_same_run_twice_ends_the_same(subject: Subject) -> None:
    """The same run, done twice, ends the same to the last bit."""
    reproducible(subject, initial_values(PAIR), chosen_gradients(PAIR, 5))


@check(cases=tuple(SHAPES), quick=("matrix",))
def check_every_step_follows_the_rule(subject: Subject, case: str) -> None:
    """After every step, every slot and parameter is what the rule says."""
    shapes = [SHAPES[case], (3,)]
    if case == "empty" and not subject.engine.takes_empty:
        raise NotApplicable(f"{subject.engine.name} has no variables without elements")
    against_rule(subject, initial_values(shapes), chosen_gradients(shapes, 5))


#: Gradients of every size: what a step multiplies those of ``chosen_gradients`` with.
SCALES = {
    "2**-10": [2.0**-10] * 5,
    "2**-24": [2.0**-24] * 5,
    "2**40": [2.0**40] * 5,
    "falling": [1.0, 2.0**-6, 2.0**-12, 2.0**-18],
    "rising": [2.0**-18, 2.0**-12, 2.0**-6, 1.0],
    "zeros": [0.0] * 3,
    "zeros, then some": [0.0, 0.0, 1.0],
    "some, then zeros": [1.0, 0.0, 0.0],
}


@check(cases=tuple(SCALES))
def check_gradients_of_every_size_follow_the_rule(subject: Subject, case: str) -> None:
    """Gradients that are tiny, huge, zero, or of changing size are used as the rule says."""
    gradients = chosen_gradients(PAIR, len(SCALES[case]))
    scaled = [
        [multiplied(gradient, scale) for gradient in step]
        for step, scale in zip(gradients, SCALES[case], strict=True)
    ]
    states = against_rule(subject, initial_values(PAIR), scaled)
    for label, value in states[-1].items():
        if not np.isfinite(value).all():
            raise Violation(f"{label} is not finite after {len(scaled)} steps: {value}")


@check()
def check_constant_gradient_follows_the_rule(subject: Subject) -> None:
    """A gradient that stays the same is used as the rule says."""
    against_rule(subject, initial_values(PAIR), chosen_gradients(PAIR, 1) * 6)


@check()
def check_parameters_far_larger_than_their_steps_follow_the_rule(subject: Subject) -> None:
    """A parameter that is far larger than its steps moves as the rule says."""
    against_rule(subject, initial_values(PAIR, 2.0**12), chosen_gradients(PAIR, 4))


@check()
def check_parameters_of_zero_follow_the_rule(subject: Subject) -> None:
    """A parameter that starts at zero, as a bias does, moves as the rule says."""
    zeros = [np.zeros(shape, np.float32) for shape in PAIR]
    against_rule(subject, zeros, chosen_gradients(PAIR, 4))


#: A hundred gradients: of changing size, of one size and sign, and of one size and both signs.
MANY: dict[str, list[np.ndarray]] = {
    "changing": [exact_numbers((), 1.0, step) for step in range(100)],
    "steady, then alternating": [
        np.full((), 0.375 if step < 60 or step % 2 else -0.375, np.float32) for step in range(100)
    ],
}


@check(cases=tuple(MANY))
def check_many_steps_follow_the_rule(subject: Subject, case: str) -> None:
    """A hundred steps follow the rule, whatever depends on their number or signs included."""
    against_rule(subject, initial_values([()]), [[gradient] for gradient in MANY[case]])


@check(cases=lambda subject: changed_values(subject))
def check_every_hyperparameter_does_what_the_rule_says(subject: Subject, case: str = "") -> None:
    """A hyperparameter that is not the default changes what the rule says, and nothing else."""
    if not case:
        raise NotApplicable("no reference rule was given, or it has no hyperparameters")
    against_rule(
        subject, initial_values(PAIR), chosen_gradients(PAIR, 5), **changed_values(subject)[case]
    )


#: Names of a matrix, and what the constructor is told of it.
NAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "an embedding": ("word_embedding", {}),
    "an embedding that is not excluded": ("word_embedding", {"exclude_embeddings": False}),
    "an excluded layer": ("tower_kernel", {"exclude_layers": ["none", "tower.kernel"]}),
    "another layer": ("hall_kernel", {"exclude_layers": ["tower"]}),
}


@check(cases=tuple(NAMES))
def check_a_name_changes_only_what_the_rule_says(subject: Subject, case: str) -> None:
    """What a parameter is called changes its steps where the rule says so, and nowhere else."""
    name, changes = NAMES[case]
    needs_arguments(subject, *changes)
    shapes = [(4, 3)]
    rule = subject.expected(**changes).named(name)
    actual = trajectory(
        subject, initial_values(shapes), chosen_gradients(shapes, 4), names=[name], **changes
    )
    training = training_of(subject, Each(rule), **changes)
    follows_rule(actual, training, rule, initial_values(shapes), chosen_gradients(shapes, 4))


@check(cases=("alone", "with use_ema"))
def check_defaults_are_those_of_the_release(subject: Subject, case: str) -> None:
    """An optimizer made without arguments is the rule with the defaults that its release states."""
    if not subject.builtin or subject.wrapped:
        raise NotApplicable("no release states the defaults of an optimizer that is not Keras's")
    changes: dict[str, Any] = {} if case == "alone" else {"use_ema": True}
    plain = builtin(subject.engine, subject.name)
    rule = plain.expected()
    stated = type(rule).generations[subject.engine.generation].defaults
    around = {name: stated[name] for name in FEATURES if name in stated}
    dialect = DIALECTS.get(subject.engine.generation, {})
    training = Training(Each(rule), **{**dialect, **around, **changes})
    actual = reproducible(plain, initial_values(PAIR), chosen_gradients(PAIR, 5), **changes)
    follows_rule(actual, training, rule, initial_values(PAIR), chosen_gradients(PAIR, 5))


@check(
    cases=(
        "at its own hyperparameters",
        "at hyperparameters exact in float32",
        "at gradients that are not",
    )
)
def check_float64_follows_the_rule(subject: Subject, case: str) -> None:
    """Parameters in float64 follow the rule at the precision of float64."""
    needs_dtype(subject, "float64")
    subject.expected()
    changes = _rate(subject)
    if case != "at its own hyperparameters":
        changes = {**changes, **changed_values(subject).get("all of them", {})}
        if training_of(subject).weight_decay:
            changes["weight_decay"] = 0.125
    gradients = chosen_gradients(PAIR, 4)
    if case == "at gradients that are not":
        gradients = [[g.astype(np.float64) / 3 for g in step] for step in gradients]
    against_rule(subject, initial_values(PAIR), gradients, dtype="float64", **changes)


def _rate(subject: Subject) -> dict[str, Any]:
    """A learning rate that every dtype holds exactly."""
    return {"learning_rate": 0.125} if subject.accepts("learning_rate") else {}


@check(cases=("float16", "bfloat16"))
def check_low_precision_still_moves(subject: Subject, case: str) -> None:
    """Parameters of low precision follow the rule too, and move about as far as it says."""
    needs_dtype(subject, case)
    gradients, changes = chosen_gradients(PAIR, 4), _rate(subject)
    expected = training_of(subject, None, **changes).states(initial_values(PAIR), gradients)
    actual = reproducible(subject, initial_values(PAIR), gradients, dtype=case, **changes)
    for label in ("p0", "p1"):
        _moves(label, expected[0][label], expected[1][label], actual[1][label], case)
    against_rule(subject, initial_values(PAIR), gradients, dtype=case, **changes)


def _moves(
    label: str, start: np.ndarray, promised: np.ndarray, found: np.ndarray, dtype: str
) -> None:
    """Raise unless what should have moved by more than a few roundings did, about as far."""
    stated, moved = promised - start, found - start
    due = np.abs(stated) > 4 * EPSILON[dtype] * np.abs(start)
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = due & ~((moved / stated > 0.25) & (moved / stated < 4.0))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise Violation(
            f"in {dtype}, the first step moves {label}{list(place)} from {start[place]:.6g} by"
            f" {moved[place]:.6g}; its rule moves it by {stated[place]:.6g}"
        )


# ---- schedules


def _schedule(subject: Subject, case: str) -> tuple[Any, Any]:
    """A schedule of the engine, and the same as a function of the number of steps."""
    schedules = needs_schedules(subject)
    if case == "PiecewiseConstantDecay":
        schedule = schedules.PiecewiseConstantDecay([1, 3], [0.25, 0.0625, 0.125])
        return schedule, lambda step: [0.25, 0.25, 0.0625, 0.0625, 0.125][min(step, 4)]
    return schedules.ExponentialDecay(0.25, 1, 0.5), lambda step: 0.25 * 0.5**step


@check(cases=("ExponentialDecay", "PiecewiseConstantDecay", "from its config"))
def check_schedule_is_asked_at_every_step(subject: Subject, case: str) -> None:
    """A schedule gives the learning rate of every step, the first of them step 0."""
    with subject.engine.scope():
        schedule, function = _schedule(subject, case)
    takes_schedule(subject, schedule)
    training = training_of(subject, learning_rate=function)
    rule = subject.expected(learning_rate=function)
    if case == "from its config":
        subject = from_config(with_arguments(subject, learning_rate=schedule))
        actual = reproducible(subject, initial_values(PAIR), chosen_gradients(PAIR, 6))
    else:
        actual = reproducible(
            subject, initial_values(PAIR), chosen_gradients(PAIR, 6), learning_rate=schedule
        )
    follows_rule(actual, training, rule, initial_values(PAIR), chosen_gradients(PAIR, 6))


@check()
def check_learning_rate_that_is_set_counts_from_the_next_step(subject: Subject) -> None:
    """A learning rate that is set between two steps is that of the next one."""
    needs_arguments(subject, "learning_rate")
    training = training_of(subject, learning_rate=lambda step: 0.25 if step < 2 else 0.0625)
    if getattr(subject.expected(), "relative_step", False):
        raise NotApplicable("its learning rate falls by itself, so that one case says little")
    run = Run(subject, initial_values(PAIR), learning_rate=0.25)
    states = [run.state]
    for number, step in enumerate(chosen_gradients(PAIR, 4)):
        if number == 2:
            run.engine.set_learning_rate(run.optimizer, 0.0625)
        run.step(step)
        states.append(run.state)
    rule = subject.expected(learning_rate=0.0625)
    follows_rule(states, training, rule, initial_values(PAIR), chosen_gradients(PAIR, 4))
