"""Identity: that a slot stays the same variable, and belongs to one parameter of one model."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slotscope.checks.check import check
from slotscope.checks.problems.comparing import same_end, same_state
from slotscope.checks.problems.exact_problems import PAIR, chosen_gradients, initial_values
from slotscope.checks.problems.inspection import objects, same_objects, variables
from slotscope.checks.problems.recorded_fits import TwoFits
from slotscope.checks.problems.saving import save
from slotscope.checks.problems.small_models import Fitted, model_of, second_model
from slotscope.checks.problems.state import State, Trained, Trajectory, state_of, weights_of
from slotscope.checks.problems.steps import Run, state_after
from slotscope.checks.subjects.requirements import averages_by_itself, needs_arguments
from slotscope.checks.subjects.subject import Subject
from slotscope.checks.subjects.variants import made, remade, with_momentum
from slotscope.checks.verdict import LeftOut, NotApplicable, Violation
from slotscope.engines import Engine

PLACE, SECONDS = 2, 0.5

#: How an optimizer or a model says that it will not do what it was asked.
REFUSALS = (ValueError, KeyError, RuntimeError)


# ---- one model, one optimizer


@check()
def check_slots_stay_the_same_variables(subject: Subject) -> None:
    """From batch to batch and from one ``fit`` to the next, a slot stays the same variable."""
    table = TwoFits.of(subject).recording.variables
    for what in ("object", "handle") if subject.engine.keeps_handles else ("object",):
        moved = table[table[what].eq(False).fillna(False)]["variable"]
        if len(moved):
            raise Violation(f"the {what} did not stay the same: {', '.join(moved)}")


@check()
def check_using_the_model_leaves_the_slots(subject: Subject) -> None:
    """``evaluate``, ``predict`` and ``save`` change no slot, no counter and no weight."""
    fitted = _cheap(subject)
    fitted.fit(stop=8)
    listed, before = objects(fitted), fitted.state
    uses: dict[str, Callable[[], None]] = {
        "evaluate": fitted.evaluate,
        "predict": fitted.predict,
        "save": functools.partial(_save, fitted),
    }
    for what, use in uses.items():
        use()
        if not same_objects(listed, objects(fitted)):
            raise Violation(f"after {what} the optimizer shows other variables")
        same_state(before, fitted.state, f"{what} changed the state")


def _cheap(subject: Subject, **options: Any) -> Fitted:
    """A model for a few steps, none of which need be compiled."""
    return model_of(subject, compiled=subject.engine.cheaply, **options)


def _save(fitted: Fitted) -> None:
    form = next(form for form in fitted.engine.formats if not form.lacks)
    with tempfile.TemporaryDirectory() as folder:
        save(fitted, form, Path(folder))


@check()
def check_recompiling_keeps_the_slots(subject: Subject) -> None:
    """A model compiled again with the optimizer that it has goes on as if nothing had happened."""
    subject = with_momentum(subject)

    def end(recompiled: bool) -> State:
        fitted = model_of(subject)
        fitted.fit(stop=16)
        if recompiled:
            fitted.compile()
        fitted.fit(stop=16)
        return fitted.state

    known, what = [TwoFits.of(subject).state], "compiled again after four batches"
    same_end(lambda: [end(False)], lambda: end(True), what, known=known)


@check()
def check_a_new_optimizer_starts_afresh(subject: Subject) -> None:
    """A model compiled with a new optimizer trains as one that never had another."""
    fitted = model_of(subject)
    fitted.fit(stop=8)
    old = fitted.model.optimizer
    before = Trained(fitted.engine, old).state
    weights = weights_of(fitted.state)
    with fitted.engine.scope():
        new = subject.make(fitted.engine)
    fitted.compile(new)
    fitted.fit(start=8, stop=16)
    after = Trained(fitted.engine, old).state
    same_state(before, after, "the training with the new optimizer changed the old one")

    def never_another() -> Trajectory:
        other = model_of(subject)
        other.take(weights)
        other.fit(start=8, stop=16)
        return [other.state]

    same_end(never_another, lambda: fitted.state, "after another optimizer")


# ---- parameters that rest


@check(cases=("freeze", "unfreeze", "freeze, averaged"))
def check_a_frozen_layer_keeps_its_slots(subject: Subject, case: str) -> None:
    """A layer that is frozen rests with its slots, and goes on from there when it is not."""
    subject = with_momentum(subject)
    averaged = _averages(subject, case.endswith("averaged"))
    fitted = _cheap(subject, **averaged)
    fitted.fit(stop=8)
    before = fitted.state
    _freeze(fitted, True)
    _fit_with_frozen(fitted, stop=12)
    if case != "unfreeze":
        _rests(fitted, before)
        return
    _freeze(fitted, False)
    there = fitted.state
    fitted.fit(start=12, stop=16)

    def never_frozen() -> Trajectory:
        other = _cheap(subject, **averaged)
        with other.engine.scope():
            other.engine.build_for(other.model)
        other.take(there)
        other.fit(start=12, stop=16)
        return [other.state]

    same_end(never_frozen, lambda: fitted.state, "unfrozen again")


def _averages(subject: Subject, on: bool) -> dict[str, bool]:
    """What makes it keep averages of the parameters, or not, where it does not so by itself."""
    if averages_by_itself(subject) == on:
        return {}
    needs_arguments(subject, "use_ema")
    return {"use_ema": on}


def _freeze(fitted: Fitted, frozen: bool) -> None:
    fitted.model.layers[1].trainable = not frozen
    fitted.compile(**fitted.engine.cheaply)


def _fit_with_frozen(fitted: Fitted, stop: int) -> None:
    """Fit the rows from the eighth on, and raise a Violation where that is refused."""
    try:
        fitted.fit(start=8, stop=stop)
    except REFUSALS as error:
        raise Violation(
            f"with a layer frozen, fit raises {type(error).__name__}: {error}"
        ) from error


def _rests(fitted: Fitted, before: State) -> None:
    """Raise unless all of the first layer is where it was, and the rest is not."""
    after = fitted.state
    resting = [label for label in before if label in ("weight 0", "weight 1") or "hidden/" in label]
    resting = [label for label in resting if not label.startswith("average/")]  # it goes on
    start, end = ({k: state[k] for k in resting if k in state} for state in (before, after))
    same_state(start, end, "the frozen layer changed")
    if np.array_equal(before["weight 2"], after["weight 2"]):
        raise Violation("weight 2, of the layer that is not frozen, did not move")


@check(cases=("after a fit", "before the first"))
def check_freezing_counts_from_the_next_compile(subject: Subject, case: str) -> None:
    """Until the model is compiled again, it trains a layer that is frozen, as it was compiled.

    ``compile`` is *meant to "freeze" the behavior of that model*: Keras's guide to transfer
    learning, https://keras.io/guides/transfer_learning/.
    """
    subject = with_momentum(subject)

    def end(frozen: bool) -> State:
        fitted = model_of(subject)  # run eagerly, it would train another way
        if case == "after a fit":
            fitted.fit(stop=8)
        fitted.model.layers[1].trainable = not frozen
        _fit_with_frozen(fitted, stop=16)
        return fitted.state

    same_end(lambda: [end(False)], lambda: end(True), f"frozen {case}, and not compiled again")


@check()
def check_a_layer_unfrozen_later_is_refused_or_served(subject: Subject) -> None:
    """A layer that was frozen when the slots were made is refused, or gets slots of its own."""
    fitted = _cheap(with_momentum(subject), frozen=True)
    fitted.fit(stop=8)
    slots = _slots(fitted, "out/")
    before = fitted.state
    _freeze(fitted, False)
    try:
        fitted.fit(start=8, stop=16)
    except REFUSALS:
        same_state(before, fitted.state, "it refused the step, but not before it changed")
        return
    if _slots(fitted, "hidden/") != slots:
        raise Violation(f"the new parameters have {_slots(fitted, 'hidden/')} slots, not {slots}")


def _slots(fitted: Fitted, layer: str) -> int:
    """How many slots the parameters of ``layer`` have."""
    found = variables(fitted)
    return sum(layer in variable.parameter for variable in found)


@check(quick=True)
def check_a_parameter_left_out_rests(subject: Subject) -> None:
    """A parameter that is left out of one step rests, with its slots."""
    if not subject.engine.building_ways:
        raise NotApplicable(f"{subject.engine.name} builds a step for all parameters at once")
    run = Run(subject, initial_values(PAIR))
    first, second = chosen_gradients(PAIR, 2)
    run.step(first)
    before = run.state
    way = run.engine.ways[0]
    run.engine.applier(run.optimizer, run.parameters[:1], second[:1], way)(second[:1])
    after = run.state
    same_state(state_of({"p1"}, before), state_of({"p1"}, after), "a step for p0 alone changed p1")


# ---- two of a kind


def _pairs(subject: Subject) -> Iterator[str]:
    yield from ("made anew", "made from its config")
    yield from (way for way in subject.engine.ways if way == "apply without variables")


@check(cases=_pairs, quick=("made anew",))
def check_two_optimizers_share_nothing(subject: Subject, case: str) -> None:
    """Two optimizers of one class, side by side, each go the way that they go alone."""
    if case == "made from its config":
        subject = made(subject, functools.partial(_again, subject))
    way = case if case in subject.engine.ways else ""
    steps = chosen_gradients(PAIR, 6)
    engine = subject.engine.fresh()
    one = Run(subject, initial_values(PAIR), engine=engine, way=way)
    one.step(steps[0])
    before = one.state
    other = Run(subject, initial_values(PAIR, 2.0), engine=engine, way=way)
    other.step(steps[1])
    after = {k: v for k, v in one.state.items() if k in before}
    same_state(before, after, "the first step of another optimizer of its class changed the state")
    for mine, others in zip(steps[2:4], steps[4:], strict=True):
        one.step(mine)
        other.step(others)

    def alone() -> Trajectory:
        return [state_after(subject, initial_values(PAIR), [steps[0], *steps[2:4]])]

    same_end(alone, lambda: one.state, "beside another optimizer of its class")


def _again(subject: Subject, engine: Engine) -> Any:
    optimizer = subject.create(engine)
    try:
        return remade(engine, optimizer)
    except Exception as error:
        raise LeftOut(f"it cannot be made from its config: {error}") from error


@check(cases=("same shapes", "other shapes"))
def check_a_second_model_does_not_take_the_slots(subject: Subject, case: str) -> None:
    """A second model is refused the optimizer of the first, or leaves the first its slots."""
    fitted = _cheap(with_momentum(subject))
    fitted.fit(stop=8)
    optimizer = fitted.model.optimizer
    before, found = fitted.state, variables(fitted)
    second = second_model(fitted, 3 if case == "same shapes" else 5)
    try:
        second.compile(optimizer, **fitted.engine.cheaply)
        second.fit(stop=8)
    except REFUSALS:
        same_state(before, fitted.state, "it refused a second model, but not before it changed")
        return
    now = objects(fitted)
    gone = [v.label for v in found if v.parameter and id(v.ref) not in map(id, now)]
    if gone:
        raise Violation(f"it took a second model, and no longer shows {', '.join(gone)}")
    trained = _values(fitted.engine, [v.ref for v in found])
    after = {v.label: value for v, value in zip(found, trained, strict=True) if v.parameter}
    what = "it took a second model without a word, and trained it with the slots of the first"
    same_state({label: before[label] for label in after}, after, what)


def _values(engine: Engine, refs: list[Any]) -> list[Any]:
    with engine.scope():
        return engine.read(refs, engine.at_rest())
