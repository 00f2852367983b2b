"""Equivalences: the same thing, asked another way, ends the same.

Both sides get the same gradients, to the last bit (see ``linear.py`` for those of a model). Where
they do the same operations in the same order they must end equal to the last bit: other entry
points, spellings, orders and company. Where a compiler comes in (``tf.function``, XLA, a fused
implementation, a branch on a traced value) it may fuse and reorder, and the tolerance is twice
that of one run, see ``compare.py``. Two that agree need no control; where they differ, each is
done again, and one that differs from itself is not reproducible.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from slotscope.checks.check import check
from slotscope.checks.compare import ends_alike
from slotscope.checks.linear import ROWS, Linear, applied, finished
from slotscope.checks.problems import chosen, values
from slotscope.checks.run import Run, State, Trajectory, difference, trajectory
from slotscope.checks.subject import Subject
from slotscope.checks.verdict import NotApplicable, NotReproducible, Violation
from slotscope.engines import Engine
from slotscope.rules import FunctionRule, Rule

#: A matrix, a vector, a scalar, and a second matrix.
SHAPES = [(4, 3), (3,), (), (2, 3)]

STEPS = 4


class AnyRule(FunctionRule):
    """What stands for the arithmetic of an optimizer of which nothing is known."""

    operations: ClassVar[int] = 64


def arithmetic(subject: Subject) -> Rule:
    """The rule of which the tolerance is made."""
    try:
        return subject.expected()
    except NotApplicable:
        return AnyRule()


def hold(
    other: Callable[[], State],
    plain: Callable[[], Trajectory],
    what: str,
    rule: Rule | None = None,
) -> None:
    """Raise unless ``other`` ends as ``plain`` does.

    Args:
        other: does one side and returns its last state.
        plain: does the other side and returns all states.
        what: how ``other`` was asked, for the message.
        rule: for the tolerance; None: equal to the last bit.

    Raises:
        Violation: they end differently.
        NotReproducible: so does one of them, done again.
    """
    expected, found = plain(), other()
    try:
        ends_alike(found, expected, rule, what)
    except Violation:
        for label in (difference([expected[-1]], [plain()[-1]]), difference([found], [other()])):
            if label:
                raise NotReproducible(
                    f"two runs of the same program differ in {label.partition(' ')[0]}"
                ) from None
        raise


def stepped(subject: Subject, numbers: list[int], way: str = "") -> Trajectory:
    """The states of a run on those of the parameters, in this order, labelled by their numbers."""
    parameters, steps = values(SHAPES), chosen(SHAPES, STEPS)
    states = trajectory(
        subject,
        [parameters[n] for n in numbers],
        [[step[n] for n in numbers] for step in steps],
        way=way,
    )
    names = {f"p{place}": f"p{number}" for place, number in enumerate(numbers)}
    return [{_renamed(label, names): v for label, v in state.items()} for state in states]


def _renamed(label: str, names: dict[str, str]) -> str:
    slot, slash, parameter = label.rpartition("/")
    return f"{slot}{slash}{names.get(parameter, parameter)}"


ALL = list(range(len(SHAPES)))


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
    plain = engine.ways[0]
    hold(
        lambda: stepped(subject, ALL, case)[-1],
        lambda: stepped(subject, ALL),
        f"{STEPS} steps by {case!r} and by {plain!r}",
        arithmetic(subject) if case in engine.compiled_ways else None,
    )


#: Ways of training in which every operation is done by itself, as in a single step.
EAGER = ("run_eagerly=True", "custom loop")


def _programs(subject: Subject) -> Iterator[str]:
    yield from ("fit", "fit of one parameter", "train_on_batch")
    yield from (f"{name}={value}" for name, value in subject.engine.running)
    yield from subject.engine.loops


def trained(subject: Subject, program: str) -> State:
    """The last state of a model trained for one epoch in one of the ways of its engine."""
    engine = subject.engine
    compiled = {k: v for k, v in engine.running if f"{k}={v}" == program}
    linear = Linear(subject, bias="one parameter" not in program, compiled=compiled)
    if program in engine.loops:
        with linear.engine.scope():
            linear.each_batch(engine.loops[program](linear.model, linear.loss))
    elif program == "train_on_batch":
        linear.each_batch(linear.model.train_on_batch)
    else:
        linear.fit()
    return linear.state


@check(cases=_programs)
def check_every_way_of_training_ends_like_single_steps(subject: Subject, case: str) -> None:
    """However a model is trained, it ends as if its gradients were given to single steps.

    To the last bit where no compiler comes in: run eagerly, and a custom loop that is not compiled.
    """

    def plain() -> Trajectory:
        states = applied(subject, bias="one parameter" not in case)
        alone = case in ("train_on_batch", *subject.engine.loops)
        return states if alone else finished(states)

    hold(
        lambda: trained(subject, case),
        plain,
        f"six batches by {case!r} and as single steps",
        None if case in EAGER else arithmetic(subject),
    )


@check()
def check_every_order_of_parameters_ends_the_same(subject: Subject) -> None:
    """A step does the same for a parameter whatever place it has among the others."""
    _only_local(subject)
    hold(
        lambda: stepped(subject, ALL[::-1])[-1],
        lambda: stepped(subject, ALL),
        f"{STEPS} steps on the parameters in reverse order",
    )


@check()
def check_a_parameter_alone_ends_as_in_company(subject: Subject) -> None:
    """A step does the same for a parameter alone and together with others."""
    _only_local(subject)
    together = stepped(subject, ALL)
    for number in ALL:
        alone = {f"p{n}" for n in ALL if n != number}
        hold(
            lambda number=number: stepped(subject, [number])[-1],  # type: ignore[misc]
            lambda alone=alone: [_without(state, alone) for state in together],  # type: ignore[misc]
            f"{STEPS} steps on p{number} alone",
        )


def _without(state: State, parameters: set[str]) -> State:
    return {label: v for label, v in state.items() if label.rpartition("/")[2] not in parameters}


def _only_local(subject: Subject) -> None:
    """Raise unless what happens to one parameter is no matter of the others.

    Raises:
        NotApplicable: it clips by a norm of all, or is not Keras's own and keeps a variable that
            all parameters share, or has an ``apply`` of its own.
    """
    run = Run(subject, values(SHAPES))
    optimizer = run.optimizer
    if getattr(optimizer, "global_clipnorm", None):
        raise NotApplicable("global_clipnorm ties the parameters together")
    if subject.builtin:
        return
    with run.engine.scope():
        found = {v.slot for v in run.engine.variables(optimizer) if not v.parameter}
    shared = found - {"iterations", "learning_rate"}
    if shared:
        raise NotApplicable(f"{', '.join(sorted(shared))} may tie the parameters together")
    package = run.engine.optimizers.__name__.partition(".")[0]
    for cls in type(optimizer).__mro__:
        if cls.__module__.partition(".")[0] == package:
            break
        for name in {"apply", "apply_gradients", "get_updates", "stateless_apply"} & vars(
            cls
        ).keys():
            raise NotApplicable(f"its own {name} may tie the parameters together")


@check(cases=("one after the other", "in turns"))
def check_a_second_optimizer_leaves_the_first_alone(subject: Subject, case: str) -> None:
    """Two optimizers in one process do what each of them does alone."""
    parameters, steps = values(SHAPES), chosen(SHAPES, STEPS)

    def beside() -> State:
        other = Run(subject, parameters)
        first = Run(subject, parameters) if case == "in turns" else None
        for gradients in steps:
            if first:
                first.step(gradients)
            other.step([2 * gradient for gradient in gradients])
        return first.state if first else stepped(subject, ALL)[-1]

    hold(beside, lambda: stepped(subject, ALL), f"{STEPS} steps beside another optimizer, {case}")


FITS = ("two fits of one epoch", "evaluate and predict in between", "validation data")


@check(cases=FITS)
def check_fit_ends_the_same_however_it_is_divided(subject: Subject, case: str) -> None:
    """Two epochs end the same in one fit and in two, with evaluation in between or without."""
    if getattr(subject.make(), "use_ema", False):
        raise NotApplicable("at the end of fit the parameters become their averages")
    compiled = {} if case == FITS[0] else subject.engine.cheaply

    def whole() -> Trajectory:
        linear = Linear(subject, compiled=compiled)
        linear.fit(epochs=2)
        return [linear.state]

    def divided() -> State:
        linear = Linear(subject, compiled=compiled)
        if case == "validation data":
            linear.fit(epochs=2, validation_data=(linear.x, linear.y))
            return linear.state
        linear.fit()
        if case != FITS[0]:
            linear.evaluate()
            linear.predict()
        linear.fit()
        return linear.state

    hold(divided, whole, f"two epochs as {case!r} and in one fit")


@check(cases=("steps", "fit"))
def check_accumulated_small_batches_end_like_the_big_ones(subject: Subject, case: str) -> None:
    """Two batches accumulated are one batch of both: the mean of their gradients."""
    accumulating = with_changes(subject, gradient_accumulation_steps=2)
    whole = with_changes(subject, gradient_accumulation_steps=None)

    def small() -> State:
        if case == "steps":
            return applied(accumulating)[-1]
        linear = Linear(accumulating)
        linear.fit()
        return linear.state

    def big() -> Trajectory:
        states = applied(whole, rows=2 * ROWS)
        states = finished(states) if case == "fit" else states
        return [{k: v for k, v in state.items() if k != "iterations"} for state in states]

    hold(small, big, f"six batches accumulated by two ({case})", arithmetic(subject))


def with_changes(subject: Subject, **changes: Any) -> Subject:
    """``subject`` with other arguments to its constructor.

    Raises:
        NotApplicable: it does not take one of them.
    """
    if not subject.accepts(*changes):
        raise NotApplicable(f"its constructor takes no {' and no '.join(map(repr, changes))}")
    return made(subject, lambda engine: subject.make(engine, **changes))


def made(subject: Subject, create: Callable[[Engine], Any]) -> Subject:
    """``subject``, made otherwise."""
    return dataclasses.replace(subject, create=create)
