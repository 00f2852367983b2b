"""What tests of results share."""

import nbformat
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
