"""The command line, as a person types it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import command, refused

import slotscope.cli
from slotscope.cli import COMMANDS
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
    result = command("engines")
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
    assert "No such command 'engine'" in refused("engine")


def test_every_command_is_a_file_and_its_name():
    folder = Path(slotscope.cli.__file__).parent
    options = {"format_options", "notebook_options"}
    assert {path.stem for path in folder.glob("*.py")} - {"__init__", *options} == set(COMMANDS)
    listed = run("-m", "slotscope", "--help").stdout
    assert all(re.search(rf"^  {name}  ", listed, re.MULTILINE) for name in COMMANDS)


GREET = """
import click


@click.command()
def greet():
    'Say hello.'
    click.echo("hello")
"""


def test_a_new_command_is_one_file_and_one_line(tmp_path, monkeypatch):
    (tmp_path / "greet.py").write_text(GREET)
    monkeypatch.setattr(slotscope.cli, "__path__", [*slotscope.cli.__path__, str(tmp_path)])
    monkeypatch.setattr(slotscope.cli, "COMMANDS", (*COMMANDS, "greet"))
    assert command("greet").output == "hello\n"
    assert re.search(r"^  greet +Say hello\.$", command("--help").output, re.MULTILINE)


def test_help_imports_nothing_that_takes_time():
    code = (
        "import sys; from click.testing import CliRunner; from slotscope.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    heavy = {"matplotlib", "numpy", "pandas", "papermill", "pydantic", "rich", "nbformat"}
    assert heavy & set(run("-c", code).stdout.split()) == set()
