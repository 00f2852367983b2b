"""The checks cry no wolf over optimizers that nobody here wrote; mistakes are in ``themes/``.

By default a handful runs, on the quick set. With ``SLOTSCOPE_WILD=1`` every one of them is held to
every check, on every engine that it is for; that takes most of an hour on two cores.
"""

import importlib
import os
import sys
from functools import partial

import cloudpickle
import pytest

from slotscope import on_engine
from slotscope.checking.check_optimizer import check_optimizer

cloudpickle.register_pickle_by_value(sys.modules[__name__])

TORCH, JAX, TENSORFLOW = "keras-torch", "keras-jax", "keras-tensorflow"
ALL = "SLOTSCOPE_WILD"

#: By engine: the correct optimizers that a default test run holds to the quick set.
HANDFUL = {
    TORCH: ("Docstring", "NoInit", "Centralized", "Passthrough", "AveragedByDefault", "Local"),
    JAX: ("SharedScalar", "Scheduled", "NovoGrad", "Lookahead"),
    TENSORFLOW: ("ByKey", "HeavierAdam"),
    "tf_keras": ("Momentum",),
    "tf_keras-legacy": ("Heavy",),
    "tf_keras-graph": ("V1Plain",),
    "keras-2.1": ("Rms",),
}

#: For the whole run: all of them on torch, where a step costs least, and some elsewhere.
STYLES = (
    *("Docstring", "NoConfig", "NoInit", "SignSGD", "PositionalOnly", "HeavierAdam", "Halving"),
    *("Centralized", "Normalized", "Passthrough", "StartsAtOne", "SharedScalar", "ByKey"),
    *("AveragedByDefault", "DecayedByDefault", "Registered", "Scheduled", "ClipsItself"),
    *("Called", "Local"),
)
PAPERS = (
    *("Yogi", "AdaBelief", "RAdam", "Adan", "Tiger", "PID", "NovoGrad", "LARS", "Lookahead"),
    *("Anchored", "Factored"),
)
ODD = ("ByPath", "Quasi")
EVERYTHING = {
    TORCH: (*STYLES, *PAPERS, *ODD),
    JAX: ("Docstring", "SharedScalar", "Centralized", "Lookahead", "Anchored", "Factored"),
    TENSORFLOW: ("Docstring", "SharedScalar", "ByKey", "HeavierAdam", "Lookahead", "Factored"),
    "tf_keras": ("Momentum", "Belief", "Gentle"),
    "tf_keras-legacy": ("Heavy", "Signs", "Quiet"),
    "tf_keras-graph": ("Heavy", "V1Plain"),
    "keras-2.1": ("Rms", "Plain"),
}


def table(engine):
    """The correct optimizers for ``engine``: {name: (class or factory, reference or None)}."""
    if not engine.name.startswith("keras-") or engine.name == "keras-2.1":
        return importlib.import_module("third_party.legacy").optimizers(engine)
    assert engine.keras  # on its backend, before anything else imports Keras
    parts = {"keras3": "STYLES", "papers": "PAPERS", "odd": "ODD"}
    tables = (getattr(importlib.import_module(f"third_party.{k}"), v) for k, v in parts.items())
    return {name: made for table in tables for name, made in table.items()}


def judged(engine, name, **selection):
    """{id: reason} of every check that the correct optimizer ``name`` does not pass."""
    make, reference = table(engine)[name]
    report = check_optimizer(make, reference=reference, engine=engine, verbose=False, **selection)
    assert report.with_verdict("holds") or report.with_verdict("known difference")
    assert not report.stale
    found = [*report.with_verdict("violated"), *report.with_verdict("not reproducible")]
    return {outcome.id: outcome.reason for outcome in found}


def pairs(names_of):
    return [(engine, name) for engine, names in names_of.items() for name in names]


@pytest.mark.parametrize(("engine", "name"), pairs(HANDFUL))
def test_a_correct_optimizer_passes_the_quick_set(engine, name):
    """Whoever wrote it, in whatever style."""
    assert on_engine(engine, partial(judged, name=name, quick=True)) == {}


@pytest.mark.parametrize("name", ODD)
def test_a_step_that_looks_at_names_and_an_argument_that_is_a_list_are_no_violation(name):
    """Models have names of their own, and Keras wraps lists and dicts."""
    themes = ["equivalences", "persistence", "configs"]
    assert on_engine(TORCH, partial(judged, name=name, themes=themes)) == {}


#: What only a few of them show, and a default run would not ask of them.
ASKED = {
    "Halving": "check_a_file_of_another_optimizer_is_not_taken_silently",
    "Scheduled": "check_what_was_serialized_can_be_used_again",
    "Called": "check_what_was_serialized_can_be_used_again",
    "Local": "check_what_was_serialized_can_be_used_again",
    "Factored": "check_every_argument_changes_something",
    "PositionalOnly": "check_features_together_do_what_each_promises",
}


@pytest.mark.parametrize("name", ASKED)
def test_what_a_correct_optimizer_does_in_an_unusual_way_is_no_violation(name):
    """Twice the slots, a schedule by default, a class in a factory, steps that no scale changes."""
    assert on_engine(TORCH, partial(judged, name=name, only=[ASKED[name]])) == {}


def counted(engine):
    """Verdicts of an optimizer that wraps another, whose counter is the other's."""
    wrapper = importlib.import_module("third_party.odd").Halved
    only = ["check_iterations_count_the_steps", "check_slots_are_made_once"]
    report = check_optimizer(wrapper, engine=engine, only=only, verbose=False)
    return {str(outcome.verdict) for outcome in report.outcomes if "Loss" not in outcome.case}


def test_an_optimizer_that_wraps_another_counts_as_the_other_does():
    assert on_engine(TORCH, counted) == {"holds"}


@pytest.mark.skipif(ALL not in os.environ, reason=f"most of an hour: set {ALL}=1")
@pytest.mark.parametrize(("engine", "name"), pairs(EVERYTHING))
def test_a_correct_optimizer_passes_every_check(engine, name):
    """But for what Keras itself does wrong to every optimizer, which is known."""
    assert on_engine(engine, judged, name) == {}


def derived(engine):
    """What is known of ScheduleFreeAdamW, said of a class derived from it and of another one."""
    from slotscope.checks.subjects.given import subject_of

    class Mine(engine.keras.optimizers.ScheduleFreeAdamW):
        pass

    class Other(engine.keras.optimizers.Optimizer):
        pass

    check = "check_every_way_to_ask_for_a_step_ends_the_same[stateless_apply]"
    (outcome,) = check_optimizer(Mine, engine=engine, only=[check], verbose=False).outcomes
    names = [subject_of(partial(cls, 0.1)).names for cls in (Mine, Other)]
    return str(outcome.verdict), ["ScheduleFreeAdamW" in found for found in names]


def test_what_is_known_of_a_class_is_known_of_those_derived_from_it():
    assert on_engine(TORCH, derived) == ("known difference", [True, False])
