"""What tests of the page and the table of a sweep share."""

import pytest
from sweep_folders import make

from slotscope.report.runs.folder import read_runs


@pytest.fixture
def read(tmp_path):
    """The runs of a sweep that has left these."""
    return lambda *runs: read_runs(make(tmp_path / "runs", runs))
