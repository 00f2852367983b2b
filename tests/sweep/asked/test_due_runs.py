"""A sweep runs what is missing, failed or changed, and says why."""

import dataclasses

import pytest
from sweep_cases import error, record, write

from slotscope.sweep.asked.due_runs import make_plan
from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.dependencies import Dependencies
from slotscope.sweep.environment import Environment
from slotscope.sweep.run_records import NOTEBOOK, RUN, identity
from slotscope.sweep.store import Store

NOW = Environment({"keras": "3.15.1", "numpy": "2.0"}, None)
COMBINATIONS = ({"x": 1}, {"x": 2}, {"x": 3})


@pytest.fixture
def notebook(tmp_path):
    return read_notebook(write(tmp_path / "some.ipynb", "x = 0", "x"))


@pytest.fixture
def store(tmp_path, notebook):
    """A store in which x = 1 is done."""
    store = Store(tmp_path / "runs")
    keep(store, notebook, 1)
    return store


def keep(store, notebook, x, error=None):
    made = Dependencies(notebook.code, NOW.versions, NOW.modules)
    store.write(record({"x": x}, number=x - 1, error=error, dependencies=made), "{}")


def reasons(store, notebook, environment=NOW):
    return [run.reason for run in make_plan(store, notebook, COMBINATIONS, environment).runs]


def test_what_is_done_is_not_run_again(store, notebook):
    assert reasons(store, notebook) == ["", "new", "new"]


def test_what_failed_is_run_again(store, notebook):
    keep(store, notebook, 2, error())
    assert reasons(store, notebook) == ["", "failed before", "new"]


def test_what_is_damaged_is_run_again_and_that_is_said(store, notebook):
    (store.run_folder(identity({"x": 1})) / RUN).write_text("{")
    (reason, *_) = reasons(store, notebook)
    assert reason.startswith("its run.json is damaged (it is not JSON")
    keep(store, notebook, 1)
    (store.run_folder(identity({"x": 1})) / NOTEBOOK).unlink()
    (reason, *_) = reasons(store, notebook)
    assert reason == "its run.json is damaged (notebook.ipynb is not beside it)"


def test_what_is_no_longer_what_it_was_is_run_again(store, notebook):
    newer = Environment({**NOW.versions, "keras": "3.15.2"}, None)
    assert reasons(store, notebook, newer)[0] == "keras 3.15.1 is now 3.15.2"


def test_reasons_are_counted(store, notebook):
    keep(store, notebook, 2, error())
    plan = make_plan(store, notebook, (*COMBINATIONS, {"x": 4}), NOW)
    assert plan.reasons == [("new", 2), ("failed before", 1)]
    assert [run.number for run in plan.waiting] == [1, 2, 3]


def test_what_is_no_longer_asked_for_stays_and_is_not_counted(store, notebook):
    keep(store, notebook, 99)
    assert len(make_plan(store, notebook, COMBINATIONS, NOW).runs) == 3
    assert store.read(identity({"x": 99})) is not None


def test_what_is_done_takes_its_place_in_the_sweep_that_is_asked_for_now(store, notebook):
    plan = make_plan(store, notebook, ({"x": 0}, {"x": 1}), NOW)
    assert [(run.number, bool(run.moved)) for run in plan.runs] == [(0, False), (1, True)]
    before = store.read(identity({"x": 1}))
    store.renumber(before, 1)
    assert store.read(before.id) == dataclasses.replace(before, number=1)
    assert not any(run.moved for run in make_plan(store, notebook, ({}, {"x": 1}), NOW).runs)
