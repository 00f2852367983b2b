"""Parameters that were zipped or drawn at random: what they span, and what a caption claims."""

import math
import random

import numpy as np
import pytest
from sweep_folders import run

from slotscope.report.runs.overlapping_lines import alternate


def drawn(samples, seeds=(0,)):
    """Runs over two parameters that were drawn together, one of them a whole number."""
    stream = random.Random(0)
    pairs = [(stream.uniform(0.1, 1), stream.randint(1, 1000)) for _ in range(samples)]
    return [
        run({"a": a, "d": d, "seed": s}, {"acc": math.sin(a + d)}) for a, d in pairs for s in seeds
    ]


def zipped(firsts, seconds, **more):
    pairs = zip(firsts, seconds, strict=True)
    return [run({"a": a, "b": b, **more}, {"loss": a * len(str(b))}) for a, b in pairs]


def lines(figure):
    return [line for axes in figure.axes for line in axes.lines if line.get_linestyle() != "None"]


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)], ids=["alone", "repeated"])
def test_a_random_sample_is_points_over_each_of_its_parameters(read, seeds):
    runs = read(*drawn(20, seeds))
    assert set(runs.grid.sampled) == {"a", "d"}
    over = [figure.caption for figure in runs.figures[0]]
    assert sorted(over) == [f"acc over {name}. Each point is a run." for name in ("a", "d")]
    assert lines(runs.scalar("acc")) == []


def test_of_a_random_sample_of_many_parameters_what_is_not_drawn_is_told(read):
    stream = random.Random(0)
    names = "abcdef"
    points = [{name: stream.random() for name in names} for _ in range(9)]
    runs = read(*(run(point, {"acc": sum(point.values())}) for point in points))
    found, undrawn = runs.figures
    assert len(found) == 4
    assert [(u.name, u.reason) for u in undrawn] == [("acc over e", ""), ("acc over f", "")]


def test_a_parameter_beside_a_random_sample_colours_it(read):
    runs = read(
        *(
            run(
                {**record["parameters"], "optimizer": optimizer}, {"acc": record["parameters"]["a"]}
            )
            for record, _ in drawn(9)
            for optimizer in ("SGD", "Adam")
        )
    )
    assert runs.span.colour == "optimizer"


def test_zipped_numbers_of_one_order_are_one_axis(read):
    runs = read(
        *zipped([0.1, 0.2, 0.3, 0.4], [4, 3, 2, 1], seed=0),
        *zipped([0.1, 0.2, 0.3, 0.4], [4, 3, 2, 1], seed=1),
    )
    assert (runs.span.x, runs.span.colour, runs.span.column) == ("a", None, None)
    assert (runs.grid.pooled, runs.grid.sampled) == (("seed",), ())
    (figure,), _ = runs.figures
    assert figure.caption == (
        "loss over a. Each point is a run, a line their median over seed. b goes with a."
    )
    (line,) = lines(runs.scalar())
    assert list(line.get_xdata()) == [0.1, 0.2, 0.3, 0.4]


def test_zipped_names_lead_the_axis_and_are_not_joined(read):
    runs = read(*zipped([0.1, 0.3, 0.2], ["SGD", "Adam", "Ftrl"]))
    assert (runs.span.x, runs.grid.together) == ("b", {"b": ["a"]})
    assert lines(runs.scalar()) == []


def test_zipped_numbers_of_no_one_order_are_points_over_each(read):
    runs = read(*zipped([0.1, 0.2, 0.3, 0.4], [30, 1, 200, 4]))
    assert runs.grid.sampled == ("a", "b")
    assert lines(runs.scalar()) == []


def test_a_seed_that_was_zipped_leads_nothing(read):
    runs = read(*(run({"seed": s, "rate": r}, {"loss": r}) for s, r in ((0, 0.5), (1, 0.25))))
    assert (runs.span.x, runs.grid.together) == ("rate", {"rate": ["seed"]})


def test_a_part_of_a_grid_is_no_sample(read):
    points = [(a, b) for a in range(1, 11) for b in range(10)][:12]
    runs = read(*(run({"a": a, "b": b}, {"loss": a * b}) for a, b in points))
    assert (runs.span.x, runs.span.colour, runs.grid.sampled) == ("b", "a", ())


def test_a_median_is_of_several_runs(read):
    runs = read(*(run({"a": a, "seed": a % 2}, {"loss": a}) for a in range(6)))
    assert "median" not in runs.figures[0][0].caption


def test_curves_that_lie_on_each_other_alternate_and_it_is_said(read):
    curves = {"SGD": np.arange(9.0), "Adam": np.arange(9) + 1e-9, "Ftrl": np.arange(9) / 2}
    runs = read(
        *(run({"optimizer": o, "seed": s}, {"v": c}) for o, c in curves.items() for s in (0, 1))
    )
    figure = runs.curve()
    found = [(line.get_color(), line.is_dashed()) for line in lines(figure)]
    assert len({colour for colour, dashed in found if dashed}) == 2
    assert [dashed for _, dashed in found] == [True] * 4 + [False] * 2
    assert alternate(figure)
    (curve,), _ = runs.figures
    assert "Where lines lie on each other, their colours alternate." in curve.caption


def test_curves_apart_do_not(read):
    runs = read(*(run({"rate": r}, {"v": np.arange(4) * r}) for r in (1, 2, 3)))
    assert not alternate(runs.curve())
