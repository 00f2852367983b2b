"""What tests of results share."""

import nbformat
import papermill
import pytest

import slotscope
from slotscope.report.results import result


@pytest.fixture
def kept(monkeypatch):
    """A notebook whose only cell called ``slotscope.result`` with some values."""

    def keep(**values):
        shown = []
        monkeypatch.setattr(result, "_display", lambda *output: shown.append(output))
        slotscope.result(**values)
        cell = nbformat.v4.new_code_cell("slotscope.result(...)")
        cell.outputs = [
            nbformat.v4.new_output("display_data", data=data, metadata=metadata)
            for data, metadata in shown
        ]
        return nbformat.v4.new_notebook(cells=[cell])

    return keep


@pytest.fixture
def executed(tmp_path):
    """A notebook of these cells that papermill ran, and its path."""

    def execute(*sources):
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, tmp_path / "in.ipynb")
        out = tmp_path / "out.ipynb"
        return papermill.execute_notebook(tmp_path / "in.ipynb", out, progress_bar=False), out

    return execute
