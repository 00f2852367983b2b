"""A finished run is due again if something changed that it depends on, and for nothing else."""

from dataclasses import replace

import pytest
from sweep_cases import write

from slotscope.processes.imported import UNTOLD
from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.dependencies import Dependencies
from slotscope.sweep.environment import digests

VERSIONS = {"slotscope": "0.1.0", "numpy": "2.0"}


@pytest.fixture
def clone(tmp_path):
    """A development tree of three modules, two of which a run imports."""
    package = tmp_path / "slotscope"
    package.mkdir()
    for name in ("__init__", "used", "unused"):
        (package / f"{name}.py").write_text(f'"""It is {name}."""\n\nVALUE = 1\n')
    return package


@pytest.fixture
def notebook(tmp_path):
    return read_notebook(write(tmp_path / "some.ipynb", "x = 0"))


@pytest.fixture
def now(notebook, clone):
    """What runs may depend on now."""
    return lambda: Dependencies(notebook.code, VERSIONS, digests(clone))


@pytest.fixture
def made(now):
    """What one run depended on, as its run.json says."""
    return now().narrowed(["slotscope", "slotscope.used"])


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ({}, ""),
        ({"used": "VALUE = 2\n"}, "slotscope.used changed"),
        ({"used": '"""Said better."""\n\nVALUE = 1  # as before\n'}, ""),
        ({"unused": "VALUE = 2\n", "new": "VALUE = 3\n"}, ""),
        ({"unused": None, "renamed": "VALUE = 1\n"}, ""),
        ({"used": None, "renamed": "VALUE = 1\n"}, "slotscope.used changed"),
    ],
    ids=["nothing", "code", "docstring", "code not imported", "name not imported", "name"],
)
def test_the_code_of_the_modules_that_it_imported(clone, made, now, sources, said):
    for name, source in sources.items():
        path = clone / f"{name}.py"
        path.unlink() if source is None else path.write_text(source)
    assert made.change(now()) == said


def test_of_many_changed_modules_some_are_named():
    made = Dependencies("c", {}, dict.fromkeys("abcde", "1"))
    now = Dependencies("c", {}, dict.fromkeys("abcd", "2"))
    assert made.change(now) == "a, b, c and 2 more changed"


def test_a_module_that_came_while_the_sweep_was_running(clone, now):
    began = now()
    (clone / "new.py").write_text("VALUE = 3\n")
    assert began.narrowed(["slotscope.new"]).change(now()) == "slotscope.new changed"


@pytest.mark.parametrize("imported", [None, ["slotscope", UNTOLD]])
def test_where_nobody_can_tell_what_it_imported_all_counts(clone, now, imported):
    made = now().narrowed(imported)
    assert made.change(now()) == ""
    (clone / "unused.py").write_text("VALUE = 2\n")
    assert made.change(now()) == "slotscope.unused changed"


def test_what_imports_nothing_of_slotscope_depends_on_none_of_it(clone, now):
    made = now().narrowed([])
    (clone / "__init__.py").write_text("VALUE = 2\n")
    assert made.change(now()) == ""


def test_another_code_of_the_notebook(made, now):
    assert made.change(replace(now(), code="other")) == "the notebook's code changed"


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (VERSIONS, ""),
        ({**VERSIONS, "slotscope": "0.2.0"}, "slotscope 0.1.0 is now 0.2.0"),
        ({"slotscope": "0.1.0"}, "numpy 2.0 is no longer installed"),
        ({**VERSIONS, "jax": "1.0"}, "jax 1.0 was not installed"),
        (
            {"numpy": "3.0", "slotscope": "0.2.0"},
            "numpy 2.0 is now 3.0, slotscope 0.1.0 is now 0.2.0",
        ),
    ],
)
def test_of_a_release_versions_alone_count(notebook, versions, said):
    made = Dependencies(notebook.code, VERSIONS, None).narrowed(["slotscope", "slotscope.used"])
    assert made.change(Dependencies(notebook.code, versions, None)) == said


def test_a_release_and_a_clone_of_one_version_are_not_held_to_be_the_same(notebook, made, now):
    release = Dependencies(notebook.code, VERSIONS, None)
    assert made.change(release) == "slotscope was a development tree, and is a release now"
    assert release.change(now()) == "slotscope was a release, and is a development tree now"


def test_a_run_from_before_modules_were_recorded_is_due_and_that_is_said(notebook, now):
    made = Dependencies(notebook.code, {"numpy": "2.0"}, None, earlier="bb cc")
    said = "made before slotscope recorded which modules a run imports"
    assert made.change(now()) == said
