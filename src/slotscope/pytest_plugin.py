"""What slotscope asks of pytest: `-p slotscope.pytest_plugin`.

Cells of one notebook share a kernel and must run in order, in one process. pytest-xdist deals out
tests one by one unless told otherwise, so nbval under it is refused unless files stay whole.
"""

import sys

import pytest

WHOLE_FILES = ("loadscope", "loadfile")

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


def pytest_itemcollected(item: pytest.Item) -> None:
    """Wait longer for outputs of a cell that has ended than nbval's 5 seconds."""
    if hasattr(item, "output_timeout"):
        item.output_timeout = OUTPUT_TIMEOUT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many kernels were warm, and why others were not."""
    provisioner = sys.modules.get("slotscope.kernels.provisioner")
    if provisioner is None:
        return
    for kind, number in provisioner.STARTED.items():
        how = "warm" if kind == provisioner.WARM else f"ordinary: {kind}"
        terminalreporter.write_line(f"{number} kernel{'s' * (number != 1)} {how}")
