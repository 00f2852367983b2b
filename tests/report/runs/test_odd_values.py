"""Values that no axis, no font or no file can hold: page and table are written all the same."""

import base64
import math
import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from commands import command
from sweep_folders import failure, make, run

LONE = "a lone \ud800"


@pytest.fixture
def report(tmp_path):
    """Page and table of these runs, as the command writes them without a warning."""

    def report(*runs):
        folder = make(tmp_path / "runs", runs)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = command("report", folder)
        assert (result.exit_code, result.stderr) == (0, "")
        page = (folder / "report.html").read_text(encoding="utf-8")
        table = pd.read_parquet(folder / "results.parquet")
        return re.sub(r"base64,[\w+/=]+|[\w+/]{1000,}=*", "", page), table

    return report


def over(x, results):
    """A run for each value of ``x``, with its result."""
    return [run({"x": x}, {"loss": loss}) for x, loss in zip(x, results, strict=True)]


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan, 10**400])
def test_a_parameter_that_no_axis_has_is_a_name_on_it(read, odd):
    runs = read(*over([1, 2, odd], [1.0, 2.0, 3.0]))
    ((figure,), undrawn) = runs.figures
    assert undrawn == []
    assert figure.alt.startswith("loss over x. It is least, 1, at x 1;")
    (axes,) = runs.scalar().axes
    assert [len(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"] == [3]


@pytest.mark.parametrize(
    "runs",
    [
        over([1, 2, 3], [1e308, -1e308, 0.5]),
        over([1e308, -1e308, 0.5], [1.0, 2.0, 3.0]),
        [run({"x": x}, {"loss": np.array([1e308, -1e308, math.nan]) * x}) for x in (0.5, 1)],
    ],
    ids=["results", "parameters", "arrays"],
)
def test_what_is_too_far_apart_is_named_and_the_rest_is_written(report, runs):
    page, table = report(*runs)
    assert len(table) == len(runs)
    assert re.search("<code>loss</code> can't be drawn: (loss|x) has values beyond", page)
    assert "<img" not in page


def test_whole_numbers_beyond_floats_are_in_the_table(report, tmp_path):
    page, table = report(*over([1, 2, 3], [10**400, 1.5, 2.5]))
    assert "A triangle at the top" in page
    assert "1" + "0" * 50 in page
    assert table["x"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "runs",
    [
        over([LONE, "b", "c"], [1.0, 2.0, 3.0]),
        over([1, 2, 3], [LONE, "b", "c"]),
        [run({LONE: x}, {f"{LONE} too": x}) for x in (1, 2)],
        [run({"x": x}, error=failure(LONE)) for x in (1, 2)],
    ],
    ids=["parameter", "result", "names", "error"],
)
def test_a_lone_surrogate_is_written_out(report, runs):
    page, table = report(*runs)
    assert len(table) == len(runs)
    assert "a lone \\ud800" in page


def test_captions_count_what_is_not_finite(read):
    losses = {(x, s): math.inf if x == s else 1.0 * x + s for x in (1, 2, 4) for s in (0, 1, 2)}
    curve = np.array([1, math.nan, 3, math.inf])
    runs = read(
        *(
            run({"x": x, "seed": s}, {"loss": loss, "v": curve if s else np.ones(4)})
            for (x, s), loss in losses.items()
        )
    )
    scalar, curves = runs.figures[0]
    assert scalar.caption.endswith(
        "A triangle at the top is a value that is not finite (2). Medians are of the finite values."
    )
    assert curves.caption.endswith("12 of 36 values, in 6 of 9 runs, are not finite and not drawn.")


def test_of_many_names_some_are_on_the_axis(read):
    runs = read(*over([f"word{i}" for i in range(100)], range(100)))
    (axes,) = runs.scalar().axes
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == [f"word{i}" for i in range(0, 100, 4)]
    assert "room for one in 4 of the names" in runs.figures[0][0].caption


def test_no_warning_of_a_library_gets_out(report):
    page, _ = report(
        run({"x": 1, "日本": 1}, {"ж日本": 1.0, "v": np.array([1, 2e4000], dtype="longdouble")}),
        run({"x": 2, "日本": 2}, {"ж日本": 3.0, "v": np.array([1, 2], dtype="longdouble")}),
    )
    assert "ж日本 over" in page


def test_an_image_with_odd_names_is_whole(read):
    odd = "\x1b[31mred\x1b[0m\x00\ufffe"
    runs = read(*(run({odd: f"{odd}{i}"}, {f"{odd} loss": 1.0 * i}) for i in (1, 2)))
    (figure,) = runs.figures[0]
    svg = base64.b64decode(figure.source.partition(",")[2])
    assert "red loss" in set(ElementTree.fromstring(svg).itertext())


def test_whatever_stops_a_figure_is_told_on_the_page(report, monkeypatch):
    def broken(*_):
        raise RuntimeError("no such <font>")

    monkeypatch.setattr("slotscope.report.runs.figures.scalar_figure", broken)
    page, table = report(*over([1, 2], [1.0, 2.0]))
    assert "<code>loss</code> can't be drawn: no such &lt;font&gt;. The table has it." in page
    assert table["loss"].tolist() == [1.0, 2.0]


def test_escape_codes_are_not_shown(report):
    red = "\x1b[1;31mred\x1b[0m\x00 \x1b]8;;http://a.b\x07link\x1b]8;;\x07"
    page, _ = report(run({"x": red}, {"loss": 1}), run({"x": "b"}, error=failure(red, red)))
    assert '<pre tabindex="0">red link</pre>' in page
    assert re.search("[\x00-\x08\x0b-\x1f]", page) is None
