"""A call that fails, or runs out of data, updates nothing: it has no row, and is no step.

TensorFlow runs what does not depend on the data, and Keras's step counter does not.
"""

import contextlib
import importlib

from engine_cases import TF_FUNCTION, data, dense_model, find, on

import slotscope

X, Y = data()


def dataset(rows):
    """So many rows in batches of 32, of which nobody knows how many there are."""
    tf = importlib.import_module("tensorflow")
    whole = tf.data.Dataset.from_tensor_slices((X[:rows], Y[:rows]))
    return whole.filter(lambda *_: True).batch(32)


def counter(engine, model):
    return int(engine.read([engine.iterations(model.optimizer)], engine.at_end())[0])


def agrees(recording, moved, steps):
    """That there are so many steps, and that the counter's other moves are told as such."""
    assert recording.counts["steps"] == steps
    assert recording.steps.tolist() == list(range(1, steps + 1))
    told = find(recording, "counter moved")
    assert sum(event.count for event in told) == moved - steps
    assert all("updated nothing" in event.detail for event in told)
    assert not {"restored", "counter set back", "gap"} & {str(e.kind) for e in recording.events}


@on(*TF_FUNCTION)
def test_a_dataset_whose_length_nobody_knows(engine):
    for optimizer in ("Adam", "SGD"):
        for keep in ("values", "norms", "statistics"):
            model = dense_model(engine, optimizer, learning_rate=0.125)
            with slotscope.watch(model, keep=keep) as recording:
                model.fit(dataset(96), epochs=3, verbose=0)
            agrees(recording, counter(engine, model), 9)
            assert set(recording.learning_rates.tolist()) == {0.125}
            table = recording.statistics
            slots = table[table["variable"].str.startswith("velocity")]
            assert len(slots) == (36 if optimizer == "Adam" else 0)
            assert (slots["l2"] > 0).all()


@on(*TF_FUNCTION)
def test_a_step_that_fails_and_is_caught(engine):
    def generate():
        for number in range(9):
            if number == 4:
                raise RuntimeError("the disk is gone")
            yield X[:32], Y[:32]

    for keep, every in (("values", 1), ("values", 2), ("norms", 1)):
        model = dense_model(engine)
        with slotscope.watch(model, keep=keep, every=every) as recording:
            with contextlib.suppress(Exception):
                model.fit(generate(), steps_per_epoch=9, verbose=0)
            model.fit(X, Y, batch_size=32, verbose=0)
        steps = recording.counts["steps"]
        assert counter(engine, model) - steps in (0, 1)
        if every == 1:
            agrees(recording, counter(engine, model), steps)
            assert steps == 7
