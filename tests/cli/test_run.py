"""``slotscope run``: what is asked for wrongly is told before any kernel starts."""

import errno
import os
import tempfile

import pytest
from commands import command, refused
from sweep_cases import LOGGED

from slotscope.sweep.executed import execution
from slotscope.sweep.executed.execution import RunOutcome

pytestmark = pytest.mark.usefixtures("no_kernel")


def test_run_tells_all_mistakes_and_lists_the_parameters(tmp_path):
    words = ["-p", "y", "3", "-p", "x=-1", "-p", "kind", "plan", "-o", tmp_path / "out.ipynb"]
    said = refused("run", LOGGED, *words)
    assert "Error: y is not a parameter of the notebook" in said
    assert "Error: x = -1: it should be greater than or equal to 0" in said
    assert "did you mean 'plain'?" in said
    assert "the exponent" in said
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
    assert said in refused("run", LOGGED, *words, "-o", tmp_path / "out.ipynb")


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
    assert said.format(tmp_path) in refused("run", LOGGED, "-o", tmp_path / name)


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
    assert "is the notebook itself" in refused("run", LOGGED, "-o", os.path.relpath(LOGGED))
    assert LOGGED.read_bytes() == before


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
