"""A known difference excuses what its entry says, and of an author's optimizer what Keras shows."""

import importlib

from engine_cases import on
from heavy_ball import heavy_ball

import slotscope
from slotscope.checks.data.known_differences import Difference, differences, judged
from slotscope.checks.plan import Plan
from slotscope.checks.runner import CRASHED
from slotscope.checks.verdict import Outcome, Verdict

H5 = "check_training_resumes_from_a_file[.h5]"


def checked(optimizer, engine, *only):
    return slotscope.check_optimizer(optimizer, engine=engine, only=only, verbose=False)


def plan(builtin):
    return Plan("Mine", "Mine()", "keras-torch", {}, builtin, [], 0.0)


def test_every_entry_says_what_is_seen():
    for entry in differences():
        assert entry.seen, entry
        for pattern in entry.seen:
            assert len(pattern.replace("*", "")) > 8, f"{pattern!r} fits nearly anything"


def test_an_entry_explains_what_it_says_and_no_crash():
    entry = Difference("check_this", "why", seen=("p0* is *",), package="keras")

    def outcome(reason):
        return Outcome("check_this", "", "values", "", Verdict.VIOLATED, reason)

    assert entry.explains(outcome("p0[1] is 0.5, expected 0.25"))
    assert not entry.explains(outcome("p1[1] is 0.5, expected 0.25"))
    crash = outcome(f"{CRASHED}TypeError: p0 is wrong")
    assert not entry.explains(crash)
    wide = Difference("check_this", "why", seen=("*",), package="keras")
    assert not wide.explains(crash)
    told = judged(crash, [entry], plan(builtin=True))
    assert told.verdict is Verdict.VIOLATED
    assert told.reason.endswith("This is not what is known of Keras here: why")


@on("keras-torch")
def test_a_crash_of_an_authors_own_is_not_excused(engine):
    class Broken(engine.keras.optimizers.SGD):
        def update_step(self, *arguments, **more):
            raise RuntimeError("my own bug")

    report = checked(lambda: Broken(0.1), engine, H5)
    (outcome,) = report.outcomes
    assert outcome.verdict is Verdict.VIOLATED
    assert "my own bug" in outcome.reason
    assert "not what is known of Keras here: an .h5 file builds its optimizer for" in outcome.reason
    assert report.exit_code == 1


@on("keras-torch", "keras-jax", "keras-tensorflow")
def test_a_defect_of_keras_is_excused_where_keras_shows_it(engine):
    cls = heavy_ball(engine)
    report = checked(lambda: cls(0.125), engine, H5)
    (outcome,) = report.outcomes
    assert outcome.verdict is Verdict.KNOWN, outcome.reason
    assert outcome.also_of == "SGD"
    assert "(SGD does the same)" in outcome.reason


@on("keras-tensorflow")
def test_a_row_that_is_lost_is_not_excused_by_one_that_is_squared_twice(engine):
    tf = importlib.import_module("tensorflow")

    class Lossy(engine.keras.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            if not isinstance(gradient, tf.IndexedSlices):
                self.assign_sub(variable, learning_rate * gradient)
                return
            old = tf.convert_to_tensor(variable)
            new = tf.gather(old, gradient.indices) - learning_rate * gradient.values
            rows = gradient.indices[:, None]
            self.assign(variable, tf.tensor_scatter_nd_update(old, rows, new))

    name = "check_sparse_gradients_equal_dense_ones"
    report = checked(lambda: Lossy(0.125), engine, name)
    found = {outcome.case: outcome.verdict for outcome in report.outcomes}
    assert found["some rows"] is Verdict.HOLDS
    assert found["some rows, one twice"] is Verdict.VIOLATED
    assert report.exit_code == 1
