"""Equivalences: the same thing, asked another way, ends the same.

Both sides get the same gradients, to the last bit (see ``linear_model.py`` for those of a model).
Where they do the same operations in the same order they must end equal to the last bit: other entry
points, spellings, orders and company. Where a compiler comes in (``tf.function``, XLA, a fused
implementation, a branch on a traced value) it may fuse and reorder, and the tolerance is twice
that of one run, see ``comparing.py``. Two that agree need no control; where they differ, each is
done again, and one that differs from itself is not reproducible.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.problems.exact_problems import chosen_gradients, initial_values
from slotscope.checks.problems.linear_model import ROWS, Linear, applied, finished
from slotscope.checks.problems.paired_runs import (
    ALL,
    SHAPES,
    STEPS,
    arithmetic,
    branches,
    ends_alike,
    ends_like_applied,
    ends_like_steps,
    only_local,
    plain_steps,
    stepped,
    trained,
)
from slotscope.checks.problems.state import State, Trajectory
from slotscope.checks.problems.steps import Run
from slotscope.checks.subjects.requirements import needs_no_averages
from slotscope.checks.subjects.spellings import (
    RATE,
    RATES,
    SPELLINGS,
    named,
    spelled,
    with_rate,
)
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import (
    loss_scaled,
    made,
    portable,
    steady_of,
    with_arguments,
)
from slotscope.checks.verdict import NotApplicable
from slotscope.processes.limits import prepared
from slotscope.processes.on_engine import on_two_devices, ready_two_devices
from slotscope.rules import FunctionRule
from slotscope.rules.loss_scaling import SCALINGS, LossScaling
from slotscope.rules.training import Each, Training

PLACE, SECONDS = 5, 0.5


def _other_ways(subject: Subject) -> tuple[str, ...]:
    return subject.engine.ways[1:]


@check(cases=_other_ways)
def check_every_way_to_ask_for_a_step_ends_the_same(subject: Subject, case: str = "") -> None:
    """A step does the same whichever method of the optimizer asks for it, compiled or not.

    To the last bit but for the compiled ways, and torch's update of all parameters at once.
    """
    engine = subject.engine
    if not case:
        raise NotApplicable(f"{engine.name} has one way to ask for a step")
    compiled = case in engine.compiled_ways or branches(subject)
    rule = arithmetic(subject) if compiled else None
    how = f"by {case!r} and by {engine.ways[0]!r}"
    ends_like_steps(subject, lambda: stepped(subject, ALL, case)[-1], how, rule)


#: Ways of training in which every operation is done by itself, as in a single step.
EAGER = ("run_eagerly=True", "custom loop")


def _programs(subject: Subject) -> Iterator[str]:
    yield from ("fit", "fit of one parameter", "train_on_batch")
    yield from (f"{name}={value}" for name, value in subject.engine.running)
    yield from subject.engine.loops


@check(cases=_programs)
def check_every_way_of_training_ends_like_single_steps(subject: Subject, case: str) -> None:
    """However a model is trained, it ends as if its gradients were given to single steps.

    To the last bit where no compiler comes in: run eagerly, and a custom loop that is not compiled.
    """

    def plain() -> Trajectory:
        states = applied(subject, bias="one parameter" not in case)
        alone = case in ("train_on_batch", *subject.engine.loops)
        return states if alone else finished(states)

    ends_alike(
        plain,
        lambda: trained(subject, case),
        f"six batches by {case!r} and as single steps",
        rule=None if case in EAGER and not branches(subject) else arithmetic(subject),
    )


@check()
def check_every_order_of_parameters_ends_the_same(subject: Subject) -> None:
    """A step does the same for a parameter whatever place it has among the others."""
    only_local(subject)
    how = "on the parameters in reverse order"
    ends_like_steps(subject, lambda: stepped(subject, ALL[::-1])[-1], how)


@check()
def check_a_parameter_alone_ends_as_in_company(subject: Subject) -> None:
    """A step does the same for a parameter alone and together with others."""
    only_local(subject)
    together = plain_steps(subject)
    for number in ALL:
        ends_alike(
            functools.partial(_without, {f"p{n}" for n in ALL if n != number}, together),
            functools.partial(_alone, subject, number),
            f"{STEPS} steps on p{number} alone",
        )


def _alone(subject: Subject, number: int) -> State:
    return stepped(subject, [number])[-1]


def _without(parameters: set[str], states: Trajectory) -> Trajectory:
    return [
        {label: v for label, v in state.items() if label.rpartition("/")[2] not in parameters}
        for state in states
    ]


@check(cases=("one after the other", "in turns"))
def check_a_second_optimizer_leaves_the_first_alone(subject: Subject, case: str) -> None:
    """Two optimizers in one process do what each of them does alone."""
    parameters, steps = initial_values(SHAPES), chosen_gradients(SHAPES, STEPS)

    def beside() -> State:
        other = Run(subject, parameters)
        first = Run(subject, parameters) if case == "in turns" else None
        for gradients in steps:
            if first:
                first.step(gradients)
            other.step([2 * gradient for gradient in gradients])
        return first.state if first else stepped(subject, ALL)[-1]

    ends_like_steps(subject, beside, f"beside another optimizer, {case}")


@check(cases=("two fits of one epoch", "evaluation in between"))
def check_fit_ends_the_same_however_it_is_divided(subject: Subject, case: str) -> None:
    """Two epochs end the same in one fit and in two, with evaluation in between or without."""
    needs_no_averages(subject)
    evaluated = case == "evaluation in between"
    compiled = subject.engine.cheaply if evaluated else {}

    def undivided() -> Trajectory:
        linear = Linear(subject, compiled=compiled)
        linear.fit(epochs=2)
        return [linear.state]

    def divided() -> State:
        linear = Linear(subject, compiled=compiled)
        linear.fit(validation_data=(linear.x, linear.y) if evaluated else None)
        if evaluated:
            linear.evaluate()
            linear.predict()
        linear.fit()
        return linear.state

    ends_alike(undivided, divided, f"two epochs as {case!r} and in one fit")


@check(cases=("steps", "fit"))
def check_accumulated_small_batches_end_like_the_big_ones(subject: Subject, case: str) -> None:
    """Three batches accumulated are one batch of all: the mean of their gradients."""
    steady = steady_of(subject)
    accumulating = with_arguments(subject, gradient_accumulation_steps=3, **steady)
    plain = with_arguments(subject, gradient_accumulation_steps=None, **steady)

    def small() -> State:
        if case == "steps":
            return applied(accumulating)[-1]
        linear = Linear(accumulating)
        linear.fit()
        return linear.state

    def big() -> Trajectory:
        states = applied(plain, rows=3 * ROWS)
        states = finished(states) if case == "fit" else states
        return [{k: v for k, v in state.items() if k != "iterations"} for state in states]

    ends_alike(big, small, f"six batches accumulated by three ({case})", rule=arithmetic(subject))


#: What else an optimizer in a LossScaleOptimizer is asked for.
SCALED: dict[str, dict[str, Any]] = {
    "as it is": {},
    "averages": {"use_ema": True, "ema_momentum": 0.75},
    "learning rate assigned later": {"learning_rate": RATE},
    "loss_scale_factor": {},
}


@check(cases=tuple(SCALED))
def check_a_scaled_loss_ends_like_a_plain_one(subject: Subject, case: str) -> None:
    """A model trained with its optimizer in a LossScaleOptimizer ends as with the optimizer alone.

    So does one with the argument ``loss_scale_factor``. The scales are powers of two, so that
    nothing is rounded.
    """
    changes: dict[str, Any] = SCALED[case]
    plain = with_arguments(subject, **changes) if changes else subject
    later = "learning_rate" in changes
    if case == "loss_scale_factor":
        scaled = with_arguments(subject, loss_scale_factor=8.0)
    else:
        scaled = loss_scaled(with_arguments(subject, learning_rate=4 * RATE) if later else plain)

    def end() -> State:
        linear = Linear(scaled)
        if later:
            linear.engine.set_learning_rate(linear.model.optimizer, RATE)
        linear.fit()
        return linear.state

    def alone() -> Trajectory:
        states = finished(applied(plain))
        due = {} if case == "loss_scale_factor" else _scale_after(subject, len(states) - 1)
        kept = [{k: v for k, v in state.items() if k in ("p0", "p1")} for state in states]
        return [{**state, **due} for state in kept]

    ends_alike(
        alone, end, f"six batches of fit with a scaled loss ({case})", rule=arithmetic(plain)
    )


def _scale_after(subject: Subject, steps: int) -> State:
    """What a LossScaleOptimizer shows of its scale after ``steps`` steps, all of them finite."""
    scaling = LossScaling(
        Training(Each(FunctionRule())), **SCALINGS.get(subject.engine.generation, {})
    )
    numbers = scaling.scales([[]] * steps)[-1]
    return {n: np.full((), float(v)) for n, v in zip(scaling.shown, numbers, strict=False)}


@check(cases=tuple(RATES))
def check_every_spelling_of_the_learning_rate_ends_the_same(subject: Subject, case: str) -> None:
    """A learning rate does the same as a number, a variable, a function and a constant schedule."""
    number = with_arguments(subject, learning_rate=RATE)

    other = with_rate(subject, case)
    how = f"with the learning rate {case!r} and as a number"
    if "fit" in case:
        ends_like_applied(number, lambda: trained(other, "fit"), how)
    else:
        ends_like_steps(number, lambda: stepped(other, ALL)[-1], how)


@check(cases=tuple(SPELLINGS))
def check_every_spelling_of_the_optimizer_ends_the_same(subject: Subject, case: str) -> None:
    """An optimizer made from the config of another one does what that one does."""
    other = spelled(subject, case)
    ends_like_steps(subject, lambda: stepped(other, ALL)[-1], f"by {case}")


@check(cases=("steps", "fit"))
def check_its_name_stands_for_its_defaults(subject: Subject, case: str) -> None:
    """A built-in optimizer called by its name is the class without arguments."""
    if not subject.builtin or subject.wrapped:
        raise NotApplicable("a name stands only for Keras's own optimizers")
    name = subject.name.lower()
    plain = made(subject, lambda engine: engine.optimizer(subject.name))
    by_name = named(subject, name)
    if case == "steps":
        how = f"by {name!r} and by the class without arguments"
        ends_like_steps(plain, lambda: stepped(by_name, ALL)[-1], how)
    else:
        how = f"of compile({name!r}) and of the class without arguments"
        ends_like_applied(plain, lambda: trained(by_name, "fit"), how)


@check()
def check_two_devices_end_like_one(subject: Subject) -> None:
    """Trained on two devices, each with half of every batch, a model ends as on one.

    On TensorFlow a mirrored strategy, on JAX data parallelism, in a worker process.
    """
    if subject.engine.two_devices is None:
        raise NotApplicable(f"{subject.engine.name} trains on one device")
    elsewhere = portable(subject)
    ready = functools.partial(ready_two_devices, subject.engine)
    prepared("a process with two devices", ready)
    ends_like_applied(
        subject,
        lambda: on_two_devices(subject.engine, trained, elsewhere, "fit"),
        "of fit on two devices and as single steps",
    )
