"""An engine that nobody has heard of is one class and one line: what asks engines runs on it."""

import contextlib
import sys
import types
from unittest import mock

import pytest
from engine_cases import data, dense_model, on

import slotscope
from slotscope.engines import engine_of, engine_statuses
from slotscope.story.census import census, construction
from slotscope.story.one_weight import one_weight
from slotscope.story.phases import life

NAME = "keras-another"


@contextlib.contextmanager
def another(engine):
    """A subclass of the class of ``engine``, under a name of its own, alone in the table."""
    module = types.ModuleType("another_engine")
    module.Another = type("Another", (type(engine),), {"name": NAME})
    line = {NAME: f"{module.__name__}:Another"}
    with (
        pytest.MonkeyPatch.context() as patch,
        mock.patch.dict("slotscope.engines.ENGINES", line, clear=True),
    ):
        patch.setitem(sys.modules, module.__name__, module)
        yield slotscope.engine(NAME)


def on_another(*names):
    """Run the decorated test on another engine, made of each of ``names``."""

    def decorate(body):
        def test(engine):
            with another(engine) as new:
                body(new)

        test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
        return on(*names)(test)

    return decorate


on_torch_and_tensorflow = on_another("keras-torch", "keras-tensorflow")


@on_torch_and_tensorflow
def test_it_is_told_by_its_models_and_optimizers(engine):
    assert [(status.name, status.available) for status in engine_statuses()] == [(NAME, True)]
    assert engine_of(dense_model(engine)).name == NAME


@on_torch_and_tensorflow
def test_its_models_are_watched(engine):
    for keep in ("values", "statistics"):
        model = dense_model(engine)
        with slotscope.watch(model, keep=keep) as recording:
            model.fit(*data(), batch_size=32, verbose=0)
        assert recording.engine == NAME
        assert recording.counts["build"] == 1
        assert recording.iterations.tolist() == [1, 2, 3]
        assert (recording.statistics["l2"] > 0).any()


@on_torch_and_tensorflow
def test_its_optimizers_are_held_to_the_quick_checks_and_to_what_they_must_refuse(engine):
    for options in ({"quick": True}, {"themes": ["arguments"]}):
        report = slotscope.check_optimizer(
            engine.optimizer("SGD", learning_rate=0.125), verbose=False, **options
        )
        assert report.engine == NAME
        assert report.exit_code == 0, report.of("violated")
        assert len(report.of("holds")) > 10


@on_another("keras-torch")
def test_it_has_a_census(engine):
    row = construction(census(engine)).loc[NAME]
    assert row["constructor"] == "build"
    assert row["calls"] == "1"
    assert row["optimizers"] > 10


@on_torch_and_tensorflow
def test_a_notebook_tells_its_story(engine):
    _, counts = life(engine, one_weight, "SGD", batches=2, epochs=3, momentum=0.5)
    assert list(counts["build"]) == [1, 0, 0, 0]
    assert list(counts["slots created"]) == [1, 0, 0, 0]
