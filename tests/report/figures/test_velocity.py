"""The figure of a velocity draws what was recorded."""

import numpy as np
import pytest

from slotscope import engine
from slotscope.report.figures.velocity import velocity_figure
from slotscope.story.one_weight import train


def drawn(name, x):
    """The figure's two axes and the recording, for six batches of one gradient."""
    recording, _ = train(engine(name), [x] * 6, mu=0.5, eta=0.25)
    figure = velocity_figure(recording, g=-x, mu=0.5, eta=0.25)
    return *figure.axes, recording


def texts(axes):
    return " ".join(text.get_text() for text in axes.texts)


@pytest.mark.parametrize("name", ["keras-2.1", "tf_keras-legacy"])
@pytest.mark.parametrize("x", [4, -4])
def test_the_points_are_the_recorded_values(name, x):
    values, _, recording = drawn(name, x)
    (points,) = (line for line in values.lines if line.get_label() == "v")
    assert np.array_equal(points.get_xdata(), recording.iterations)
    assert np.array_equal(points.get_ydata(), recording.values("momentum").ravel())
    assert f"= {2 * np.sign(x):g}" in texts(values)
    assert "starts at 0" in texts(values)


def test_calls_variables_and_steps_are_counted():
    _, life, _ = drawn("keras-2.1", 4)
    labels = [label.get_text() for label in life.get_yticklabels()]
    assert labels == ["get_updates called: 1", "variables that were $m$: 1", "updates run: 6"]


def test_where_there_is_no_get_updates_slots_are_counted():
    _, life, _ = drawn("tf_keras-legacy", 4)
    assert life.get_yticklabels()[0].get_text() == "slots made: 1"
