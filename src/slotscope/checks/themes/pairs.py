"""Features in pairs: what surrounds a step, each alone and each with each other, against the rule.

A pair is tried where the constructor takes the arguments of both. An optimizer without a rule is
its own, see :mod:`slotscope.checks.problems.own_rule`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.problems.comparing import follows_rule, nearly_same_states, same_state
from slotscope.checks.problems.exact_problems import (
    PAIR,
    chosen_gradients,
    dense,
    initial_values,
    sparse,
    training_of,
)
from slotscope.checks.problems.failing_run import BrokenRule, FailingRun
from slotscope.checks.problems.features import (
    CLIPPINGS,
    PARTS,
    Problem,
    pairs_of,
    problem_of,
)
from slotscope.checks.problems.linear_model import Linear
from slotscope.checks.problems.own_rule import itself_of
from slotscope.checks.problems.small_models import model_of
from slotscope.checks.problems.state import weights_of
from slotscope.checks.problems.steps import Gradients, Run, multiplied, reproducible, trajectory
from slotscope.checks.problems.warnings_and_logs import unwarned
from slotscope.checks.subjects.requirements import (
    needs_arguments,
    needs_schedules,
    needs_sparse,
    takes_schedule,
)
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import loss_scaled, steady_of, with_arguments
from slotscope.checks.verdict import NotApplicable, Violation
from slotscope.rules import FunctionRule, Rule
from slotscope.rules.loss_scaling import SCALINGS, LossScaling
from slotscope.rules.training import FEATURES

PLACE, SECONDS = 6, 0.2


@check(cases=lambda subject: pairs_of(subject))
def check_features_together_do_what_each_promises(subject: Subject, case: str = "") -> None:
    """What surrounds a step, alone and in pairs, gives the states that its documentation says."""
    if not case:
        raise NotApplicable("its constructor takes none of the arguments that surround a step")
    problem = problem_of(subject, case)
    if "accumulation" in problem.names and itself_of(subject, {}):
        subject = with_arguments(subject, **steady_of(subject))
    training, rule = _promised(subject, problem)
    gradients: Gradients = problem.gradients
    changes = _arguments(subject, problem)
    _only_one_clipping(subject, problem, changes)
    runner, options = subject, {**changes, "dtype": problem.dtype, "prepare": problem.prepare}
    if "LossScaleOptimizer" in problem.names:
        training = LossScaling(training, **SCALINGS[subject.engine.generation])
        scales = [scale for scale, _ in training.scales(dense(gradients))]
        gradients = [
            [multiplied(gradient, scale) for gradient in step]
            for step, scale in zip(gradients, scales, strict=False)
        ]
        runner = loss_scaled(with_arguments(subject, **changes))
        options = {"dtype": problem.dtype, "prepare": problem.prepare}
    if any(PARTS[name].branches for name in problem.names):
        options["way"] = subject.engine.branching_way
    with unwarned():
        actual = trajectory(runner, initial_values(PAIR), gradients, **options)
        try:
            promised = dense(problem.gradients)
            follows_rule(actual, training, rule, initial_values(PAIR), promised, problem.dtype)
        except Violation as violation:
            reproducible(runner, initial_values(PAIR), gradients, **options)
            if {"LossScaleOptimizer", "schedule"} & set(problem.names) or problem.fields:
                raise  # which no small example shows
            run = FailingRun(subject, initial_values(PAIR), gradients, "", problem.dtype, changes)
            raise BrokenRule(str(violation), run) from None


def _promised(subject: Subject, problem: Problem) -> tuple[Any, Rule]:
    """What the run should be, and the rule whose operations count for the tolerance."""
    changes = dict(problem.changes)
    if "schedule" in problem.names:
        changes["learning_rate"] = lambda step: 0.25 * 0.5**step
    own = {name: value for name, value in changes.items() if name not in FEATURES}
    steps = itself_of(subject, changes, problem.dtype)
    rule = FunctionRule() if steps else subject.expected(**own)
    return training_of(subject, steps, **changes, **problem.fields), rule


def _arguments(subject: Subject, problem: Problem) -> dict[str, Any]:
    """The arguments of the constructor."""
    if "schedule" not in problem.names:
        return problem.changes
    with subject.engine.scope():
        schedule = needs_schedules(subject).ExponentialDecay(0.25, 1, 0.5)
    takes_schedule(subject, schedule)
    return {**problem.changes, "learning_rate": schedule}


def _only_one_clipping(subject: Subject, problem: Problem, changes: dict[str, Any]) -> None:
    if len(set(problem.names) & set(CLIPPINGS)) < 2:
        return
    try:
        subject.make(**changes)
    except ValueError as refusal:
        raise NotApplicable(f"its constructor refuses two clippings: {refusal}") from None


@check(cases=CLIPPINGS)
def check_sparse_gradient_is_clipped_as_the_dense_one(subject: Subject, case: str) -> None:
    """A sparse gradient in which a row comes twice is clipped as the dense one it stands for."""
    needs_sparse(subject)
    changes = PARTS[case].arguments
    needs_arguments(subject, *changes)
    rows = [2, 0, 2, 1, 3, 2]
    steps: Gradients = [
        [sparse(rows, n), vector] for n, (_, vector) in enumerate(chosen_gradients(PAIR, 2))
    ]
    actual = trajectory(subject, initial_values(PAIR), steps, **changes)
    expected = trajectory(subject, initial_values(PAIR), dense(steps), **changes)
    nearly_same_states(expected, actual, f"with {case}, sparse and dense gradients differ")


# ---- where features end


THE_AVERAGE = "in the end, each parameter is its average"


@check(cases=("finalize_variable_values", "fit"))
def check_average_becomes_the_parameters_in_the_end(subject: Subject, case: str) -> None:
    """With use_ema, training ends with every parameter equal to its average."""
    needs_arguments(subject, "use_ema", "ema_momentum")
    if case == "fit":
        _averages_after_fit(subject)
        return
    run = Run(subject, initial_values(PAIR), use_ema=True, ema_momentum=0.75).steps(
        chosen_gradients(PAIR, 3)
    )
    before = run.state
    run.optimizer.finalize_variable_values(run.parameters)
    after = run.state
    averages = {label: before[f"average/{label}"] for label in ("p0", "p1")}
    same_state(averages, {label: after[label] for label in averages}, THE_AVERAGE)


def _averages_after_fit(subject: Subject) -> None:
    fitted = model_of(subject, use_ema=True, ema_momentum=0.75)
    fitted.fit(stop=16)
    state = fitted.state
    found = [value for label, value in state.items() if label.startswith("average/")]
    averages = {f"weight {number}": average for number, average in enumerate(found)}
    same_state(averages, weights_of(state), THE_AVERAGE)


@check()
def check_iterations_are_steps_not_calls(subject: Subject) -> None:
    """Under accumulation, ``iterations`` counts the steps that were made, not the calls."""
    needs_arguments(subject, "gradient_accumulation_steps")
    engine = subject.engine
    run = Run(
        subject, initial_values(PAIR), way=engine.branching_way, gradient_accumulation_steps=2
    )
    for number, step in enumerate(chosen_gradients(PAIR, 5), start=1):
        run.step(step)
        found = int(engine.convert_to_numpy(run.optimizer.iterations))
        if found != number // 2:
            raise Violation(f"iterations is {found} after {number} calls; {number // 2} were steps")


@check()
def check_constraint_holds_after_every_step(subject: Subject) -> None:
    """A parameter with a constraint satisfies it after every step."""
    if min(_lowest(subject, None)) >= 0.0:
        raise NotApplicable("it moves no weight of the model below 0")
    for number, lowest in enumerate(_lowest(subject, "non_neg"), start=1):
        if lowest < 0.0:
            raise Violation(
                f"after batch {number}, a weight that must not be negative is {lowest:.9g}"
            )


def _lowest(subject: Subject, constraint: str | None) -> list[float]:
    """The lowest weight of the kernel after each batch."""
    linear, lowest = Linear(subject, constraint=constraint), []

    def train(x: np.ndarray, y: np.ndarray) -> None:
        linear.model.train_on_batch(x, y)
        lowest.append(float(np.min(linear.model.get_weights()[0])))

    linear.each_batch(train)
    return lowest
