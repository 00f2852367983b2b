"""The digits are whole sixteenths, and the network has four parameters and learns them."""

import numpy as np
from engine_cases import on

from slotscope.story.digits import classifier, digits


def test_pixels_are_exact():
    x, y = digits(100)
    assert x.shape == (100, 64)
    assert x.dtype == np.float32
    assert np.array_equal(16 * x, np.round(16 * x))
    assert y.dtype == np.int32
    assert set(y.tolist()) == set(range(10))


@on("keras-2.1", "tf_keras-graph", "keras-tensorflow")
def test_the_network_learns_to_read_them(engine):
    x, y = digits()
    engine.seed(1)
    with engine.scope():
        optimizer = engine.optimizer("SGD", learning_rate=0.125, momentum=0.875)
        model = classifier(engine, optimizer)
        assert len(model.trainable_weights) == 4
        model.fit(x, y, batch_size=64, epochs=3, verbose=0)
        found = model.predict(x, verbose=0).argmax(axis=1)
    assert (found == y).mean() > 0.9
