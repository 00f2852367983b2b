"""The page of a sweep as a text: what it says, what it draws, and what it must not let through."""

import base64
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sweep_folders import OPTIMIZERS, RATES, failure, make, run

from slotscope.report.runs import sweep_page
from slotscope.report.runs.failures import failures
from slotscope.report.runs.folder import SweepFolder, scan


def page_of(runs):
    """The page without what comes from a library."""
    sweep = SweepFolder(runs[0].notebook.parents[1], tuple(runs), "some.ipynb")
    text = sweep_page.page(sweep, sweep.folder)
    return re.sub(r"base64,[\w+/=]+|[\w+/]{1000,}=*", "", text)


def test_axes_are_the_numeric_parameter_of_most_values_and_then_the_others(many):
    span = many.span
    assert many.grid.varying == ("optimizer", "learning_rate", "momentum", "seed")
    assert (span.x, span.colour, span.column, span.row) == (
        *("learning_rate", "optimizer", "momentum"),
        None,
    )
    assert many.grid.pooled == ("seed",)
    assert list(span.of("learning_rate")) == sorted(RATES)
    assert list(span.of("optimizer")) == list(OPTIMIZERS)


def test_a_seed_is_an_axis_only_where_nothing_else_varies(read):
    assert read(run({"seed": 1}), run({"seed": 2})).span.x == "seed"


def test_one_run_spans_nothing(read):
    grid = read(run({"rate": 1})).grid
    assert (grid.varying, grid.span.x) == ((), None)


def test_a_figure_has_a_point_for_each_run_and_marks_what_has_no_place(many):
    figure = many.scalar()
    lines = [line for axes in figure.axes for line in axes.lines]
    count = {
        marker: sum(len(line.get_xdata()) for line in lines if line.get_marker() in marker)
        for marker in ("os^DvPX", "x")
    }
    infinite = sum(run.results.get("loss") != run.results.get("loss") for run in many)
    assert infinite == 84
    assert count == {"os^DvPX": 819, "x": 181}
    assert [axes.get_title("left") for axes in figure.axes] == [
        f"momentum {m}" for m in ("0", "0.25", "0.5", "0.75", "0.875")
    ]


def test_lines_are_the_median_of_what_is_pooled(read):
    losses = {(rate, seed): rate + 2.0**seed for rate in (1, 2, 4) for seed in range(3)}
    runs = read(*(run({"rate": r, "seed": s}, {"loss": x}) for (r, s), x in losses.items()))
    figure = runs.scalar()
    (line,) = [line for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1, 2, 4], [3, 4, 6])


def test_wide_ranges_are_logarithmic(read):
    runs = read(*(run({"rate": r}, {"far": r**2, "near": r + 1}) for r in (0.01, 0.1, 1.0)))
    far, near = (runs.scalar(name).axes[0] for name in ("far", "near"))
    assert (far.get_xscale(), far.get_yscale()) == ("log", "log")
    assert (near.get_xscale(), near.get_yscale()) == ("log", "linear")


def test_names_are_ticks(read):
    runs = read(*(run({"optimizer": o}, {"loss": 10.0**i}) for i, o in enumerate(OPTIMIZERS)))
    (axes,) = runs.scalar().axes
    assert [label.get_text() for label in axes.get_xticklabels()] == list(OPTIMIZERS)
    assert axes.get_yscale() == "log"


def test_an_array_is_a_curve_for_each_run(read):
    runs = read(*(run({"rate": r}, {"v": np.arange(4) * r}) for r in (0.5, 2.0)))
    figure = runs.curve()
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [
        [0, 0.5, 1, 1.5],
        [0, 2, 4, 6],
    ]


def test_figures_say_in_words_what_they_show(many):
    drawn, undrawn = many.figures
    assert undrawn == []
    assert [figure.alt.split(",")[0] for figure in drawn] == [
        "loss over learning_rate",
        "limit over learning_rate",
        "velocity over its index: 819 curves of up to 12 values",
    ]
    assert "It is least, 0, at optimizer SGD, learning_rate 0.0625, momentum 0, seed 0;" in (
        drawn[0].alt
    )
    assert "a run that failed (181)" in drawn[0].caption
    assert "not finite (84)" in drawn[0].caption
    assert "273 of 819 runs are drawn" in drawn[2].caption


def test_colours_follow_the_theme(many):
    (source,) = {figure.source for figure in many.figures[0][:1]}
    svg = base64.b64decode(source.partition(",")[2]).decode()
    assert "prefers-color-scheme:dark" in svg
    shades = svg.partition("</style>")[2]
    assert "#0072b2" not in shades
    assert "var(--c" in shades


def test_results_beyond_those_drawn_are_named(read):
    runs = read(*(run({"rate": r}, {f"m{i}": r * i for i in range(1, 7)}) for r in (1, 2)))
    drawn, undrawn = runs.figures
    assert (len(drawn), [u.name for u in undrawn]) == (4, ["m5", "m6"])


def test_an_error_is_told_once_with_what_its_runs_have_in_common(many):
    of_type, died = failures(many, many.grid.varying)
    assert (of_type.error.name, len(of_type.runs)) == ("TypeError", 160)
    assert of_type.shared == (("optimizer", "Ftrl"),)
    assert "assert loss < 1" in of_type.source
    assert "----> 1 model.fit" in of_type.traceback
    assert "\x1b" not in of_type.traceback
    assert (died.error.kind, len(died.runs), died.source) == ("kernel died", 21, "")
    assert died.shared == (("learning_rate", "2"), ("seed", "4"))


def test_the_failing_cell_is_one_of_the_code_cells(read):
    text = page_of(read(run({"rate": 1}, error=failure("no", cell=3))))
    assert "<h3>ValueError in code cell 3</h3>" in text


def test_messages_that_differ_in_numbers_are_one_error(read):
    messages = ["loss 0.5 at step 3", "loss 1e-9 at step 12", "no loss at step 3"]
    found = failures(read(*(run({"m": m}, error=failure(m)) for m in messages)), ["m"])
    assert [(len(f.runs), f.alike, f.error.message) for f in found] == [
        (2, True, messages[0]),
        (1, False, messages[2]),
    ]


def test_the_table_tells_runs_apart_and_no_more(many):
    columns, same = many.columns
    assert [(column.name, column.kind) for column in columns] == [
        ("error", "long"),
        ("optimizer", "choice"),
        ("learning_rate", "number"),
        ("momentum", "number"),
        ("seed", "number"),
        ("loss", "number"),
        ("limit", "number"),
        ("velocity", "text"),
        ("seconds", "number"),
        ("attempts", "number"),
    ]
    assert [name for name, _ in same] == ["batches", "note", "steps"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "<summary>The same in every run</summary>"),
        (
            [run({"rate": 3}, error=failure("no"))],
            "The same in every run, as for results: in every run that has them<",
        ),
    ],
    ids=["all have results", "one has none"],
)
def test_what_is_the_same_says_in_which_runs(read, more, said):
    done = [run({"rate": r}, {"loss": r, "steps": 3}) for r in (1, 2)]
    assert said in page_of(read(*done, *more))


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([run({"rate": 1}), run({"rate": 2})], True),
        ([run({"rate": 1}, {"loss": 1}), run({"rate": 2})], False),
        ([run({"rate": 1}, error=failure("no"))], False),
    ],
    ids=["none has", "one has", "all failed"],
)
def test_a_notebook_is_told_how_to_leave_results_where_no_run_that_is_done_has_any(
    read, runs, told
):
    assert ("No run left a result" in page_of(read(*runs))) == told


def test_nothing_of_a_run_is_markup(read):
    bad = "<script>alert(1)</script>\"'&"
    text = page_of(
        read(
            run({bad: bad, "x": 1}, {bad: bad}),
            run({bad: bad + "2", "x": 2}, error=failure(bad, bad)),
        )
    )
    assert "alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert text.count("<script") == 2


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([run({"rate": 1}, {"loss": 0.5})], "The run is done."),
        ([run({"rate": 1}, error=failure("no"))], "The run failed."),
        ([run({"rate": r}, error=failure("no")) for r in range(3)], "All 3 runs failed."),
        ([run({"rate": r}, {"word": "x"}) for r in range(3)], "All 3 runs are done."),
        ([run({})], "The run is done."),
        ([run({}, {"loss": 1}), run({"a": [1]}, error=failure("no"))], "1 of 2 runs failed"),
        ([run({"o": o}, {"loss": 10.0**i}) for i, o in enumerate("abcdefgh")], "All 8 runs"),
        ([run({"r": r}, {"loss": float("inf")}) for r in (1, 2)], "All 2 runs are done."),
        ([run({"r": r}, {"loss": r * 2**1100}) for r in (1, 2)], "All 2 runs are done."),
    ],
    ids=["one", "failed", "all failed", "words", "bare", "uneven", "names", "infinite", "huge"],
)
def test_every_kind_of_sweep_has_a_page(read, runs, said):
    assert said in page_of(read(*runs))


def test_no_notebook_is_needed(tmp_path):
    folder = make(tmp_path / "runs", [run({"r": r}, error=failure("no")) for r in (1, 2)])
    (folder / "sweep.json").unlink()
    torn, missing = folder.glob("*/notebook.ipynb")
    torn.write_text("torn {")
    missing.unlink()
    sweep_page.write(scan(folder), folder / "page.html")
    page = (folder / "page.html").read_text()
    assert "<h1>A sweep</h1>" in page
    links = set(re.findall(r'href="([^"]*notebook\.ipynb)"', page))
    assert links == {f"{torn.parent.name}/notebook.ipynb"}


def test_the_page_says_when_the_first_run_started_and_the_last_ended(read):
    times = [("2026-11-25T20:54:42+00:00", 7200.0), ("2026-11-25T21:00:00+00:00", 60.0)]
    runs = [run({"r": s}, started=start, seconds=s) for start, s in times]
    said = "First started 2026-11-25 20:54, last ended 2026-11-25 22:54 UTC; 2.02 h of running"
    assert said in page_of(read(*runs))


def test_other_versions_are_said(read):
    newer = run({"rate": 2}, versions={"keras": "3.16.0"})
    text = page_of(read(run({"rate": 1}, versions={"keras": "3.15.1", "jax": "0.10"}), newer))
    assert "Not all with the same versions: keras 3.15.1 and 3.16.0." in text
    assert "Run with jax 0.10." in text


def test_what_no_cell_can_show_is_named_and_no_column(read):
    results = {"table": pd.DataFrame({"a": [1]}), "figure": Figure(figsize=(1, 1)), "loss": 1}
    runs = read(run({"rate": 1}, results), run({"rate": 2}, {"loss": 2}))
    assert "<code>table</code>, a table; <code>figure</code>, a figure." in page_of(runs)
    assert [column.name for column in runs.columns[0]] == [*["rate", "loss", "seconds"]]
