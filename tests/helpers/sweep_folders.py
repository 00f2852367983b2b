"""Folders as a sweep leaves them, made without running anything."""

import datetime
import itertools
import json
import math

import nbformat
import numpy as np
from sweep_cases import record

from slotscope.report.results import attachments, encoding
from slotscope.sweep.dependencies import Dependencies
from slotscope.sweep.run_records import RunError, SweepRecord

OPTIMIZERS = ("SGD", "Adam", "RMSprop", "Adagrad", "Ftrl")
RATES = tuple(2.0**power for power in range(-6, 2))
VERSIONS = {"keras": "3.15.1", "slotscope": "0.1.0"}
NEEDED = Dependencies("aa", VERSIONS, None)


def make(folder, runs, notebook="momentum.ipynb", about=None):
    """A sweep's folder with these runs, each what :func:`run` returned; returns the folder.

    ``about`` is what sweep.json says otherwise than that all of them were asked for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = [made["id"] for made, _ in runs]
    asked = json.loads(SweepRecord(notebook, "", ids, NEEDED).as_json())
    (folder / "sweep.json").write_text(json.dumps({**asked, **(about or {})}))
    for number, (made, executed) in enumerate(runs):
        place = folder / made["id"]
        place.mkdir()
        text = nbformat.writes(executed).encode("utf-8", "backslashreplace")
        (place / "notebook.ipynb").write_bytes(text)
        whole = json.dumps({**made, "number": number})
        (place / "run.json").write_text(whole, encoding="utf-8")
    return folder


def run(parameters, results=None, error=None, **more):
    """The record and the notebook of one run: done, or failed with ``error``."""
    kept, things = encoding.kept(results) if results else (None, {})
    made = record(
        parameters,
        results=kept,
        error=error and RunError(**error),
        started=datetime.datetime(2026, 11, 25, 20, 54, 42, tzinfo=datetime.UTC),
        seconds=1.25,
        dependencies=NEEDED,
    )
    return {**json.loads(made.as_json()), **more}, _notebook(things, error)


def thousand():
    """A grid of 5 optimizers, 8 learning rates, 5 momenta and 5 seeds, with all that goes wrong."""
    grid = itertools.product(OPTIMIZERS, RATES, (0.0, 0.25, 0.5, 0.75, 0.875), range(5))
    return [_of_grid(*point) for point in grid]


def _of_grid(optimizer, rate, momentum, seed):
    parameters = {
        "optimizer": optimizer,
        "learning_rate": rate,
        "momentum": momentum,
        "seed": seed,
        "batches": 12,
        "note": "größer als ∞ <i>" + "x" * 500,
    }
    if optimizer == "Ftrl" and momentum:
        return run(
            parameters, error=failure(f"{optimizer} has <b>no</b> momentum & no ∇", "TypeError")
        )
    if rate > 1 and seed == 4:
        died = {"cell": None, "name": "", "message": "", "kind": "kernel died"}
        return run(parameters, error=died, attempts=2)
    k = np.arange(1, 13)
    curve = rate * (1 - momentum**k) / (1 - momentum) * (1 + seed / 64)
    loss = math.nan if rate > 1 else abs(math.log2(rate) + 4) + OPTIMIZERS.index(optimizer) / 4
    results = {
        "optimizer": optimizer,
        "loss": loss + momentum + seed / 64,
        "limit": float(curve[-1]),
        "velocity": curve.astype(np.float32),
        "steps": 12,
    }
    return run(parameters, results, seconds=1 + rate)


def failure(message, name="ValueError", kind="cell", cell=2):
    return {"kind": kind, "cell": cell, "name": name, "message": message}


def _notebook(things, error):
    outputs = [attachments.output(place, thing) for place, thing in things.items()]
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
