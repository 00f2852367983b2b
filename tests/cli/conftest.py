"""What tests of the commands share."""

import pytest


@pytest.fixture
def no_kernel(monkeypatch):
    """The test fails where a notebook would run."""
    from slotscope.sweep.executed import execution, executors

    for module in (execution, executors):
        monkeypatch.setattr(module, "execute", lambda *_: pytest.fail("something ran"))
