"""``slotscope sweep``: what is asked for wrongly is told before any kernel starts."""

import json
import math
import re
import subprocess
import sys

import pytest
from commands import command, refused
from repository_root import ROOT
from sweep_cases import LOGGED, record, write

from slotscope.cli.sweep import provisioner
from slotscope.sweep.asked.due_runs import make_plan
from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.environment import environment
from slotscope.sweep.run_records import RUN, identity
from slotscope.sweep.store import LOCK, Store

pytestmark = pytest.mark.usefixtures("no_kernel")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "There is nothing to vary"),
        (["-p", "x=1,-2"], "-p (value 2) x = -2"),
        (["-p", "z=1"], "z is not a parameter"),
        (["-p", "x=1", "-p", "x=2"], "-p x is given twice: values are parted by commas, x=a,b"),
        (["--grid", "no.toml"], "can't be read"),
        (["-p", "x=1", "--jobs", "0"], "--jobs"),
    ],
)
def test_sweep_refuses_and_makes_no_folder(tmp_path, words, said):
    assert said in refused("sweep", LOGGED, *words, "--out", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_shows_what_would_run_and_makes_nothing(tmp_path):
    words = ["-p", "x=1,2,2", "-p", "kind=plain", "--out", tmp_path / "runs", "--dry-run"]
    result = command("sweep", LOGGED, *words)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[:2] == ["2 runs (1 more are repeated): 0 done, 2 to run", "       2  new"]
    assert [line.split("  ")[1:] for line in lines[2:]] == [
        ['x=1 kind="plain"', "(new)"],
        ['x=2 kind="plain"', "(new)"],
    ]
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("words", "place", "said"),
    [
        (["--kernel", "klingon"], "runs", "No kernel 'klingon' is installed. Choose one by"),
        ([], "file", "is a file. Give a folder by --out."),
        ([], "file/runs", "can't be written"),
        ([], ".", "Something else has its place"),  # a run's
    ],
)
def test_what_cannot_be_is_told_before_anything_is_made(tmp_path, words, place, said, more):
    for name in ("file", identity({"x": 1})):
        (tmp_path / name).write_text("")
    before = sorted(tmp_path.iterdir())
    words = ["-p", "x=1", *words, "--out", tmp_path / place, *more]
    assert said in refused("sweep", LOGGED, *words)
    assert sorted({*tmp_path.iterdir()} - {tmp_path / LOCK}) == before


def test_the_grid_of_the_guide_is_one_of_the_notebook_it_names(tmp_path):
    guide = (ROOT / "docs" / "experiments.md").read_text("utf-8")
    (grid,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    (tmp_path / "grid.toml").write_text(grid, "utf-8")
    words = ["--grid", tmp_path / "grid.toml", "--out", tmp_path / "runs", "--dry-run"]
    result = command("sweep", ROOT / "notebooks" / "experiments" / "momentum.ipynb", *words)
    assert result.exit_code == 0, result.output
    factors = re.findall(r"\d+", re.search("The tables multiply: (.+?) runs", guide)[1])
    count = math.prod(map(int, factors))
    assert result.output.splitlines()[0] == f"{count} runs: 0 done, {count} to run"


def finished(folder, x):
    """A sweep's folder in which ``x`` is done."""
    store, here = Store(folder), environment()
    plan = make_plan(store, read_notebook(LOGGED), [{"x": x}], here)
    run = record({"x": x}, dependencies=plan.dependencies)
    store.write(run, "{}")
    return folder


def test_what_was_made_before_modules_were_recorded_is_due_and_stays_until_it_is_made(tmp_path):
    folder = finished(tmp_path / "runs", 1)
    path = folder / identity({"x": 1}) / RUN
    run = json.loads(path.read_text())
    run["fingerprint"] = {"code": run["fingerprint"]["code"], "package": "p", "versions": "v"}
    path.write_text(json.dumps(run))
    result = command("sweep", LOGGED, "-p", "x=1", "--out", folder, "--dry-run")
    assert result.output.splitlines()[:2] == [
        "1 run: 0 done, 1 to run",
        "       1  made before slotscope recorded which modules a run imports",
    ]
    assert json.loads(path.read_text()) == run


def test_help_and_a_finished_sweep_import_nothing_heavy(tmp_path):
    out = str(finished(tmp_path, 1))
    heavy = ["IPython", "jax", "keras", "nbformat", "pandas", "papermill", "torch"]
    code = (
        "import sys\nfrom slotscope.cli import main\n"
        f"main({['sweep', str(LOGGED), '-p', 'x=1', '--out', out, '--dry-run']!r}, "
        "standalone_mode=False)\n"
        f"assert not [name for name in {[*heavy, 'tensorflow']!r} if name in sys.modules]"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "1 run: 1 done, nothing to run\n"


@pytest.mark.parametrize(
    ("source", "kernel", "ordinary", "variable", "chosen"),
    [
        ("import keras", "", False, "", "slotscope-warm"),
        ("import numpy", "", False, "", ""),
        ("import keras", "other", False, "", ""),
        ("import keras", "", True, "slotscope-warm", "local-provisioner"),
        ("import keras", "", False, "local-provisioner", ""),
    ],
)
def test_kernels_are_warm_where_that_pays_and_nobody_chose_another(
    tmp_path, monkeypatch, source, kernel, ordinary, variable, chosen
):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", variable)
    spec = {"name": "python3", "display_name": "Python 3"}
    notebook = read_notebook(write(tmp_path / "some.ipynb", source, kernelspec=spec))
    assert provisioner(notebook, kernel, ordinary) == chosen
