"""What tests of the page and the table of a sweep share."""

from functools import cached_property

import pytest
from sweep_folders import make, thousand

from slotscope.report.runs.figure_axes import grid_of
from slotscope.report.runs.figures import curves_span, figures
from slotscope.report.runs.folder import read_runs
from slotscope.report.runs.page_table import columns_of
from slotscope.report.runs.panels import curve_figure, scalar_figure


class Runs(list):
    """Runs of a sweep, with what the page makes of them."""

    @cached_property
    def grid(self):
        return grid_of(self)

    @cached_property
    def span(self):
        return self.grid.span

    @cached_property
    def figures(self):
        """The figures, and what has none."""
        return figures(self, self.grid)

    @cached_property
    def columns(self):
        """The columns of the table, and what is the same in all runs."""
        return columns_of(self, self.grid)

    def scalar(self, name="loss"):
        """The figure of a number."""
        return scalar_figure(self, self.span, name)[0]

    def curve(self, name="v"):
        """The figure of an array."""
        return curve_figure(self, curves_span(self.grid), name)[0]


@pytest.fixture
def read(tmp_path):
    """The runs of a sweep that has left these."""
    return lambda *runs: Runs(read_runs(make(tmp_path / "runs", runs)))


@pytest.fixture(scope="package")
def many(tmp_path_factory):
    """The runs of a sweep of a thousand, with all that goes wrong."""
    return Runs(read_runs(make(tmp_path_factory.mktemp("many") / "runs", thousand())))
