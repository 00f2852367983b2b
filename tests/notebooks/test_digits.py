"""The floats that the stored notebooks show are far from where their last digits turn.

Strict nbval sees that on one processor; here each float is moved by more than a processor does.
"""

import random

import nbformat
import numpy as np
import pytest
from repository_root import ROOT

import slotscope
from slotscope.report.results import as_text

EXPERIMENTS = ROOT / "notebooks" / "experiments"
SEED = 20261127
#: Relative; of 40 steps of training on three backends, most norms differ by less than 2**-21.
FAR = 2.0**-14
#: Optimizers whose steps a rounding may turn; their norms differ by up to 0.004.
SIGNS = ("Lion", "ScheduleFreeAdamW")


def moved(value, drawn, off):
    """``value`` with every float in it changed by up to ``off``, relative."""
    if isinstance(value, (list, tuple)):
        return [moved(item, drawn, off) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value * (1 + off * drawn.choice([-1, 1]))
    return value * (1 + off * drawn.uniform(-1, 1)) if isinstance(value, float) else value


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_text_of_results_stays_where_every_float_is_moved(path):
    results, drawn = slotscope.read_results(path), random.Random(SEED)
    (stored,) = (
        output["data"]["text/plain"]
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if "result" in output.get("metadata", {}).get("slotscope", {})
    )
    assert as_text.text(results) == stored
    for _ in range(50):
        assert as_text.text(moved(results, drawn, FAR)) == stored, f"with the seed {SEED}"


def test_the_digits_of_norms_stay_where_they_are_moved():
    results = slotscope.read_results(EXPERIMENTS / "optimizers.ipynb")
    for slot, *norms in zip(results["slots"], results["first"], results["last"], strict=True):
        off = 2.0**-6 if slot.startswith(SIGNS) else FAR
        for norm in norms:
            assert len({f"{norm * (1 + by):.1g}" for by in (-off, 0, off)}) == 1, slot


def test_the_digits_of_moves_stay_where_they_are_moved():
    for value in slotscope.read_results(EXPERIMENTS / "generations.ipynb")["moved"]:
        assert len({f"{value * (1 + by):.2g}" for by in (-FAR, 0, FAR)}) == 1


def test_no_norm_is_level_up_to_roundings():
    norms = slotscope.read_results(EXPERIMENTS / "optimizers.ipynb")["norms"]
    steps = np.concatenate([norm[1:] / norm[:-1] - 1 for norm in norms])
    assert np.abs(steps[steps < 0]).max() > 2**-9  # some fall
    least = [(norm[1:] / norm[:-1] - 1).min() for norm in norms]
    assert all(abs(step + 2.0**-16) > 2.0**-13 for step in least)
