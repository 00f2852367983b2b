"""The command line, as a person types it."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from slotscope.cli import main
from slotscope.engines import ENGINES, available


def run(*command):
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)


def test_engines_lists_them_with_versions():
    # In a process of its own: here one backend of Keras 3 may be running already.
    lines = run("-m", "slotscope", "engines").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines if line[:1].strip()] == list(ENGINES)
    assert not any("cannot run" in line for line in lines)


def test_engines_says_why_one_cannot_run_and_what_mends_it(monkeypatch):
    monkeypatch.setattr(available, "installed", lambda *names: {})
    result = CliRunner().invoke(main, ["engines"])
    assert result.exit_code == 0
    assert "keras-jax: not installed: keras, jax" in result.output
    assert 'python -m pip install "slotscope[jax]"' in result.output


@pytest.mark.parametrize(
    "command", [["-m", "slotscope"], ["-c", "from slotscope.cli import main; main()"]]
)
def test_the_module_is_the_command(command):
    listed = run(*command, "--help").stdout
    assert re.search(r"engines +List the engines", listed)


def test_an_unknown_command_is_refused():
    assert CliRunner().invoke(main, ["engine"]).exit_code == 2
