"""Two runs that should end the same: how each is done, and what is said where they do not."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any, ClassVar

import cloudpickle

from slotscope.checks.problems.comparing import ends_alike
from slotscope.checks.problems.exact_problems import chosen, values
from slotscope.checks.problems.linear_model import Linear
from slotscope.checks.problems.steps import Run, State, Trajectory, difference, trajectory
from slotscope.checks.subjects import config_arguments
from slotscope.checks.subjects.subject import Subject
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
    known: Trajectory | None = None,
) -> None:
    """Raise unless ``other`` ends as ``plain`` does.

    Args:
        other: does one side and returns its last state.
        plain: does the other side and returns all states.
        what: how ``other`` was asked, for the message.
        rule: for the tolerance; None: equal to the last bit.
        known: what ``plain`` gave before, where it was done before.

    Raises:
        Violation: they end differently.
        NotReproducible: so does one of them, done again.
    """
    expected = plain() if known is None else known
    found = other()
    try:
        ends_alike(found, expected, rule, what)
    except Violation:
        for label in (difference([expected[-1]], [plain()[-1]]), difference([found], [other()])):
            if label:
                raise NotReproducible.runs(label.partition(" ")[0]) from None
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


@functools.lru_cache(maxsize=1)
def steps_of(subject: Subject) -> Trajectory:
    """The plain steps on all parameters, with which most checks compare, done once a subject."""
    return stepped(subject, ALL)


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
            linear.each_batch(engine.loops[program](linear.model, linear.loss))
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
    run = Run(subject, values(SHAPES))
    optimizer = run.optimizer
    if getattr(optimizer, "global_clipnorm", None):
        raise NotApplicable("global_clipnorm ties the parameters together")
    if subject.builtin:
        return
    with run.engine.scope():
        found = {v.slot for v in run.engine.variables(optimizer) if not v.parameter}
    shared = sorted(found - {"iterations", "learning_rate"})
    base = run.engine.optimizers.Optimizer
    for cls in itertools.takewhile(lambda cls: not own(subject, cls), type(optimizer).__mro__):
        mine = {name for name in vars(cls) if not name.startswith("__")} - LOCAL
        shared += sorted(name for name in mine if callable(getattr(base, name, None)))
    if shared:
        raise NotApplicable(f"its own {', '.join(shared)} may tie the parameters together")


def own(subject: Subject, cls: type) -> bool:
    """Whether ``cls`` is Keras's own."""
    package = subject.engine.optimizers.__name__.partition(".")[0]
    return cls.__module__.partition(".")[0] == package


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


def portable(subject: Subject) -> Subject:
    """``subject`` as another process can have it.

    Raises:
        NotApplicable: neither what makes its optimizer nor its class can be pickled.
    """
    cls, config = type(subject.make()), config_arguments.plain(subject.make().get_config())
    for create in (subject.create, lambda engine: cls.from_config(dict(config))):
        try:
            copied = cloudpickle.loads(cloudpickle.dumps(create))
            if copied(subject.engine).get_config().keys() == config.keys():
                return dataclasses.replace(subject, create=create, rule=None)
        except Exception:
            continue  # Keras objects fail in many ways; what matters is whether one works
    raise NotApplicable("its optimizer cannot be sent to another process")
