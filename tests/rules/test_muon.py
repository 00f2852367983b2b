"""Muon: its rule by hand, and beside the optimizer of Keras 3."""

import numpy as np
import pytest
from engine_cases import KERAS_3, on
from rule_cases import assert_follows, error, stepped

from slotscope.rules import rule

MUON = {"learning_rate": 0.5, "adam_beta_1": 0.5, "adam_beta_2": 0.75, "epsilon": 0.25}
MUON |= {"weight_decay": 0.125, "adam_weight_decay": 0.125}
MATRICES = ((3,), (2, 3), (4, 3))


@on(*KERAS_3)
def test_muon_does_what_its_rule_says(engine):
    """Newton-Schulz magnifies a rounding in a small singular value."""
    configs = [MUON, {**MUON, "nesterov": False}, {**MUON, "rms_rate": None, "adam_lr_ratio": 0.5}]
    assert_follows(engine, "Muon", configs, within=1e-5, shapes=MATRICES)


@on("keras-jax")
def test_a_matrix_that_muon_excludes_gets_adams_step(engine):
    """The step cannot see the path and is told."""
    config = {**MUON, "exclude_layers": ["^p"]}
    assert error(engine, "Muon", config, MATRICES, excluded=True) < 1e-6


def test_muon_turns_a_matrix_into_one_with_singular_values_of_one():
    # The coefficients leave 1 as it is, and the one singular value is the norm.
    law = rule("Muon", "keras-3", muon_a=2.0, muon_b=-1.5, muon_c=0.5, rms_rate=None)
    for shape in ((2, 3), (3, 2)):
        gradient = np.outer(*(np.arange(1.0, n + 1) for n in shape))
        start = np.zeros(shape)
        after, slots = law.step(start, gradient, law.initial(start), 0)
        singular = np.linalg.svd(after / -law.learning_rate)[1]
        assert singular == pytest.approx([1.0, 0.0], abs=1e-7)
        assert slots["momentum"].tolist() == gradient.tolist()


def test_muon_scales_by_the_longer_side():
    plain, scaled = (
        stepped("Muon", "keras-3", [1.0], {"rms_rate": rate}, start=np.zeros((4, 2)))[0]
        for rate in (None, 0.25)
    )
    assert np.array_equal(scaled, np.multiply(plain, 0.25 * 2.0))


def test_muon_is_adam_for_whatever_is_no_matrix():
    config = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "learning_rate": 0.001}
    for start in (1.0, [1.0, 2.0], [[[1.0]]]):
        ours = stepped("Muon", "keras-3", [1.0, 2.0], {}, start)
        adams = stepped("Adam", "keras-3", [1.0, 2.0], config, start)
        assert ours[0] == adams[0]
        assert set(ours[1]) == set(adams[1])


def test_muon_excludes_by_path():
    law = rule("Muon", "keras-3", exclude_layers=["^out", "head$"])
    assert all(law.excludes(path) for path in ("out/kernel", "mlp/head", "Token_Embedding/table"))
    assert not any(law.excludes(path) for path in ("layout/kernel", "header/kernel"))
    assert not rule("Muon", "keras-3", exclude_embeddings=False).excludes("embedding/embeddings")
