"""The figures of the later notebooks hold the data that they were given."""

import numpy as np
import pandas as pd

from slotscope.recording.recording import Recording
from slotscope.recording.records import Event, Row
from slotscope.report.figures.closed_form import closed_form_figure
from slotscope.report.figures.distances import EXACT, distances_figure
from slotscope.report.figures.events import events_figure
from slotscope.report.figures.norm_charts import slot_norms_figure
from slotscope.report.figures.series import series_figure
from slotscope.report.figures.thresholds import thresholds_figure


def recorded(*kinds):
    """A recording of events before, between and after two steps."""
    events = [Event(kind, iterations) for kind, iterations in kinds]
    empty = np.zeros(0)
    rows = [Row(step, step, empty, empty, empty, empty, None) for step in (1, 2)]
    return Recording("keras-jax", {}, "SGD", events=events, rows=rows)


def test_events_stand_in_order_between_the_batches():
    recording = recorded(
        ("traced", 0), ("constructed", 0), ("traced", 0), ("stepped", 1), ("stepped", 2)
    )
    axes = events_figure({"one": recording}, [("a fit", 2)]).axes[0]
    places = [line.get_xdata()[0] for line in axes.lines]
    assert places == [0.25, 0.5, 0.75, 1, 2]
    assert [line.get_marker() for line in axes.lines[:2]] == ["^", "D"]
    assert [text.get_text() for text in axes.texts] == ["a fit"]


def test_the_key_names_each_kind_that_occurs():
    figure = events_figure({"one": recorded(("stepped", 1)), "two": recorded(("compiled", 1))})
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == ["stepped", "compiled"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["one", "two"]


def test_engines_that_agree_share_a_line():
    series = {"a": np.array([1, 2]), "b": np.array([1, 1]), "c": np.array([1, 2])}
    figure = series_figure(series, "v", limit=3)
    limit, *lines = figure.axes[0].lines
    assert list(limit.get_ydata()) == [3, 3]
    assert {line.get_label(): list(line.get_ydata()) for line in lines} == {
        "a, c": [1, 2],
        "b": [1, 1],
    }


def test_the_closed_form_passes_through_the_recorded_dots():
    def closed(k, mu, eta):
        return eta * (1 - mu**k) / (1 - mu)

    values = closed(np.arange(1, 5), 0.5, 1.0)
    momenta, rates = closed_form_figure(values, closed, 0.5, 1.0, "momentum", "heading").axes
    for axes, names in ((momenta, ("μ = 0.25", "μ = 0.5", "μ = 0.75")), (rates, ("η = 0.5",))):
        lines = {line.get_label(): line for line in axes.lines}
        assert np.array_equal(lines["recorded"].get_ydata(), values)
        assert lines.keys() >= set(names)
        assert list(lines["limit 2"].get_ydata()) == [2, 2]
        assert list(lines["if zero at every batch: 1"].get_ydata()) == [1, 1]
    x, y = {line.get_label(): line for line in rates.lines}["η = 2"].get_data()
    assert np.array_equal(y, closed(x, 0.5, 2.0))


def test_distances_are_drawn_where_they_are_and_exact_ones_at_the_edge():
    table = pd.DataFrame({"big": [0.0, 0.5], "law": [np.nan, 1e-7]}, index=["a", "b"])
    axes = distances_figure(table, 1e-3, "heading").axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["big"].get_xdata()) == [EXACT, 0.5]
    assert list(lines["law"].get_ydata()) == [0, 1]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_thresholds_are_drawn_as_rates_and_words_stand_for_those_that_are_missing():
    rows = {"Adam": (pd.NA, -8, 0.001, "never moves"), "SGD": (-8, -9, 0.01, "as the rule")}
    columns = ["measured", "expected", "default", "verdict"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    table = table.astype({"measured": "Int64", "expected": "Int64"})
    axes = thresholds_figure(table, 2.0**-9, "heading").axes[0]
    lines = {line.get_label(): list(line.get_xdata()) for line in axes.lines}
    assert np.array_equal(lines["measured"], [np.nan, 2.0**-8], equal_nan=True)
    assert lines["by the rule in float64"] == [2.0**-8, 2.0**-9]
    assert lines["its default"] == [0.001, 0.01]
    assert [text.get_text() for text in axes.texts] == ["never moves"]


def test_slots_have_a_chart_for_each_optimizer_and_none_that_stays_zero():
    def rows(optimizer, slot, values):
        columns = {"optimizer": optimizer, "slot": slot, "batch": [1, 2]}
        return pd.DataFrame({**columns, "norm": values, "rule": np.add(values, 1)})

    table = pd.concat([rows("A", "m", [1, 2]), rows("A", "zero", [0, 0]), rows("B", "v", [3, 4])])
    figure = slot_norms_figure(table, "heading")
    charts = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(charts) == ["A", "B"]
    lines = {line.get_label(): list(line.get_ydata()) for line in charts["A"].lines}
    assert lines == {"rule of m": [2, 3], "m": [1, 2]}
