"""A figure is tested by its data."""

import numpy as np
from engine_cases import data, dense_model, on_every_engine
from matplotlib.colors import same_color
from matplotlib.figure import Figure

import slotscope
from slotscope.recording.recording import Recording
from slotscope.recording.records import Event, EventKind
from slotscope.report.figures.events import draw_events, draw_key


@on_every_engine
def test_the_norms_drawn_are_the_norms_recorded(engine):
    model = dense_model(engine, "SGD", momentum=0.5)
    with engine.scope(), slotscope.watch(model) as recording:
        model.fit(*data(), batch_size=32, verbose=0)
    figure = recording.plot()
    assert isinstance(figure, Figure)
    _, strip, norms = figure.axes
    drawn = {line.get_label(): line.get_xydata() for line in norms.lines}
    for label, rows in recording.statistics.groupby("variable"):
        if "/" in label:
            assert np.array_equal(drawn[label], rows[["iterations", "l2"]])
    assert len(strip.lines) == 4


def test_a_recording_of_nothing_is_drawn_too():
    assert len(Recording("tf_keras", {}, "SGD").plot().axes) == 3


def test_every_kind_of_event_is_drawn_as_it_says_wherever_events_are():
    events = [Event(kind, step, count=3) for step, kind in enumerate(EventKind)]
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
