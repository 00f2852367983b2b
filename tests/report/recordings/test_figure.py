"""A figure is tested by its data."""

import numpy as np
from engine_cases import data, dense_model, on_every_engine
from matplotlib.figure import Figure

import slotscope
from slotscope.recording.recording import Recording


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
