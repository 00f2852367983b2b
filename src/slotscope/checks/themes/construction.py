"""Construction: what is built, how often, and that building again leaves it alone."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from typing import Any

from slotscope.checks.check import check
from slotscope.checks.problems.comparing import difference, same_end, same_state
from slotscope.checks.problems.exact_problems import (
    PAIR,
    chosen_gradients,
    exact_numbers,
    initial_values,
)
from slotscope.checks.problems.inspection import (
    changed,
    labels,
    objects,
    same_objects,
    variables,
)
from slotscope.checks.problems.recorded_fits import TwoFits, eight_batches
from slotscope.checks.problems.small_models import model_of
from slotscope.checks.problems.state import State, Trained
from slotscope.checks.problems.steps import Run, state_after
from slotscope.checks.subjects.requirements import (
    compiled_way,
    needs_arguments,
    needs_dtype,
    needs_schedules,
)
from slotscope.checks.subjects.subject import Subject, is_keras_own
from slotscope.checks.subjects.variants import loss_scaled
from slotscope.checks.verdict import NotApplicable, Violation
from slotscope.recording.records import EventKind
from slotscope.rules import FunctionRule

PLACE, SECONDS = 1, 0.4

#: Two parameters of the same shape, and one of each other rank.
ALIKE: tuple[tuple[int, ...], ...] = ((4, 3), (3,), (4, 3), ())

#: Ways that cost no compilation.
PLAIN = ("apply", "apply_gradients", "get_updates")


def ways(subject: Subject) -> tuple[str, ...]:
    """The ways of the subject's engine to ask for a step."""
    return subject.engine.ways


# ---- what is there


@check(quick=True)
def check_slots_are_as_promised(subject: Subject) -> None:
    """Each parameter has the slots of its rule, in their shapes and dtype."""
    rule = subject.expected()
    arrays = initial_values(ALIKE)
    run = Run(subject, arrays)
    found = {v.label: v for v in variables(run)}
    for parameter, array in zip(run.parameters, arrays, strict=True):
        start = rule.initial(array)
        promised = start or rule.step(array, array, start, 0)[1]
        path = run.engine.path(parameter)
        for slot, value in promised.items():
            variable = found.get(f"{slot}/{path}") or found.get(slot)
            if variable is None:
                raise Violation(f"there is no slot {slot} for {path}; built were: {sorted(found)}")
            if variable.shape != value.shape:
                raise Violation(
                    f"{variable.label} has shape {variable.shape}, promised is {value.shape}"
                )
            if not isinstance(rule, FunctionRule) and variable.dtype != "float32":
                raise Violation(f"{variable.label} is {variable.dtype}, its parameter is float32")
        own = {v.slot for v in found.values() if v.parameter == path}
        if own - promised.keys():
            raise Violation(
                f"{path} has slots that its rule has not: {sorted(own - set(promised))}"
            )


@check(cases=("float64", "float16", "bfloat16"))
def check_slots_have_the_dtype_of_their_parameter(subject: Subject, case: str) -> None:
    """The slots of a matrix have its dtype."""
    if not subject.builtin:
        raise NotApplicable("it may keep its slots in another precision")
    needs_dtype(subject, case)
    run = Run(subject, initial_values([(4, 3)]), dtype=case)
    for variable in variables(run):
        if variable.parameter and variable.dtype != case:
            raise Violation(f"{variable.label} is {variable.dtype}, its parameter is {case}")


@check(quick=True)
def check_parameters_of_one_shape_have_slots_alike(subject: Subject) -> None:
    """Two parameters of the same shape have slots of the same names, shapes and dtypes."""
    run = Run(subject, initial_values(ALIKE))
    found = variables(run)
    paths = [run.engine.path(parameter) for parameter in run.parameters]
    alike = {
        path: sorted((v.slot, v.shape, v.dtype) for v in found if v.parameter == path)
        for path in (paths[0], paths[2])
    }
    first, second = alike.values()
    if first != second:
        raise Violation(
            f"{paths[0]} and {paths[2]}, both of shape {ALIKE[0]}, have other slots:"
            f" {first} and {second}"
        )


@check(quick=True)
def check_every_variable_is_listed_once(subject: Subject) -> None:
    """Every variable is listed once, and the step counter is the first of them."""
    run = Run(subject, initial_values(ALIKE))
    engine, optimizer = run.engine, run.optimizer
    listed = objects(run)
    found = variables(run)
    if len(set(map(id, listed))) < len(listed):
        counts = Counter(map(id, listed))
        twice = {v.label for v in found if counts[id(v.ref)] > 1}
        raise Violation(f"{', '.join(sorted(twice))} stands in the list of variables twice")
    counter = engine.iterations(optimizer)
    if counter is not None and len(list(engine.parts(optimizer))) == 1 and listed[0] is not counter:
        raise Violation(f"the first variable is {found[0].label}; expected the step counter")


@check(quick=True)
def check_every_variable_has_a_name_of_its_own(subject: Subject) -> None:
    """No two variables have the same path: by it ``get_state_tree`` and a reader know them."""
    run = Run(subject, initial_values(ALIKE))
    names = Counter(variable.name for variable in variables(run))
    twice = [f"{count} are called {name}" for name, count in names.items() if count > 1]
    if twice:
        raise Violation(f"of {names.total()} variables {', '.join(twice)}")


@check(quick=True)
def check_the_list_of_variables_is_the_callers_own(subject: Subject) -> None:
    """Who empties the list that ``variables`` returns takes no variable from the optimizer."""
    run = Run(subject, initial_values(PAIR))
    before = objects(run)
    listed = getattr(run.optimizer, "variables", None)
    if not isinstance(listed, list) or not run.engine.lists_anew:
        raise NotApplicable("in this generation it is no list, or the optimizer's own")
    listed.clear()
    if not same_objects(before, objects(run)):
        raise Violation("the list that variables returned was emptied, and so was the optimizer")


@check(quick=True)
def check_the_order_of_variables_is_fixed(subject: Subject) -> None:
    """Two optimizers that were made alike list their variables in the same order."""
    orders = []
    for _ in range(2):
        run = Run(subject, initial_values(ALIKE))
        # The name of an optimizer within another is numbered anew.
        orders.append([(re.sub(r"_\d+:", ":", v.label), v.shape) for v in variables(run)])
    first, second = orders
    if first != second:
        raise Violation(f"the order was {first}, then {second}; files keep slots by their order")


# ---- how often it is made


@check(quick=True)
def check_compiling_makes_nothing(subject: Subject) -> None:
    """``compile`` makes no variables: they come when the parameters are known."""
    fitted = model_of(subject)
    with fitted.engine.scope():
        optimizer = subject.make(fitted.engine)
        before = fitted.engine.shows(optimizer)
        fitted.model.compile(optimizer=optimizer, loss="mse")
    after = objects(Trained(fitted.engine, optimizer))
    if not same_objects(before, after):
        raise Violation(f"compile changed the list of variables from {before} to {after}")


@check(cases=ways, quick=PLAIN)
def check_steps_make_no_variables(subject: Subject, case: str) -> None:
    """Once it is built, no step adds a variable, drops one, or puts another in its place."""
    run = Run(subject, initial_values(PAIR), way=case)
    before = objects(run)
    names = labels(run)
    for number, gradients in enumerate(chosen_gradients(PAIR, 3), 1):
        run.step(gradients)
        if not same_objects(before, objects(run)):
            now = labels(run)
            raise Violation(f"after step {number}, there are {changed(names, now)}")


WRAPPED = "in a LossScaleOptimizer"


@check(cases=lambda subject: (*ways(subject), WRAPPED), quick=PLAIN)
def check_iterations_count_the_steps(subject: Subject, case: str) -> None:
    """``iterations`` starts at 0 and every step adds 1."""
    if case == WRAPPED:
        run = Run(loss_scaled(subject), initial_values(PAIR), way=subject.engine.branching_way)
    else:
        run = Run(subject, initial_values(PAIR), way=case)
    if run.engine.iterations(run.optimizer) is None:
        raise NotApplicable("it has no step counter")
    for number, gradients in enumerate([None, *chosen_gradients(PAIR, 3)]):
        if gradients is not None:
            run.step(gradients)
        for what, variable in (
            ("the step counter", run.engine.iterations(run.optimizer)),
            ("optimizer.iterations", run.optimizer.iterations),
        ):
            value = run.engine.read([variable], run.engine.at_rest())[0]
            if value is None or value != number:
                raise Violation(f"after {number} steps {what} is {value}")


@check()
def check_apply_gradients_returns_the_step_counter(subject: Subject) -> None:
    """``apply_gradients`` returns ``iterations``, or the number itself."""
    if not subject.builtin or "apply_gradients" not in subject.engine.building_ways:
        raise NotApplicable("it is not said of a custom optimizer, nor of get_updates")
    run = Run(subject, initial_values(PAIR))
    engine: Any = run.engine
    given = [engine.tensor(array, "float32") for array in chosen_gradients(PAIR, 1)[0]]
    returned = run.optimizer.apply_gradients(zip(given, run.parameters, strict=True))
    found = None if returned is None else int(engine.convert_to_numpy(returned))
    if found != 1:
        raise Violation(f"after the first step it returns {found}, expected iterations, 1")


@check(cases=ways, quick=PLAIN)
def check_the_first_step_builds_as_build_does(subject: Subject, case: str) -> None:
    """An optimizer that its first step builds goes the same way as one that was built before."""
    if case not in subject.engine.building_ways:
        raise NotApplicable(f"by {case}, {subject.engine.name} needs one that was built before")

    def end(built: bool) -> State:
        return (
            Run(subject, initial_values(PAIR), way=case, built=built)
            .steps(chosen_gradients(PAIR, 2))
            .state
        )

    what = "built by its first step, not before"
    same_end(lambda: [end(True)], lambda: end(False), what)


@check()
def check_fit_builds_as_build_does(subject: Subject) -> None:
    """An optimizer that ``fit`` builds goes the same way as one that was built before."""

    def end(built: bool) -> State:
        fitted = model_of(subject)
        if built:
            with fitted.engine.scope():
                fitted.engine.build_for(fitted.model)
        fitted.fit(stop=16)
        fitted.fit(stop=16)
        return fitted.state

    known = [TwoFits.of(subject).state]
    same_end(lambda: [end(False)], lambda: end(True), "built by hand, not by fit", known=known)


@check(cases=("fit", "run eagerly", "train_on_batch"))
def check_slots_are_made_once(subject: Subject, case: str) -> None:
    """However many batches come, every slot is made once, before the first step, and stays."""
    recording = TwoFits.of(subject).recording if case == "fit" else eight_batches(subject, case)
    again = [v.label for v in recording.seen if v.number > 1]
    if again:
        raise Violation(f"slots were made more than once: {', '.join(again)}")
    late = [f"{v.label} after {v.created}" for v in recording.seen if v.created > 0]
    if late:
        raise Violation(f"slots were made after the first step: {', '.join(late)} steps")
    for event in recording.events:
        if event.kind in (EventKind.FROZEN_MIRROR, EventKind.GAP):
            raise Violation(f"{event.kind}: {event.detail}")
    if recording.counts["steps"] != 8:
        raise Violation(f"8 batches advanced the step counter by {recording.counts['steps']}")


@check()
def check_steps_are_not_traced_again(subject: Subject) -> None:
    """A step is traced as often as its engine needs, and a second ``fit`` traces nothing."""
    most = subject.engine.traces
    if not most:
        raise NotApplicable(f"{subject.engine.name} runs every step eagerly")
    fits = TwoFits.of(subject)
    made = max(fits.first["traces"], fits.first.get("get_updates", 0))
    if made > most:
        raise Violation(f"4 batches of one shape traced the step {made} times, expected {most}")
    for name, count in fits.recording.counts.items():
        more = count - fits.first[name]
        if more and name != "steps":
            raise Violation(f"a second fit, of the same shapes, called {name} {more} times more")


# ---- building again, and for others


@check(cases=("before a step", "after two steps"), quick=("after two steps",))
def check_building_again_keeps_the_slots(subject: Subject, case: str) -> None:
    """Building it again, for the same parameters, is refused or changes nothing."""
    run, steps = Run(subject, initial_values(PAIR)), chosen_gradients(PAIR, 4)
    done = 2 if case == "after two steps" else 0
    run.steps(steps[:done])
    listed, names, before = objects(run), labels(run), run.state
    with contextlib.suppress(ValueError, RuntimeError):  # refused
        run.engine.build(run.optimizer, run.parameters)
    problem = ""
    if not same_objects(listed, objects(run)):
        problem = f"there are {changed(names, labels(run))}"
    else:
        problem = difference(before, run.state)
    if problem:
        raise _built_anew(subject, type(run.optimizer), f"after a second build, {problem}")
    what = f"built again after {done} steps"
    same_state(
        state_after(subject, initial_values(PAIR), steps), run.steps(steps[done:]).state, what
    )


def _built_anew(subject: Subject, cls: type, said: str) -> Exception:
    """What a second build that makes slots anew is: of Keras's base class no fault of an author."""
    if subject.builtin or not hasattr(cls, "build"):
        return Violation(said)
    definer = next(base for base in cls.__mro__ if "build" in vars(base))
    concrete = definer.__name__ in subject.engine.optimizer_names
    if is_keras_own(subject.engine, definer) and not concrete:
        return NotApplicable(f"its build is that of Keras's base class; {said}")
    advice = "Let its build return at once if self.built, as those of Keras's own do"
    return Violation(f"{said}. {advice}")


@check(cases=("others", "one more"), quick=("others",))
def check_unknown_parameters_are_refused_or_served(subject: Subject, case: str) -> None:
    """A parameter for which it was not built is refused, or gets slots beside those there are."""
    run = Run(subject, initial_values(PAIR))
    engine, optimizer = run.engine, run.optimizer
    run.step(chosen_gradients(PAIR, 1)[0])
    before, found = run.state, [v for v in variables(run) if v.parameter]
    unknown = engine.parameters([exact_numbers(PAIR[0], shift=2)], "float32")
    given = unknown if case == "others" else [*run.parameters, *unknown]
    gradients = [exact_numbers(PAIR[0]), exact_numbers(PAIR[1]), exact_numbers(PAIR[0], shift=1)][
        -len(given) :
    ]
    try:
        engine.applier(optimizer, given, gradients, engine.ways[0])(gradients)
    except (ValueError, KeyError, RuntimeError):
        same_state(before, run.state, "it refused the step, but not before it changed")
        return
    now = objects(run)
    gone = [v.label for v in found if id(v.ref) not in map(id, now)]
    if gone:
        raise Violation(f"it took a new parameter, and no longer shows {', '.join(gone)}")
    own = sum(v.parameter == engine.path(run.parameters[0]) for v in found)
    new = sum(bool(v.parameter) for v in variables(run)) - len(found)
    if new != own:
        raise Violation(
            f"it took a new parameter and made {new} slots for it; one of this shape has {own}"
        )


# ---- the learning rate


@check(cases=("number", "schedule", "number, compiled", "schedule, compiled"))
def check_a_new_learning_rate_reaches_the_next_step(subject: Subject, case: str) -> None:
    """After ``learning_rate`` is set, the next steps are those of one that was made with it."""
    what, _, compiled = case.partition(", ")
    way = compiled_way(subject) if compiled else ""
    steps, after = chosen_gradients(PAIR, 4)[:2], chosen_gradients(PAIR, 4)[2:]
    needs_arguments(subject, "learning_rate")
    run = Run(subject, initial_values(PAIR), way=way).steps(steps)
    engine = run.engine
    rate: Any = engine.learning_rate(run.optimizer) / 2
    if what == "schedule":
        schedules = needs_schedules(subject)
        rate = schedules.ExponentialDecay(rate, decay_steps=2, decay_rate=0.5)
    try:
        other = Run(subject, initial_values(PAIR), way=way, learning_rate=rate)
        engine.set_learning_rate(run.optimizer, rate)
    except (TypeError, ValueError) as error:
        raise NotApplicable(f"it refuses a {what}: {error}") from error
    other.take(run.state)
    found, expected = run.steps(after).state, other.steps(after).state
    if found.keys() != expected.keys():
        names = changed([*expected], [*found])
        raise Violation(f"made with it, it would not have the variables that it has: {names}")
    said = difference(expected, found)
    if not said:
        return
    straight, taken = (Run(subject, initial_values(PAIR), way=way) for _ in range(2))
    straight.steps(steps)
    taken.take(straight.state)
    if difference(straight.steps(after).state, taken.steps(after).state):
        raise NotApplicable("its variables do not hold all of its state: nothing to compare with")
    raise Violation(f"after the {what} was set, {said}")
