"""A result that is a number in most runs and something else in a few."""

import math

import numpy as np
import pandas as pd
from commands import command
from sweep_folders import make, run

from slotscope.report.runs.parquet import write_parquet


def over(results):
    return [run({"n": n}, {"loss": loss}) for n, loss in enumerate(results)]


def test_the_numbers_are_drawn_and_the_others_named(read):
    runs = read(*over([0.5, 1.0, "diverged", 2.0, np.zeros(2), math.nan]))
    (figure,), undrawn = runs.figures
    assert undrawn == []
    assert figure.caption == (
        "loss over n. Each point is a run. A triangle at the top is a value that is not finite (1)."
        " Not drawn, as no number: run 2 (diverged) and run 4 ([0, 0])."
    )
    (axes,) = runs.scalar().axes
    points = {line.get_marker(): list(line.get_xdata()) for line in axes.lines}
    assert (points["o"], points["^"]) == ([0, 1, 3], [5])


def test_of_many_others_the_first_are_named(read):
    runs = read(*over([*range(9), *["x" * 100] * 7]))
    (figure,), _ = runs.figures
    assert figure.caption.endswith(f"run 13 ({'x' * 40}...) and 2 more.")


def test_arrays_are_drawn_and_a_number_among_them_named(read):
    runs = read(*over([np.arange(3), np.arange(3.0), 1.5]))
    (figure,), undrawn = runs.figures
    assert undrawn == []
    assert figure.caption == (
        "loss over its index, a curve for each run. Where lines lie on each other, their colours"
        " alternate. Not drawn, as no array of one axis: run 2 (1.5)."
    )


def test_where_no_kind_is_in_most_runs_the_reason_is_told(read):
    runs = read(*over([1.0, 2.0, "a", "b", np.zeros(3)]))
    drawn, (undrawn,) = runs.figures
    assert drawn == []
    assert (undrawn.name, undrawn.reason) == (
        "loss",
        "of 5 runs, it is a number in 2, an array of one axis in 1, something else in 2",
    )


def test_words_are_no_figure_and_nothing_is_told(read):
    runs = read(*over(["a", "b", True]))
    assert runs.figures == ([], [])


def test_the_column_of_the_page_is_sorted_by_its_numbers(read):
    runs = read(*over([10.0, 9.0, "diverged"]))
    (column,) = [c for c in runs.columns[0] if c.name == "loss"]
    assert column.kind == "number"
    assert [(c.text, c.order) for c in column.cells] == [
        *[("10", "10.0"), ("9", "9.0"), ("diverged", "")]
    ]


def test_parquet_keeps_the_numbers_and_the_command_says_what_is_null(tmp_path):
    folder = make(tmp_path / "runs", over([0.5, 1, "diverged", np.zeros(2)]))
    more = make(tmp_path / "more", over([0.5, 1, 2, "diverged"]))
    result = command("report", folder)
    assert "left out of it, as Parquet cannot hold them: loss" in result.stdout
    result = command("report", more)
    said = "null in it, as most values of the column are of another kind: loss (1)"
    assert said in result.stdout.splitlines()
    loss = pd.read_parquet(more / "results.parquet")["loss"]
    assert (str(loss.dtype), loss.tolist()[:3], loss.isna().tolist()[3]) == (
        *("float64", [0.5, 1.0, 2.0]),
        True,
    )


def test_parquet_keeps_words_with_a_number_among_them(tmp_path):
    frame = pd.DataFrame({"word": pd.Series(["a", None, 3, "b"], dtype=object)})
    lacking = write_parquet(frame, tmp_path / "some.parquet")
    assert (lacking.columns, lacking.values) == ((), {"word": 1})
    assert pd.read_parquet(tmp_path / "some.parquet")["word"].dropna().tolist() == ["a", "b"]
