"""Gradients: what an optimizer makes of missing, zero, sparse and broken ones, rule or no rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.problems.comparing import difference, nearly_same_states, same_state
from slotscope.checks.problems.exact_problems import (
    PAIR,
    against_rule,
    chosen_gradients,
    dense,
    features_of,
    initial_values,
    sparse,
    training_of,
)
from slotscope.checks.problems.state import State, Trained, state_of
from slotscope.checks.problems.steps import Gradients, Run, reproducible, state_after, trajectory
from slotscope.checks.problems.warnings_and_logs import listening, unwarned
from slotscope.checks.subjects.other_hyperparameters import changed_values
from slotscope.checks.subjects.requirements import (
    needs_arguments,
    needs_dtype,
    needs_missing,
    needs_release,
    needs_sparse,
)
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable, NotReproducible, Violation

PLACE, SECONDS = 4, 0.1

#: Three parameters of one shape: whatever is mixed up among them fits.
ALIKE = ((3,), (3,), (3,))


@check(cases=("always", "at the second step"))
def check_missing_gradient_moves_nothing(subject: Subject, case: str) -> None:
    """A parameter without a gradient and its slots stay as they are; the others go on."""
    needs_missing(subject)
    if features_of(subject, {}).get("ema_overwrite_frequency"):
        raise NotApplicable("every parameter becomes its average, be there a gradient or not")
    full = chosen_gradients(PAIR, 3)
    absent = [[g[0], None if case == "always" or n == 1 else g[1]] for n, g in enumerate(full)]
    with unwarned():
        actual = trajectory(subject, initial_values(PAIR), absent)
    for before, after, step in zip(actual, actual[1:], absent, strict=False):
        if step[1] is None:
            what = "p1 has no gradient in this step, and must stay as it is"
            same_state(_resting(before), _resting(after), what)
    if not _alone(subject, full):
        return
    complete = trajectory(subject, initial_values(PAIR), full)
    what = "p0 must not notice that p1 has no gradient"
    same_state(state_of({"p0"}, complete[-1]), state_of({"p0"}, actual[-1]), what)


@check(cases=("of the first", "of the second"))
def check_missing_gradient_shifts_no_other(subject: Subject, case: str) -> None:
    """Where a gradient is missing, every other parameter gets its own, and uses its own slots."""
    needs_missing(subject)
    full = chosen_gradients(ALIKE, 3)
    if not _alone(subject, full, ALIKE):
        raise NotApplicable("its step depends on all gradients together")
    left_out = ("of the first", "of the second").index(case)
    absent: Gradients = [
        [None if n == left_out else g for n, g in enumerate(step)] for step in full
    ]
    steps: Gradients = [full[0], *absent[1:]]
    with unwarned():
        actual = state_after(subject, initial_values(ALIKE), steps)
    complete = state_after(subject, initial_values(ALIKE), full)
    others = {f"p{n}" for n in range(3) if n != left_out}
    what = f"p{left_out} has no gradient from the second step on, and the others must not notice"
    same_state(state_of(others, complete), state_of(others, actual), what)


@check()
def check_missing_gradient_is_told(subject: Subject) -> None:
    """Who leaves out a gradient is warned, and the warning names the parameter."""
    needs_missing(subject)
    first, _ = chosen_gradients(PAIR, 1)[0]
    run = Run(subject, initial_values(PAIR), [first, None])
    with listening() as told:
        run.step([first, None])
    name = run.engine.path(run.parameters[1])
    if not any(name in message for message in told):
        raise Violation(f"{name} had no gradient, and nobody was told: {told}")


@check(cases=("one of three", "all of them", "one of three, accumulated"))
def check_parameter_to_be_overwritten_becomes_its_gradient(subject: Subject, case: str) -> None:
    """A parameter with ``overwrite_with_gradient`` becomes its gradient, without a step.

    Keras 3 keeps the scales of float8 layers so, which are positive. The others do not notice, and
    the step counts; where gradients accumulate, it becomes the largest of them.
    """
    changes: dict[str, Any] = {"gradient_accumulation_steps": 2} if "accumulated" in case else {}
    needs_arguments(subject, *changes)
    marked = [0, 1, 2] if case == "all of them" else [1]
    steps = [[np.abs(gradient) for gradient in step] for step in chosen_gradients(ALIKE, 4)]
    way = subject.engine.branching_way if changes else ""
    run = _overwriting(subject, marked, way=way, **changes)
    if len(marked) == 1 and not _alone(subject, steps, ALIKE):
        raise NotApplicable("its step depends on all gradients together")
    found, every = run.steps(steps).state, 2 if changes else 1
    for number in marked:
        due: np.ndarray = np.max([step[number] for step in steps[-every:]], axis=0)
        what = f"{len(steps)} gradients came for p{number}, which is to be overwritten"
        same_state({f"p{number}": due}, {f"p{number}": found[f"p{number}"]}, what)
    if found["iterations"] != len(steps):
        raise Violation(f"after {len(steps)} steps, iterations is {found['iterations']:g}")
    plain = state_after(subject, initial_values(ALIKE), steps, way=way, **changes)
    others = {f"p{number}" for number in range(3) if number not in marked}
    what = "beside a parameter that is overwritten"
    same_state(state_of(others, plain), state_of(others, found), what)


@check()
def check_parameter_to_be_overwritten_has_no_slots(subject: Subject) -> None:
    """For a parameter with ``overwrite_with_gradient``, which nothing steps, no slot is made."""
    if not subject.builtin:
        raise NotApplicable("what a custom optimizer makes for it is its own affair")
    needs_release(subject, "3.10", "leaving slots out")
    run = _overwriting(subject, [1])
    run.step(chosen_gradients(ALIKE, 1)[0])
    slots = [label for label in run.state if label.endswith("/p1")]
    if slots:
        raise Violation(f"p1 is to be overwritten, and has the slots {', '.join(slots)}")


def _overwriting(subject: Subject, marked: list[int], way: str = "", **changes: Any) -> Run:
    """A run in which the parameters with these numbers are to be overwritten; not built."""
    run = Run(subject, initial_values(ALIKE), way=way, built=False, **changes)
    if not hasattr(run.parameters[0], "overwrite_with_gradient"):
        raise NotApplicable("its Keras knows no parameters that are overwritten with gradients")
    for number in marked:
        run.parameters[number].overwrite_with_gradient = True
    return run


@check()
def check_parameters_of_one_name_keep_their_own_slots(subject: Subject) -> None:
    """Two parameters of one name and shape, as two models can have them, are not mixed up."""
    told_apart, namesakes = (_ends(subject, together) for together in (True, False))
    same_state(told_apart, namesakes, "beside another parameter of its name")


def _ends(subject: Subject, together: bool) -> State:
    """Two parameters after three steps: named together, and so apart, or each by itself."""
    engine = subject.engine.fresh()
    arrays, steps = initial_values(ALIKE[:2]), chosen_gradients(ALIKE[:2], 3)
    optimizer = subject.make(engine)
    groups = [arrays] if together else [[array] for array in arrays]
    parameters = [p for group in groups for p in engine.parameters(group, "float32")]
    step = engine.stepper(optimizer, parameters, steps[0], engine.ways[0])
    for gradients in steps:
        step(gradients)
    labelled = {f"p{number}": parameter for number, parameter in enumerate(parameters)}
    state = Trained(engine, optimizer, labelled).state
    return {label: state[label] for label in labelled}


@check(cases=lambda s: ("float32", "float16", "bfloat16") if s.builtin else ("float32",))
def check_gradients_of_zero_give_finite_numbers(subject: Subject, case: str) -> None:
    """Gradients that are all zero, from the first step on, make nothing infinite or NaN."""
    needs_dtype(subject, case)
    zeros = [[np.zeros_like(g) for g in step] for step in chosen_gradients(PAIR, 3)]
    for label, value in state_after(subject, initial_values(PAIR), zeros, dtype=case).items():
        if not np.isfinite(value).all():
            raise Violation(
                f"after three steps with gradients of zero in {case}, {label} is {value}"
            )


@check()
def check_a_step_leaves_its_gradients_as_they_were(subject: Subject) -> None:
    """A step does not write into the gradients that it is given: a caller may use them again."""
    engine: Any = subject.engine.fresh()
    if not engine.writable_tensors:
        raise NotApplicable(f"the tensors of {engine.name} cannot be written into")
    optimizer, (given,) = subject.make(engine), chosen_gradients(PAIR, 1)
    parameters = engine.parameters(initial_values(PAIR), "float32")
    tensors = [engine.tensor(array.copy(), "float32") for array in given]
    optimizer.apply_gradients(zip(tensors, parameters, strict=True))
    for number, (before, tensor) in enumerate(zip(given, tensors, strict=True)):
        label, after = f"the gradient of p{number}", engine.convert_to_numpy(tensor)
        same_state({label: before}, {label: after}, "after a step")


@check(cases=("nan", "inf"))
def check_nan_stays_in_its_parameter(subject: Subject, case: str) -> None:
    """A gradient that is not finite does not reach the other parameters."""
    full = chosen_gradients(PAIR, 3)
    if not _alone(subject, full):
        raise NotApplicable("its step depends on all gradients together")
    if subject.scales:
        raise NotApplicable("where one gradient is not finite, it makes no step at all")
    broken = [[g[0], g[1].copy()] for g in full]
    broken[1][1][0] = np.float32(case)
    complete = state_after(subject, initial_values(PAIR), full)
    actual = state_after(subject, initial_values(PAIR), broken)
    what = f"the gradient of p1 had one {case}, p0 must not notice"
    same_state(state_of({"p0"}, complete), state_of({"p0"}, actual), what)


@check(cases=("nan", "inf"))
def check_global_clipping_hides_no_broken_gradient(subject: Subject, case: str) -> None:
    """Under ``global_clipnorm``, one gradient that is not finite makes every parameter NaN.

    A norm that is infinite would else make a step of zeros of all the others, and look like none:
    ``tf.clip_by_global_norm`` promises NaN "to signal that an error occurred".
    """
    if not subject.builtin:
        raise NotApplicable("Keras's base class clips for it; that is checked on Keras's own")
    needs_arguments(subject, "global_clipnorm")
    first, second = chosen_gradients(PAIR, 1)[0]
    second[0] = np.float32(case)
    state = state_after(subject, initial_values(PAIR), [[first, second]], global_clipnorm=1.0)
    finite = [label for label in ("p0", "p1") if np.isfinite(state[label]).any()]
    if finite:
        raise Violation(f"the gradient of p1 had one {case}, and {finite[0]} looks well after it")


def _resting(state: State) -> State:
    """p1 and its slots; the average is none, and may follow p1 at every step."""
    return {k: v for k, v in state_of({"p1"}, state).items() if not k.startswith("average/")}


def _alone(subject: Subject, gradients: list[list[np.ndarray]], shapes: Any = PAIR) -> bool:
    """Whether the first parameter moves alike, whatever finite gradients the others have.

    Raises:
        NotReproducible: it does not even with the same one.
    """
    if subject.rule is not None:
        together = training_of(subject)
        return together.global_clipnorm is None and not together.clipnorm_of_all
    other = [[first, *(2 * gradient for gradient in more)] for first, *more in gradients]
    a, b, c = (
        state_after(subject, initial_values(shapes), g) for g in (gradients, gradients, other)
    )
    said = difference(state_of({"p0"}, a), state_of({"p0"}, b))
    if said:
        raise NotReproducible.runs(said)
    return not difference(state_of({"p0"}, a), state_of({"p0"}, c))


#: Rows of a gradient of shape (4, 3), step by step.
ROWS = {
    "every row": [[0, 1, 2, 3]] * 4,
    "every row, some twice": [[3, 1, 0, 2, 1, 3]] * 4,
    "some rows": [[0, 2], [1, 2], [0, 2], [3, 1]],
    "some rows, one twice": [[2, 0, 2], [1, 1, 2], [0, 2, 2], [3, 1, 1]],
}


def _sparse(case: str) -> Gradients:
    """Gradients of which the matrix's has those rows alone."""
    both = zip(ROWS[case], chosen_gradients(PAIR, 4), strict=True)
    return [[sparse(rows, n), vector] for n, (rows, (_, vector)) in enumerate(both)]


@check(cases=tuple(ROWS))
def check_sparse_gradients_equal_dense_ones(subject: Subject, case: str) -> None:
    """A sparse gradient does what the dense one does, be a row in it once, twice, or not at all."""
    needs_sparse(subject)
    steps = _sparse(case)
    if subject.rule is not None:
        against_rule(subject, initial_values(PAIR), steps)
        return
    sparse_states = reproducible(subject, initial_values(PAIR), steps)
    states = reproducible(subject, initial_values(PAIR), dense(steps))
    nearly_same_states(states, sparse_states, "sparse and dense gradients differ")


@check(cases=lambda subject: changed_values(subject) if subject.engine.takes_sparse else ())
def check_sparse_gradients_follow_every_hyperparameter(subject: Subject, case: str = "") -> None:
    """With a hyperparameter that is not the default, sparse gradients do what the rule says."""
    needs_sparse(subject)
    if not case:
        raise NotApplicable("no reference rule was given, or it has no hyperparameters")
    against_rule(
        subject, initial_values(PAIR), _sparse("some rows"), **changed_values(subject)[case]
    )
