"""Relations: what can be asked of an update without knowing it, so of any optimizer at all."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.problems.comparing import difference, same_end
from slotscope.checks.problems.exact_problems import (
    PAIR,
    chosen_gradients,
    exact_numbers,
    initial_values,
)
from slotscope.checks.problems.paired_runs import only_local
from slotscope.checks.problems.rounding import EPSILON
from slotscope.checks.problems.state import State, state_of
from slotscope.checks.problems.steps import Run, reproducible, state_after, trajectory
from slotscope.checks.problems.warnings_and_logs import listening
from slotscope.checks.subjects import config_arguments
from slotscope.checks.subjects.requirements import (
    compiled_way,
    needs_arguments,
    needs_dtype,
    needs_schedules,
    takes_schedule,
)
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.verdict import NotApplicable, Violation

PLACE, SECONDS = 5, 0.1

# ---- arguments of the constructor


def arguments(subject: Subject) -> list[str]:
    """The arguments of its constructor that are numbers or switches."""
    found = config_arguments.others(subject)
    names = [name for name, value in found.items() if name != "name" and not _is_text(value)]
    return [name for name in names if not any(word in name for word in _SAYS)]


#: In the names of arguments that change what is said, not what is done.
_SAYS = ("verbose", "print", "debug", "log_")


def _is_text(value: Any) -> bool:
    values = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(own, str) for own in values)


#: The names of the parameters: some optimizers treat an embedding in a way of its own.
_NAMED = ("embedding", "bias", "kernel")
_SHAPES = [(4, 3), (3,), (2, 3)]


def _varied() -> list[list[np.ndarray]]:
    """Gradients of every size, of one sign and of both, growing, falling, zero."""
    scales = (1.0, 1.0, 2.0**-6, 0.0, 8.0, -1.0)
    steps = chosen_gradients(_SHAPES, len(scales))
    return [[g * np.float32(s) for g in step] for s, step in zip(scales, steps, strict=True)]


@check(cases=arguments)
def check_every_argument_changes_something(subject: Subject, case: str) -> None:
    """With another value of a number or a switch of its constructor, something ends otherwise."""
    others = config_arguments.others(subject)
    needed = config_arguments.NEEDS.get(case, {})
    tried = 0
    for beside in _circumstances(case, others, needed):
        with contextlib.suppress(ValueError, TypeError, NotApplicable):
            plain = subject.once(
                f"varied steps with {beside}", functools.partial(_of_parameters, subject, beside)
            )
            changed = _of_parameters(subject, {**beside, case: _telling(others[case])})
            if difference(plain, changed):
                return
            tried += 1
    if not tried:
        raise NotApplicable(f"it takes no other value of {case} that is known here")
    if case == "loss_scale_factor" and _has(subject, case, _telling(others[case])):
        raise NotApplicable("its steps do not depend on the scale of its gradients")
    raise Violation(
        f"{case}={_telling(others[case])!r} does what its default does: nothing reads it, alone or"
        " beside other arguments that are changed"
    )


def _has(subject: Subject, name: str, value: Any) -> bool:
    """Whether Keras's base class got an argument that it acts upon."""
    with subject.engine.scope():
        return bool(getattr(subject.make(**{name: value}), name, None) == value)


def _circumstances(
    case: str, others: dict[str, Any], needed: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """What else is changed: what an argument needs, switches, slow rates, then everything."""
    yield needed
    rest = {name: _telling(value) for name, value in others.items() if name != case}
    rest = {name: value for name, value in rest.items() if name not in _AROUND}
    switches = {name: value for name, value in rest.items() if isinstance(value, bool)}
    numbers = {name: value for name, value in rest.items() if not isinstance(value, bool)}
    for name, value in {**switches, **numbers}.items():
        yield {**needed, name: value}
    yield {**numbers, **needed}
    yield {**rest, **needed}


#: What is around an update: it would hide some arguments, and none of them needs it.
_AROUND = frozenset(
    {
        "name",
        "clipnorm",
        "clipvalue",
        "global_clipnorm",
        "loss_scale_factor",
        "weight_decay",
        "use_ema",
        "ema_momentum",
        "ema_overwrite_frequency",
        "gradient_accumulation_steps",
    }
)


def _telling(value: Any) -> Any:
    """A value that shows: neither a number near 0 nor one step more may do so."""
    if isinstance(value, float) and 0.0 < abs(value) < 1e-3:
        return 0.125
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 2 if value < 8 else 2
    return value


def _of_parameters(subject: Subject, changes: dict[str, Any]) -> State:
    """The parameters and their slots after some steps, in the order of the steps.

    And the scale, where losses are scaled: no parameter must notice it.
    """
    *start, last = initial_values(_SHAPES)
    start.append(np.zeros_like(last))  # the size of a parameter may scale its steps
    states = trajectory(subject, start, _varied(), names=_NAMED, **changes)
    parameters = {f"p{number}" for number in range(len(_SHAPES))}
    return {
        f"{label} after step {number}": value
        for number, state in enumerate(states)
        for label, value in (state if subject.scales else state_of(parameters, state)).items()
    }


# ---- the learning rate


@check(cases=("at construction", "set later", "set later, compiled", "a schedule", "a function"))
def check_the_learning_rate_moves_the_parameters(subject: Subject, case: str) -> None:
    """With another learning rate, however it is given, the parameters end elsewhere."""
    way = compiled_way(subject) if "compiled" in case else ""
    with _refusal(subject, case):
        first, second = (_ended(subject, case, way, rate) for rate in (0.25, 0.0625))
    if not difference(first, second):
        raise Violation(f"learning rates of 0.25 and 0.0625, {case}, end the same: it is not used")


@contextlib.contextmanager
def _refusal(subject: Subject, case: str) -> Iterator[None]:
    needs_arguments(subject, "learning_rate")
    try:
        yield
    except (TypeError, ValueError) as error:
        if case.startswith(("at", "set")):
            raise
        raise NotApplicable(f"it refuses {case}: {error}") from None


def _ended(subject: Subject, case: str, way: str, rate: float) -> State:
    """The parameters after four steps, the last two of which must have ``rate``."""
    steps, given = chosen_gradients(PAIR, 4), _given(subject, case, rate)
    run = Run(subject, initial_values(PAIR), way=way, learning_rate=given)
    run.steps(steps[:2])
    if case.startswith("set later"):
        run.engine.set_learning_rate(run.optimizer, rate)
    state = run.steps(steps[2:]).state
    return {label: state[label] for label in ("p0", "p1")}


def _given(subject: Subject, case: str, rate: float) -> Any:
    """The learning rate, as it is given to the constructor."""
    if case.startswith("set later"):
        return 0.125
    if case == "a function":
        return lambda: rate
    if case == "a schedule":
        schedule = needs_schedules(subject).ExponentialDecay(rate, 2, 0.5)
        takes_schedule(subject, schedule)
        return schedule
    return rate


# ---- gradients


#: Arguments that move a parameter without a gradient, where they are not 0.
_DECAYS = ("wd", "l1", "l2", "lambda_")


@check(quick=True)
def check_a_gradient_of_zero_moves_nothing(subject: Subject) -> None:
    """Where every gradient was zero, and no weight decays, no parameter has moved."""
    shared = subject.engine.shared_arguments
    known = config_arguments.arguments(subject.made_class(), shared)
    off: dict[str, Any] = {n: 0.0 for n in known if n in _DECAYS or "weight_decay" in n}
    with contextlib.suppress(ValueError, TypeError):
        subject.make(**off)
        return _rests(subject, off)
    _rests(subject, {})


def _rests(subject: Subject, changes: dict[str, Any]) -> None:
    start = initial_values(PAIR)
    zeros = [[np.zeros_like(array) for array in start] for _ in range(3)]
    if subject.rule is not None and _rule_moves(subject, start, changes):
        raise NotApplicable("its rule moves a parameter without a gradient")
    for step, state in enumerate(reproducible(subject, start, zeros, **changes)):
        for number, before in enumerate(start):
            after = state[f"p{number}"]
            if np.array_equal(after, before):
                continue
            if _shrunk(before, after):
                raise NotApplicable("it shrinks each parameter by one factor, as weight decay does")
            raise Violation(
                f"after {step} steps with a gradient of zero, p{number} is {after}, not {before}"
            )


def _rule_moves(subject: Subject, start: list[np.ndarray], changes: dict[str, Any]) -> bool:
    try:
        rule = subject.expected(**changes)
    except NotApplicable:
        return False
    after, slots = start[0].astype(np.float64), rule.initial(start[0])
    for iteration in range(3):
        with np.errstate(all="ignore"):
            after, slots = rule.step(after, np.zeros_like(after), slots, iteration)
    return not np.array_equal(after, start[0])


def _shrunk(before: np.ndarray, after: np.ndarray) -> bool:
    factors = after / before
    same = np.allclose(factors, factors.reshape(-1)[0], rtol=1e-5)
    return bool(same and 0.0 < factors.min() < 1.0)


@check(quick=True)
def check_parameters_of_one_shape_use_their_own_slots(subject: Subject) -> None:
    """Of two parameters of one shape, each ends, with its slots, as it does alone."""
    only_local(subject)
    start = [exact_numbers((4, 3)), exact_numbers((4, 3), shift=2)]
    steps = chosen_gradients([(4, 3), (4, 3)], 4)
    together = trajectory(subject, start, steps)
    for number in range(2):
        name = f"p{number}"
        alone = functools.partial(_alone, subject, start[number], steps, number)
        known = [state_of({name}, state) for state in together]
        same_end(
            lambda: [state_of({name}, s) for s in trajectory(subject, start, steps)],  # noqa: B023
            alone,
            f"{name} alone, and beside one of its shape",
            known=known,
        )


def _alone(
    subject: Subject, start: np.ndarray, steps: list[list[np.ndarray]], number: int
) -> State:
    """The end of one parameter that is trained alone, under its name among several."""
    state = state_after(subject, [start], [[step[number]] for step in steps])
    return {
        label.removesuffix("p0") + f"p{number}": value
        for label, value in state_of({"p0"}, state).items()
    }


#: From about 1e-1 to about 1e-5.
_SMALL = {"2**-4": 2.0**-4, "2**-7": 2.0**-7, "2**-10": 2.0**-10, "2**-17": 2.0**-17}


@check(cases=tuple(f"{dtype}: {size}" for dtype in ("float16", "bfloat16") for size in _SMALL))
def check_small_gradients_move_low_precision_alike(subject: Subject, case: str) -> None:
    """In half precision small gradients move a parameter about as far as in float32, or it warns.

    About: by a factor of 4 either way, of what moves by more than a few roundings.
    """
    dtype, _, size = case.partition(": ")
    needs_dtype(subject, dtype)
    start = [exact_numbers((4, 3), 2.0**-3), exact_numbers((3,), 2.0**-3)]
    gradients = [
        [np.full_like(array, _SMALL[size] * (1 - 2 * (n % 2))) for n, array in enumerate(start)]
    ] * 3
    changes: dict[str, Any] = {"learning_rate": 2.0**-3} if subject.accepts("learning_rate") else {}
    run = Run(subject, start, dtype=dtype, **changes)
    with listening() as told:
        run.steps(gradients)
    if not told:
        _moved_alike(state_after(subject, start, gradients, **changes), run.state, start, dtype)


def _moved_alike(expected: State, found: State, start: list[np.ndarray], dtype: str) -> None:
    epsilon = EPSILON[dtype]
    for number, before in enumerate(start):
        name = f"p{number}"
        due, moved = (state[name] - before for state in (expected, found))
        tells = np.abs(due) > 8 * epsilon * np.abs(before)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = moved / due
        wrong = (tells & ~((factor > 0.25) & (factor < 4.0))) | (
            ~tells & (np.abs(moved) > 32 * epsilon * np.abs(before))
        )
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise Violation(
                f"{name}{list(place)} moved by {moved[place]:.3g} in three steps in {dtype}, and by"
                f" {due[place]:.3g} in float32"
            )
