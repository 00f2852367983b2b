"""The page says all that an engine answers; one that is a class and a line works as others do."""

import ast
import contextlib
import re
import sys
import types
from unittest import mock

import pytest
from engine_cases import data, dense_model, on
from repository_root import ROOT

import slotscope
from slotscope.engines import (
    ENGINES,
    engine_classes,
    engine_of,
    engine_of_optimizer,
    engine_statuses,
)
from slotscope.engines.available import Available
from slotscope.engines.driven import Driven
from slotscope.engines.watched import Watched
from slotscope.story.census import census, construction
from slotscope.story.one_weight import one_weight
from slotscope.story.phases import life

NAME = "keras-another"


@contextlib.contextmanager
def another(engine):
    """A subclass of the class of ``engine``, under a name of its own, last in the table."""
    module = types.ModuleType("another_engine")
    module.Another = type("Another", (type(engine),), {"name": NAME})
    line = {NAME: f"{module.__name__}:Another"}
    with (
        pytest.MonkeyPatch.context() as patch,
        mock.patch.dict("slotscope.engines.ENGINES", line),
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
    """Though they are its base's, too, which stands before it."""
    status = engine_statuses()[-1]
    assert (status.name, status.available) == (NAME, True)
    model = dense_model(engine)
    assert engine_of(model).name == engine_of_optimizer(model.optimizer).name == NAME


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


def verdicts(engine):
    """What the quick checks, and those of what must be refused, say of SGD."""
    found = []
    for options in ({"quick": True}, {"themes": ["arguments"]}):
        report = slotscope.check_optimizer(
            engine.optimizer("SGD", learning_rate=0.125), verbose=False, **options
        )
        assert report.engine == engine.name
        assert len(report.with_verdict("holds")) > 10
        found += [(outcome.id, outcome.verdict) for outcome in report.outcomes]
    return found


@on("keras-torch", "keras-tensorflow")
def test_its_optimizers_get_the_verdicts_of_those_that_they_are(engine):
    known = verdicts(engine)
    with another(engine) as new:
        assert verdicts(new) == known


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


def members(half):
    """The names that a half of the protocol declares for others to read."""
    declared = {*vars(half), *vars(half).get("__annotations__", {})}
    return {name for name in declared if not name.startswith("_")}


def required(half):
    """Those of them without a default."""
    abstract = {name for name in half.__abstractmethods__ if name in vars(half)}
    return abstract | {name for name in members(half) if not hasattr(half, name)}


@pytest.mark.parametrize("half", [Available, Watched, Driven])
def test_the_page_lists_what_an_engine_answers_and_what_it_must(half):
    page = (ROOT / "docs" / "writing_an_engine.md").read_text()
    section = page.split(f"`{half.__name__}`\n", 1)[1].split("\n#", 1)[0]
    cells = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ")][1:]
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(members(half))
    bold = {name for cell in cells for name in re.findall(r"\*\*`(\w+)`\*\*", cell)}
    assert bold == required(half)


#: Where outside of ``engines/`` a generation may be named that is also an engine's name, and why.
NAMED_ELSEWHERE = {
    "checks/data/constructor_refusals.py": "The table of refusals is by generation.",
    "checks/data/method_refusals.py": "The table of refusals is by generation.",
    "kernels/server/frameworks.py": "The package tf_keras is called as an engine is.",
    "report/figures/generations.py": "The columns of the table are the generations.",
    "rules": "A rule has its defaults and its source by generation.",
    "story/across_generations.py": "The story compares the generations before Keras 3.",
}


def strings(path):
    """The string literals in a file, but for those that are statements, such as docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    literals = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {
        node.value
        for node in literals
        if isinstance(node.value, str) and id(node) not in docstrings
    }


def test_what_differs_by_engine_is_said_by_engines_alone():
    source = ROOT / "src" / "slotscope"
    generations = {cls.generation for cls in engine_classes()}
    needed = set()
    for path in sorted(source.rglob("*.py")):
        found = strings(path) & ENGINES.keys()
        if not found or path.is_relative_to(source / "engines"):
            continue
        places = {place for place in NAMED_ELSEWHERE if path.is_relative_to(source / place)}
        assert places, (path, found)
        assert found <= generations, (path, found)
        needed |= places
    assert needed == NAMED_ELSEWHERE.keys(), "an exception that is no longer needed"
