"""Every notebook's claim holds on every engine that it is about.

`metadata.slotscope.engines` lists them. With several, papermill sets the notebook's parameter
`engine`; the notebook's own asserts are the test. Outputs are not compared here: nbval does that,
with the parameters' default values.
"""

from pathlib import Path

import nbformat
import papermill
import pytest
from repository_root import ROOT

from tools import gates

pytestmark = pytest.mark.kernels

NOTEBOOKS = ROOT / "notebooks"


def runs():
    """A notebook and an engine, for every pair that a notebook declares."""
    return [
        pytest.param(path, engine, id=f"{path.stem}-{engine}")
        for path in gates.find(NOTEBOOKS)
        for engine in gates.engines(nbformat.read(path, as_version=4))
    ]


GOOD = ROOT / "tests" / "tools" / "files" / "good.ipynb"


def execute(path: Path, output: Path, **parameters):
    """Run a notebook with parameters, each of which it must have: papermill would only warn."""
    # papermill's own list leaves out what is annotated with Literal or Annotated.
    unknown = parameters.keys() - gates.parameter_names(nbformat.read(path, as_version=4))
    assert not unknown, f"{path.name} has no parameter {sorted(unknown)}"
    return papermill.execute_notebook(
        path,
        output,
        parameters=parameters,
        cwd=path.parent,
        progress_bar=False,
        shutdown_kernel="immediate",
    )


@pytest.mark.parametrize(("path", "engine"), runs())
def test_claim_holds(path, engine, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    engines = gates.engines(nbformat.read(path, as_version=4))
    parameters = {"engine": engine} if len(engines) > 1 else {}
    execute(path, tmp_path / path.name, **parameters)


def test_the_parameter_reaches_the_notebook(tmp_path):
    executed = execute(GOOD, tmp_path / "good.ipynb", engine="keras-torch")
    (injected,) = [c for c in executed.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert 'engine = "keras-torch"' in injected.source


def test_a_misspelt_parameter_fails(tmp_path):
    with pytest.raises(AssertionError, match="has no parameter \\['engin'\\]"):
        execute(GOOD, tmp_path / "good.ipynb", engin="keras-torch")


def test_a_failing_assert_fails(tmp_path):
    notebook = nbformat.read(GOOD, as_version=4)
    notebook.cells[2].source = "assert 2 + 2 == 5"
    nbformat.write(notebook, tmp_path / "wrong.ipynb")
    with pytest.raises(papermill.PapermillExecutionError, match="2 \\+ 2 == 5"):
        execute(tmp_path / "wrong.ipynb", tmp_path / "out.ipynb")
