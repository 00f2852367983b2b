"""Folders as a sweep leaves them, made without running anything."""

import hashlib
import json

import nbformat

from slotscope.report import attached, values

VERSIONS = {"keras": "3.15.1", "slotscope": "0.1.0"}


def make(folder, runs, notebook="momentum.ipynb"):
    """A sweep's folder with these runs, each what :func:`run` returned; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({"format": 1, "notebook": notebook}))
    for number, (record, executed) in enumerate(runs):
        place = folder / record["id"]
        place.mkdir()
        nbformat.write(executed, place / "notebook.ipynb")
        whole = {**record, "number": number}
        (place / "run.json").write_text(json.dumps(whole), encoding="utf-8")
    return folder


def run(parameters, results=None, error=None, **more):
    """The record and the notebook of one run: done, or failed with ``error``."""
    text = json.dumps(parameters, sort_keys=True)
    kept, things = values.kept(results) if results else (None, {})
    record = {
        "format": 1,
        "id": hashlib.sha256(text.encode()).hexdigest()[:16],
        "status": "failed" if error else "done",
        "parameters": parameters,
        "results": kept,
        "error": error,
        "started": "2026-11-25T20:54:42+00:00",
        "seconds": 1.25,
        "attempts": 1,
        "versions": VERSIONS,
        "fingerprint": {"code": "aa", "package": "bb", "versions": "cc"},
        **more,
    }
    return record, _notebook(things, error)


def failure(message, name="ValueError", kind="cell", cell=2):
    return {"kind": kind, "cell": cell, "name": name, "message": message}


def _notebook(things, error):
    outputs = [attached.output(place, thing) for place, thing in things.items()]
    cell = nbformat.v4.new_code_cell("slotscope.result(...)", execution_count=1)
    cell.outputs = [
        nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        for data, metadata in outputs
    ]
    cells = [cell]
    if error and error["cell"] is not None:
        failing = nbformat.v4.new_code_cell("model.fit(x, y)\nassert loss < 1", execution_count=2)
        trace = [
            "\x1b[31mValueError\x1b[39m  Traceback (most recent call last)",
            "----> 1 model.fit(x, y)",
            f"\x1b[31m{error['name']}\x1b[39m: {error['message']}",
        ]
        failing.outputs = [
            nbformat.v4.new_output(
                "error", ename=error["name"], evalue=error["message"], traceback=trace
            )
        ]
        cells.append(failing)
    return nbformat.v4.new_notebook(cells=cells)
