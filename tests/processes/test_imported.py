"""A process tells which modules of slotscope it and the processes that it asked have imported."""

import os
import subprocess
import sys

import pytest

SETUP = """
from slotscope.processes.imported import UNTOLD, imported
from slotscope.processes.worker import DiedError, Worker
from slotscope.processes.on_engine import _result, _told, _worker
def get(name):
    import importlib
    importlib.import_module(name)
"""
ASKED = """
with Worker() as worker:
    worker.ask(None, exec, "import slotscope.sweep.asked.random_values")
"""
DIED = """
import os
with Worker() as worker:
    try:
        worker.ask(None, os._exit, 3)
    except DiedError:
        pass
"""
WORKER = """
_result(_worker("one", ()).submit(_told, get, "slotscope.sweep.asked.random_values"))
"""
RAISED = """
try:
    _result(_worker("one", ()).submit(_told, get, "slotscope.nothing"))
except ImportError:
    pass
"""


def told(tmp_path, code):
    """What a process tells that runs this program."""
    program = tmp_path / "program.py"
    program.write_text(
        f"{SETUP}if __name__ == '__main__':\n"
        + "".join(f"    {line}\n" for line in [*code.splitlines(), "print(*imported())"])
    )
    run = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return set(run.stdout.split())


def test_a_process_tells_what_it_has_imported(tmp_path):
    found = told(tmp_path, "")
    assert {"slotscope", "slotscope.processes.imported", "slotscope.processes.worker"} <= found
    assert not any(name.partition(".")[0] != "slotscope" for name in found)
    assert "slotscope.sweep.asked.random_values" not in found


@pytest.mark.parametrize("code", [ASKED, WORKER])
def test_it_tells_what_those_have_that_it_asked(tmp_path, code):
    assert "slotscope.sweep.asked.random_values" in told(tmp_path, code)


@pytest.mark.parametrize("code", [DIED, RAISED])
def test_of_one_that_did_not_tell_it_says_so(tmp_path, code):
    assert "*" in told(tmp_path, code)
