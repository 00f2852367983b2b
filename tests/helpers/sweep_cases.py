"""Notebooks for the tests of runs and sweeps."""

import dataclasses
import datetime
import json

import nbformat
from repository_root import ROOT

from slotscope.sweep.dependencies import Dependencies
from slotscope.sweep.run_records import RunError, RunRecord, identity

LOGGED = ROOT / "tests" / "sweep" / "files" / "logged.ipynb"


def write(path, *sources, tag=0, **metadata):
    """A notebook of code cells, one of which has the parameters."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if tag is not None:
        cells[tag].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return path


def kernelspec(monkeypatch, folder, name, argv, language="python"):
    """A kernel that Jupyter finds by its name."""
    place = folder / "kernels" / name
    place.mkdir(parents=True)
    spec = {"argv": argv, "display_name": name, "language": language}
    (place / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(folder))


def record(parameters, **changes):
    """A run that is done, where ``changes`` say nothing else."""
    made = RunRecord(
        id=identity(parameters),
        number=0,
        parameters=parameters,
        results=None,
        error=None,
        started=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
        seconds=1.5,
        attempts=1,
        dependencies=Dependencies("c", {"numpy": "2.0"}, {"slotscope": "m"}),
    )
    return dataclasses.replace(made, **changes)


def error(kind="cell", cell=3, name="ValueError", message="no"):
    """Why a run failed."""
    return RunError(kind, cell, name, message)
