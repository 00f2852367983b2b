"""What slotscope asks of pytest: `-p slotscope.pytest_plugin`.

Cells of one notebook share a kernel and must run in order, in one process. pytest-xdist deals out
tests one by one unless told otherwise, so nbval under it is refused unless files stay whole. At the
end of a run it says which cells failed, in what, and what that may mean.
"""

import dataclasses
import sys
from collections.abc import Generator

import pytest

WHOLE_FILES = ("loadscope", "loadfile")

#: Name of the property that carries a failed cell from a process of pytest-xdist.
_FAILED_CELL = "slotscope failed cell"
#: Seconds for the outputs of a cell that has ended: only a kernel that hangs takes so long.
OUTPUT_TIMEOUT = 600


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to spread the cells of a notebook over processes.

    Raises:
        pytest.UsageError: nbval is on, and pytest-xdist would not keep files whole.
    """
    validating = config.getoption("nbval", False) or config.getoption("nbval_lax", False)
    distribution = config.getoption("dist", "no")
    if validating and distribution not in ("no", *WHOLE_FILES):
        raise pytest.UsageError(
            f"nbval under pytest-xdist with --dist {distribution} sends cells of one notebook to "
            "different processes; cells expect one kernel. Add --dist loadscope (or loadfile)."
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what is to be said of a cell that failed."""
    report = yield
    nbval = sys.modules.get("nbval.plugin")
    if call.excinfo and call.when == "call" and nbval and isinstance(item, nbval.IPyNbCell):
        from slotscope.report.failed_notebook_cells import failed_cell

        cell = failed_cell(item, call.excinfo.value)
        report.user_properties.append((_FAILED_CELL, dataclasses.asdict(cell)))
    return report


def pytest_itemcollected(item: pytest.Item) -> None:
    """Wait longer for outputs of a cell that has ended than nbval's 5 seconds."""
    if hasattr(item, "output_timeout"):
        item.output_timeout = OUTPUT_TIMEOUT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what differed in notebooks; how many kernels were warm, and why others were not."""
    properties = [
        value
        for report in terminalreporter.stats.get("failed", [])
        for name, value in report.user_properties
        if name == _FAILED_CELL
    ]
    if properties:
        from slotscope.report import failed_notebook_cells

        terminalreporter.section("cells that failed")
        failed = [failed_notebook_cells.FailedCell(**found) for found in properties]
        for line in failed_notebook_cells.lines(failed, terminalreporter.config.rootpath):
            terminalreporter.write_line(line)
    provisioner = sys.modules.get("slotscope.kernels.provisioner")
    if provisioner is None:
        return
    for kind, number in provisioner.STARTED.items():
        how = "warm" if kind == provisioner.WARM else f"ordinary: {kind}"
        terminalreporter.write_line(f"{number} kernel{'s' * (number != 1)} {how}")
