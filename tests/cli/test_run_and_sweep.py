"""What is asked for wrongly is told before any kernel starts, and exits with 2."""

import errno
import json
import math
import os
import re
import subprocess
import sys
import tempfile

import pytest
from commands import command
from repository_root import ROOT
from sweep_cases import LOGGED, kernelspec, record, write

from slotscope.cli.sweep import provisioner
from slotscope.sweep.asked.due_runs import make_plan
from slotscope.sweep.declared.notebook_file import read_notebook
from slotscope.sweep.environment import environment
from slotscope.sweep.executed import execution, executors
from slotscope.sweep.executed.execution import RunOutcome
from slotscope.sweep.executed.kernel_check import check_kernel
from slotscope.sweep.run_records import RUN, identity
from slotscope.sweep.store import LOCK, Store


@pytest.fixture(autouse=True)
def _no_kernel(monkeypatch):
    for module in (execution, executors):
        monkeypatch.setattr(module, "execute", lambda *_: pytest.fail("something ran"))


def test_parameters_are_listed():
    result = command("parameters", LOGGED)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].split() == ["parameter", "type", "default", "help"]
    assert " ".join(lines[1].split()) == "x int, >= 0, <= 10000 1 what is squared"


def test_run_tells_all_mistakes_and_lists_the_parameters(tmp_path):
    words = ["-p", "y", "3", "-p", "x=-1", "-p", "kind", "plan", "-o", tmp_path / "out.ipynb"]
    result = command("run", LOGGED, *words)
    assert result.exit_code == 2
    assert "Error: y is not a parameter of the notebook" in result.output
    assert "Error: x = -1: it should be greater than or equal to 0" in result.output
    assert "did you mean 'plain'?" in result.output
    assert "the exponent" in result.output
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "x"], "'x' is no parameter with its value"),
        (["-p", "x", "--kernel", "a"], "'x' is no parameter with its value"),
        (["-p", "x", "1", "-p", "x=2"], "x is given twice"),
        (["-p", "x = 1"], "'x = 1' has spaces around the sign. Write -p x=1"),
        (["-p", "x =1 2"], "'x =1 2' has spaces around the sign. Write -p x='1 2'"),
        (["-p", "x", "-1"], "x = -1"),
        (["--time-limit", "0"], "--time-limit"),
    ],
)
def test_run_refuses(tmp_path, words, said):
    result = command("run", LOGGED, *words, "-o", tmp_path / "out.ipynb")
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/folder/out.ipynb", "There is no folder {}/no/folder. Make it, or choose"),
        ("file/out.ipynb", "There is no folder {}/file. Make it, or choose"),
        (".", "{} is a folder. Give the path of a file by -o."),
    ],
)
def test_run_refuses_an_output_that_cannot_be_written(tmp_path, name, said):
    (tmp_path / "file").write_text("")
    result = command("run", LOGGED, "-o", tmp_path / name)
    assert result.exit_code == 2
    assert said.format(tmp_path) in result.output


def test_run_that_is_interrupted_before_anything_ran_exits_as_a_shell_has_it(tmp_path, monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(execution, "execute", interrupted)
    result = command("run", LOGGED, "-o", tmp_path / "out.ipynb")
    assert (result.exit_code, result.output) == (130, "Interrupted. Nothing is written.\n")
    monkeypatch.setattr("slotscope.sweep.declared.notebook_file.read_notebook", interrupted)
    assert command("run", LOGGED, "-o", tmp_path / "out.ipynb").exit_code == 130
    assert not (tmp_path / "out.ipynb").exists()


def test_run_does_not_overwrite_its_notebook():
    before = LOGGED.read_bytes()
    result = command("run", LOGGED, "-o", os.path.relpath(LOGGED))
    assert result.exit_code == 2
    assert "is the notebook itself" in result.output
    assert LOGGED.read_bytes() == before


@pytest.mark.parametrize("verb", ["run", "sweep", "parameters"])
def test_what_is_no_notebook_is_refused(tmp_path, verb):
    words = {"run": ["-o", "out.ipynb"], "sweep": ["--out", "runs"], "parameters": []}[verb]
    result = command(verb, tmp_path / "no.ipynb", *words)
    assert result.exit_code == 2
    assert "No such file" in result.output
    for content, problem in (("no", "it is not JSON"), ("{}", "it has no `nbformat`")):
        (tmp_path / "some.ipynb").write_text(content)
        result = command(verb, tmp_path / "some.ipynb", *words)
        assert f"is not a notebook: {problem}" in " ".join(result.output.split())
    path = write(tmp_path / "some.ipynb", "x = 1", tag=None)
    given = [] if verb == "parameters" else ["-p", "x=1"]
    assert "the tag `parameters`" in command(verb, path, *words, *given).output


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
    result = command("sweep", LOGGED, *words, "--out", tmp_path / "runs")
    assert result.exit_code == 2
    assert said in result.output
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
    result = command("sweep", LOGGED, "-p", "x=1", *words, "--out", tmp_path / place, *more)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
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


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A kernel of each language, by its name."""
    for language in ("python", "R", "klingon"):
        name = f"my{language.lower()}"
        kernelspec(monkeypatch, tmp_path / "share", name, ["no"], language)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("verb", ["run", "sweep"])
@pytest.mark.parametrize(
    ("language", "kernel", "said"),
    [
        ("R", "mypython", "The kernel 'mypython' runs python, and"),
        ("python", "myr", "The kernel 'myr' runs R, and"),
        ("klingon", "myklingon", "in which papermill can't write values"),
    ],
)
def test_a_kernel_that_can_run_no_such_notebook_is_told_once(
    tmp_path, verb, language, kernel, said
):
    spec = {"name": "other", "display_name": "Other", "language": language}
    path = write(tmp_path / "some.ipynb", "x = 1", kernelspec=spec)
    out = tmp_path / "out"
    words = ["-p", "x=2", "--kernel", kernel, "-o" if verb == "run" else "--out", out]
    result = command(verb, path, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not out.exists()


@pytest.mark.usefixtures("installed")
def test_papermill_writes_values_in_r(tmp_path):
    spec = {"name": "myr", "display_name": "R", "language": "R"}
    check_kernel(read_notebook(write(tmp_path / "some.ipynb", "x <- 1", kernelspec=spec)), "")


def test_run_keeps_the_notebook_where_its_output_cannot_be_written(tmp_path, monkeypatch):
    def full(_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    outcome = RunOutcome('{"cells": "hours"}', None, None, execution.now(), 1.0)
    monkeypatch.setattr(execution, "execute", lambda *_, **__: outcome)
    monkeypatch.setattr("slotscope.files.whole", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    result = command("run", LOGGED, "-o", tmp_path / "out.ipynb")
    assert result.exit_code == 1
    (kept,) = tmp_path.glob("out-*.ipynb")
    assert f"No space left on device. The executed notebook is in {kept}" in result.output
    assert kept.read_text() == outcome.notebook


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
