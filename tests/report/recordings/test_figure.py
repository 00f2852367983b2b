"""A figure is tested by its data."""

import numpy as np
import pytest
from engine_cases import data, dense_model, on, on_every_engine
from matplotlib.colors import same_color
from matplotlib.figure import Figure

import slotscope
from slotscope.engines.meters.statistics import STATISTICS
from slotscope.errors import VariableNotFoundError
from slotscope.recording.recording import Recording
from slotscope.recording.records import Event, EventKind, Row, Variable
from slotscope.report.figures.events import draw_events, draw_key


@on_every_engine
def test_the_norms_drawn_are_the_norms_recorded(engine):
    model = dense_model(engine, "SGD", momentum=0.5)
    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(*data(), batch_size=32, verbose=0)
    figure = recording.plot()
    assert isinstance(figure, Figure)
    _, strip, norms, rates = figure.axes
    drawn = {line.get_label(): line.get_xydata() for line in norms.lines}
    for label, rows in recording.statistics.groupby("variable"):
        if "/" in label:
            assert np.array_equal(drawn[label], rows[["step", "l2"]])
    assert norms.get_yscale() == "log"
    assert recording.plot(log=False).axes[2].get_yscale() == "linear"
    # Four slots that say the same are one line.
    assert [text.get_text() for text in strip.texts] == [
        "4 of 4 slots: the same variable throughout"
    ]
    assert len(strip.lines) == 1
    (line,) = rates.lines
    assert np.allclose(line.get_xydata(), [[1, 0.01], [2, 0.01], [3, 0.01]])


def many(slots, rows=5, number=1):
    """A recording of so many slots, of which each has a larger norm than the one before."""
    recording = Recording("keras-jax", {}, "Adam", counts={"steps": rows})
    for place in range(slots):
        parameter = f"layer_{place}/kernel"
        recording.seen.append(Variable("momentum", parameter, number, "", (2,), "float32", 0))
    indices = np.arange(slots)
    for step in range(1, rows + 1):
        statistics = np.full((slots, len(STATISTICS)), np.nan)
        statistics[:, 0] = (indices + 1) * step
        identity, live = np.zeros((slots, 3), np.int64), np.ones(slots, bool)
        recording.rows.append(Row(step, step, indices, statistics, identity, live, None))
    return recording


@pytest.mark.parametrize("slots", [4, 40, 400])
def test_every_curve_has_a_name_and_the_others_are_a_range(slots):
    figure = many(slots).plot()
    _, strip, norms = figure.axes
    curves = [line.get_label() for line in norms.lines]
    drawn = min(slots, 8)
    assert curves == [f"momentum/layer_{n}/kernel" for n in range(slots - drawn, slots)]
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    others = [f"range of the other {slots - 8}"] * (slots > 8)
    assert names == curves + others
    assert len(norms.collections) == len(others)
    assert len(strip.lines) == 1
    assert f"{slots} of {slots} slots" in figure.get_label()
    height = figure.get_size_inches()[1]
    assert height < 9


def test_a_figure_of_some_slots_alone():
    recording = many(12)
    for parameters in ("layer_3/kernel", ["layer_3/kernel"], "momentum"):
        if parameters == "momentum":
            with pytest.raises(VariableNotFoundError, match="No slot of the recording fits"):
                recording.plot(parameters=parameters)
            continue
        (line,) = recording.plot(slots="momentum", parameters=parameters).axes[2].lines
        assert line.get_label() == "momentum/layer_3/kernel"
    assert len(recording.plot(top=2).axes[2].lines) == 2
    with pytest.raises(VariableNotFoundError, match="velocity"):
        recording.plot(slots="velocity")


@on("keras-torch")
def test_runs_stand_one_after_the_other_and_a_slot_that_was_replaced_begins_anew(engine):
    model = dense_model(engine, "SGD", momentum=0.5)
    with slotscope.watch(model) as recording:
        for rate in (0.1, 0.01, 0.001):
            optimizer = engine.keras.optimizers.SGD(rate, momentum=0.5)
            model.compile(optimizer=optimizer, loss="mse")
            model.fit(*data(), batch_size=32, verbose=0)
    timeline, strip, norms, _ = recording.plot().axes
    marks = dict(
        zip((t.get_text() for t in timeline.get_yticklabels()), timeline.lines, strict=True)
    )
    assert marks["replaced: 2"].get_xdata().tolist() == [3, 6]
    assert marks["stepped: 9"].get_xdata().tolist() == list(range(1, 10))
    assert [text.get_text() for text in strip.texts] == [
        "4 of 4 slots: another variable at step 4, 7"
    ]
    assert [line.get_xdata().tolist() for line in strip.lines] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert len({line.get_color() for line in strip.lines}) == 3
    steps, values = norms.lines[0].get_data()
    assert np.flatnonzero(np.isnan(values)).tolist() == [3, 7]
    assert steps[~np.isnan(values)].tolist() == list(range(1, 10))


def test_a_recording_of_nothing_is_drawn_too():
    figure = Recording("tf_keras", {}, "SGD").plot()
    assert len(figure.axes) == 3
    assert "no step was recorded" in figure.axes[1].texts[0].get_text()


def test_every_kind_of_event_is_drawn_as_it_says_wherever_events_are():
    events = [Event(kind, step, count=3, step=step) for step, kind in enumerate(EventKind)]
    recording = Recording("keras-jax", {}, "SGD", events=events)
    timeline, *_ = recording.plot().axes
    along, key = Figure(), Figure()
    draw_events(along.subplots(), recording, 0)
    draw_key(key, {"one": recording})
    (legend,) = key.legends
    for lines, smaller in ((timeline.lines, 2), (along.axes[0].lines, 0), (legend.get_lines(), 0)):
        for line, kind in zip(lines, EventKind, strict=True):
            assert (line.get_marker(), line.get_markersize()) == (kind.marker, kind.size - smaller)
            assert same_color(line.get_color(), kind.colour)
    assert [text.get_text() for text in legend.get_texts()] == list(EventKind)
    labels = [label.get_text() for label in timeline.get_yticklabels()]
    assert labels == [f"{kind}: {3 if kind.is_step else 1}" for kind in EventKind]


def test_every_kind_of_event_has_a_mark_of_its_own():
    assert len({(kind.marker, kind.size, kind.colour) for kind in EventKind}) == len(EventKind)
