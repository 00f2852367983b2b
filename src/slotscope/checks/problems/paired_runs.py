"""Two runs that should end the same: how each is done."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ClassVar

from slotscope.checks.problems.comparing import in_both, same_end
from slotscope.checks.problems.exact_problems import chosen_gradients, initial_values
from slotscope.checks.problems.linear_model import Linear, applied, finished, product
from slotscope.checks.problems.state import State, Trajectory
from slotscope.checks.problems.steps import Run, trajectory
from slotscope.checks.subjects.requirements import own_classes
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable
from slotscope.rules import FunctionRule, Rule

#: Two ways of training may show other variables: compared are those of the plain one.
ends_alike = functools.partial(same_end, compared=in_both)

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


def branches(subject: Subject) -> bool:
    """Whether each step is a branch, which this engine compiles wherever it is asked for."""
    return subject.scales and bool(subject.engine.branching_way)


def stepped(subject: Subject, numbers: list[int], way: str = "") -> Trajectory:
    """The states of a run on those of the parameters, in this order, labelled by their numbers."""
    parameters, steps = initial_values(SHAPES), chosen_gradients(SHAPES, STEPS)
    states = trajectory(
        subject,
        [parameters[n] for n in numbers],
        [[step[n] for n in numbers] for step in steps],
        way=way,
    )
    names = {f"p{place}": f"p{number}" for place, number in enumerate(numbers)}
    return [{_renamed(label, names): v for label, v in state.items()} for state in states]


def plain_steps(subject: Subject) -> Trajectory:
    """The plain steps on all parameters, with which most checks compare, done once a subject."""
    return subject.once("plain steps", lambda: stepped(subject, ALL))


def ends_like_steps(
    subject: Subject, other: Callable[[], State], how: str, rule: Rule | None = None
) -> None:
    """Raise unless ``other`` ends as the plain steps of ``subject`` on all parameters.

    Args:
        subject: makes the optimizer of the plain steps.
        other: the last state of what is compared with them.
        how: says in words how ``other`` goes about it.
        rule: for the tolerance; None: equal to the last bit.
    """
    what, known = f"{STEPS} steps {how}", plain_steps(subject)
    ends_alike(lambda: stepped(subject, ALL), other, what, rule=rule, known=known)


def ends_like_applied(subject: Subject, other: Callable[[], State], what: str) -> None:
    """Raise unless ``other``, a model's training, ends as its gradients given to single steps."""
    rule = arithmetic(subject)
    ends_alike(lambda: finished(applied(subject)), other, f"six batches {what}", rule=rule)


def _renamed(label: str, names: dict[str, str]) -> str:
    slot, slash, parameter = label.rpartition("/")
    return f"{slot}{slash}{names.get(parameter, parameter)}"


ALL = list(range(len(SHAPES)))


def trained(subject: Subject, program: str) -> State:
    """The last state of a model trained for one epoch in one of the ways of its engine."""
    engine = subject.engine
    compiled = {k: v for k, v in engine.running if f"{k}={v}" == program}
    linear = Linear(subject, bias="one parameter" not in program, compiled=compiled)
    if program in engine.loops:
        with linear.engine.scope():
            linear.each_batch(engine.loops[program](linear.model, product))
    elif program == "train_on_batch":
        linear.each_batch(linear.model.train_on_batch)
    else:
        linear.fit()
    return linear.state


#: What an optimizer may define for itself and still treat each parameter by itself.
LOCAL = {
    *("build", "update_step", "get_config", "from_config"),
    *("_create_slots", "_resource_apply_dense", "_resource_apply_sparse", "_prepare_local"),
}


def only_local(subject: Subject) -> None:
    """Raise unless what happens to one parameter is no matter of the others.

    Raises:
        NotApplicable: it clips by a norm of all, or is not Keras's own and keeps a variable that
            all parameters share, or a method that sees all of them is its own.
    """
    run = Run(subject, initial_values(SHAPES))
    optimizer = run.optimizer
    if getattr(optimizer, "global_clipnorm", None):
        raise NotApplicable("global_clipnorm ties the parameters together")
    if subject.builtin:
        return
    with run.engine.scope():
        found = {v.slot for v in run.engine.variables(optimizer) if not v.parameter}
    shared = sorted(found - {"iterations", "learning_rate"})
    base = run.engine.optimizers.Optimizer
    for cls in own_classes(subject, type(optimizer)):
        mine = {name for name in vars(cls) if not name.startswith("__")} - LOCAL
        shared += sorted(name for name in mine if callable(getattr(base, name, None)))
    if shared:
        raise NotApplicable(f"its own {', '.join(shared)} may tie the parameters together")
