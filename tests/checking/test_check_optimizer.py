"""``check_optimizer``: what it takes, what it refuses with a hint, and what it says."""

import contextlib
import io

import numpy as np
import pytest
from descending import ONE, TWICE, check, descending, descent
from engine_cases import on
from heavy_ball import HeavyBall, heavy_ball

from slotscope import rules
from slotscope.errors import BadCheckArgumentError, UnknownOptimizerError


@on("keras-torch")
def test_an_instance_a_class_and_a_factory_are_the_same(engine):
    cls = descending(engine)
    for given in (cls(), cls, lambda: cls(0.125)):
        report = check(given, reference=descent, only=[ONE, TWICE])
        assert report.exit_code == 0
        assert len(report.with_verdict("holds")) == 2
        assert report.optimizer == "Mine"
        assert report.engine == "keras-torch"


@on("keras-torch")
def test_what_cannot_be_checked_is_refused_with_what_to_do(engine):
    cls = descending(engine)
    used = cls()
    used.build(engine.parameters([np.ones(2)], "float32"))
    shared = cls()

    class Needing(cls):
        def __init__(self, beta, **kwargs):
            super().__init__(**kwargs)

    def failing():
        raise RuntimeError("no licence")

    for wrong, said in (
        (used, "already built"),
        (lambda: used, "same Mine twice"),
        (lambda: shared, "same Mine twice"),
        (lambda: 3, "makes a builtins.int"),
        (Needing, r"lambda: .*Needing\(beta=\.\.\.\)"),
        (failing, "raised RuntimeError instead of making an optimizer: no licence"),
        ("adam", "'adam' is not an optimizer"),
        (np.ones(3), "not an optimizer"),
    ):
        with pytest.raises(UnknownOptimizerError, match=said):
            check(wrong, only=[TWICE])
    with pytest.raises(UnknownOptimizerError, match="'keras-torch', not of 'tf_keras'"):
        check(cls(), engine="tf_keras")
    for rule, said in (
        (3, "The reference is 3"),
        (lambda parameter: parameter, "it raised TypeError"),
        (lambda p, g, slots, t: p, "Expected the parameter and a dict of slots"),
    ):
        with pytest.raises(BadCheckArgumentError, match=said):
            check(cls(), reference=rule)


@on("keras-2.1", "tf_keras-graph")
def test_an_instance_made_in_a_graph_is_copied_by_its_config(engine):
    with engine.scope():
        optimizer = engine.optimizer("SGD", learning_rate=0.125)
    report = check(optimizer, engine=engine, only=[ONE])
    assert [outcome.verdict for outcome in report.outcomes] == ["holds"]


@on("keras-torch")
def test_a_run_says_first_what_it_does_and_last_what_came_of_it(engine):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        check(descending(engine), only=[TWICE], verbose=True)
    lines = printed.getvalue().splitlines()
    assert lines[0].startswith("Checking Mine() on keras-torch (keras")
    assert "1 check, about" in lines[0]
    assert "Mine on keras-torch: nothing is violated, 1 holds." in lines


@on("keras-torch")
def test_a_class_of_rules_gets_the_optimizers_hyperparameters(engine):
    optimizer = heavy_ball(engine)(learning_rate=0.25, friction=0.75)
    assert check(optimizer, reference=HeavyBall, only=[ONE]).exit_code == 0

    class Unfinished(rules.Rule):
        pass

    with pytest.raises(BadCheckArgumentError, match=r"Pass an instance: reference=Unfinished\("):
        check(optimizer, reference=Unfinished)


@on("keras-torch", "keras-2.1")
def test_a_violation_says_where_the_reference_has_another_hyperparameter(engine):
    def make():
        return engine.optimizer("SGD", learning_rate=0.125, momentum=0.1)

    wrong = rules.rule("SGD", engine.generation, learning_rate=0.125, momentum=0.25)
    changed = "check_every_hyperparameter_does_what_the_rule_says[momentum]"
    report = check(make, engine=engine, reference=wrong, only=[ONE, changed])
    (violated,) = report.with_verdict("violated")
    assert violated.reason.endswith("; the reference has momentum=0.25, the optimizer's config 0.1")
    assert [outcome.id for outcome in report.with_verdict("holds")] == [changed]


@on("keras-torch")
def test_without_a_reference_it_says_how_one_is_given(engine):
    (outcome,) = check(descending(engine), only=[ONE]).with_verdict("not applicable")
    assert outcome.reason == "no reference rule was given, as reference="
