"""Rows measured inside of the step are what NumPy finds in the values that a callback copies."""

import numpy as np

import slotscope
from engine_cases import TF_FUNCTION, data, dense_model, fresh, on, on_every_engine
from slotscope.recording.statistics import NAMES

LEVELS = {"norms": 1, "statistics": len(NAMES)}


def table(recording):
    """{(iterations, variable): numbers}."""
    found = recording.statistics
    return {
        (row.iterations, row.variable): np.array(row[3:], dtype=float)
        for row in found.astype({"nonfinite": "float64"}).itertuples()
    }


def expected(engine, build, **watched):
    """What the same training leaves when its values are kept."""
    own = fresh(engine)
    model = build(own)
    x, y = data(rows=90)
    with own.scope(), slotscope.watch(model, keep="values") as recording:
        model.fit(x, y, epochs=2, batch_size=32, verbose=0, shuffle=False)
    return table(recording)


def metered(engine, build, level, **options):
    own = fresh(engine)
    model = build(own)
    x, y = data(rows=90)
    with own.scope(), slotscope.watch(model, keep=level, **options) as recording:
        model.fit(x, y, epochs=2, batch_size=32, verbose=0, shuffle=False)
    return recording


def agree(found, wanted, level):
    assert found.keys() == wanted.keys()
    for key, numbers in found.items():
        kept = LEVELS[level]
        np.testing.assert_allclose(numbers[:kept], wanted[key][:kept], rtol=1e-6, atol=1e-30)
        assert np.isnan(numbers[kept:]).all()


@on_every_engine
def test_rows_are_what_numpy_finds(engine):
    for name in ("SGD", "Adam", "RMSprop"):

        def build(own, name=name):
            return dense_model(own, name)

        wanted = expected(engine, build)
        for level in LEVELS:
            agree(table(metered(engine, build, level)), wanted, level)


@on_every_engine
def test_every_third_step_has_a_row(engine):
    wanted = expected(engine, dense_model)
    recording = metered(engine, dense_model, "norms", every=3)
    assert list(recording.iterations) == [3, 6]
    assert recording.counts["steps"] == 6
    agree(table(recording), {k: v for k, v in wanted.items() if k[0] % 3 == 0}, "norms")


@on(*TF_FUNCTION, "keras-jax")
def test_every_step_of_an_execution_has_a_row(engine):
    def several(own):
        return dense_model(own, compiled={"steps_per_execution": 2})

    wanted = expected(engine, dense_model)
    recording = metered(engine, several, "norms")
    assert list(recording.iterations) == [1, 2, 3, 4, 5, 6]
    agree(table(recording), wanted, "norms")
