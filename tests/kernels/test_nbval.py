"""nbval and papermill take warm kernels unchanged, and the tests' summary says so."""

import os
import subprocess
import sys

import nbformat
import papermill
import pytest
from warm_cases import notebook

from slotscope.kernels.provisioner import STARTED

pytestmark = pytest.mark.kernels


@pytest.fixture
def path(tmp_path):
    cells = notebook("import os\nparent = os.getppid()", "1 + 1")
    for number, cell in enumerate(cells.cells, 1):
        cell.execution_count = number
    cells.cells[1].outputs = [
        nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=2)
    ]
    nbformat.write(cells, tmp_path / "notebook.ipynb")
    return tmp_path / "notebook.ipynb"


def nbval(path, *options, **variables):
    plugins = ("-p", "slotscope.pytest_plugin", "-p", "no:cacheprovider", "-c", "/dev/null")
    command = [sys.executable, "-m", "pytest", *plugins, "--nbval", *options, str(path)]
    options = {"cwd": path.parent, "env": {**os.environ, **variables}}
    return subprocess.run(command, capture_output=True, text=True, **options).stdout


def test_nbval_takes_one_by_name(warm, path):
    printed = nbval(path, "--nbval-kernel-name", warm)
    assert "2 passed" in printed
    assert "\n1 kernel warm\n" in printed


def test_nbval_takes_one_for_every_notebook_by_the_variable_of_jupyter(runtime, path):
    too_long = str(runtime / ("x" * 90))
    printed = nbval(
        path,
        "--nbval-current-env",
        JUPYTER_DEFAULT_PROVISIONER_NAME="slotscope-warm",
        XDG_RUNTIME_DIR=too_long,
    )
    assert "2 passed" in printed
    assert "\n1 kernel ordinary: The path" in printed


def test_nbval_says_nothing_of_ordinary_kernels(runtime, path):
    printed = nbval(path, "--nbval-current-env")
    assert "2 passed" in printed
    assert "kernel" not in printed.rpartition("\n")[0].rpartition("notebook.ipynb")[2]


def test_papermill_takes_one_by_name(warm, path, tmp_path):
    executed = papermill.execute_notebook(
        path, tmp_path / "out.ipynb", kernel_name=warm, progress_bar=False
    )
    assert executed.cells[1].outputs[0]["data"]["text/plain"] == "2"
    assert STARTED == {"warm": 1}
